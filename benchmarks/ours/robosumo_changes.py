"""Whether RoboSumo's physics could be faster: what changes to the model and its solver would bring.

Every change is measured as bare stepping of one recording, each time just after the unchanged one.
Beside its speed stand two judgements. Is the same recording the same to the last bit: positions,
velocities and contact forces after each step? And how often does a published policy still beat a
robot without torques?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any, NamedTuple
from unittest import mock

import mujoco
import numpy as np
from mujoco import MjSpec, mjtDisableBit, mjtIntegrator, mjtJacobian, mjtSolver
from mujoco.batch import Batch
from numpy.typing import NDArray
from protocol import Table, measure, serve_table
from report import number

from ours.robosumo import BareBatch
from ours.robosumo_recordings import Recording, record, without_sensors
from paperlib.agents import matches, published_policies
from paperlib.agents.players import ZeroAction
from paperlib.environments import robosumo_models, robosumo_physics
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_bodies import ROBOTS, TATAMI_TOP
from paperlib.streams import make_generator
from reproduction.tournaments import outcome_shares

NUM_STEPS = 50
KIND = "mlp"  # of the policy that judges
BORDERS = tuple(f"border_{name}" for name in ("east", "west", "north", "south"))
ARENA = ("floor", "tatami", *BORDERS)


class Change(NamedTuple):
    """What is done to the model before it is compiled, or to the batch."""

    name: str
    edit: Callable[[MjSpec], None] = lambda spec: None
    batch: Mapping[str, Any] = {}


def option(**values: Any) -> Callable[[MjSpec], None]:
    def edit(spec: MjSpec) -> None:
        for name, value in values.items():
            setattr(spec.option, name, value)

    return edit


def disable(*flags: str) -> Callable[[MjSpec], None]:
    def edit(spec: MjSpec) -> None:
        for flag in flags:
            spec.option.disableflags |= getattr(mjtDisableBit, f"mjDSBL_{flag}")

    return edit


def touch(spec: MjSpec, names: Sequence[str], *, kind: int, others: int) -> None:
    """These geoms are of a kind, and touch those whose kinds have a bit in common with others."""
    for name in names:
        spec.geom(name).contype, spec.geom(name).conaffinity = kind, others


def nothing_touches_floor(spec: MjSpec) -> None:
    touch(spec, ["floor"], kind=0, others=0)


def nothing_touches_borders(spec: MjSpec) -> None:
    touch(spec, BORDERS, kind=0, others=0)


def round_borders(spec: MjSpec) -> None:
    for name in BORDERS:
        spec.geom(name).type = mujoco.mjtGeom.mjGEOM_CAPSULE


def endless_tatami(spec: MjSpec) -> None:
    tatami = spec.geom("tatami")
    tatami.type = mujoco.mjtGeom.mjGEOM_PLANE
    tatami.pos = [0, 0, TATAMI_TOP]


def coxae_touch_robots_only(spec: MjSpec) -> None:
    limbs, coxae = [], []
    for geom in spec.geoms:
        if geom.name not in ARENA:
            (coxae if geom.name.endswith("coxa") else limbs).append(geom.name)
    touch(spec, limbs, kind=1, others=1 | 2)
    touch(spec, coxae, kind=2, others=2)


def no_robot_touches_itself(spec: MjSpec) -> None:
    touch(spec, ARENA, kind=1, others=2 | 4)
    for prefix, kind, others in (("0/", 2, 1 | 4), ("1/", 4, 1 | 2)):
        names = [geom.name for geom in spec.geoms if geom.name.startswith(prefix)]
        touch(spec, names, kind=kind, others=others)


def not_itself_nor_floor(spec: MjSpec) -> None:
    no_robot_touches_itself(spec)
    nothing_touches_floor(spec)


def no_cameras_and_lights(spec: MjSpec) -> None:
    for part in (*spec.cameras, *spec.lights):
        spec.delete(part)


UNCHANGED = Change("unchanged")
CHANGES = (
    Change("nothing (the noise of this table)"),
    Change("floor touches nothing", nothing_touches_floor),
    Change("no robot touches itself", no_robot_touches_itself),
    Change("neither itself nor the floor", not_itself_nor_floor),
    Change("coxae touch robots only", coxae_touch_robots_only),
    Change("borders touch nothing", nothing_touches_borders),
    Change("borders with round ends (capsules)", round_borders),
    Change("tatami without an edge (a plane)", endless_tatami),
    Change("no cameras and lights", no_cameras_and_lights),
    Change("at most 10 iterations, not 100", option(iterations=10)),
    Change("at most 3 iterations", option(iterations=3)),
    Change("at most 10 steps of line search, not 50", option(ls_iterations=10)),
    Change("at most 4 steps of line search", option(ls_iterations=4)),
    Change("tolerance 1e-6, not 1e-8", option(tolerance=1e-6)),
    Change("tolerance 1e-4", option(tolerance=1e-4)),
    Change("solver CG", option(solver=mjtSolver.mjSOL_CG)),
    Change("solver PGS", option(solver=mjtSolver.mjSOL_PGS)),
    Change("sparse Jacobian", option(jacobian=mjtJacobian.mjJAC_SPARSE)),
    Change("elliptic cones", option(cone=mujoco.mjtCone.mjCONE_ELLIPTIC)),
    Change("no warm start", disable("WARMSTART")),
    Change("no mid-phase of collisions", disable("MIDPHASE")),
    Change("no islands", disable("ISLAND")),
    Change("no multiple contacts of convex shapes", disable("MULTICCD")),
    Change("the older collider of convex shapes", disable("NATIVECCD")),
    Change("integrator Euler", option(integrator=mjtIntegrator.mjINT_EULER)),
    Change("integrator implicit", option(integrator=mjtIntegrator.mjINT_IMPLICIT)),
    Change("integrator RK4", option(integrator=mjtIntegrator.mjINT_RK4)),
    Change("one MjData for each match", batch={"persistent": True}),
)


@contextmanager
def changed(change: Change) -> Iterator[None]:
    """Has `RoboSumo` built with a change."""
    make_spec = robosumo_models.make_spec

    def edited(*arguments: Any, **options: Any) -> MjSpec:
        spec = make_spec(*arguments, **options)
        change.edit(spec)
        return spec

    batch = partial(Batch, **change.batch)
    with (
        mock.patch.object(robosumo_models, "make_spec", edited),
        mock.patch.object(robosumo_physics, "Batch", batch),
    ):
        yield


def trajectory(
    change: Change, recording: Recording, *, robots: Sequence[str], threads: int
) -> NDArray[np.float64]:
    """Positions, velocities and contact forces after each step, (N, K, F)."""
    spec = robosumo_models.make_spec(robots)
    change.edit(spec)
    bare = BareBatch(recording, spec.compile(), threads=threads, **change.batch)
    parts = [bare.batch.bind(name) for name in ("qpos", "qvel", "cfrc_ext")]
    found = [
        np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
        for _ in bare.steps()
    ]
    return np.stack(found, axis=1)


def compare(wanted: NDArray[np.float64], found: NDArray[np.float64]) -> str:
    different = (wanted != found).any(axis=(1, 2))
    if not different.any():
        return "yes"
    return f"no, {different.sum()} of {len(different)} matches differ"


def win_rate(
    change: Change, *, robots: Sequence[str], policies: str | None, num_judged: int, threads: int
) -> str:
    path = published_policies.find(robots[0], KIND, folder=policies)
    if path is None:
        return ""
    players = [
        published_policies.load(path, robot=robots[0], kind=KIND),
        ZeroAction(ROBOTS[robots[1]].num_joints),
    ]
    with changed(change):
        env = RoboSumo(range(num_judged), robots=robots, auto_reset=False, num_threads=threads)
    player_ids = np.tile([0, 1], (num_judged, 1))
    played = matches.play(env, players, player_ids=player_ids, generator=make_generator(0))
    won = outcome_shares(played)["won"]
    return f"{100 * won.mean:.1f} [{100 * won.low:.1f}, {100 * won.high:.1f}]"


def speeds(
    recording: Recording, *, robots: Sequence[str], threads: int, repeats: int, seconds: float
) -> list[list[float]]:
    """Of each change in each turn, its speed over that of the unchanged model just before."""
    contenders = []
    for change in (UNCHANGED, *CHANGES):
        spec = robosumo_models.make_spec(robots)
        change.edit(spec)
        model = without_sensors(spec)
        contenders.append(BareBatch(recording, model, threads=threads, **change.batch))
        contenders[-1].play()
    unchanged, *others = contenders
    ratios: list[list[float]] = [[] for _ in others]
    pairs = list(zip(ratios, others, strict=True))
    for repeat in range(repeats):
        print(f"{repeat + 1}/{repeats} speed of {len(CHANGES)} changes", flush=True)
        for found, contender in pairs[:: 1 if repeat % 2 == 0 else -1]:
            reference = measure(unchanged.play, 1, seconds=seconds)
            found.append(measure(contender.play, 1, seconds=seconds) / reference)
    return ratios


def make_table(
    num_envs: int,
    num_judged: int,
    threads: int,
    policies: str | None,
    robots: Sequence[str],
    repeats: int,
    seconds: float,
) -> Table:
    """A row for each change.

    Args:
        num_envs: recorded and stepped.
        num_judged: played by the published policy of the first robot, if there is one.
        threads: of `Batch`.
        policies: folder; see `published_policies.find`.
        robots: who plays.
        repeats: turns of each change.
        seconds: of each turn, a third of those of other parts.
    """
    who = {"robots": robots, "threads": threads}
    recording = record(num_envs, NUM_STEPS, policies=policies, **who)
    found = speeds(recording, repeats=repeats, seconds=seconds / 3, **who)
    wanted = trajectory(UNCHANGED, recording, **who)
    rows = []
    for change, ratios in zip(CHANGES, found, strict=True):
        print(f"judging: {change.name}", flush=True)
        spread = f"{number(min(ratios))} to {number(max(ratios))}"
        same = compare(wanted, trajectory(change, recording, **who))
        won = win_rate(change, policies=policies, num_judged=num_judged, **who)
        rows.append([change.name, number(median(ratios)), spread, same, won])
    header = [
        "change",
        "speed ratio",
        "range",
        f"same {NUM_STEPS} steps",
        f"won of {num_judged}, %",
    ]
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return {"header": header, "rows": rows}


if __name__ == "__main__":
    serve_table(make_table, packages=("mujoco",))
