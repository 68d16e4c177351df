# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The embedding explorer
#
# **The question.** What does an embedding reveal about its episode? A clustering ratio
# is a single number, and a two-dimensional plot a single view. This notebook makes a
# page, `embedding_explorer.html`, on which the embeddings of both environments can be
# rotated, zoomed, and coloured by agent, partner, outcome or split, and where every
# point shows its episode.
#
# An embedding $r \in \mathbb R^{100}$ is drawn in three dimensions, by two maps. PCA
# keeps as much of the variance as three numbers can,
#
# $$ z = W^\top (r - \bar r), \qquad W \in \mathbb R^{100 \times 3}, $$
#
# and t-SNE keeps neighbours together, at the expense of distances. Both lose most of
# the hundred dimensions, so the page also lists the nearest episodes of a point in all
# of them.
#
# **What to expect.** Clouds that overlap rather than separate clusters: on average over
# seeds, the ratios of unseen agents in Tables 1 and 2 are closer to one than to zero.
#
# ## Parameters

# %% tags=["parameters"]
seed = 0  # random seed of the choice of episodes, and of t-SNE
num_agents = 10  # maximum number of agents shown per part (test, training) of a split
num_episodes = 10  # maximum number of episodes shown per agent and part
num_neighbours = 5  # nearest neighbours that the page lists for each point
num_frames = 6  # pictures of each RoboSumo match
perplexity = 30.0  # perplexity of t-SNE: roughly how many neighbours count
table_1_folder = "results/laptop/table_1"  # results of table_1.py
table_2_folder = "results/laptop/table_2"  # results of table_2.py
sumo_encoders_folder = "results/laptop/sumo_encoders"  # episodes and encoders of table_1.py
encoders_folder = "results/laptop/encoders"  # episodes and encoders of table_2.py
output_folder = "results/laptop/explorer"  # where the results go, relative to the repository

# %%
from contextlib import closing

import matplotlib.pyplot as plt
import torch

from paperlib import files, metrics
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import comparison_files, measures, plots, results
from reproduction.site import explorer
from reproduction.streams import Stream

# %%
parameters = dict(seed=seed, num_agents=num_agents, num_episodes=num_episodes,
    num_neighbours=num_neighbours, num_frames=num_frames, perplexity=perplexity)  # fmt: skip
run = results.Run("explorer", parameters)
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# Episodes and encoders are those of Tables 1 and 2, for their first seed; all three
# methods embed the same episodes. Each encoder's file records which data it was trained
# on; loading it with other episodes raises an error. We show test episodes and, for
# comparison, episodes that the encoder learned from. In the weak split both come from
# the same agents, which meet other partners in the test; in the strong split the test
# agents are unseen. If an agent's test episodes lie apart from its training episodes,
# the encoder probably overfits.

# %%
sources = {
    "RoboSumo": (results.resolve(table_1_folder), results.resolve(sumo_encoders_folder)),
    "ParticleWorld": (results.resolve(table_2_folder), results.resolve(encoders_folder)),
}
kinds, methods = ("weak", "strong"), comparison_files.METHODS
episodes, tables, labels, encoders, seeds = {}, {}, {}, {}, {}
for world, (table, folder) in sources.items():
    seeds[world] = results.load(table)["seeds"][0]
    path = comparison_files.episodes_path(folder, seeds[world])
    episodes[world], data = comparison_files.load_episodes(path)
    known = dict(data=data, notebook=table.name)  # encoders of other episodes are refused
    tables[world], labels[world] = files.load_tensors(table / "test_embeddings.safetensors")
    for kind in kinds:
        for method in methods:
            path = folder / f"{kind}_{method}_{seeds[world]}.safetensors"
            encoders[world, kind, method] = comparison_files.load_encoder(path, **known)
    print(f"{world}: {len(episodes[world])} episodes, encoders of seed {seeds[world]}")


# %%
def draw(rows: torch.Tensor, world: str, generator: torch.Generator) -> torch.Tensor:
    counts = {"num_agents": num_agents, "num_episodes": num_episodes}
    agents = episodes[world].agents[rows]
    return rows[measures.choose_episodes(agents, **counts, generator=generator)]


chosen = {}  # rows of the dataset, test episodes first, and how many test episodes there are
for number, world in enumerate(sources):
    dataset, graph = episodes[world], InteractionGraph.complete(len(labels[world]["names"]))
    for kind in kinds:
        generator = make_generator(seed, Stream.EXPLORER_EPISODES, number, kinds.index(kind))
        test = draw(tables[world][f"{kind}/episodes"], world, generator)
        edges = encoders[world, kind, methods[0]].source["edges"]
        train = dataset.rows_on_edges(graph.with_edges(map(tuple, edges)))
        same = torch.isin(dataset.agents[train], dataset.agents[test])
        train = draw(train[same] if same.any() else train, world, generator)
        chosen[world, kind] = torch.cat([test, train]), len(test)
        print(f"{world}, {kind}: {len(test)} test episodes, {len(train)} training episodes")

# %% [markdown]
# ## Method
# Each encoder embeds its test and training episodes, which share one map. The page also
# shows numbers that do not depend on the map: the IICR of the test episodes shown, and
# the nearest neighbours of each point. Trust them more than the picture: a map to three
# dimensions can show clusters that do not exist, and hide some that do.

# %%
shown = {world: {} for world in sources}
for (world, kind), (rows, number) in chosen.items():
    dataset, found = episodes[world], {}
    for method in methods:
        vectors = encoders[world, kind, method].embed(dataset, rows)
        agents = dataset.agents[rows[:number]]
        found[method] = {
            **explorer.make_maps(vectors, perplexity=perplexity, seed=seed),
            "ratio": metrics.intra_inter_clustering_ratio(vectors[:number], agents),
            "neighbours": explorer.nearest(vectors, num_neighbours),
        }
    shown[world][kind] = {
        "rows": rows,
        "num_test": number,
        "agents": dataset.agents[rows],
        "partners": dataset.partners[rows],
        "outcomes": dataset.outcomes[rows],
        "returns": dataset.returns[rows],
        "lengths": dataset.lengths[rows],
        "methods": found,
    }

# %% [markdown]
# The episode behind a point is reconstructed from what its agent observed. A listener
# observes landmarks relative to itself, which gives its path, and its return identifies
# the target landmark. A wrestler observes its own torso and joints, and so does its
# opponent, whose view of the match is in the data as well. Together they give the state
# of the simulation, which MuJoCo renders.

# %%
behind, dataset = {}, episodes["ParticleWorld"]
for kind in kinds:
    behind["ParticleWorld", kind] = [
        explorer.particle_episode(dataset.observations[row], float(dataset.returns[row]))
        for row in chosen["ParticleWorld", kind][0].tolist()
    ]
with closing(explorer.Camera()) as camera:
    for kind in kinds:
        behind["RoboSumo", kind] = [
            explorer.match_episode(episodes["RoboSumo"], row, camera, num_frames=num_frames)
            for row in chosen["RoboSumo", kind][0].tolist()
        ]
names = {world: labels[world]["names"] for world in sources}
run.save(output, {"shown": shown, "seeds": seeds, "names": names}, seeds=[seed])

# %% [markdown]
# ## Result
# The page is a single file that works offline: drawing, data and pictures are in it,
# and it loads nothing. It names the profile, seed and commit behind it. Its pictures of
# matches make it some 6 MB large, too much for the repository, which holds only the
# figure below: `make reproduce ITEMS=explorer` makes the page, and `make book` then
# adds it to the book. "Colour by" helps to read it:
#
# - *wrestler* or *listener*, the agent: if an embedding identifies agents, each colour
#   forms a cluster. Turn the map before you decide: what overlaps from one side may be
#   apart from another.
# - *opponent* or *speaker*, *outcome* or *return*: if points of one agent separate by
#   these, the embedding also reflects the episode, not only the agent.
# - *style* (RoboSumo): how a wrestler was trained to fight, such as rushing or waiting.
# - *split*: in the weak split, test and training episodes come from the same agents. If
#   they lie apart, that suggests that the encoder overfits its training episodes.
#
# Nearest neighbours are computed in all 100 dimensions. Where they contradict the map,
# trust the neighbours.

# %%
values, profile = results.load(output)["values"], output.parent.name
content = {
    "profile": profile,
    "commit": results.versions()["commit"],
    "worlds": {
        world: {
            **labels[world],
            "seed": values["seeds"][world],
            "splits": {
                kind: {**values["shown"][world][kind], "episodes": behind[world, kind]}
                for kind in kinds
            },
        }
        for world in sources
    },
}
with files.replacing(output / explorer.FILE_NAME) as temporary:
    size = temporary.write_text(explorer.make_page(content)) / 1e6
print(f"{explorer.FILE_NAME}: {size:.1f} MB, profile {profile}")

# %%
values = results.load(output)["values"]
plots.use_style()
figure, axes = plt.subplots(2, 3, figsize=(6.75, 4.6))
for line, (world, names) in zip(axes, values["names"].items(), strict=True):
    found = values["shown"][world]["strong"]
    number = found["num_test"]
    for ax, (method, maps) in zip(line, found["methods"].items(), strict=True):
        points = [point[:2] for point in maps["t-SNE"][:number]]
        plots.draw_embeddings(ax, points, [names[agent] for agent in found["agents"][:number]])
        ax.set_title(f"{world}, {method}")
        ax.set_xlabel(f"IICR {maps['ratio']:.2f}", fontsize=7)
plots.save_figure(figure, output, "explorer")

# %% [markdown]
# Unseen agents: two of t-SNE's three dimensions for test episodes; each colour and
# marker is one agent. (In ParticleWorld, the principal components beyond the first show
# single outlying episodes.)
#
# **What it means.** From single episodes, unseen agents overlap in this view, and their
# ratios, 0.84 to 0.97, are not far below one. (RoboSumo's first seed is one of the
# three, of ten, whose unseen wrestlers fight alike; in the others, Emb-Hyb's ratio is
# about 0.4.) Check on the page whether the third dimension or another colouring reveals
# more.
#
# ## Ours against the paper
# The paper has no such page. **Where we deviate:** nothing new is claimed here; the
# page shows some of the episodes of Tables 1 and 2. Its ratios come from these few
# episodes and one seed, so they differ from those in the tables, which average over
# seeds and use all test episodes.
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - On the page, colour ParticleWorld by partner: how much of an embedding is due to the
#   speaker?
# - `num_agents = 3`, `num_episodes = 40`: is an agent one cloud, or several?
# - `perplexity = 5.0`: which gaps are artefacts of t-SNE?
