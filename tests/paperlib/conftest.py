"""What tests of the library need."""

import jaxtyping
import pytest


@pytest.fixture
def unchecked_types(monkeypatch):
    """Arguments of a wrong type get as far as outside the tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
