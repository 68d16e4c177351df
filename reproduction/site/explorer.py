"""The embedding explorer: a page with embeddings in three dimensions, where points show episodes.

Everything it shows is part of the page, as JSON and as pictures: it needs no other file and no
network. ``explorer.html`` is its template.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from paperlib import files
from paperlib.datasets import InteractionDataset
from paperlib.environments import rendering
from paperlib.environments.particleworld import (
    LANDMARK_COLOURS,
    LANDMARKS,
    MESSAGE,
    NUM_LANDMARKS,
    TIME_STEP,
    VELOCITY,
)
from paperlib.environments.robosumo_bodies import TATAMI_TOP
from paperlib.environments.robosumo_models import make_spec
from paperlib.environments.robosumo_observations import observation_fields
from paperlib.environments.robosumo_rules import ACTION_TIME

FILE_NAME = "embedding_explorer.html"
TEMPLATE = Path(__file__).with_name("explorer.html")
FRAME_SIZE = 160, 120  # pixels of each picture of a match
FRAME_COLUMNS = 2
QUALITY = 55  # JPEG quality: some 2 kB a picture


def make_maps(
    vectors: Float[Tensor, "episode embedding"], *, perplexity: float, seed: int
) -> dict[str, Any]:
    """Embeddings in three dimensions, by two methods.

    Returns:
        "PCA" and "t-SNE": points, (E, 3), around the origin, 95 % of them within distance 1; and
        "kept", the share of variance that PCA keeps.
    """
    numbers = vectors.double().numpy()
    pca = PCA(3, random_state=seed)
    # The automatic learning rate is too high for a few hundred points: some end up far away
    options = {"perplexity": perplexity, "init": "pca", "learning_rate": 20.0}
    tsne = TSNE(3, **options, random_state=seed)
    maps: dict[str, Any] = {}
    for name, method in (("PCA", pca), ("t-SNE", tsne)):
        points = method.fit_transform(numbers).astype(np.float64)
        points -= points.mean(0)
        maps[name] = (points / np.quantile(np.linalg.norm(points, axis=1), 0.95)).round(4)
    return maps | {"kept": float(pca.explained_variance_ratio_.sum())}


def nearest(vectors: Float[Tensor, "episode embedding"], number: int) -> NDArray[np.int64]:
    """The episodes with the nearest embeddings, for each episode, nearest first, (E, number)."""
    return NearestNeighbors(n_neighbors=number).fit(vectors).kneighbors(return_distance=False)


def particle_episode(
    observations: Float[Tensor, "time obs"], total: float
) -> dict[str, list | int]:
    """A ParticleWorld episode, reconstructed from its listener's observations and return.

    The listener observes landmarks, which do not move, relative to itself: that gives its path.
    The target is the landmark k that explains the return best, R = -Σ_t |x_t - k|² over t = 1 to T.
    The last position x_T is not observed, but follows from the last velocity (up to 0.05 with
    dynamics "2018").

    Args:
        observations: the listener's observations in a whole episode.
        total: the return R.

    Returns:
        "path", the listener's positions, (T, 2), from the origin; "landmarks", (3, 2); "target",
        the index of a landmark; "messages", the bits of each step, such as "011".
    """
    seen = observations.double()
    relative = seen[:, LANDMARKS].unflatten(-1, (NUM_LANDMARKS, 2))  # (T, 3, 2)
    landmarks = relative[0]
    path = landmarks[0] - relative[:, 0]
    last = path[-1] + TIME_STEP * seen[-1, VELOCITY]
    after = torch.cat([path[1:], last[None]])  # x_1 to x_T
    explained = -(after[:, None] - landmarks).square().sum((0, 2))  # R of each landmark
    return {
        "path": path.numpy().round(3).tolist(),
        "landmarks": landmarks.numpy().round(3).tolist(),
        "target": int((explained - total).abs().argmin()),
        "messages": ["".join(f"{bit:.0f}" for bit in row) for row in seen[:, MESSAGE].tolist()],
    }


def match_positions(
    dataset: InteractionDataset, row: int, steps: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Joint positions of both ants of a match.

    Args:
        dataset: matches from `matches.collect`; rows 2m and 2m + 1 are the two views of a match.
        row: one of the views; its agent comes first.
        steps: steps of the episode, (F,).

    Returns:
        Positions of `robosumo_models.make_spec()`, (F, nq).

    Raises:
        ValueError: if the neighbouring row is not a view of the same match.
    """
    fields, views = observation_fields("ant"), (row, row ^ 1)
    sides = [(dataset.agents[view], dataset.partners[view]) for view in views]
    if sides[0] != sides[1][::-1] or dataset.lengths[row] != dataset.lengths[row ^ 1]:
        raise ValueError(f"dataset: episodes {row} and {row ^ 1} are not two views of one match")
    both = []
    for view in views:
        seen = dataset.observations[view, steps].double().numpy()
        own = [seen[:, fields[name]] for name in ("position", "orientation", "joint_angles")]
        own[0][:, 2] += TATAMI_TOP
        both += own
    return np.concatenate(both, axis=1)


class Camera:
    """Draws small pictures of matches between ants, in a quarter of the usual time.

    Raises:
        RuntimeError: if OpenGL is not available.
    """

    def __init__(self) -> None:
        spec = make_spec()
        width, height = 2 * FRAME_SIZE[0], 2 * FRAME_SIZE[1]  # shrunk, which smooths edges
        spec.visual.quality.shadowsize, spec.visual.quality.offsamples = 1024, 0
        spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
        spec.camera("side").fovy = 38
        model = spec.compile()
        self._data = mujoco.MjData(model)
        self._renderer = rendering.Renderer(model, width=width, height=height)

    def film(self, positions: Float[np.ndarray, "frame nq"]) -> str:
        """Pictures of a match side by side, as a JPEG that a page can hold."""
        pictures = []
        for position in positions:
            self._data.qpos[:] = position
            picture = Image.fromarray(self._renderer.draw(self._data))
            pictures.append(np.asarray(picture.resize(FRAME_SIZE, Image.Resampling.BOX)))
        strip = Image.fromarray(rendering.filmstrip(pictures, columns=FRAME_COLUMNS, gap=2))
        stream = io.BytesIO()
        strip.save(stream, "jpeg", quality=QUALITY, optimize=True)
        return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"

    def close(self) -> None:
        self._renderer.close()


def match_episode(
    dataset: InteractionDataset, row: int, camera: Camera, *, num_frames: int
) -> dict[str, Any]:
    """A match as a filmstrip from its start to its end.

    Returns:
        "film", a JPEG as a data URI, and "times" of its pictures, in seconds.
    """
    steps = np.linspace(0, int(dataset.lengths[row]) - 1, num_frames).round().astype(np.int64)
    film = camera.film(match_positions(dataset, row, steps))
    return {"film": film, "times": (steps * ACTION_TIME).round(2).tolist()}


def make_page(content: dict[str, Any]) -> str:
    """The page, as HTML.

    Args:
        content: what the page shows, as assembled in the notebook `explorer`.
    """
    fixed = {"landmark_colours": LANDMARK_COLOURS, "step_seconds": ACTION_TIME}
    text = json.dumps(files.plain(fixed | content), separators=(",", ":"), allow_nan=False)
    # Of all that JSON can hold, only "<" means anything to HTML in a script.
    safe = text.replace("<", "\\u003c")
    return TEMPLATE.read_text().removesuffix("\n").replace("{{ content }}", safe)
