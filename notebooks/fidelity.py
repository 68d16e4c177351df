# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Is this RoboSumo? Bodies, forces, and the published policies
#
# **The question.** The RoboSumo of Al-Shedivat et al. (2018) has not been installable for
# years. Ours is a rewrite on current MuJoCo. Is it the same game? A policy is a hard test
# of that: it was trained in the original, and stumbles where ours differs. So we let the
# *published policies* wrestle here.
#
# Each robot observes its own joints, the contact forces on each of its bodies, and where
# its opponent is. Since version 2.0, MuJoCo computes these forces, $\texttt{cfrc\_ext}$,
# only on demand (`mj_rnePostConstraint`); ports that overlooked this feed their agents
# zeros. The reward of a 0.05 s step is
#
# $$ r = \underbrace{\pm 2000\ \text{or} -1000}_\text{win, loss; time} - 0.1\,\lVert a \rVert^2
#    + 0.1 \max\left(0, v \cdot \tfrac{\Delta}{\lVert\Delta\rVert}\right)
#    - 10\, e^{-\lVert x_\text{opponent} \rVert}, $$
#
# where $v$ is the robot's velocity, $\Delta$ points at its opponent, and
# $x_\text{opponent}$ is the opponent's position relative to the centre of the ring. A robot
# loses if it leaves the ring or if its torso comes within 29 cm of the ground.
#
# **What to expect.** If it is the same game, bodies and forces agree exactly, and the
# published policies beat a robot that applies no torque, but do worse if their contact
# forces are set to zero.
#
# ## Parameters
# The published policies are not part of this package because they have no licence. To use
# them, clone [openai/robosumo](https://github.com/openai/robosumo) and set the environment
# variable `ROBOSUMO_POLICIES` to its folder. Without it, the part that needs them is
# skipped with a message.

# %% tags=["parameters"]
seed = 0  # random seed of all matches
num_matches = 400  # matches per published policy and condition (integrator, contact forces)
num_random_steps = 200  # maximum number of steps in the comparison of forces, with random actions
energy_seconds = 2.0  # duration of the free flight, in simulated seconds
match_steps = 501  # maximum number of steps of the match that is drawn
output_folder = "results/laptop/fidelity"  # where the results go, relative to the repository

# %%
from itertools import count

import matplotlib.pyplot as plt
import mujoco
import numpy as np
import torch

from paperlib import files
from paperlib.agents import matches, published_policies
from paperlib.agents.players import UniformlyRandom, ZeroAction
from paperlib.environments import rendering, robosumo_models
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_bodies import ROBOTS
from paperlib.environments.robosumo_rules import ACTION_TIME, PHYSICS_STEPS, REASONS, TIME_STEP
from paperlib.streams import make_generator
from reproduction import plots, results, tables, tournaments
from reproduction.streams import Stream

# %%
parameters = dict(seed=seed, num_matches=num_matches, num_random_steps=num_random_steps,
    energy_seconds=energy_seconds, match_steps=match_steps)  # fmt: skip
run = results.Run("fidelity", parameters)
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## The bodies
# Each model is built in Python from a table of legs. We compare its sizes and its mass with
# the original's (in parentheses):

# %%
published = tables.paper_numbers()["robosumo"]
bodies = {}
for name in ROBOTS:
    model = robosumo_models.make_spec((name, name)).compile()
    counts = {field: getattr(model, field) for field in ("nq", "nv", "nu", "nbody")}
    mass = model.body_subtreemass[model.body("0/torso").id]
    size = RoboSumo([0], robots=(name, name)).observation_sizes[0]
    bodies[name] = counts | {"observation": size, "mass": round(mass, 3)}
fields = list(bodies["ant"])
lines = [(n, *(f"{bodies[n][f]} ({published[n][f]})" for f in fields)) for n in bodies]
tables.show(tables.markdown_table(("robot", *fields), lines))
different = [n for n in bodies if any(bodies[n][f] != published[n][f] for f in fields)]

# %% [markdown]
# ## The forces
# We compare the batched environment with the simplest possible loop: `mj_step`, then
# `mj_rnePostConstraint`. Both get the same random actions until the match ends. Forces,
# which observations clip at 100, must agree to the last bit, and must not all be zero.

# %%
env = RoboSumo([seed], auto_reset=False, max_cycles=num_random_steps + 1)
env.reset()
model, plain = env.physics.batch.model, env.data(0)
draw = np.random.default_rng(seed)
difference, largest, touched = 0.0, 0.0, []
for _ in range(num_random_steps):
    actions = 0.5 * draw.uniform(-1, 1, (2, 1, env.action_sizes[0]))
    step = env.step(actions)
    plain.ctrl[:] = actions.ravel()
    mujoco.mj_step(model, plain, nstep=PHYSICS_STEPS)
    mujoco.mj_rnePostConstraint(model, plain)
    forces = np.abs(plain.cfrc_ext[1 : model.nbody // 2 + 1]).clip(max=100).ravel()
    seen = step.final_observations[0][0, env.fields[0]["contact_forces"]]
    difference = max(difference, np.abs(seen - forces.astype(np.float32)).max())
    largest = max(largest, forces.max())
    touched.append((seen > 0).mean())
    if step.done[0]:
        break
share = np.mean(touched)
print(f"{len(touched)} steps: forces to {largest:.1f}, {share:.0%} not zero; off by {difference:g}")

# %% [markdown]
# ## Energy
# Without contacts, joint limits and damping, a robot in free flight conserves its energy,
# so energy drift measures the integrator's error. Both integrators start from the first
# state of a match, with velocities multiplied by ten.

# %%
env.reset(seeds=[seed])
drift, first = {}, env.data(0)
for integrator in robosumo_models.INTEGRATORS:
    spec = robosumo_models.make_spec(integrator=integrator)
    flags = mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_LIMIT
    spec.option.disableflags |= flags | mujoco.mjtDisableBit.mjDSBL_DAMPER
    spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
    flying = spec.compile()
    data = mujoco.MjData(flying)
    data.qpos[:], data.qvel[:] = first.qpos, 10 * first.qvel
    energies = []
    for _ in range(round(energy_seconds / TIME_STEP)):
        mujoco.mj_step(flying, data)
        energies.append(data.energy.sum())
    drift[integrator] = (np.array(energies) - energies[0]).tolist()
    print(f"{integrator}: energy drifts by {np.abs(drift[integrator]).max():.2e} J")

# %% [markdown]
# ## Determinism
# The same seeds and actions give the same match: when repeated, on one thread or two, and
# whatever other matches are in the batch. The matches here run through automatic resets.


# %%
def final_state(seeds: list[int], num_threads: int) -> np.ndarray:
    """State of the match with seed 3 after 300 steps of actions that depend on the seed alone."""
    env = RoboSumo(seeds, num_threads=num_threads, max_cycles=80)
    env.reset()
    generators = [np.random.default_rng(number) for number in seeds]
    for _ in range(300):
        drawn = np.stack([g.uniform(-1, 1, (2, env.action_sizes[0])) for g in generators])
        env.step((drawn[:, 0], drawn[:, 1]))
    return env.state()[seeds.index(3)]


states = [final_state(*how) for how in (([3], 1), ([3], 1), ([5, 3], 2), (list(range(9)), 2))]
same = all(np.array_equal(state, states[0]) for state in states)
print(f"bitwise the same in all four runs: {same}")

# %% [markdown]
# ## The published policies
# Each plays against a robot of its own kind that applies no torque, with either integrator,
# and with the contact forces as they are or set to zero. If forces mattered little, or ours
# were wrong, zeros would not hurt.

# %%
policies = [("ant", "mlp"), ("ant", "lstm"), ("bug", "mlp"), ("bug", "lstm"), ("spider", "mlp")]
paths = {pair: published_policies.find(*pair) for pair in policies}
found = {pair: path for pair, path in paths.items() if path}
conditions = [(i, forces) for i in ("implicitfast", "RK4") for forces in (True, False)]
if not found:
    print("No published policies: ROBOSUMO_POLICIES is not set, or its folder holds none.")

# %%
rows, shares = [], {}
for number, ((robot, kind), path) in enumerate(found.items()):
    policy = published_policies.load(path, robot=robot, kind=kind)
    players = [policy, ZeroAction(len(policy.log_std))]
    for integrator, forces in conditions:
        env = RoboSumo(
            range(seed, seed + num_matches),
            robots=(robot, robot),
            integrator=integrator,
            contact_forces=forces,
            auto_reset=False,
        )
        player_ids, generator = np.tile([0, 1], (num_matches, 1)), make_generator(seed, number)
        played = matches.play(env, players, player_ids=player_ids, generator=generator)
        title = f"{robot}-{kind}-v1, {integrator}{'' if forces else ', forces zero'}"
        shares[title] = tournaments.outcome_shares(played)
        rows.append(tables.row(f"{title}: share won", shares[title]["won"]))
if shares:
    body = [(title, *map(str, each.values())) for title, each in shares.items()]
    tables.show(tables.markdown_table(("policy", *shares[title]), body))

# %% [markdown]
# ## A match
# One frame per second. Two published ants (or, without them, two that act at random) start
# on opposite sides of the ring.

# %%
moments, numbers = [], count()
renderer = rendering.Renderer(robosumo_models.make_spec().compile(), width=400, height=260)
env = RoboSumo([seed + 6], auto_reset=False, max_cycles=match_steps)
if ("ant", "mlp") in found:
    player = published_policies.load(found["ant", "mlp"], robot="ant", kind="mlp")
else:
    player = UniformlyRandom(env.action_sizes[0])
played = matches.play(
    env,
    [player],
    player_ids=[[0, 0]],
    generator=make_generator(seed, Stream.FIDELITY_MATCH),
    watch=lambda env: next(numbers) % 2 or moments.append(renderer.draw(env.data(0))),
)
moments.append(renderer.draw(env.data(0)))  # the end
renderer.close()
print(f"{played.lengths[0]} steps: {REASONS[played.reasons[0]]}; winner {played.winner[0]}")
every = round(0.5 / ACTION_TIME)  # pictures show every second step
strip = rendering.filmstrip([*moments[::every][:7], moments[-1]], columns=4)
files.save_tensors(output / "filmstrip.safetensors", {"picture": torch.from_numpy(strip)}, {})
rendering.save_gif(output / "robosumo_match.gif", moments, fps=10)

# %% [markdown]
# ## Result

# %%
checks = {"bodies that differ": len(different), "deterministic": bool(same)}
checks |= {"largest difference of a force": float(difference), "largest force": float(largest)}
values = {"rows": rows, "shares": shares, "bodies": bodies, "checks": checks, "drift": drift}
run.save(output, values, seeds=[seed])
tables.save_rows(output, "fidelity", rows)

# %%
saved = results.load(output)["values"]
plots.use_style()
figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.6), width_ratios=[1, 1.5])
for name, series in saved["drift"].items():
    times = TIME_STEP * np.arange(1, len(series))
    axes[0].semilogy(times, np.abs(series[1:]), label=name)
axes[0].set(xlabel="time in s", ylabel="drift of energy in J", title="free flight")
axes[0].legend()
plots.draw_win_rates(axes[1], saved["shares"])
plots.save_figure(figure, output, "fidelity")
saved_pictures, _ = files.load_tensors(output / "filmstrip.safetensors")
figure, ax = plt.subplots(figsize=(7.2, 2.4))
ax.imshow(saved_pictures["picture"].numpy())
ax.axis("off")
plots.save_figure(figure, output, "robosumo_filmstrip")

# %% [markdown]
# *Left: drift of the total energy of two robots in free flight. Right: share of 400 matches
# that the published policies won (with 95 % Wilson intervals), lost and drew (white)
# against a robot without torques. Below: a match, one frame per second, and its last
# frame.*
#
# **What it means.** Bodies match the original's, forces match MuJoCo's own to the last bit,
# and the published policies win most of their matches here; we have no win rates from the
# original to compare with.
#
# Which integrator should be the default? RK4 is the original's and conserves energy far
# better in free flight, as expected: it is made for smooth motion. But wrestlers touch the
# ground and each other all the time, and joints are damped. The right panel shows the
# difference for policies: `ant-mlp-v1` won less often with `implicitfast` (89.0 % [85.6,
# 91.7]) than with RK4 (94.5 % [91.8, 96.3]); for `bug-mlp-v1` (85.5 and 85.2 %; on another
# CPU, 83 and 89 %) and `ant-lstm-v1` intervals overlap. Agents *trained* here never see
# RK4. So the default is `implicitfast`: it runs about 3.6 times as many steps per second,
# and MuJoCo recommends it. For the highest fidelity, use `integrator="RK4"`.
#
# Without contact forces, `ant-mlp-v1` draws more often (14 % instead of 4 % with
# `implicitfast`, 8 % instead of 3 % with RK4) and wins 6.8 and 5.5 percentage points less
# often. The other two policies that were found do not measurably suffer, so they say
# nothing about our forces; only `ant-mlp-v1` supports them.
#
# ## Ours against the original
# The original let a match end *after* its 500th step, and so do we: the 501st is the last.
# **Where we deviate:** actions beyond ±1 cost as much as ±1, since that is what the motors
# apply; a match whose physics diverges is a draw with a reason, where the original would
# have continued; with RK4, contact forces are those at the start of the last of the five
# physics steps.
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - Put two different robots into the ring: `RoboSumo(seeds, robots=("ant", "spider"))`.
#   Which fields of `env.fields` change their size?
# - Let two published policies wrestle with each other: `matches.play` takes any players.
# - A larger ring: `tatami_size=3.0`. The policies never saw one. Do they know where the
#   border is?
