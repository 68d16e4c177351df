"""Pictures of matches: what is on them, their files, and what is said where none can be drawn."""

import os
import re
import subprocess
import sys
from contextlib import closing
from ctypes.util import find_library

import mujoco
import numpy as np
import pytest
import torch
from drawing import needs_opengl
from PIL import Image

from paperlib.environments import rendering
from paperlib.environments.particleworld import State
from paperlib.environments.robosumo_models import make_spec

RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


@pytest.fixture(scope="module")
def model():
    return make_spec(colours=(RED, GREEN)).compile()


@pytest.fixture
def data(model):
    """The first robot stands on the left, the second on the right."""
    data = mujoco.MjData(model)
    for slot, position in enumerate([(-1.15, 0, 1.1), (1.15, 0, 1.1)]):
        data.joint(f"{slot}/root").qpos[:3] = position
    return data


@pytest.fixture(scope="module")
def painter(model):
    with closing(rendering.Renderer(model, width=160, height=120)) as painter:
        yield painter


def middles(picture):
    """Where the pixels of the red and of the green robot lie on average: (row, column) each."""
    red, green, _ = np.moveaxis(picture.astype(int), -1, 0)
    found = [np.argwhere(red > green + 80), np.argwhere(green > red + 80)]
    assert min(map(len, found)) > 100
    return [pixels.mean(axis=0) for pixels in found]


@needs_opengl
@pytest.mark.parametrize("camera", ["side", "top"])
def test_picture_shows_both_robots_where_they_are(painter, data, camera):
    picture = painter.draw(data, camera=camera)
    assert picture.shape == (120, 160, 3) and picture.dtype == np.uint8
    (_, left), (_, right) = middles(picture)
    assert left < 70 and right > 90
    assert left + right == pytest.approx(160, abs=8)  # as far from the middle as each other


@needs_opengl
@pytest.mark.parametrize(("camera", "axis"), [("side", 2), ("top", 1)])
def test_up_is_up(painter, data, camera, axis):
    data.joint("0/root").qpos[axis] += 1
    (high, _), (low, _) = middles(painter.draw(data, camera=camera))
    assert high < low - 10


@needs_opengl
def test_cameras_differ_and_a_picture_repeats(painter, data):
    side, top = painter.draw(data), painter.draw(data, camera="top")
    assert not np.array_equal(side, top)
    np.testing.assert_array_equal(painter.draw(data, camera="side"), side)
    assert len(np.unique(side.reshape(-1, 3), axis=0)) > 100
    assert not side.flags.writeable or side.base is None  # no view of what is drawn over next


@needs_opengl
def test_unknown_cameras_are_named_and_do_no_harm(painter, data):
    before = painter.draw(data)
    with pytest.raises(ValueError, match="camera must be 'side' or 'top', got 'front'"):
        painter.draw(data, camera="front")
    np.testing.assert_array_equal(painter.draw(data), before)


@needs_opengl
def test_renderers_of_several_sizes_draw_in_turn(model, painter, data):
    before = painter.draw(data)
    with closing(rendering.Renderer(model, width=64, height=48)) as small:
        assert small.draw(data).shape == (48, 64, 3)
        np.testing.assert_array_equal(painter.draw(data), before)
        assert small.draw(data).std() > 20
    np.testing.assert_array_equal(painter.draw(data), before)
    small.close()  # again: does nothing


@needs_opengl
def test_largest_picture(model, data):
    with closing(rendering.Renderer(model, width=1920, height=1080)) as large:
        picture = large.draw(data)
    assert picture.shape == (1080, 1920, 3)
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners > 0).all()  # the whole rectangle was drawn on


@pytest.mark.parametrize("size", [(1921, 480), (640, 1081), (0, 480), (640, -1), (9.5, 480)])
def test_sizes_out_of_range_are_named(model, size, unchecked):
    with pytest.raises(ValueError, match=rf"^width and height must be .* got {size[0]} and"):
        rendering.Renderer(model, width=size[0], height=size[1])


def test_picture_of_particleworld():
    position, landmarks = [0.0, 0.5], [[-1.0, -1.0], [1.0, -1.0], [0.0, -0.5]]
    state = State(
        position=torch.tensor([position, [9.0, 9.0]]),
        velocity=torch.zeros(2, 2),
        landmarks=torch.tensor([landmarks, landmarks]),
        target=torch.tensor([1, 0]),
        message=torch.zeros(2, 3),
    )
    picture = rendering.picture_of_state(state)
    assert picture.shape == (320, 320, 3) and picture.dtype == np.uint8

    def found(colour):
        """Mean position of a colour's pixels in ParticleWorld, and their width in the picture."""
        plane = picture[:288].astype(int)  # without the message
        rows, columns = np.nonzero((abs(plane - colour) < 12).all(axis=-1))
        up = 1.2 * (1 - 2 * rows.mean() / (0.92 * 320))
        return [1.2 * (2 * columns.mean() / 320 - 1), up], np.ptp(columns)

    colours = [(0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73), (0x00, 0x72, 0xB2)]
    positions, widths = zip(*map(found, colours), strict=True)
    assert np.array(positions) == pytest.approx(np.array(landmarks), abs=0.03)
    assert widths[0] == widths[2] and widths[1] > 1.3 * widths[0]  # the ring around the target
    assert found((77, 77, 77))[0] == pytest.approx(position, abs=0.03)  # 30 % grey: the listener


def random_pictures(number):
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 255, (number, 8, 12, 3), dtype=np.uint8))


def test_filmstrip_by_hand():
    pictures = random_pictures(5)
    strip = rendering.filmstrip(pictures, columns=3, gap=2)
    assert strip.shape == (8 + 2 + 8, 12 + 2 + 12 + 2 + 12, 3)
    corners = [(0, 0), (0, 14), (0, 28), (10, 0), (10, 14)]
    for picture, (row, column) in zip(pictures, corners, strict=True):
        np.testing.assert_array_equal(strip[row : row + 8, column : column + 12], picture)
    white = [strip[8:10], strip[:, 12:14], strip[:, 26:28], strip[10:, 28:]]
    assert all((part == 255).all() for part in white)


@pytest.mark.parametrize("columns", [4, 9])
def test_filmstrip_of_one_row(columns):
    strip = rendering.filmstrip(random_pictures(4), columns=columns, gap=0)
    assert strip.shape == (8, columns * 12, 3)
    np.testing.assert_array_equal(strip[:, :48], np.concatenate(random_pictures(4), axis=1))


@pytest.mark.parametrize(
    ("pictures", "columns"),
    [([], 1), ([*random_pictures(1), random_pictures(1)[0][:4]], 2)],
)
def test_filmstrips_that_cannot_be_are_refused(pictures, columns):
    with pytest.raises(ValueError, match="pictures must be one or more of the same size"):
        rendering.filmstrip(pictures, columns=columns)


@pytest.mark.parametrize("columns", [0, 1.5, True])
def test_columns_are_at_least_one(unchecked, columns):
    with pytest.raises(
        ValueError, match=f"^columns must be an integer of at least 1, got {columns}"
    ):
        rendering.filmstrip(random_pictures(2), columns=columns)


@pytest.mark.parametrize(
    ("fps", "milliseconds"), [(20, 50), (10, 100), (50, 20), (15, 70), (24, 40)]
)
def test_gif_has_all_pictures_at_their_pace(tmp_path, fps, milliseconds):
    pictures, path = random_pictures(6), tmp_path / "new" / "match.gif"
    rendering.save_gif(path, iter(pictures), fps=fps)
    with Image.open(path) as film:
        assert film.n_frames == 6 and film.info["loop"] == 0
        for number, picture in enumerate(pictures):
            film.seek(number)
            assert film.info["duration"] == milliseconds
            shown = np.asarray(film.convert("RGB")).astype(int)
            assert np.abs(shown - picture).mean() < 20  # of 256 colours at most
    assert [file.name for file in path.parent.iterdir()] == ["match.gif"]


def test_a_film_that_fails_leaves_the_old_one(tmp_path):
    path = tmp_path / "match.gif"
    rendering.save_gif(path, random_pictures(2), fps=20)
    before, wide = path.read_bytes(), np.zeros((1, 2**16, 3), dtype=np.uint8)
    with pytest.raises((OverflowError, OSError, ValueError)):  # more than a GIF can be
        rendering.save_gif(path, [wide], fps=20)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "fps", "number"),
    [("a.mp4", 20, 1), ("a.gif", 0, 1), ("a.gif", 51, 1), ("a.gif", 9, 0)],
)
def test_films_that_cannot_be_are_refused(tmp_path, name, fps, number):
    with pytest.raises(ValueError, match=rf"path must end in .gif, fps .* got .*{name}, {fps}"):
        rendering.save_gif(tmp_path / name, random_pictures(number), fps=fps)
    assert not any(tmp_path.iterdir())


def test_pictures_of_several_sizes_make_no_film(tmp_path):
    pictures = [*random_pictures(1), np.zeros((7, 5, 3), dtype=np.uint8)]
    with pytest.raises(ValueError, match=r"^pictures must be of one size.* got \[.*\(5, 7\).*\]"):
        rendering.save_gif(tmp_path / "a.gif", pictures, fps=20)
    assert not any(tmp_path.iterdir())


# A process holds on to the first OpenGL that it loads, so each way to fail needs its own.
PLAY = """
import os, sys
import numpy as np
class Missing:
    def find_spec(self, name, path, target=None):
        if name in {missing}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from paperlib.environments.pettingzoo import RoboSumoEnv
env = RoboSumoEnv(render_mode="rgb_array", width=64, height=48)
env.reset(seed=0)
for wanted in {wanted}:
    os.environ["MUJOCO_GL"] = wanted
    try:
        print("picture", env.render().std() > 20, type(env._renderer._gl).__module__)
    except RuntimeError as error:
        print("refused", *str(error).split())
    observations, *_ = env.step(dict((agent, np.zeros(8, "f4")) for agent in env.agents))
    print("stepped", sorted(seen.shape for seen in observations.values()), os.environ["MUJOCO_GL"])
env.close()
"""
SETTINGS = {"MUJOCO_GL", "PYOPENGL_PLATFORM", "MUJOCO_EGL_DEVICE_ID"}
NO_EGL_DEVICE = {"MUJOCO_EGL_DEVICE_ID": "99"}


def play(wanted, missing=(), **settings):
    """What a new process prints on each picture of a match, after which it plays on."""
    others = {name: text for name, text in os.environ.items() if name not in SETTINGS}
    answer = subprocess.run(
        [sys.executable, "-c", PLAY.format(wanted=wanted, missing=missing)],
        env=others | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[1::2] == [f"stepped [(120,), (120,)] {name}" for name in wanted]
    return lines[::2]


def test_where_nothing_draws_is_said_what_to_install_and_the_match_goes_on():
    lines = play(["", "OSMesa", "egl"], missing=("mujoco.egl", "mujoco.osmesa"))
    for line, tried in zip(lines, (["egl", "osmesa"], ["osmesa"], ["egl"]), strict=True):
        assert line.startswith("refused no off-screen OpenGL was found: install EGL")
        assert all(package in line for package in ("libegl1", "libosmesa6", "mesalib"))
        assert re.findall(r"\b(egl|osmesa): ", line.split(". Tried ")[1]) == tried


def test_a_backend_that_was_asked_for_and_fails_is_named():
    for line in play(["egl", "egl"], **NO_EGL_DEVICE):
        assert line.startswith("refused no off-screen OpenGL") and "Tried egl: " in line


@pytest.mark.skipif(not find_library("OSMesa"), reason="needs OSMesa")
@pytest.mark.parametrize(("missing", "settings"), [(("mujoco.egl",), {}), ((), NO_EGL_DEVICE)])
def test_osmesa_draws_where_egl_does_not(missing, settings):
    assert play(["", ""], missing, **settings) == ["picture True mujoco.osmesa"] * 2
