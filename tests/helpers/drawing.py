"""Helpers for tests that draw."""

from ctypes.util import find_library

import pytest

needs_opengl = pytest.mark.skipif(
    not (find_library("EGL") or find_library("OSMesa")), reason="needs EGL or OSMesa"
)
