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
# **The question.** What does a point know of the episode behind it? A ratio says how well embeddings of
# one agent keep together, a flat picture shows it from one side. Here one can walk around them: a page,
# `embedding_explorer.html`, on which the embeddings of both worlds are turned and zoomed, coloured by
# agent, partner, outcome or split, and where every point shows its episode.
#
# An embedding $r \in \mathbb R^{100}$ is drawn in three dimensions, by two maps. PCA turns all of them,
#
# $$ z = W^\top (r - \bar r), \qquad W \in \mathbb R^{100 \times 3}, $$
#
# so that $z$ keeps as much of their variance as three numbers can, and t-SNE keeps neighbours together,
# whatever it does to distances. Either loses most of a hundred dimensions; so the page also names the
# nearest episodes of a point in all of them.
#
# ## Parameters

# %% tags=["parameters"]
seed = 0  # draws what is shown, and the start of t-SNE
num_agents = 10  # that are shown of each part: tested ones, and those that the encoder learned from
num_episodes = 10  # of each of them
num_neighbours = 5  # that the page names
num_frames = 6  # pictures of each match
perplexity = 30.0  # of t-SNE: about how many neighbours count
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
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import comparisons, plots, results
from reproduction.site import explorer

run = results.Run("explorer", globals())
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# Episodes and encoders are those of Tables 1 and 2, of their first seed. Shown are test episodes and, for
# comparison, episodes that the encoder learned from. In the weak split both are of the same agents, in
# the strong split the tested ones are strangers.

# %%
sources = {
    "RoboSumo": (results.resolve(table_1_folder), results.resolve(sumo_encoders_folder)),
    "ParticleWorld": (results.resolve(table_2_folder), results.resolve(encoders_folder)),
}
kinds, methods = ("weak", "strong"), comparisons.METHODS
episodes, tables, told, encoders, seeds = {}, {}, {}, {}, {}
for world, (table, folder) in sources.items():
    episodes[world] = InteractionDataset.load(folder / comparisons.EPISODES)
    tables[world], told[world] = files.load_tensors(table / "test_embeddings.safetensors")
    seeds[world] = results.load(table)["seeds"][0]
    for kind in kinds:
        for method in methods:
            path = folder / f"{kind}_{method}_{seeds[world]}.safetensors"
            encoders[world, kind, method] = PolicyEmbedder.load(path)
    print(f"{world}: {len(episodes[world])} episodes, encoders of seed {seeds[world]}")


# %%
def draw(rows: torch.Tensor, world: str, generator: torch.Generator) -> torch.Tensor:
    counts = {"num_agents": num_agents, "num_episodes": num_episodes}
    agents = episodes[world].agents[rows]
    return rows[explorer.choose_episodes(agents, **counts, generator=generator)]


chosen = {}  # rows of the dataset, and how many of them are test episodes: these come first
for number, world in enumerate(sources):
    dataset, everyone = episodes[world], InteractionGraph.complete(len(told[world]["names"]))
    for kind in kinds:
        generator = make_generator(seed, 340, number, kinds.index(kind))
        tested = draw(tables[world][f"{kind}/episodes"], world, generator)
        edges = encoders[world, kind, methods[0]].source["edges"]
        learned = dataset.rows_on_edges(everyone.with_edges(map(tuple, edges)))
        same = torch.isin(dataset.agents[learned], dataset.agents[tested])
        learned = draw(learned[same] if same.any() else learned, world, generator)
        chosen[world, kind] = torch.cat([tested, learned]), len(tested)
        print(f"{world}, {kind}: {len(tested)} test episodes, {len(learned)} of training")

# %% [markdown]
# ## Method
# Each encoder embeds its test and training episodes, and one map holds both. Beside the map stand
# numbers that do not depend on it: IICR of the test episodes that are shown, and the nearest neighbours.

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
# The episode behind a point is made from what its agent observed. A listener sees landmarks from where it
# is, so that they tell its way, and its return tells which of them was the target. A wrestler observes its
# own torso and joints; its opponent, whose view is kept as well, observed its own. Together they are a
# state of MuJoCo, which draws it.

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
run.save(output, {"shown": shown, "seeds": seeds}, seeds=[seed])

# %% [markdown]
# ## Result
# The page holds all of it. It needs no other file and no network.

# %%
values, profile = (
    results.load(output)["values"]["shown"],
    results.resolve(output_folder).parent.name,
)
content = {
    "profile": profile,
    "commit": results.versions()["commit"],
    "worlds": {
        world: {
            **told[world],
            "seed": seeds[world],
            "splits": {
                kind: {**values[world][kind], "episodes": behind[world, kind]} for kind in kinds
            },
        }
        for world in sources
    },
}
with files.replacing(output / explorer.FILE_NAME) as temporary:
    size = temporary.write_text(explorer.make_page(content)) / 1e6
print(f"{explorer.FILE_NAME}: {size:.1f} MB, profile {profile}")

# %%
plots.use_style()
figure, axes = plt.subplots(2, 3, figsize=(6.75, 4.6))
for line, world in zip(axes, sources, strict=True):
    found, names = values[world]["strong"], told[world]["names"]
    number = found["num_test"]
    for ax, method in zip(line, methods, strict=True):
        places = [place[:2] for place in found["methods"][method]["PCA"][:number]]
        plots.draw_embeddings(ax, places, [names[agent] for agent in found["agents"][:number]])
        ax.set_title(f"{world}, {method}")
        ax.set_xlabel(f"IICR {found['methods'][method]['ratio']:.2f}", fontsize=7)
plots.save_figure(figure, output, "explorer")
plt.show()

# %% [markdown]
# Strangers, as the page shows them from one side: first two principal components of test episodes, a
# colour and a marker for each agent.
#
# ## Ours against the paper
# The paper has no such page. **Where we deviate:** nothing new is claimed here; the page shows some of the
# episodes that Tables 1 and 2 are about. Ratios beside the maps are of these few, and differ from the
# tables' ones, which are of all test episodes and of several seeds.
#
# ## What it cost

# %%
result = results.load(output)
print(f"{result['wall_time_seconds']:.0f} s on {result['machine']}")
print(result["versions"])

# %% [markdown]
# ## Things to try
# - On the page: colour ParticleWorld by partner. How much of an embedding is who was listened to?
# - `num_agents = 3`, `num_episodes = 40`: is one agent one cloud, or several?
# - `perplexity = 5.0`: which gaps were t-SNE's own?
