"""Pictures of both environments: MuJoCo draws RoboSumo, matplotlib draws ParticleWorld."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from paperlib import _checks, files
from paperlib.environments.particleworld import LANDMARK_COLOURS, State

Picture = NDArray[np.uint8]
BACKENDS = ("egl", "osmesa")  # neither needs a display
HELP = (
    "no off-screen OpenGL was found: install EGL (Debian: libegl1 libgl1-mesa-dri; conda-forge: "
    "libegl mesalib) or OSMesa (Debian: libosmesa6; conda-forge: mesalib)"
)


def _make_contexts(model: mujoco.MjModel, width: int, height: int) -> tuple[Any, Any]:
    """OpenGL's and MuJoCo's contexts, by the backend in MUJOCO_GL or the first that works."""
    before = os.environ.get("MUJOCO_GL")
    wanted = (before or "").lower().strip()
    reasons = []
    for backend in [wanted] if wanted in (*BACKENDS, "glfw", "cgl") else BACKENDS:
        platform = os.environ.get("PYOPENGL_PLATFORM")
        try:
            context = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
            context.make_current()
            # MuJoCo itself would take the first OpenGL in memory, even that of a failed backend.
            os.environ["MUJOCO_GL"] = backend
            return context, mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:  # each library fails in its own way
            reasons.append(f"{backend}: {type(error).__name__}: {error}")
            # PyOpenGL binds itself to one backend when it is first imported: unload it.
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
    whole = all(isinstance(s, Integral) and not isinstance(s, bool) for s in (width, height))
    if not (whole and 0 < width <= limits[0] and 0 < height <= limits[1]):
        raise ValueError(
            f"width and height must be integers from 1 to {limits}, got {width} and {height}"
        )


class Renderer:
    """Draws the states of one model.

    Args:
        model: what `robosumo_models.make_spec(...).compile()` returns.
        width: picture width in pixels, at most 1920.
        height: picture height in pixels, at most 1080.

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

        It brings positions of bodies and forces in ``data`` up to date with the state.

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
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._camera, everything, self._scene
        )
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        picture = np.empty((self._rectangle.height, self._rectangle.width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(picture, None, self._rectangle, self._context)
        return picture[::-1].copy()

    def close(self) -> None:
        """Frees the contexts; closing twice does no harm."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = None


class Window:
    """Shows the states of one model in a window.

    Args:
        model: what `robosumo_models.make_spec(...).compile()` returns.
        data: the initial state; the window keeps and modifies it.

    Raises:
        RuntimeError: if there is no display.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
            raise RuntimeError(
                "render_mode 'human' opens a window, and there is no display (DISPLAY is not "
                "set); render_mode 'rgb_array' works without one"
            )
        from mujoco import viewer  # needs a display's libraries

        self._model, self._data = model, data
        others = set(threading.enumerate())
        self._viewer = viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)
        self._painters = set(threading.enumerate()) - others
        atexit.register(self.close)

    def show(self, data: mujoco.MjData) -> None:
        """Shows this state."""
        with self._viewer.lock():
            self._data.qpos[:], self._data.qvel[:] = data.qpos, data.qvel
            mujoco.mj_forward(self._model, self._data)
        self._viewer.sync()

    def close(self) -> None:
        """Closes the window."""
        self._viewer.close()
        for thread in self._painters:  # Python must not exit before they do
            thread.join(timeout=10)
        atexit.unregister(self.close)


def picture_of_state(state: State) -> Picture:
    """Draws the first episode of a ParticleWorld batch: landmarks, a ring around the target, and
    the listener.

    Args:
        state: the state of a batch of shape (E,).

    Returns:
        A picture, (320, 320, 3), with the last message below.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # only where pictures are wanted
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2, 3.2), dpi=100)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0.08, 1, 0.92))
    listener, landmarks = state.position[0].tolist(), state.landmarks[0].tolist()
    for index, (landmark, colour) in enumerate(zip(landmarks, LANDMARK_COLOURS, strict=True)):
        ax.scatter(*landmark, s=200, color=colour)
        if index == state.target[0]:
            ax.scatter(*landmark, s=500, facecolors="none", edgecolors=colour)
    ax.scatter(*listener, s=120, color="0.3")
    reach = 1.2 * max(1.0, *(abs(x) for position in (listener, *landmarks) for x in position))
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
    message = " ".join(f"{number:.2g}" for number in state.message[0].tolist())
    figure.text(0.5, 0.02, f"message {message}", ha="center", fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def filmstrip(pictures: Sequence[Picture], *, columns: int, gap: int = 6) -> Picture:
    """Arranges pictures of one size in a grid, row by row, with white gaps.

    Args:
        pictures: (H, W, 3) each.
        columns: pictures in a row.
        gap: pixels between pictures.

    Raises:
        ValueError: if there are none, or their sizes differ.
    """
    columns = _checks.integer("columns", columns, minimum=1)
    if not pictures or any(p.shape != pictures[0].shape for p in pictures):
        raise ValueError("pictures must be one or more of the same size")
    height, width, _ = pictures[0].shape
    rows = -(-len(pictures) // columns)
    shape = rows * (height + gap) - gap, columns * (width + gap) - gap, 3
    strip = np.full(shape, 255, dtype=np.uint8)
    for index, picture in enumerate(pictures):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        strip[y : y + height, x : x + width] = picture
    return strip


def save_gif(path: str | Path, pictures: Iterable[Picture], *, fps: int) -> None:
    """Writes an animated GIF.

    Args:
        path: ends in ".gif".
        pictures: pictures of one size, (H, W, 3) each.
        fps: pictures a second, at most 50; a picture lasts 1 / fps, rounded to 0.01 s.

    Raises:
        ValueError: if ``path`` does not end in ".gif", ``fps`` is out of range, there is no
            picture, or they differ in size.
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
            temporary,
            save_all=True,
            append_images=frames[1:],
            duration=10 * round(100 / fps),  # ms
            loop=0,
        )
