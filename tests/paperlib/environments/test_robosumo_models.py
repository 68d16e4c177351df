"""RoboSumo's compiled models against the measures of the original."""

import itertools
import json
from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from paperlib.environments.robosumo_models import ROBOTS, make_spec

BODIES = Path(__file__).parents[4] / "shared/robosumo-bodies.json"
SIZES = {"ant": (30, 28, 16, 27), "bug": (38, 36, 24, 39), "spider": (46, 44, 32, 51)}
MASSES = {"ant": 2.368, "bug": 2.310, "spider": 2.829}  # kg
PAIRS = list(itertools.product(SIZES, repeat=2))
SLOTS = (0, 1)


def compiled(robot, **arguments):
    return make_spec((robot, robot), **arguments).compile()


@pytest.fixture(scope="module")
def measures():
    if not BODIES.exists():
        pytest.skip(f"{BODIES} is missing")
    return json.loads(BODIES.read_text())


@pytest.fixture(scope="module", params=SIZES)
def robot(request):
    return request.param


@pytest.fixture(scope="module")
def model(robot):
    return compiled(robot)


def bodies_of(model, robot, slot):
    """Numbers of the torso and of the legs' three bodies, (legs, 3), as they stand in a row."""
    torso = model.body(f"{slot}/torso").id
    return torso, torso + 1 + np.arange(3 * len(ROBOTS[robot].legs)).reshape(-1, 3)


def geom_of(model, body):
    assert model.body_geomnum[body] == 1
    return model.body_geomadr[body]


def joint_of(model, body):
    assert model.body_jntnum[body] == 1
    return model.body_jntadr[body]


def capsule_ends(model, geom):
    """Both ends of a capsule's axis in its body's frame, (2, 3)."""
    turn = Rotation.from_quat(model.geom_quat[geom], scalar_first=True)
    half = turn.apply([0, 0, model.geom_size[geom, 1]])
    return model.geom_pos[geom] + np.stack([-half, half])


def test_counts_of_a_pair(robot, model):
    assert (model.nq, model.nv, model.nu, model.nbody) == SIZES[robot]


def test_mass_of_a_robot(robot, model):
    for slot in SLOTS:
        torso, _ = bodies_of(model, robot, slot)
        assert model.body_subtreemass[torso] == pytest.approx(MASSES[robot], abs=5e-4)


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pair_has_its_own_bodies(pair):
    model = make_spec(pair).compile()
    halves = [sum(SIZES[robot][count] for robot in pair) / 2 for count in range(3)]
    assert [model.nq, model.nv, model.nu] == halves
    masses = [model.body_subtreemass[model.body(f"{slot}/torso").id] for slot in SLOTS]
    assert masses == pytest.approx([MASSES[robot] for robot in pair], abs=5e-4)


@pytest.mark.parametrize("pair", PAIRS)
def test_all_parts_of_a_robot_lie_side_by_side(pair):
    model = make_spec(pair).compile()
    driven = model.jnt_bodyid[model.actuator_trnid[:, 0]]
    for bodies in (np.arange(1, model.nbody), model.jnt_bodyid, model.dof_bodyid, driven):
        roots = model.body_rootid[bodies]
        changes = np.flatnonzero(np.diff(roots))
        assert len(changes) == 1 and roots[0] == model.body("0/torso").id


@pytest.mark.parametrize("slot", SLOTS)
def test_legs_lie_as_measured(robot, model, measures, slot):
    torso, legs = bodies_of(model, robot, slot)
    assert len(legs) == len(measures[robot]["legs"])
    for (coxa, femur, tibia), leg in zip(legs, measures[robot]["legs"], strict=True):
        assert model.body_parentid[[coxa, femur, tibia]].tolist() == [torso, coxa, femur]
        np.testing.assert_array_equal(model.body_pos[coxa], 0)
        np.testing.assert_array_equal(model.body_pos[femur], leg["hip_at"])
        np.testing.assert_array_equal(model.body_pos[tibia], leg["ankle_at"])
        np.testing.assert_array_equal(model.body_quat[[coxa, femur, tibia]], [[1, 0, 0, 0]] * 3)
        assert leg["name"] in model.body(coxa).name


@pytest.mark.parametrize("slot", SLOTS)
def test_capsules_are_as_measured(robot, model, measures, slot):
    _, legs = bodies_of(model, robot, slot)
    for bodies, leg in zip(legs, measures[robot]["legs"], strict=True):
        for body, name in zip(bodies, ("coxa", "femur", "tibia"), strict=True):
            geom = geom_of(model, body)
            assert model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE
            assert model.geom_size[geom, 0] == leg["radius"]
            ends = capsule_ends(model, geom)
            ends = ends[np.linalg.norm(ends, axis=1).argsort()]  # a capsule has no direction
            np.testing.assert_allclose(ends, [[0, 0, 0], leg[name]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("slot", SLOTS)
def test_masses_are_density_times_volume(robot, model, measures, slot):
    torso, legs = bodies_of(model, robot, slot)
    measured = measures[robot]
    radius = measured["torso_radius"]
    np.testing.assert_array_equal(model.geom_size[geom_of(model, torso)], [radius, 0, 0])
    assert model.geom_type[geom_of(model, torso)] == mujoco.mjtGeom.mjGEOM_SPHERE
    ball = 4 / 3 * np.pi * radius**3
    assert model.body_mass[torso] == pytest.approx(measured["density"] * ball)
    for bodies, leg in zip(legs, measured["legs"], strict=True):
        density = measured["density"] if leg["density"] is None else leg["density"]
        for body, name in zip(bodies, ("coxa", "femur", "tibia"), strict=True):
            length, radius = np.linalg.norm(leg[name]), leg["radius"]
            volume = np.pi * radius**2 * (length + 4 / 3 * radius)
            assert model.body_mass[body] == pytest.approx(density * volume)


@pytest.mark.parametrize("slot", SLOTS)
def test_hinges_turn_as_measured(robot, model, measures, slot):
    _, legs = bodies_of(model, robot, slot)
    for (coxa, *hinged), leg in zip(legs, measures[robot]["legs"], strict=True):
        assert model.body_jntnum[coxa] == 0
        for body, measured in zip(hinged, (leg["hip"], leg["ankle"]), strict=True):
            joint = joint_of(model, body)
            assert model.joint(joint).name == f"{slot}/{measured['joint']}"
            axis = np.divide(measured["axis"], np.linalg.norm(measured["axis"]))
            np.testing.assert_allclose(model.jnt_axis[joint], axis, rtol=0, atol=1e-12)
            np.testing.assert_allclose(model.jnt_range[joint], np.deg2rad(measured["range_deg"]))
            np.testing.assert_array_equal(model.jnt_pos[joint], 0)


@pytest.mark.parametrize("slot", SLOTS)
def test_motors_follow_the_measured_order(robot, model, measures, slot):
    joints = ROBOTS[robot].num_joints
    motors = np.arange(slot * joints, (slot + 1) * joints)
    driven = [model.joint(model.actuator_trnid[motor, 0]).name for motor in motors]
    assert driven == [f"{slot}/{name}" for name in measures[robot]["actuators"]]
    assert (model.actuator_trntype[motors] == mujoco.mjtTrn.mjTRN_JOINT).all()
    np.testing.assert_array_equal(model.actuator_gear[motors, 0], measures[robot]["gear"])
    np.testing.assert_array_equal(model.actuator_gear[motors, 1:], 0)


def test_motors_are_plain_and_bounded(model):
    np.testing.assert_array_equal(model.actuator_ctrlrange, [[-1, 1]] * model.nu)
    assert model.actuator_ctrllimited.all() and not model.actuator_forcelimited.any()
    assert (model.actuator_dyntype == mujoco.mjtDyn.mjDYN_NONE).all()
    assert (model.actuator_gaintype == mujoco.mjtGain.mjGAIN_FIXED).all()
    assert (model.actuator_biastype == mujoco.mjtBias.mjBIAS_NONE).all()
    np.testing.assert_array_equal(model.actuator_gainprm[:, 0], 1)


def test_hinges_have_armature_damping_and_limits_and_torsos_none(model):
    hinges = model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE
    assert (model.jnt_type[~hinges] == mujoco.mjtJoint.mjJNT_FREE).all()
    np.testing.assert_array_equal(model.jnt_limited, hinges)
    on_hinges = hinges[model.dof_jntid]
    assert on_hinges.sum() == model.nu and (~on_hinges).sum() == 12
    np.testing.assert_array_equal(model.dof_armature, on_hinges)
    np.testing.assert_array_equal(model.dof_damping, on_hinges)
    assert not model.jnt_stiffness.any() and not model.dof_frictionloss.any()


def test_surfaces(model):
    robots = model.geom_bodyid > 0
    tatami = model.geom("tatami").id
    np.testing.assert_array_equal(model.geom_condim[robots], 3)
    np.testing.assert_array_equal(model.geom_friction[robots], [[1, 0.5, 0.5]] * robots.sum())
    np.testing.assert_array_equal(model.geom_margin[robots], 0.01)
    np.testing.assert_array_equal(model.geom_friction[tatami], [1, 0.1, 0.1])
    assert model.geom_condim[tatami] == 3 and model.geom_margin[tatami] == 0
    assert model.geom_contype.all() and model.geom_conaffinity.all()


def test_defaults():
    model = make_spec().compile()
    assert model.nq == SIZES["ant"][0] and model.geom("tatami").size[0] == pytest.approx(2.3)
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST


@pytest.mark.parametrize("integrator", ["implicitfast", "RK4"])
def test_options(integrator):
    option = compiled("ant", integrator=integrator).opt
    assert option.timestep == 0.01
    assert mujoco.mjtIntegrator(option.integrator).name == f"mjINT_{integrator.upper()}"
    np.testing.assert_array_equal(option.gravity, [0, 0, -9.81])
    assert option.disableflags == 0 and option.enableflags == 0


@pytest.mark.parametrize("size", [1.5, 2.0, 3.0])
def test_tatami_is_a_box_whose_top_is_half_a_metre_high(size):
    model = compiled("ant", tatami_size=size)
    tatami = model.geom("tatami")
    assert tatami.type[0] == mujoco.mjtGeom.mjGEOM_BOX
    np.testing.assert_allclose(tatami.size, [size + 0.3, size + 0.3, 0.25])
    np.testing.assert_array_equal(tatami.pos, [0, 0, 0.25])
    floor = model.geom("floor")
    assert floor.type[0] == mujoco.mjtGeom.mjGEOM_PLANE and floor.pos[2] == -0.025


@pytest.mark.parametrize("size", [1.5, 2.0, 3.0])
def test_four_borders_enclose_the_ring(size):
    model = compiled("ant", tatami_size=size)
    borders = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_CYLINDER)
    np.testing.assert_allclose(model.geom_size[borders, :2], [[0.03, size]] * 4)
    middles = {tuple(row) for row in model.geom_pos[borders].round(12)}
    assert middles == {(size, 0, 0.5), (-size, 0, 0.5), (0, size, 0.5), (0, -size, 0.5)}
    for border in borders:  # each lies across the way out
        along = capsule_ends(model, border)[1] - model.geom_pos[border]
        assert abs(along @ model.geom_pos[border]) < 1e-9 and abs(along[2]) < 1e-9


def test_contact_forces_are_computed_at_the_start_and_once_an_action_however_long_it_goes_on():
    model = compiled("ant")
    data, stale = mujoco.MjData(model), -1.0

    def is_new(step):
        data.cfrc_ext[:] = stale
        step(model, data)
        return not (data.cfrc_ext == stale).any()

    assert is_new(mujoco.mj_forward)
    assert is_new(mujoco.mj_step)  # still at the start
    found = [is_new(mujoco.mj_step) for _ in range(5 * 2_000)]
    assert found == [False, False, False, True, False] * 2_000


def test_colours_paint_one_robot_each():
    colours = ((1.0, 0.0, 0.25), (0.0, 0.5, 1.0))
    model, plain = compiled("bug", colours=colours), compiled("bug")
    slots = np.array([int(model.geom(geom).name[0]) for geom in range(6, model.ngeom)])
    np.testing.assert_allclose(model.geom_rgba[6:, :3], np.array(colours)[slots])
    np.testing.assert_array_equal(model.geom_rgba[:6], plain.geom_rgba[:6])
    assert not (model.geom_rgba[6:, :3] == plain.geom_rgba[6:, :3]).all(axis=1).any()


def test_size_and_colours_change_nothing_of_the_robots(robot):
    plain = compiled(robot)
    other = compiled(robot, tatami_size=2.5, colours=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    for part in ("body_pos", "body_mass", "jnt_range", "geom_friction", "dof_armature"):
        np.testing.assert_array_equal(getattr(plain, part), getattr(other, part), part)


@pytest.mark.parametrize(
    "wrong",
    [
        {"robots": ("ant", "snake")},
        {"robots": ("ant",)},
        {"robots": ("ant", "ant", "ant")},
        {"robots": "ant"},
        {"integrator": "Euler"},
        {"integrator": "rk4"},
        {"tatami_size": 1.4},
        {"tatami_size": float("nan")},
        {"tatami_size": float("inf")},
        {"tatami_size": -2.0},
        {"colours": ((1.0, 0.0, 0.0),)},
        {"colours": ((1.0, 0.0, 0.0), (1.0, 0.0))},
        {"colours": ((1.0, 0.0, 0.0), (0.0, 0.0, 1.5))},
        {"colours": ((1.0, 0.0, 0.0), (0.0, 0.0, float("nan")))},
    ],
)
def test_bad_arguments_are_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name} must be .* got "):
        make_spec(**{name: value})
