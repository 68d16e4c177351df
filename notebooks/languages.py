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
# **The question.** Every pair of a speaker and a listener agrees on a language of its own. What do these
# languages look like, and is a distance between two embeddings one between two languages? The language is
# all that a new speaker needs from the embedding of its listener (`table_3.py`).
#
# A speaker's *code* is $p(w \mid t)$, the probability of each of the eight words $w$ (three bits) for each
# target $t$: known exactly, since bits are drawn independently. What a listener $l$ understands is the
# table $R[l, t, w]$ of its mean returns at target $t$ if it hears nothing but $w$. Together they give the
# return of speaker $i$ with listener $j$, and the distance between two languages: what is lost when two
# pairs exchange their speakers.
#
# $$ J_{ij} = \frac13 \sum_t \sum_w p_i(w \mid t)\, R[j, t, w], \qquad
# D_{ij} = \frac12 \big[ (J_{jj} - J_{ij}) + (J_{ii} - J_{ji}) \big]. $$
#
# ## Parameters

# %% tags=["parameters"]
num_populations = 5  # trained independently
seed = 0  # of all episodes, shuffles and trainings here
num_table_episodes = 800  # of each word with each listener, a third for each target
num_cross_play_episodes = 48  # of each speaker with each listener, to check the tables
num_opening_episodes = 1000  # of each pair, with each opening
threshold = 0.05  # least share of a word that counts as sent for a target
tolerance = 1.0  # loss of return up to which a word is understood as well as the best one
num_shuffles = 2000  # of words and of agents, in permutation tests
episodes_per_edge = 8  # of each speaker with each listener, for the embeddings
num_updates = 2000  # of each encoder
population_folder = "results/laptop/population"  # results of population.py
output_folder = "results/laptop/languages"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats

from paperlib import embeddings, objectives
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
# Pairs share settings, but no random number; nor do populations. Intervals are over populations, by
# Student's $t$ on one mean for each. Two checks of the tables, which hold one word for a whole episode: a
# second table, of other episodes, and real cross-play, in which speakers draw bits anew in each step.

# %%
names = [f"population_{number}.safetensors" for number in range(num_populations)]
pairs = [populations.Population.load(folder / name) for name in names]
codes, returns, halves, played = [], [], [], []
for number, population in enumerate(pairs):
    world = {"dynamics": population.provenance["dynamics"]}
    codes.append(languages.speaker_codes(population.speakers))
    options = {"num_episodes": num_table_episodes, "message_size": population.message_size}
    stream = make_generator(seed, Stream.LANGUAGES_RETURNS, number)
    both = word_speakers.word_returns(population.listeners, **options, **world, generator=stream)
    returns.append(both.mean(0).double().numpy())
    halves.append([languages.language_distances(codes[-1], half.numpy()) for half in both])
    stream = make_generator(seed, Stream.LANGUAGES_CROSS_PLAY, number)
    options = {"num_episodes": num_cross_play_episodes, "generators": stream}
    found = populations.cross_play(population.speakers, population.listeners, **options, **world)
    played.append(languages.exchange_losses(found.mean(-1).double().numpy()))

# %% [markdown]
# ## Words
# The **mutual information** $I(W; T)$ of a word and its target is at most $\log_2 3 = 1.58$ bits, reached
# if no word serves two targets. It does not ask whether anybody listens (Lowe et al. 2019); the tables do.
# **Synonyms** are several words for one target: words that a speaker sends at least 5 % of the time, and
# words that its listener understands alike, with a return within 1 of the best word's. Are they the same? A
# speaker's *further words* are those beside the most frequent one for a target.
#
# Two usual measures of emergent languages do not apply. *Positional disentanglement* (Chaabouni et al.
# 2020) compares, for each symbol, the attribute of which it tells most with the next: a target has one
# attribute, its colour, and there is no next. *Topographic similarity* (Brighton and Kirby 2006) correlates
# distances between messages with distances between meanings: the three values of one attribute are equally
# far apart, and with a constant nothing correlates, whatever the code. On the listener's side, though,
# meanings have distances: a word means its returns at three targets.

# %%
measured = {"mutual information (bits)": [languages.mutual_information(c).mean() for c in codes]}
for name, marks in {
    "words sent": [languages.words_sent(code, threshold=threshold) for code in codes],
    "words understood": [languages.words_understood(r, tolerance=tolerance) for r in returns],
}.items():
    measured[f"{name}, for one target"] = [mark.sum(-1).mean() for mark in marks]
    measured[f"{name}, of eight"] = [mark.any(1).sum(-1).mean() for mark in marks]
limits = {"threshold": threshold, "tolerance": tolerance}
both = list(zip(codes, returns, strict=True))
measured["further words that are understood"] = [languages.synonymy(*b, **limits) for b in both]
all_codes, all_returns = np.concatenate(codes), np.concatenate(returns)
classes = languages.code_classes(all_codes)
num_different = len(np.unique(all_codes.argmax(-1), axis=0))
print(f"{len(all_codes)} pairs, {num_different} codes; by bits between words: {classes}")

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
    ("fewer bits between, more alike", languages.likeness_of_neighbours, returns),
):
    options = {"num_shuffles": num_shuffles, "generator": random}
    tests[name] = found = languages.shuffle_test(statistic, arrays, **options)
    measured[f"{name}, minus shuffled"] = found.values - found.shuffled
    print(f"{name}: {found.values.mean():.3f} ({found.shuffled:.3f}), p = {found.p_value:.4f}")

# %% [markdown]
# ## Silence
# The first message arrives after one step; until then a listener hears 000. It has neither memory nor
# clock: at rest, silence is the word 000 to it. Where does it go, and how much does it *lean* to one
# landmark (strongest minus weakest push)? What would it gain from a message that is there at the start, and
# what would it lose by standing still? We play the same worlds and random numbers three times.

# %%
lean, costs = [], []
for number, population in enumerate(pairs):
    stream = make_generator(seed, Stream.LANGUAGES_OPENINGS, number)
    options = {"num_episodes": num_opening_episodes, "generator": stream}
    pushes = listening.silent_pushes(population, **options)
    found = listening.opening_returns(population, **options)
    lean.append(pushes.max(1) - pushes.min(1))
    costs.append(found["spoken"] - found["silence"])
    for name, value in {
        "return": found["silence"],
        "cost of the silent first step": costs[-1],
        "gain from moving in it": found["silence"] - found["still"],
        "first push towards the landmark it leans to": pushes.max(1),
        "first push towards the one it leans to least": pushes.min(1),
        "rank correlation, lean and cost": stats.spearmanr(lean[-1], costs[-1]).statistic,
    }.items():
        measured.setdefault(name, []).append(value.mean())

# %% [markdown]
# ## Distances between languages and between embeddings
# In each population one encoder, the paper's mean over an MLP, learns by imitation from all listeners with
# all speakers: it *knew these listeners*. A listener's embedding is the mean over its episodes; *whitened*,
# each direction is in units of its scatter within listeners. For comparison: summary statistics; the share
# of steps in which a listener does nothing; and its mean push towards each landmark on each word, which
# needs no learning and shows whether the episodes hold the language at all.

# %%
compared: dict[str, list] = {}
for number, population in enumerate(pairs):
    graph = InteractionGraph.bipartite(population.num_pairs, population.num_pairs)
    stream = make_generator(seed, Stream.LANGUAGES_EPISODES, number)
    options = {"num_episodes": episodes_per_edge, "generator": stream}
    dataset = populations.collect(population, graph, **options)
    encoder = embeddings.learn(
        dataset,
        objective=objectives.imitation,
        settings=embeddings.Settings(num_updates=num_updates),
        generator=make_generator(seed, Stream.LANGUAGES_ENCODERS, number),
    )
    for name, matrix in listening.all_distances(dataset, encoder.embed).items():
        compared.setdefault(name, []).append(matrix)

# %% [markdown]
# The 378 distances between 28 languages are not independent: each pair has part in 27. So Spearman's rank
# correlation is computed within each population. Its mean has two intervals, over populations, and by a
# jackknife that leaves out one listener at a time; its test is Mantel's, which permutes listeners.

# %%
ours = [languages.language_distances(*both) for both in zip(codes, returns, strict=True)]
options = {"num_permutations": num_shuffles, "generator": random}
found = {name: distances.compare(ours, theirs, **options) for name, theirs in compared.items()}
found["real cross-play"] = distances.compare(ours, played, **options)
found["tables of two halves"] = distances.compare(*zip(*halves, strict=True), **options)
manner = compared["Emb-Im"], compared["idle steps"]
found["Emb-Im with idle steps"] = distances.compare(*manner, **options)
for name, (_, mean, by_agents, p_value) in found.items():
    print(f"{name}: {mean}, jackknife {by_agents}, p = {p_value:.4f}")
places, stress = distances.planar_map(languages.language_distances(all_codes, all_returns))

# %% [markdown]
# ## Result

# %%
rows = [tables.row(name, t_interval(numbers)) for name, numbers in measured.items()]
rows += [tables.row(f"rank correlation, {name}", each.over_groups) for name, each in found.items()]
meanings = [languages.meaning_distances(table).mean(1) for table in returns]
values = {
    "rows": rows,
    "tests": {name: test._asdict() for name, test in tests.items()},
    "comparisons": {name: each._asdict() for name, each in found.items()},
    "dictionary": {"codes": codes[0], "returns": returns[0]},
    "word_shares": list(map(t_interval, zip(*[code.mean((0, 1)) for code in codes], strict=True))),
    "meanings": list(map(t_interval, zip(*meanings, strict=True))),
    "classes": classes | {"different codes": num_different},
    "delay": [np.concatenate(lean), np.concatenate(costs), (all_codes[..., 0] >= threshold).any(1)],
    "distances": [ours, compared["Emb-Im"]],
    "map": {"places": places, "labels": all_codes[:, 0].argmax(-1), "title": "word for red"},
    "stress": stress,
}
run.save(output, values, seeds=[seed])
tables.save_rows(output, "languages", rows)

# %%
values = results.load(output)["values"]
print((output / "languages.md").read_text())
plots.use_style()
figure, axes = plt.subplot_mosaic("ab;ac;ad", figsize=(6.75, 5.6), width_ratios=[1.25, 1])
drawings.draw_dictionary(axes["a"], **values["dictionary"])
drawings.draw_word_shares(axes["b"], measures.restored(values["word_shares"]))
drawings.draw_meaning(axes["c"], measures.restored(values["meanings"]))
drawings.draw_delay(axes["d"], *values["delay"])
plots.save_figure(figure, output, "languages")
plt.show()

# %% [markdown]
# **Left:** languages of the first population. A cell has the colour of the landmark at which the listener
# is best on this word, the paler, the worse. Circles: words that the speaker sends for the landmark of that
# colour; their area is the probability. **Right:** shares of words in all messages (dotted: equal ones);
# how differently words are understood (distance of returns at three targets); cost of the silent first
# step.
#
# **Words** (default profile). Words tell the targets apart almost perfectly: a handful of the 140 pairs
# have one most frequent word for two targets. About half of the further words are as good as the most
# frequent one, synonyms that differ in a bit that does not matter; the others are slips of a speaker that
# is not sure. Most pairs have a code that no other pair has, and two speakers say the same word hardly more
# often than chance has it. But bits are no mere labels. Words for different targets are further apart than
# shuffled ones, with two bits between any two words more than twice as often as at random; and the fewer
# bits differ, the more alike two words are understood. That structure is what the 48 relabellings of the
# channel keep (`agents/symmetries.py`), and most other relabellings destroy.
#
# **Silence.** Listeners do not wait for a word: they push to the middle of the landmarks, a little more to
# one of them. Standing still would cost about 1, while a message from the start would gain 0.2 only. It
# gains more where the listener leans more, as most do whose speaker sends 000: silence then names a target.
# Speakers send 000 less than other words.

# %%
figure, axes = plt.subplot_mosaic("ac;bc", figsize=(6.75, 4.4), width_ratios=[1, 1.35])
drawings.draw_distances(axes["a"], *values["distances"])
drawings.draw_correlations(axes["b"], values["comparisons"])
drawings.draw_map(axes["c"], **values["map"])
plots.save_figure(figure, output, "languages_distances")
plt.show()

# %% [markdown]
# **Above:** all pairs of listeners of a population, percentiles of two distances, of Emb-Im and of
# languages. **Below:** rank correlations with the distance between languages (last: of Emb-Im with idle
# steps); intervals over populations (dots). **Right:** all languages in a plane (multidimensional scaling,
# which keeps distances roughly); the word for the first landmark, red, has its regions.
#
# **Distances.** How far apart two embeddings are says nothing of how far apart the languages are, whitened
# or not, although the encoder knew these listeners. Their episodes do hold the language: the pushes on each
# word correlate strongly. Embeddings that are close share a manner, how often a listener does nothing. A
# speaker would have to learn by heart which place in the space has which language.
#
# **Limits.** The paper does not look at languages, so there is no number to compare. The tables hold one
# word an episode; speakers who draw bits anew in each step do a little better. A distance of means is one
# way to read embeddings, and Emb-Im one kind: other encoders find more (below).
#
# ## What it cost

# %%
result = results.load(output)
print(f"{result['wall_time_seconds']:.0f} s on {result['machine']}\n{result['versions']}")

# %% [markdown]
# ## Things to try
# - `message_size = 2` in `population.py`: four words for three targets. Is 000 avoided still?
# - `paperlib.alternatives.gated_pooling`: in a trial, 3,000 updates made whitened distances follow languages (0.5).
