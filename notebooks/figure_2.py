# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Figure 2: a policy that conditions on an embedding
#
# **The question.** Given an embedding of the other agent, how does a new policy use it?
#
# An agent that meets many others can play better if it knows which one it is playing
# with. The encoder $f_\theta$ is trained beforehand and frozen. It maps a *past*
# episode $e_{t-1}$ ($t$ counts episodes) of the other agent to a vector, which the new
# policy takes as an input in addition to its observation:
#
# $$ a \sim \pi_\psi\big(a \mid o,\; f_\theta(e_{t-1})\big), \qquad
#    f_\theta(e) = \frac{1}{|e|} \sum_{(o, a) \in e} \mathrm{MLP}(o, a). $$
#
# Reinforcement learning updates only $\psi$.
#
# **What to expect.** A diagram of this loop. It is drawn by code, and the layer sizes
# are those of networks built here, as Table 3 builds its encoder and its MADDPG
# speakers.
#
# ## Parameters

# %% tags=["parameters"]
message_size = 3  # bits per message
embedding_size = 100  # dimension D of an embedding
hidden_size = 100  # units in each hidden layer of the encoder
speaker_hidden_size = 128  # units in each hidden layer of the new speaker
output_folder = "results/laptop/figure_2"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import torch

from paperlib.agents.maddpg import Learners, Settings
from paperlib.agents.networks import StackedMLP
from paperlib.encoders import EpisodeEncoder
from paperlib.environments.particleworld import EPISODE_LENGTH, FORCE_SIZE, listener_size
from paperlib.streams import make_generator
from reproduction import diagrams, plots, results

# %%
parameters = dict(message_size=message_size, embedding_size=embedding_size, hidden_size=hidden_size,
    speaker_hidden_size=speaker_hidden_size)  # fmt: skip
run = results.Run("figure_2", parameters)
output = results.resolve(output_folder)

# %% [markdown]
# ## Method
# We build the three networks as for Table 3: the encoder of a listener's episode, a
# listener, and a speaker that takes the embedding as its *context*. The encoder applies
# one network to every pair of an observation and an action and averages the results, so
# that an episode of any length becomes a vector of the same size. The speaker reads
# this vector like part of its observation: its first layer is wider by the size of the
# embedding, and nothing else about it changes.

# %%
generator = make_generator(0)
size = listener_size(message_size)
encoder = EpisodeEncoder(
    size, FORCE_SIZE, embedding_size=embedding_size, hidden_size=hidden_size, generator=generator
)
listener = StackedMLP((size, 64, 64, FORCE_SIZE), generators=[generator])
contexts = torch.zeros(1, 1, 1, embedding_size)
learner = Learners(
    [generator],
    Settings(hidden_size=speaker_hidden_size),
    message_size=message_size,
    listeners=listener,
    contexts=contexts,
)

# %% [markdown]
# ## Result

# %%
sizes = {
    "encoder": [encoder.pairs[0].in_features, *[hidden_size] * 2, encoder.out.out_features],
    "speaker": learner.speakers.sizes,
    "listener": listener.sizes,
    "learned_parameters": sum(p.numel() for p in learner.speakers.parameters()),
    "frozen_parameters": sum(p.numel() for p in encoder.parameters()),
}
run.save(output, {"sizes": sizes, "steps": EPISODE_LENGTH}, seeds=[0])

# %%
result = results.load(output)
values, sizes = result["values"], result["values"]["sizes"]
arrows = {name: " → ".join(map(str, s)) for name, s in sizes.items() if "_" not in name}
frozen, learned, world = "#DDE8F3", "#FBE3CF", "#EEEEEE"
past = f"past episode $e_{{t-1}}$\n{values['steps']} pairs $(o, a)$"
encoding = f"encoder $f_\\theta$ (frozen)\n{arrows['encoder']}"
policy = f"new policy $\\pi_\\psi$ (learned)\n{arrows['speaker']}"
other = f"other agent (a listener)\n{arrows['listener']}"
boxes = [
    ((1.0, 2.9), past, (2.1, 0.8), world),
    ((4.0, 2.9), encoding, (2.5, 0.8), frozen),
    ((7.6, 2.9), policy, (2.6, 0.8), learned),
    ((7.6, 0.7), "ParticleWorld", (2.0, 0.7), world),
    ((3.2, 0.7), other, (2.5, 0.8), frozen),
]

# %%
plots.use_style()
figure, ax = plt.subplots(figsize=(6.75, 2.5))
ax.set(xlim=(-0.2, 10.2), ylim=(-0.1, 3.75), aspect="equal")
ax.axis("off")
for centre, text, box_size, colour in boxes:
    diagrams.draw_box(ax, centre, text, size=box_size, colour=colour)
diagrams.draw_arrow(ax, (2.05, 2.9), (2.75, 2.9))
diagrams.draw_arrow(ax, (5.25, 2.9), (6.3, 2.9), r"$f_\theta(e_{t-1})$", offset=(0, 0.22))
diagrams.draw_arrow(ax, (7.3, 2.5), (7.3, 1.05), "action $a$\n(message)", offset=(-0.62, 0.0))
diagrams.draw_arrow(ax, (7.9, 1.05), (7.9, 2.5), "observation $o$\nreward $r$", offset=(0.85, 0.0))
diagrams.draw_arrow(ax, (6.6, 0.85), (4.45, 0.85), "its observation", offset=(0, 0.17))
diagrams.draw_arrow(ax, (4.45, 0.55), (6.6, 0.55), "its action", offset=(0, -0.19))
diagrams.draw_arrow(ax, (1.95, 0.7), (0.7, 2.5), "seen", bend=-0.35, offset=(-0.75, -0.35))
plots.save_figure(figure, output, "figure_2")

# %% [markdown]
# Grey: past episodes and the environment. Blue: frozen networks. Orange: the new
# policy, which is trained. Numbers are layer sizes, as built above.
#
# **What it means.** The encoder sees only past episodes of the other agent, and it is
# not trained further: all that the new policy learns about using the embedding is in
# $\psi$. If the embedding says nothing about the other agent, $\psi$ can learn to
# ignore it; so in the end an uninformative embedding costs little, and a gain over a
# policy without one shows that the embedding holds something worth knowing.
#
# ## Ours against the paper
# The paper draws the same loop for its competitive environment. **Where we deviate:**
# here the new agent is a speaker, and past episodes are stored ones of the listener
# with other speakers, not the new speaker's own last one; one embedding may average
# over several (Table 3 measures how many it takes).
#
# ## What it cost

# %%
print(results.cost(output))
print(f"{sizes['learned_parameters']} parameters are trained, {sizes['frozen_parameters']} frozen")

# %% [markdown]
# ## Things to try
# - `embedding_size = 8`: how much smaller does the speaker become?
# - `message_size = 16`: which of the networks grow, and why those?
