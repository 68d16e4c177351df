# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here: who are you playing with?
#
# **The question.** You have watched some agents act. Can you recognise each of them in
# another episode, although these agents were not in your training data?
#
# Grover et al. (ICML 2018) learn a function $f_\theta$ that maps one episode of an
# agent, a sequence of (observation, action) pairs, to a vector that describes the
# agent's *policy*: its embedding. This notebook runs their method on a toy problem that
# takes less than a minute and needs no simulator.
#
# **The toy problem.** An agent lives on a line. At each step it observes a number
# $o \in [−1, 1]$ and moves left, stays or moves right. Its policy has two hidden
# traits: the point $g$ that it is *drawn to*, and how *decisive* it is, $\kappa$:
#
# $$ P(a \mid o) \propto \exp\big(\kappa\, a\,(g - o)\big), \qquad a \in \{-1, 0, +1\}. $$
#
# We know $g$ and $\kappa$ of every agent; the method never sees them.
#
# **What to expect.** If the method works, embeddings of the same unseen agent lie close
# together, closer than with an untrained encoder or with summary statistics, and both
# traits can be predicted from them.
#
# ## Parameters

# %% tags=["parameters"]
seed = 0  # random seed of all draws
num_agents = 30  # agents that the encoder learns from
num_unseen = 12  # other agents, which appear only in the test
num_episodes = 30  # episodes of each agent
episode_length = 40  # steps per episode
num_updates = 800  # optimiser updates in training
embedding_size = 8  # dimension D of an embedding
identification_weight = 0.25  # weight λ of the identification loss
output_folder = "results/laptop/start_here"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.decomposition import PCA

from paperlib import embeddings, metrics, objectives
from paperlib.datasets import InteractionDataset
from paperlib.streams import make_generator
from reproduction import measures, plots, results, tables

# %%
parameters = dict(seed=seed, num_agents=num_agents, num_unseen=num_unseen,
    num_episodes=num_episodes, episode_length=episode_length, num_updates=num_updates,
    embedding_size=embedding_size, identification_weight=identification_weight)  # fmt: skip
run = results.Run("start_here", parameters)
torch.set_num_threads(1)
output = results.resolve(output_folder)
rng = np.random.default_rng(seed)

# %% [markdown]
# ## Data
# Episodes are arrays: observations (episodes, steps, features), actions (episodes,
# steps), and the id of the agent that acted. For your own agents, too, the method needs
# nothing else.


# %%
def episodes_of(traits: np.ndarray, first_id: int) -> InteractionDataset:
    agents = np.repeat(np.arange(len(traits)), num_episodes)
    drawn_to, decisive = traits[agents].T[:, :, None]
    observations = rng.uniform(-1, 1, (len(agents), episode_length))
    logits = (decisive * (drawn_to - observations))[..., None] * np.array([-1, 0, 1])
    gumbel = rng.gumbel(size=logits.shape)  # argmax of logits + Gumbel noise: a draw from softmax
    actions = np.argmax(logits + gumbel, axis=-1)
    return InteractionDataset.from_arrays(observations[..., None], actions, first_id + agents)


low, high = [-1.0, 1.0], [1.0, 6.0]  # ranges of g and κ
seen_traits = rng.uniform(low, high, (num_agents, 2))
unseen_traits = rng.uniform(low, high, (num_unseen, 2))
train, test = episodes_of(seen_traits, 0), episodes_of(unseen_traits, num_agents)
print(f"{len(train)} episodes of {num_agents} agents, {len(test)} of {num_unseen} unseen ones")

# %% [markdown]
# ## Method
# Two networks are trained together. The **encoder** $f_\theta$ applies an MLP to each
# (observation, action) pair and averages over the episode. The **conditional policy**
# $\pi_\phi(a \mid o, f_\theta(e))$ takes the embedding as an input. For each agent $i$
# we draw two of its episodes, $e^*$ and $e_+$, and one episode $e_-^{(j)}$ of every
# other agent $j$. The *hybrid* loss, averaged over agents $i$, has two terms:
#
# - *imitation*: given $f_\theta(e^*)$, predict the actions in the **other** episode
#   $e_+$. This works only if the embedding describes the agent rather than what
#   happened in $e^*$;
# - *identification*: $r^* = f_\theta(e^*)$ must lie closer to $r_+ = f_\theta(e_+)$
#   than to any $r_-^{(j)} = f_\theta(e_-^{(j)})$.
#
# $$ \mathcal L = -\frac{1}{|e_+|} \sum_{(o, a) \in e_+} \log \pi_\phi(a \mid o, f_\theta(e^*))
#    + \lambda \sum_{j \neq i} \Big(1 + e^{\lVert r^* - r_-^{(j)} \rVert - \lVert r^* - r_+ \rVert}\Big)^{-2} $$

# %%
settings = embeddings.Settings(
    num_updates=num_updates, embedding_size=embedding_size, repetitions=1
)
model = embeddings.learn(
    train,
    objective=objectives.Hybrid(identification_weight),
    settings=settings,
    generator=make_generator(seed),
)
embedded = model.embed(test)
print(f"an episode of {episode_length} steps is now a vector of {embedded.shape[1]} numbers")

# %% [markdown]
# ## Result
# The **intra-inter clustering ratio** (IICR) is the mean distance between episodes of
# the same agent, divided by the mean distance between episodes of different agents.
# Lower is better; at one, embeddings do not cluster by agent. Two baselines need no
# training: an *untrained* encoder, and *summary statistics*, the means and standard
# deviations of observations and actions.
#
# Do the embeddings also contain the hidden traits? We fit a linear regression on the
# training agents and predict $g$ and $\kappa$ of the unseen ones.

# %%
quality = metrics.embedding_quality(embedded, test.agents)
untrained = embeddings.PolicyEmbedder(
    test.observation_size, test.action_size, settings=settings, generator=make_generator(seed, 1)
)
baselines = {
    "untrained": untrained.embed(test),
    "summary statistics": metrics.summary_statistics(test),
}


# %%
def with_constant(vectors: torch.Tensor) -> np.ndarray:
    return np.column_stack([vectors.numpy(), np.ones(len(vectors))])


train_traits = seen_traits[train.agents.numpy()]
weights = np.linalg.lstsq(with_constant(model.embed(train)), train_traits, rcond=None)[0]
predicted = with_constant(embedded) @ weights
truth = unseen_traits[test.agents.numpy() - num_agents]

# %%
ratio = metrics.intra_inter_clustering_ratio
values = {
    "iicr": {"learned": quality["ratio"]}
    | {name: ratio(vectors, test.agents) for name, vectors in baselines.items()},
    "accuracy": quality,
    "correlation": {
        name: np.corrcoef(predicted[:, column], truth[:, column])[0, 1]
        for column, name in enumerate(("drawn to", "decisive"))
    },
    "losses": measures.window_means(model.losses, num_windows=100),
    "points": PCA(2).fit_transform(embedded),
    "drawn_to": truth[:, 0],
    "decisive": truth[:, 1],
}
run.save(output, values, seeds=[seed])

# %%
result = results.load(output)
values = result["values"]
plots.use_style()
figure, axes = plt.subplots(1, 3, figsize=(6.75, 2.2))
updates = np.linspace(0, result["parameters"]["num_updates"], len(values["losses"]))
axes[0].plot(updates, values["losses"])
axes[0].set(xlabel="update", ylabel="loss", title="learning")
shown = (("drawn_to", "$g$, drawn to"), ("decisive", r"$\kappa$, how decisive"))
for ax, (name, label) in zip(axes[1:], shown, strict=True):
    drawn = ax.scatter(
        *np.transpose(values["points"]), c=values[name], s=5, cmap="cividis", linewidths=0
    )
    figure.colorbar(drawn, ax=ax, label=label)
    ax.set(xticks=[], yticks=[], title="episodes of unseen agents")
plots.save_figure(figure, output, "start_here")

# %% [markdown]
# **Left:** the training loss. **Middle and right:** each dot is the embedding of one
# episode of an unseen agent, projected on the first two principal components and
# coloured by a trait that the method never saw. The dots of one agent form a cloud. The
# clouds are ordered by where the agent is drawn to, the trait that affects its actions
# most.

# %%
quality = values["accuracy"]
found = {
    **{f"IICR, {name} (lower is better)": x for name, x in values["iicr"].items()},
    **{f"correlation with the true trait, {name}": x for name, x in values["correlation"].items()},
    "accuracy of the nearest neighbour": quality["nearest"],
    "chance": quality["chance"],
}
body = [(name, tables.number(number)) for name, number in found.items()]
tables.show(tables.markdown_table(("unseen agents", "ours"), body))

# %% [markdown]
# **What it means** (default profile: the parameters above). Embeddings of unseen agents
# cluster: their ratio is 0.24, against 0.36 for the untrained encoder and 0.65 for
# summary statistics. With half of each unseen agent's episodes labelled, a
# nearest-neighbour classifier identifies the agent in 59 % of the others (chance: 8 %).
# The traits can be predicted too, $g$ (correlation 0.98) better than $\kappa$ (0.73).
# These are numbers of one seed, without intervals: other values of `seed` show how much
# they vary.
#
# ## Ours against the paper
# The paper has no such toy problem, so there is nothing to compare. **Where we
# deviate:** an episode here has one agent instead of two, and observations are drawn
# independently at each step instead of depending on earlier actions. Everything else is
# the method that the other notebooks use. There too, the imitation loss is a mean over
# steps, where the paper has a sum. Where to go next:
#
# - [population](population.ipynb): 28 pairs of speakers and listeners, each with a
#   language of its own;
# - [figure_1](figure_1.ipynb): what it means to generalise to new partners and to unseen
#   agents;
# - [table_2](table_2.ipynb): do embeddings of listeners cluster?
# - [table_3](table_3.ipynb): does a new speaker do better with an unseen listener when it
#   is given the listener's embedding?
# - [wrestlers](wrestlers.ipynb), [table_1](table_1.ipynb), [figure_4](figure_4.ipynb): the
#   same questions for wrestling robots;
# - [your_own_agents](your_own_agents.ipynb): the method on agents of your own.
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - `identification_weight = 0.0`: imitation alone. Does either trait become harder to
#   predict?
# - `episode_length = 5`, or `num_agents = 5`: how little data is enough?
# - `objective=Classification(num_agents, embedding_size)`, from
#   `paperlib.alternatives.objectives`: what do labels add? Or write an objective of your
#   own, as docs/guide.md shows.
