"""RoboSumo's robots and ring as a MuJoCo model, built with `mujoco.MjSpec`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import mujoco

from paperlib import _checks
from paperlib.environments.robosumo_bodies import (
    ROBOTS,
    TATAMI_MARGIN,
    TATAMI_SIZE,
    TATAMI_TOP,
    Robot,
)
from paperlib.environments.robosumo_rules import ACTION_TIME, TIME_STEP

INTEGRATORS = {
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    "RK4": mujoco.mjtIntegrator.mjINT_RK4,
}
ENDLESS = 1e6  # seconds
COLOURS = ((0.85, 0.37, 0.01), (0.0, 0.45, 0.7))  # first robot, second robot: red, green, blue


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
        ValueError: if an argument is not one of these or out of range.
    """
    robots = tuple(robots)
    if len(robots) != 2 or not all(name in ROBOTS for name in robots):
        raise ValueError(f"robots must be two of {', '.join(ROBOTS)}; got {robots}")
    _checks.one_of("integrator", integrator, INTEGRATORS)
    if not (isinstance(tatami_size, Real) and math.isfinite(tatami_size) and tatami_size >= 1.5):
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
    _add_sensors(spec)
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
    torso.add_site(name=f"{prefix}torso")
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


def _add_sensors(spec: mujoco.MjSpec) -> None:
    """Has MuJoCo compute contact forces on bodies (cfrc_ext) only when they are observed.

    It computes them when a force sensor is due: one at the start of a match, and one in the
    last of the physics steps of each action. MuJoCo keeps an interval for sensors with a history.
    """
    action = ACTION_TIME - 1e-9  # so that rounding never makes it late
    for name, interval in (("start", [ENDLESS, 0.0]), ("action", [action, -TIME_STEP])):
        spec.add_sensor(
            name=name,
            type=mujoco.mjtSensor.mjSENS_FORCE,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname="0/torso",
            interval=interval,
            nsample=1,
        )
