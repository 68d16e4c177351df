"""Pictures of RoboSumo's matches, drawn by MuJoCo with or without a display."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from paperlib import files

Picture = NDArray[np.uint8]
BACKENDS = ("egl", "osmesa")  # neither needs a display
HELP = (
    "no off-screen OpenGL was found: install EGL (Debian: libegl1 libgl1-mesa-dri; conda-forge: "
    "libegl mesalib) or OSMesa (Debian: libosmesa6; conda-forge: mesalib)"
)


def _make_contexts(model: mujoco.MjModel, width: int, height: int) -> tuple[Any, Any]:
    """OpenGL's and MuJoCo's contexts, of the kind that MUJOCO_GL asks for or that works first."""
    before = os.environ.get("MUJOCO_GL")
    wanted = (before or "").lower().strip()
    reasons = []
    for backend in [wanted] if wanted in (*BACKENDS, "glfw", "cgl") else BACKENDS:
        platform = os.environ.get("PYOPENGL_PLATFORM")
        try:
            context = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
            context.make_current()
            # MuJoCo itself would take the first OpenGL in memory, if only of a backend that failed.
            os.environ["MUJOCO_GL"] = backend
            return context, mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:  # each library fails in a way of its own
            reasons.append(f"{backend}: {type(error).__name__}: {error}")
            # PyOpenGL binds itself to one backend when it is first imported: let it forget.
            names = "OpenGL", f"mujoco.{backend}"
            for module in [m for m in sys.modules if m.split(".")[0] == names[0] or m in names]:
                del sys.modules[module]
            if platform is None:
                os.environ.pop("PYOPENGL_PLATFORM", None)
        finally:
            if before is None:
                os.environ.pop("MUJOCO_GL", None)
            else:
                os.environ["MUJOCO_GL"] = before
    raise RuntimeError(f"{HELP}. Tried {'; '.join(reasons)}")


def check_size(model: mujoco.MjModel, *, width: int, height: int) -> None:
    """Raises a ValueError if a picture, in pixels, would be larger than the model allows."""
    limits = model.vis.global_.offwidth, model.vis.global_.offheight
    if not (0 < width <= limits[0] and 0 < height <= limits[1]):
        raise ValueError(f"width and height must be 1 to {limits}, got {width} and {height}")


class Renderer:
    """Draws the states of one model.

    Args:
        model: as `robosumo_models.make_spec(...).compile()` gives it.
        width: of the pictures, in pixels, at most 1920.
        height: at most 1080.

    Raises:
        ValueError: if a picture would be too large.
        RuntimeError: if there is no OpenGL to draw with; the message says what to install.
    """

    def __init__(self, model: mujoco.MjModel, *, width: int = 640, height: int = 480) -> None:
        check_size(model, width=width, height=height)
        self._model = model
        self._rectangle = mujoco.MjrRect(0, 0, width, height)
        self._gl, self._context = _make_contexts(model, width, height)
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        self._options, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)

    def draw(self, data: mujoco.MjData, *, camera: str = "side") -> Picture:
        """A picture of this state, (height, width, 3), from the camera "side" or "top".

        Raises:
            ValueError: if the model has no such camera.
        """
        number = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if number < 0:
            raise ValueError(f"camera must be 'side' or 'top', got {camera!r}")
        self._gl.make_current()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = number
        mujoco.mj_forward(self._model, data)
        mujoco.mjv_updateScene(
            *(self._model, data, self._options, None, self._camera),
            *(mujoco.mjtCatBit.mjCAT_ALL, self._scene),
        )
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        picture = np.empty((self._rectangle.height, self._rectangle.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(picture, None, self._rectangle, self._context)
        return picture[::-1].copy()

    def close(self) -> None:
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = None


def filmstrip(pictures: Sequence[Picture], *, columns: int, gap: int = 6) -> Picture:
    """Pictures of one size side by side, row after row, with white between them.

    Raises:
        ValueError: if there are none, or their sizes differ.
    """
    if not pictures or any(p.shape != pictures[0].shape for p in pictures) or columns < 1:
        raise ValueError("pictures must be one or more of the same size, columns at least 1")
    height, width, _ = pictures[0].shape
    rows = -(-len(pictures) // columns)
    shape = rows * (height + gap) - gap, columns * (width + gap) - gap, 3
    strip = np.full(shape, 255, dtype=np.uint8)
    for index, picture in enumerate(pictures):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        strip[y : y + height, x : x + width] = picture
    return strip


def save_gif(path: str | Path, pictures: Iterable[Picture], *, fps: int) -> None:
    """Writes a film that plays in any browser.

    Args:
        path: ends in ".gif".
        pictures: of one size.
        fps: pictures a second, at most 50.

    Raises:
        ValueError: if ``path`` does not end so, ``fps`` is out of range, there is no picture, or
            they differ in size.
    """
    frames = [Image.fromarray(picture) for picture in pictures]
    if Path(path).suffix != ".gif" or not 0 < fps <= 50 or not frames:
        raise ValueError(
            f"path must end in .gif, fps be 1 to 50, and there must be pictures; got {path}, "
            f"{fps}, {len(frames)} pictures"
        )
    sizes = sorted({frame.size for frame in frames})
    if len(sizes) > 1:
        raise ValueError(f"pictures must be of one size, (width, height); got {sizes}")
    with files.replacing(path) as temporary:
        frames[0].save(
            temporary, save_all=True, append_images=frames[1:], duration=round(1000 / fps), loop=0
        )
