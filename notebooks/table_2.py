# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Table 2: do embeddings of listeners cluster?
#
# **The question.** From a single episode of a listener, without a label or a reward, comes one vector.
# Do vectors of one listener lie closer together than vectors of different ones, for listeners that
# the encoder knows from other partners (*weak*) and for strangers (*strong*)?
#
# The encoder $f_\theta$ learns from two objectives. **Imitation** (Emb-Im): the embedding of one
# episode $e^*$ must help to predict the actions in another one, $e_+$, of the same agent. **Agent
# identification** (Emb-Id): it must lie nearer to $e_+$ than to an episode $e_-$ of somebody else.
#
# $$ \mathcal L_\text{im} = -\!\!\sum_{(o,a) \in e_+}\!\! \log \pi_\phi\big(a \mid o, f_\theta(e^*)\big),
# \qquad
# \mathcal L_\text{id} = \sum_{j \ne i} \Big(1 + e^{\lVert r^* - r_-\rVert_2
#   - \lVert r^* - r_+ \rVert_2}\Big)^{-2}. $$
#
# Emb-Hyb minimises $\mathcal L_\text{im} + \lambda\, \mathcal L_\text{id}$. The measure is the
# **intra-inter clustering ratio**: the mean distance within agents over the mean distance between
# agents. One means that an embedding tells nothing of who it is; lower is better.
#
# ## Parameters

# %% tags=["parameters"]
seeds = [0, 1, 2, 3, 4]  # each draws its own split, weights and episodes
episodes_per_edge = 64  # of every speaker with every listener
num_validation = 7  # pairs held out for validation in the strong split
num_test = 7  # pairs held out for test in the strong split
num_updates = 2000  # of Adam, for each encoder
learning_rate = 0.005  # of Adam
anchors_per_step = 28  # episodes that an update learns from: agents times repetitions
embedding_size = 100  # D
hidden_size = 100  # of the encoder
triplet_form = "softmax"  # or "margin"
identification_weights = [1.0, 10.0, 100.0]  # λ to choose from on validation data, for Emb-Hyb
episode_counts = [1, 2, 4, 8, 16]  # episodes that one embedding averages over
max_per_agent = 448  # test episodes of each agent that the measures take
num_workers = 2  # processes; the numbers do not depend on it
device = "cpu"  # or "cuda"
population_folder = "results/laptop/population"  # results of population.py
encoders_folder = "results/laptop/encoders"  # episodes and encoders, kept between runs
output_folder = "results/laptop/table_2"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from paperlib import embeddings, files, graphs, metrics, pooling
from paperlib.agents import populations
from paperlib.streams import make_generator
from reproduction import comparisons, plots, results, statistics, tables
from reproduction.statistics import bootstrap_interval

run = results.Run("table_2", globals())
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# Every speaker plays every listener; an episode is seen from the listener. Each seed draws its own
# weak split (one edge of every listener for test, one for validation) and its own strong one (the
# pairs fall into three parts, and only edges within a part are used).

# %%
population = populations.Population.load(
    results.resolve(population_folder) / "population.safetensors"
)
count = population.num_pairs
graph = graphs.InteractionGraph.bipartite(count, count)
dataset = populations.collect(
    population, graph, num_episodes=episodes_per_edge, generator=make_generator(201)
)
splits = {}
for seed in seeds:
    splits["weak", seed] = graphs.leave_edges_out(
        graph, range(count, 2 * count), generator=make_generator(seed, 202)
    )
    splits["strong", seed] = graphs.strong_split(
        graph,
        num_validation=num_validation,
        num_test=num_test,
        sides=[range(count), range(count, 2 * count)],
        generator=make_generator(seed, 203),
    )
print(f"{len(dataset)} episodes on {len(graph.edges)} edges")

# %% [markdown]
# ## Method
# Encoder: an MLP on each (observation, action) pair, averaged over the episode. The imitation policy
# sees the listener's observation and the embedding, and predicts its move.
#
# First the weight $\lambda$ of Emb-Hyb: encoders of the first seed, one for each candidate; the one
# with the lowest ratio on *validation* data is taken for all seeds. Then everything else.


# %%
comparison = comparisons.Comparison(
    results.resolve(encoders_folder),
    dataset,
    splits,
    settings=embeddings.Settings(
        num_updates=num_updates,
        learning_rate=learning_rate,
        embedding_size=embedding_size,
        hidden_size=hidden_size,
        triplet_form=triplet_form,
    ),
    anchors_per_step=anchors_per_step,
    stream=204,
    num_workers=num_workers,
    device=device,
)


# %%
def quality(embedded: torch.Tensor, agents: torch.Tensor, number: int, seed: int) -> dict:
    order = torch.randperm(len(agents), generator=make_generator(seed, 205))
    own = [order[agents[order] == agent] for agent in agents.unique()]
    kept = torch.cat([indices[:max_per_agent] for indices in own])
    groups = pooling.disjoint_averages(
        embedded[kept], agents[kept], num_episodes=number, generator=make_generator(seed, 206)
    )
    return metrics.embedding_quality(*groups)


def validation_ratio(kind: str, model: embeddings.PolicyEmbedder) -> float:
    rows = dataset.rows_on_edges(splits[kind, seeds[0]].validation)
    return quality(model.embed(dataset, rows), dataset.agents[rows], 1, 0)["ratio"]


kinds, methods = comparison.kinds, comparisons.METHODS
chosen, validation_ratios = comparison.choose_weights(identification_weights, validation_ratio)
print(validation_ratios, chosen)
comparison.learn(chosen)

# %% [markdown]
# Now the test episodes. Beside the three methods stand two references that learn nothing: an
# **untrained** encoder, and **summary statistics** (means and standard deviations of all observations
# and actions). We also average embeddings over several episodes of one agent, in disjoint groups, and
# ask *who is it?*: half of each agent's averages are labelled, and a classifier (nearest neighbour,
# linear probe) names the agent of the other half.


# %%
def embed(kind: str, method: str, seed: int, data) -> torch.Tensor:
    if method == "summary statistics":
        return embeddings.summary_statistics(data)
    if method != "untrained":
        return comparison.load(kind, method, seed).embed(data)
    settings = embeddings.Settings(embedding_size=embedding_size, hidden_size=hidden_size)
    sizes = data.observation_size, data.action_size
    generator = make_generator(seed, 207)
    return embeddings.PolicyEmbedder(*sizes, settings, generator=generator).embed(data)


measured = {}
for kind in kinds:
    tests = [dataset.on_edges(splits[kind, seed].test) for seed in seeds]
    for method in (*methods, "untrained", "summary statistics"):
        embedded = [embed(kind, method, s, data) for s, data in zip(seeds, tests, strict=True)]
        for number in episode_counts:
            found = [
                quality(e, data.agents, number, s)
                for e, data, s in zip(embedded, tests, seeds, strict=True)
            ]
            for name in ("ratio", "nearest", "linear", "chance"):
                measured[f"{kind} {method} {name} {number}"] = [f[name] for f in found]

# %% [markdown]
# ## Result
# Rows of the table, and the claims that they decide. A claim compares methods seed by seed, on the
# same split: it is *reproduced* when the whole 95 % interval of the difference lies on its side.

# %%
rng = np.random.default_rng(0)
paper = tables.paper_numbers()["table_2"]


def estimate(key: str, minus: str | None = None) -> statistics.Estimate:
    numbers = np.array(measured[key]) - (0 if minus is None else np.array(measured[minus]))
    return bootstrap_interval(numbers, generator=rng)


# %%
rows = [
    tables.row(f"IICR {kind}, {m}", estimate(f"{kind} {m} ratio 1"), paper=paper[kind][m])
    for kind in kinds
    for m in methods
]
for kind, other in ((kind, other) for kind in kinds for other in methods if other != "Emb-Id"):
    difference = estimate(f"{kind} Emb-Id ratio 1", f"{kind} {other} ratio 1")
    rows.append(tables.claim(f"C2 {kind}: IICR of Emb-Id minus {other} < 0", difference))
for m in methods:
    difference = estimate(f"strong {m} ratio 1", f"weak {m} ratio 1")
    rows.append(
        tables.claim(f"C3: IICR of {m}, strong minus weak > 0", difference, better="higher")
    )
values = {
    "rows": rows,
    "measured": measured,
    "validation_ratios": validation_ratios,
    "identification_weights": chosen,
    "episode_counts": episode_counts,
}
run.save(output, values, seeds=seeds)
tables.save_rows(output, "table_2", rows)

# %%
shown = {}  # test episodes of the first seed, for the explorer
for kind in kinds:
    shown[f"{kind}/episodes"] = dataset.rows_on_edges(splits[kind, seeds[0]].test)
    tested = dataset.select(shown[f"{kind}/episodes"])
    shown[f"{kind}/agents"] = tested.agents
    for method in (*methods, "untrained", "summary statistics"):
        shown[f"{kind}/{method}"] = embed(kind, method, seeds[0], tested)
names = [f"{side} {number}" for side in ("speaker", "listener") for number in range(count)]
files.save_tensors(output / "test_embeddings.safetensors", shown, {"names": names})

# %% [markdown]
# ## Ours against the paper

# %%
values = results.load(output)["values"]
measured, counts = values["measured"], values["episode_counts"]
print((output / "table_2.md").read_text())

# %%
plots.use_style()
figure, axes = plt.subplots(1, 2, sharex=True, figsize=(6.75, 2.2))
for ax, kind in zip(axes, kinds, strict=True):
    bars = {
        m: estimate(f"{kind} {m} ratio 1") for m in (*methods, "untrained", "summary statistics")
    }
    plots.draw_bars(ax, bars, reference=paper[kind], xlabel="IICR (lower is better)")
    ax.set_title(f"{kind} generalisation")
    ax.axvline(1, color="black", lw=0.6, ls=":")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center")
plots.save_figure(figure, output, "table_2")
plt.show()

# %%
print(f"IICR from one episode: means of {len(seeds)} seeds with 95 % bootstrap intervals.")

# %%
figure, axes = plt.subplots(2, 2, sharex=True, figsize=(6.75, 4.2))
for column, kind in zip(axes.T, kinds, strict=True):
    for ax, name, label in zip(column, ("ratio", "linear"), ("IICR", "accuracy"), strict=True):
        shown = (*methods, "summary statistics")
        series = {m: [estimate(f"{kind} {m} {name} {n}") for n in counts] for m in shown}
        colours = {**plots.METHOD_COLOURS, "summary statistics": "0.55"}
        plots.draw_estimates(ax, series, counts, xlabel="", ylabel=label, colours=colours)
    column[1].axhline(measured[f"{kind} Emb-Im chance 1"][0], color="black", lw=0.6, ls=":")
    column[0].set_title(f"{kind} generalisation")
    column[1].set_xlabel("episodes that one embedding averages over")
axes[0, 0].legend()
plots.save_figure(figure, output, "table_2_episodes")
plt.show()

# %% [markdown]
# How much a handful of episodes tells. **Above:** IICR; **below:** share of test embeddings whose
# agent a linear probe names, and chance (dotted). Means over 5 seeds with 95 % bootstrap intervals. In
# one episode a listener mostly hears one word of its language; the next episodes bring the others.
#
# **What did and did not reproduce** (default profile). With strangers, ratios from one episode come
# close to the paper's; with known listeners they stay above them. Strong is worse than weak, as the
# paper says (C3). That Emb-Id clusters best (C2) does not hold here: imitation alone is as good or
# slightly better. And by a linear probe, in the weak split, summary statistics name the agent more
# often than any learned embedding does. Part of that is no context_spec of the listener: there each test
# listener has one partner, whose words are in the listener's observations and give the pair away. The
# learned embeddings are trained to ignore the partner. With strangers, who have several partners, the
# advantage is gone, while the ratio of summary statistics is much worse throughout.
#
# ## Where we deviate
# - There are 64 episodes per edge, where the paper has 1000 (as the `paper` profile has).
# - $\lambda$ was chosen on validation episodes of the first seed, by the ratio; the candidates and
#   their ratios are in the results file and printed above. Splits are drawn anew for each seed: what was
#   validation data there is test data, in part, of other seeds. The learning rate and the number of
#   anchors were set on trial runs, by validation episodes too.
# - In the weak split a test listener is seen with one unseen partner only, so that one language at a
#   time is asked for; in the strong split it is seen with all test speakers. The ratios of the two
#   are therefore not about generalisation alone: with fewer agents and more partners, the strong
#   split is a different problem. C3 must be read with this in mind.
# - Intervals are over seeds, which redraw splits, weights and episodes, from one population. They do
#   not tell how another population of 28 pairs would do.
#
# ## What it cost

# %%
result = results.load(output)
print(f"{result['wall_time_seconds']:.0f} s on {result['machine']}")
print(result["versions"])

# %% [markdown]
# ## Things to try
# - `triplet_form = "margin"`: the usual soft-margin triplet loss. Is it easier to train?
# - `embedding_size = 4`: how many numbers does a language of eight words take?
# - `episodes_per_edge = 8`: what suffers first, known agents with new partners, or strangers?
