# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What do they say? The languages of ParticleWorld's pairs
#
# **The question.** Every pair of a speaker and a listener agrees on a language of its own, and no
# embedding of a listener is of use to a new speaker unless it tells this language. What do these
# languages look like, and is the distance between two embeddings a distance between two languages?
#
# A speaker's *code* is $p(w \mid t)$, the probability of each of the eight words $w$ (three bits) for
# each target $t$; the bits are independent, so we know it exactly. What listener $l$ understands is the
# table $R[l, t, w]$ of its mean returns at target $t$ when it hears nothing but $w$. With speaker $i$ and
# listener $j$, a table gives the return of any code, and the distance between two languages is
# what is lost when two pairs exchange their speakers:
#
# $$ J_{ij} = \frac13 \sum_t \sum_w p_i(w \mid t)\, R[j, t, w], \qquad
# D_{ij} = \frac12 \big[ (J_{jj} - J_{ij}) + (J_{ii} - J_{ji}) \big]. $$
#
# ## Parameters

# %% tags=["parameters"]
num_populations = 5  # of 28 pairs each, trained independently
seed = 0  # of all episodes, shuffles and trainings here
num_table_episodes = 800  # of each word with each listener, a third for each target
num_cross_play_episodes = 48  # of each speaker with each listener, to check the tables
num_opening_episodes = 1000  # of each pair, with each opening
threshold = 0.05  # least share of a word that counts as sent for a target
tolerance = (
    1.0  # of the return; a word that costs no more than this is understood as well as the best
)
num_shuffles = 2000  # of words and of agents, in permutation tests
episodes_per_edge = 8  # of each speaker with each listener, for the embeddings
num_updates = 2000  # of each encoder
population_folder = "results/laptop/population"  # results of population.py
output_folder = "results/laptop/languages"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from paperlib import embeddings, metrics, objectives
from paperlib.agents import populations, word_speakers
from paperlib.graphs import InteractionGraph
from paperlib.streams import Stream, make_generator
from reproduction import distances, languages, listening, measures, plots, results, tables
from reproduction import language_plots as drawings
from reproduction.statistics import t_interval

# %%
parameters = dict(
    num_populations=num_populations,
    seed=seed,
    num_table_episodes=num_table_episodes,
    num_cross_play_episodes=num_cross_play_episodes,
    num_opening_episodes=num_opening_episodes,
    threshold=threshold,
    tolerance=tolerance,
    num_shuffles=num_shuffles,
    episodes_per_edge=episodes_per_edge,
    num_updates=num_updates,
)
run = results.Run("languages", parameters)
torch.set_num_threads(1)
output, folder = results.resolve(output_folder), results.resolve(population_folder)

# %% [markdown]
# ## Data
# Pairs of one population share settings, but no random number; nor do populations. All intervals are over
# populations, by Student's $t$ on one mean for each, unless something else is said.

# %%
files = [folder / f"population_{number}.safetensors" for number in range(num_populations)]
pairs = [populations.Population.load(file) for file in files]
codes, halves = [], []
for number, population in enumerate(pairs):
    codes.append(languages.speaker_codes(population.speakers))
    both = word_speakers.word_returns(
        population.listeners,
        message_size=population.message_size,
        num_episodes=num_table_episodes,
        generator=make_generator(seed, Stream.LANGUAGES_RETURNS, number),
        dynamics=population.provenance["dynamics"],
    )
    halves.append(both.double().numpy())  # two tables, of different episodes
returns = [both.mean(0) for both in halves]
every_code, every_return = np.concatenate(codes), np.concatenate(returns)

# %% [markdown]
# ## Words
# The **mutual information** $I(W; T)$ of a word and its target is at most $\log_2 3 = 1.58$ bits, which
# takes a word, or several, of its own for each target. It does not ask whether anybody listens (Lowe et
# al. 2019); the tables do. **Synonyms** are words that a speaker sends for one target, each with at least
# 5 %, or that its listener understands alike: none loses more than 1 against the best word for the target.
#
# Two usual measures of emergent languages do not apply. *Positional disentanglement* (Chaabouni et al.
# 2020) asks whether each symbol tells of one attribute, by comparing the attribute of which it tells most
# with the next: a target has one attribute, its colour, and there is no next. *Topographic similarity*
# (Brighton and Kirby 2006) correlates distances between messages with distances between meanings: three
# values of one attribute are all equally far apart, and with a constant there is no correlation, whatever
# the code. On the listener's side, meanings do have distances: a word means its returns at three targets.

# %%
measured = {
    "mutual information (bits)": [languages.mutual_information(code).mean() for code in codes],
    "share of pairs with three different words": [
        np.mean([len(set(row)) == 3 for row in code.argmax(-1)]) for code in codes
    ],
}
for name, marks in {
    "words sent": [languages.words_sent(code, threshold=threshold) for code in codes],
    "words understood": [languages.words_understood(r, tolerance=tolerance) for r in returns],
}.items():
    measured[f"{name}, of eight"] = [mark.any(1).sum(-1).mean() for mark in marks]
    measured[f"{name}, for one target"] = [mark.sum(-1).mean() for mark in marks]
num_different = len({tuple(row) for row in every_code.argmax(-1).tolist()})
classes = languages.code_classes(every_code)
print(f"{num_different} different codes among {len(every_code)}; by bits between words: {classes}")

# %% [markdown]
# **Do bits have a structure that pairs share?** If words were mere labels, any relabelling would be as
# likely. So we relabel the words of each pair at random, by one of the $8!$ permutations for each, and ask
# how often such codes (or tables) are as far from the mean of all such as the real ones. This keeps
# everything that does not depend on bits: mutual information, numbers of words, synonyms.

# %%
tests, random = {}, np.random.default_rng((seed, Stream.LANGUAGES_SHUFFLES))
for name, statistic, arrays in (
    ("bits between words for two targets", languages.bits_apart, codes),
    ("share of 000 among messages", languages.silent_share, codes),
    ("two speakers say the same", languages.shared_words, codes),
    ("fewer bits apart, more alike", languages.likeness_of_neighbours, returns),
):
    options = {"num_shuffles": num_shuffles, "generator": random}
    tests[name] = languages.shuffle_test(statistic, arrays, **options)
    measured[f"{name}, minus shuffled"] = tests[name].values - tests[name].shuffled
    found, shuffled, p_value = tests[name]
    print(f"{name}: {found.mean():.3f}, shuffled {shuffled:.3f}, p = {p_value:.4f}")

# %% [markdown]
# ## Silence
# The first message arrives after one step; until then a listener hears 000. It has neither memory nor
# clock: at rest, silence and the word 000 are the same to it. Where does it go? What would it gain from a
# message that is there at the start, and what would it lose by standing still? We play the same worlds, with
# the same random numbers, three times.

# %%
lean, costs = [], []
for number, population in enumerate(pairs):
    stream = make_generator(seed, Stream.LANGUAGES_OPENINGS, number)
    options = {"num_episodes": num_opening_episodes, "generator": stream}
    pushes = listening.silent_pushes(population, **options)
    played = listening.opening_returns(population, **options)
    lean.append(pushes.max(1) - pushes.min(1))
    costs.append(played["spoken"] - played["silence"])
    for name, value in {
        "return": played["silence"],
        "cost of the silent first step": costs[-1],
        "gain from moving in it": played["silence"] - played["still"],
        "first push to the landmark it leans to": pushes.max(1),
        "first push to the one it leans to least": pushes.min(1),
    }.items():
        measured.setdefault(name, []).append(value.mean())

# %% [markdown]
# ## Distances between languages and between embeddings
# In each population one encoder, the paper's mean over an MLP, learns by imitation from all
# listeners with all speakers: it *knew these listeners*. A listener's embedding is the mean over its
# episodes. Beside it: summary statistics of an episode; the share of steps in which a
# listener does nothing; and how hard it pushes towards each landmark on each word, which needs no learning
# and shows whether the episodes hold the language at all. As checks, tables from halves of the
# episodes, and the same distances from real cross-play, where speakers draw their bits anew in each step.

# %%
compared: dict[str, list] = {}
for number, population in enumerate(pairs):
    dataset = populations.collect(
        population,
        InteractionGraph.bipartite(population.num_pairs, population.num_pairs),
        num_episodes=episodes_per_edge,
        generator=make_generator(seed, Stream.LANGUAGES_EPISODES, number),
    )
    model = embeddings.learn(
        dataset,
        objective=objectives.imitation,
        settings=embeddings.Settings(num_updates=num_updates),
        generator=make_generator(seed, Stream.LANGUAGES_ENCODERS, number),
    )
    for name, matrix in {
        "Emb-Im": listening.embedding_distances(dataset, model.embed),
        "summary statistics": listening.embedding_distances(dataset, metrics.summary_statistics),
        "share of idle steps": listening.embedding_distances(dataset, listening.idle_share),
        "pushes on each word": distances.between(listening.word_statistics(dataset).numpy()),
    }.items():
        compared.setdefault(name, []).append(matrix)


# %%
def lost(tables):
    """Distances between the languages of each population."""
    pairs = zip(codes, tables, strict=True)
    return [languages.exchange_losses(languages.returns_of_codes(*both)) for both in pairs]


language_distances = lost(returns)
for number, population in enumerate(pairs):
    played = populations.cross_play(
        population.speakers,
        population.listeners,
        generators=make_generator(seed, Stream.LANGUAGES_CROSS_PLAY, number),
        num_episodes=num_cross_play_episodes,
        dynamics=population.provenance["dynamics"],
    )
    losses = languages.exchange_losses(played.mean(-1).double().numpy())
    compared.setdefault("real cross-play", []).append(losses)

# %% [markdown]
# The 378 distances between 28 languages are not independent: each pair has part in 27. So Spearman's rank
# correlation is computed within each population, and its mean has two intervals, over populations
# and by a jackknife that leaves out one listener at a time; its test is Mantel's, which permutes listeners.

# %%
options = {"num_permutations": num_shuffles, "generator": random}
found = {name: distances.compare(language_distances, m, **options) for name, m in compared.items()}
halved = distances.compare(*(lost([both[k] for both in halves]) for k in (0, 1)), **options)
idle = distances.compare(compared["share of idle steps"], compared["Emb-Im"], **options)
found |= {"other half of the episodes": halved, "Emb-Im and idle steps": idle}
for name, comparison in found.items():
    print(
        f"{name}: {comparison.over_groups}, jackknife {comparison.over_agents}, "
        f"p = {comparison.p_value:.4f}"
    )
everyone = languages.exchange_losses(languages.returns_of_codes(every_code, every_return))
places, stress = distances.planar_map(everyone)

# %% [markdown]
# ## Result

# %%
rows = [tables.row(name, t_interval(numbers)) for name, numbers in measured.items()]
for name, comparison in found.items():
    rows.append(tables.row(f"rank correlation, {name}", comparison.over_groups))
word_shares = np.array([code.mean((0, 1)) for code in codes]).T  # (words, populations)
meanings = np.array([languages.meaning_distances(table).mean(1) for table in returns]).T
values = {
    "rows": rows,
    "measured": measured,
    "tests": {name: test._asdict() for name, test in tests.items()},
    "comparisons": {name: comparison._asdict() for name, comparison in found.items()},
    "dictionary": {"codes": codes[0], "returns": returns[0]},
    "word_shares": [t_interval(shares) for shares in word_shares],
    "meanings": [t_interval(each) for each in meanings],
    "classes": classes,
    "lean": np.concatenate(lean),
    "costs": np.concatenate(costs),
    "says_000": (every_code[..., 0] >= threshold).any(1),
    "distances": {"languages": language_distances, "embeddings": compared["Emb-Im"]},
    "map": {"places": places, "stress": stress, "words": every_code[:, 0].argmax(-1)},
}
run.save(output, values, seeds=[seed])
tables.save_rows(output, "languages", rows)

# %%
values = results.load(output)["values"]
print((output / "languages.md").read_text())
plots.use_style()
figure, axes = plt.subplot_mosaic("ab;ac", figsize=(6.75, 4.4), width_ratios=[1.3, 1])
drawings.draw_dictionary(axes["a"], **values["dictionary"])
drawings.draw_word_shares(axes["b"], measures.restored(values["word_shares"]))
drawings.draw_meaning(axes["c"], measures.restored(values["meanings"]))
plots.save_figure(figure, output, "languages")
plt.show()

# %% [markdown]
# **Left:** the languages of the first population.

# %%
figure, ax = plt.subplots(figsize=(3.6, 2.6))
drawings.draw_delay(ax, values["lean"], values["costs"], values["says_000"])
plots.save_figure(figure, output, "languages_silence")
plt.show()

# %% [markdown]
# silence

# %%
figure, axes = plt.subplots(1, 3, figsize=(6.75, 2.5), width_ratios=[1, 1, 1.1])
shown = values["distances"]
drawings.draw_distances(axes[0], shown["languages"], shown["embeddings"])
comparisons = values["comparisons"]
drawings.draw_correlations(axes[1], comparisons)
drawings.draw_map(axes[2], values["map"]["places"], values["map"]["words"], title="word for red")
plots.save_figure(figure, output, "languages_distances")
plt.show()

# %% [markdown]
# distances
#
# ## What it cost

# %%
result = results.load(output)
print(f"{result['wall_time_seconds']:.0f} s on {result['machine']}\n{result['versions']}")

# %% [markdown]
# ## Things to try
# - a
# - b
