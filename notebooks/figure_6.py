# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Figure 6: the two environments
#
# **The question.** In which environments do the agents act, and what do they observe?
# The two environments have little in common, so a result that holds in both is more
# likely to hold elsewhere:
#
# - **RoboSumo** is competitive and high-dimensional: two ants, each with actions
#   $a \in [−1, 1]^8$ and an observation of 120 numbers, try to push each other out of a
#   ring;
# - **ParticleWorld** is cooperative and small: a speaker knows which of three landmarks
#   is the target and sends bits to a listener, which can move but does not know the
#   target. At each step both receive a reward, with $x$ the listener's position,
#
# $$ r = -\lVert x - x_\text{target} \rVert^2. $$
#
# **What to expect.** One picture of each environment, and the sizes of its agents'
# observations.
#
# ## Parameters

# %% tags=["parameters"]
seed = 2  # random seed of both environments
num_time_steps = 25  # RoboSumo steps before the picture is taken: the robots drop from 75 cm
output_folder = "results/laptop/figure_6"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from paperlib import files
from paperlib.environments.pettingzoo import ParticleWorldEnv, RoboSumoEnv
from reproduction import plots, results

# %%
parameters = dict(seed=seed, num_time_steps=num_time_steps)
run = results.Run("figure_6", parameters)
output = results.resolve(output_folder)

# %% [markdown]
# ## Method
# Both are PettingZoo environments, so the same few lines render either. MuJoCo renders
# the robots without a display, through EGL or OSMesa, whichever is available. All
# actions are zero, so the ants only drop and land on their feet.

# %%
pictures = {}
for title, env, steps in (
    ("RoboSumo", RoboSumoEnv(render_mode="rgb_array", width=800, height=600), num_time_steps),
    ("ParticleWorld", ParticleWorldEnv(render_mode="rgb_array"), 0),
):
    env.reset(seed=seed)
    for _ in range(steps):
        env.step({agent: np.zeros(env.action_space(agent).shape) for agent in env.agents})
    pictures[title] = torch.from_numpy(env.render())
    sizes = {agent: env.observation_space(agent).shape[0] for agent in env.agents}
    print(f"{title}: observations {sizes}")
    env.close()
files.save_tensors(output / "pictures.safetensors", pictures, {})
run.save(output, {"shapes": {t: list(p.shape) for t, p in pictures.items()}}, seeds=[seed])

# %% [markdown]
# ## Result

# %%
pictures, _ = files.load_tensors(output / "pictures.safetensors")
plots.use_style()
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), width_ratios=[4, 3])
for ax, title in zip(axes, ("RoboSumo", "ParticleWorld"), strict=True):
    ax.imshow(pictures[title].numpy())
    ax.set_title(title)
    ax.axis("off")
plots.save_figure(figure, output, "figure_6")

# %% [markdown]
# *Left: two ants on the tatami. An ant that leaves the brown square or falls has lost.
# Right: the three landmarks, with a ring around the target, and the listener (dark
# grey); below them, the message that the listener hears. The speaker does not move and
# is not drawn.*
#
# **What it means.** An ant observes 120 numbers, a listener 11 and a speaker 3. The
# same method has to embed policies at both scales.
#
# ## Ours against the paper
# The paper's Figure 6 shows the same two environments. **Where we deviate:** colours,
# camera and lighting are ours, and the ants' bodies were rebuilt for this package;
# `fidelity.py` shows how well they match the original.
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - `RoboSumoEnv(robots=("bug", "spider"))`: six legs against eight.
# - If you have a display, `render_mode="human"` opens a window in which you can rotate
#   the view and zoom.
# - `num_time_steps = 0`: the start of the match, with the ants 75 cm above the tatami.
