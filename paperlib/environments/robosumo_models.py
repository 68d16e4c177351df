"""RoboSumo's robots and arena as a MuJoCo model, built with `mujoco.MjSpec`.

Every measure is the original's (Al-Shedivat et al. 2018, arXiv 1710.03641): lengths in metres,
angles in degrees, densities in kg/m³.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import mujoco

TATAMI_SIZE = 2.0  # where the ring's border lies
TATAMI_TOP = 0.5  # height of the ground that the robots fight on
TATAMI_MARGIN = 0.3  # how far the ground reaches beyond the border
TIME_STEP = 0.01  # of the physics, in seconds
INTEGRATORS = {
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    "RK4": mujoco.mjtIntegrator.mjINT_RK4,
}
COLOURS = ((0.85, 0.37, 0.01), (0.0, 0.45, 0.7))  # first robot, second robot: red, green, blue

Vector = tuple[float, float, float]


class Leg(NamedTuple):
    """Three capsules in a chain, each given by the vector from its start to its end."""

    name: str
    coxa: Vector  # fixed to the torso, from its centre to the hip
    femur: Vector  # from the hip to the ankle
    tibia: Vector  # from the ankle to the foot
    ankle_axis: Vector
    ankle_range: tuple[float, float]


@dataclass(frozen=True)
class Robot:
    """A torso with legs; each leg turns at its hip, about the vertical, and at its ankle."""

    legs: tuple[Leg, ...]
    density: float
    hip_range: tuple[float, float] = (-30.0, 30.0)
    leg_radius: float = 0.08
    leg_density: float | None = None  # that of the torso where None
    torso_radius: float = 0.25
    gear: float = 150.0

    @property
    def num_joints(self) -> int:
        return 2 * len(self.legs)

    @property
    def num_bodies(self) -> int:
        return 1 + 3 * len(self.legs)


def _leg(
    name: str, coxa: Vector, femur: Vector, tibia: Vector, ankle_axis: Vector, *bounds: int
) -> Leg:
    return Leg(name, coxa, femur, tibia, ankle_axis, (float(bounds[0]), float(bounds[1])))


def _ant_leg(name: str, x: int, y: int, axis: Vector, *bounds: int) -> Leg:
    upper, lower = (0.2 * x, 0.2 * y, 0.0), (0.4 * x, 0.4 * y, 0.0)
    return _leg(name, upper, upper, lower, axis, *bounds)


def _bug_corner_leg(name: str, x: int, y: int, axis: Vector, *bounds: int) -> Leg:
    upper, lower = (0.18 * x, 0.215 * y, 0.0), (0.324 * x, 0.387 * y, 0.0)
    return _leg(name, upper, upper, lower, axis, *bounds)


def _bug_middle_leg(name: str, x: int, *bounds: int) -> Leg:
    coxa, femur, tibia = (0.2 * x, 0.0, 0.0), (0.275 * x, 0.0, 0.0), (0.55 * x, 0.0, 0.0)
    return _leg(name, coxa, femur, tibia, (0.0, 1.0, 0.0), *bounds)


# Of a spider's leg in the plane: where coxa, femur and tibia end, for each of four directions.
_SPIDER_PLANE = {
    "steep": ((0.056, 0.209), (0.05, 0.188), (0.112, 0.418)),
    "middle": ((0.188, 0.108), (0.17, 0.097), (0.376, 0.216)),
    "flat": ((0.209, 0.056), (0.188, 0.05), (0.418, 0.112)),
    "front": ((0.108, 0.188), (0.097, 0.17), (0.216, 0.376)),
}


def _spider_leg(
    name: str, direction: str, x: int, y: int, axis: tuple[float, float], *bounds: int
) -> Leg:
    coxa, femur, tibia = ((x * a, y * b) for a, b in _SPIDER_PLANE[direction])
    return _leg(name, (*coxa, 0.125), (*femur, 0.113), (*tibia, -0.6), (*axis, 0.0), *bounds)


ROBOTS = {
    "ant": Robot(
        density=13.0,
        legs=(
            _ant_leg("front_left_leg", -1, 1, (1.0, 1.0, 0.0), -70, -30),
            _ant_leg("front_right_leg", 1, 1, (-1.0, 1.0, 0.0), 30, 70),
            _ant_leg("back_left_leg", -1, -1, (-1.0, 1.0, 0.0), -70, -30),
            _ant_leg("back_right_leg", 1, -1, (1.0, 1.0, 0.0), 30, 70),
        ),
    ),
    "bug": Robot(
        density=10.0,
        legs=(
            _bug_corner_leg("back_left_leg", 1, 1, (-1.0, 1.0, 0.0), 30, 70),
            _bug_corner_leg("back_right_leg", -1, 1, (1.0, 1.0, 0.0), -70, -30),
            _bug_middle_leg("middle_right_leg", -1, -70, -30),
            _bug_middle_leg("middle_left_leg", 1, 30, 70),
            _bug_corner_leg("front_right_leg", -1, -1, (-1.0, 1.0, 0.0), -70, -30),
            _bug_corner_leg("front_left_leg", 1, -1, (1.0, 1.0, 0.0), 30, 70),
        ),
    ),
    "spider": Robot(
        density=39.0,
        leg_density=5.0,
        leg_radius=0.04,
        hip_range=(-20.0, 20.0),
        legs=(
            _spider_leg("back_right_leg", "steep", -1, 1, (0.97, 0.26), -35, 45),
            _spider_leg("back_left_leg", "steep", 1, 1, (-0.97, 0.26), -45, 35),
            _spider_leg("middle_back_right_leg", "middle", -1, 1, (0.5, 0.87), -35, 45),
            _spider_leg("middle_back_left_leg", "middle", 1, 1, (-0.5, 0.87), -45, 35),
            _spider_leg("middle_front_right_leg", "flat", -1, -1, (-0.26, 0.97), -35, 45),
            _spider_leg("middle_front_left_leg", "flat", 1, -1, (0.26, 0.97), -45, 35),
            _spider_leg("front_right_leg", "front", -1, -1, (-0.87, 0.5), -35, 45),
            _spider_leg("front_left_leg", "front", 1, -1, (0.87, 0.5), -45, 35),
        ),
    ),
}


def reflected_joints(robot: str, flips: tuple[int, int]) -> tuple[list[int], list[float]]:
    """Which joint takes the place of each one of a robot's in a mirror, and whether it turns round.

    Args:
        robot: "ant", "bug" or "spider".
        flips: -1 or 1 for x and for y: which axes the mirror turns round.

    Returns:
        For each joint, hip and ankle of each leg in turn, the number of the one whose mirror image
        is there, and -1 where the image's angle is the negative of the original's, else 1.

    Raises:
        ValueError: if flips are none, or the legs have no such symmetry.
    """
    if len(flips) != 2 or {abs(flip) for flip in flips} != {1}:
        raise ValueError(f"flips must be two numbers, each -1 or 1; got {flips}")
    x, y = flips
    legs = ROBOTS[robot].legs
    joints: list[int] = []
    signs: list[float] = []
    for leg in legs:
        own = leg.coxa, leg.femur, leg.tibia
        for number, other in enumerate(legs):
            image = [(x * a, y * b, c) for a, b, c in (other.coxa, other.femur, other.tibia)]
            # An axis of rotation is mirrored as a vector, and turned round if x or y is alone.
            axis = y * other.ankle_axis[0], x * other.ankle_axis[1]
            sign = {leg.ankle_axis[:2]: 1.0, tuple(-a for a in leg.ankle_axis[:2]): -1.0}.get(axis)
            if (*image,) == own and sign:
                joints += [2 * number, 2 * number + 1]
                signs += [float(x * y), sign]
    if len(joints) < 2 * len(legs):
        raise ValueError(f"flips: the legs of {robot!r} have no symmetry {flips}")
    return joints, signs


def make_spec(
    robots: Sequence[str] = ("ant", "ant"),
    *,
    integrator: str = "implicitfast",
    tatami_size: float = TATAMI_SIZE,
    colours: Sequence[Sequence[float]] = COLOURS,
) -> mujoco.MjSpec:
    """The arena with two robots, to be edited or compiled.

    Bodies, geoms, joints and motors of the first robot begin with "0/", those of the second
    with "1/"; all of a robot's degrees of freedom, bodies and motors lie side by side.

    Args:
        robots: the two robots, each "ant", "bug" or "spider".
        integrator: "implicitfast" or "RK4".
        tatami_size: distance of the ring's border from its centre, in metres, at least 1.5.
        colours: red, green and blue in [0, 1] of each robot.

    Raises:
        ValueError: if an argument is none of these.
    """
    robots = tuple(robots)
    if len(robots) != 2 or not all(name in ROBOTS for name in robots):
        raise ValueError(f"robots must be two of {', '.join(ROBOTS)}; got {robots}")
    if integrator not in INTEGRATORS:
        raise ValueError(f"integrator must be one of {', '.join(INTEGRATORS)}; got {integrator!r}")
    if not (math.isfinite(tatami_size) and tatami_size >= 1.5):
        raise ValueError(f"tatami_size must be a number of at least 1.5 m, got {tatami_size}")
    if len(colours) != 2 or any(
        len(colour) != 3 or not all(0 <= part <= 1 for part in colour) for colour in colours
    ):
        raise ValueError(f"colours must be two triples of numbers in [0, 1], got {colours}")
    spec = mujoco.MjSpec()
    spec.modelname = " against ".join(robots)
    spec.compiler.degree = True
    spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE
    spec.option.timestep = TIME_STEP
    spec.option.integrator = INTEGRATORS[integrator]
    spec.option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE  # faster than sparse for so few joints
    _add_arena(spec, tatami_size)
    for number, (name, colour) in enumerate(zip(robots, colours, strict=True)):
        _add_robot(spec, ROBOTS[name], f"{number}/", colour)
    return spec


def _add_arena(spec: mujoco.MjSpec, size: float) -> None:
    geom = mujoco.mjtGeom
    world, half, border = spec.worldbody, size + TATAMI_MARGIN, 0.03
    spec.visual.headlight.ambient = [0.45, 0.45, 0.45]
    spec.visual.headlight.diffuse = [0.4, 0.4, 0.4]
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080
    spec.visual.quality.shadowsize = 4096
    spec.visual.quality.offsamples = 8
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[1.0, 1.0, 1.0],
        rgb2=[0.8, 0.85, 0.9],
        width=64,
        height=64,
    )
    world.add_light(pos=[1.0, -2.0, 5.0], dir=[-0.2, 0.4, -1.0], diffuse=[0.35, 0.35, 0.35])
    world.add_camera(name="side", pos=[0.0, -5.4, 3.6], xyaxes=[1, 0, 0, 0, 0.55, 0.84], fovy=40)
    world.add_camera(name="top", pos=[0.0, 0.0, 7.0], fovy=45)
    world.add_geom(
        name="floor",
        type=geom.mjGEOM_PLANE,
        pos=[0, 0, -0.025],
        size=[20, 20, 1],
        friction=[1, 0.1, 0.1],
        condim=3,
        rgba=[0.95, 0.95, 0.95, 1],
    )
    world.add_geom(
        name="tatami",
        type=geom.mjGEOM_BOX,
        pos=[0, 0, TATAMI_TOP / 2],
        size=[half, half, TATAMI_TOP / 2],
        friction=[1, 0.1, 0.1],
        condim=3,
        rgba=[0.76, 0.71, 0.57, 1],
    )
    for name, x, y in (("east", 1, 0), ("west", -1, 0), ("north", 0, 1), ("south", 0, -1)):
        middle, along = (x * size, y * size), (abs(y) * size, abs(x) * size)
        world.add_geom(
            name=f"border_{name}",
            type=geom.mjGEOM_CYLINDER,
            size=[border, 0, 0],
            fromto=[
                *(m - a for m, a in zip(middle, along, strict=True)),
                TATAMI_TOP,
                *(m + a for m, a in zip(middle, along, strict=True)),
                TATAMI_TOP,
            ],
            rgba=[0.45, 0.35, 0.25, 1],
        )


def _add_robot(spec: mujoco.MjSpec, robot: Robot, prefix: str, colour: Sequence[float]) -> None:
    geom, hinge = mujoco.mjtGeom, mujoco.mjtJoint.mjJNT_HINGE
    surface = {
        "condim": 3,
        "friction": [1, 0.5, 0.5],
        "margin": 0.01,
        "rgba": [*colour, 1],
    }
    limb = surface | {
        "type": geom.mjGEOM_CAPSULE,
        "size": [robot.leg_radius, 0, 0],
        "density": robot.density if robot.leg_density is None else robot.leg_density,
    }
    joint = {
        "type": hinge,
        "armature": 1,
        "damping": 1,
        "limited": mujoco.mjtLimited.mjLIMITED_TRUE,
    }
    torso = spec.worldbody.add_body(name=f"{prefix}torso", pos=[0, 0, 1.25])
    # MuJoCo computes contact forces on bodies (cfrc_ext) where a sensor needs them.
    torso.add_site(name=f"{prefix}torso")
    spec.add_sensor(
        name=f"{prefix}torso",
        type=mujoco.mjtSensor.mjSENS_FORCE,
        objtype=mujoco.mjtObj.mjOBJ_SITE,
        objname=f"{prefix}torso",
    )
    torso.add_joint(name=f"{prefix}root", type=mujoco.mjtJoint.mjJNT_FREE)
    torso.add_geom(
        name=f"{prefix}torso",
        type=geom.mjGEOM_SPHERE,
        size=[robot.torso_radius, 0, 0],
        density=robot.density,
        **surface,
    )
    for number, leg in enumerate(robot.legs, start=1):
        start = prefix + leg.name
        coxa = torso.add_body(name=f"{start}/coxa")
        coxa.add_geom(name=f"{start}/coxa", fromto=[0, 0, 0, *leg.coxa], **limb)
        femur = coxa.add_body(name=f"{start}/femur", pos=leg.coxa)
        femur.add_geom(name=f"{start}/femur", fromto=[0, 0, 0, *leg.femur], **limb)
        femur.add_joint(
            name=f"{prefix}hip_{number}", axis=[0, 0, 1], range=robot.hip_range, **joint
        )
        tibia = femur.add_body(name=f"{start}/tibia", pos=leg.femur)
        tibia.add_geom(name=f"{start}/tibia", fromto=[0, 0, 0, *leg.tibia], **limb)
        tibia.add_joint(
            name=f"{prefix}ankle_{number}", axis=leg.ankle_axis, range=leg.ankle_range, **joint
        )
        for kind in ("hip", "ankle"):
            motor = spec.add_actuator(
                name=f"{prefix}{kind}_{number}",
                target=f"{prefix}{kind}_{number}",
                trntype=mujoco.mjtTrn.mjTRN_JOINT,
                gear=[robot.gear, 0, 0, 0, 0, 0],
                ctrlrange=[-1, 1],
                ctrllimited=mujoco.mjtLimited.mjLIMITED_TRUE,
            )
            motor.set_to_motor()
