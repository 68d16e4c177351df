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
# **The question.** Each pair of a speaker and a listener agrees on its own language. What do these
# languages look like, and do similar languages mean similar embeddings? A new speaker needs to know only
# its listener's language.
#
# A speaker's *code* is $p(w \mid t)$, the probability of each of the eight words $w$ (messages of three
# bits) for each target $t$. It is known exactly, since bits are drawn independently. What listener $l$
# understands is the table $R[l, t, w]$: its mean return at target $t$ if it hears nothing but $w$.
# Together they give the return of speaker $i$ with listener $j$, and the distance between two languages,
# which is the return that two pairs lose by swapping their speakers:
#
# $$ J_{ij} = \frac13 \sum_t \sum_w p_i(w \mid t)\, R[j, t, w], \qquad
# D_{ij} = \frac12 \big[ (J_{jj} - J_{ij}) + (J_{ii} - J_{ji}) \big]. $$
#
# **What to expect.** If embeddings capture language, their distances correlate with $D$.
#
# ## Parameters

# %% tags=["parameters"]
num_populations = 5  # independently trained populations
seed = 0  # random seed of all episodes, shuffles and training runs
num_table_episodes = 800  # episodes of each word with each listener, about a third per target
num_cross_play_episodes = 48  # episodes of each speaker with each listener, to check the tables
num_opening_episodes = 1000  # episodes of each pair with each of the three openings
threshold = 0.05  # smallest probability at which a word counts as sent for a target
tolerance = 1.0  # largest shortfall from the best word's return that counts as understood
num_shuffles = 2000  # random permutations of words, or of listeners, in each permutation test
episodes_per_edge = 8  # episodes of each speaker with each listener, for the embeddings
num_updates = 2000  # optimiser updates in the training of each encoder
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
from paperlib.streams import make_generator
from reproduction import distances, languages, listening, measures, plots, results, tables
from reproduction import language_plots as drawings
from reproduction.listeners import load_populations
from reproduction.statistics import t_interval
from reproduction.streams import Stream

# %%
parameters = dict(num_populations=num_populations, seed=seed, num_table_episodes=num_table_episodes,
    num_cross_play_episodes=num_cross_play_episodes, num_opening_episodes=num_opening_episodes,
    threshold=threshold, tolerance=tolerance, num_shuffles=num_shuffles,
    episodes_per_edge=episodes_per_edge, num_updates=num_updates)  # fmt: skip
run = results.Run("languages", parameters)
torch.set_num_threads(1)
output, folder = results.resolve(output_folder), results.resolve(population_folder)

# %% [markdown]
# ## Data
# Pairs and populations share their settings, but no random numbers. Intervals are Student's $t$ over the
# means of populations. The tables assume one word for a whole episode. Each table is the mean of two
# halves, from independent episodes. We compare the halves with each other, and the tables with real
# cross-play, in which speakers draw bits anew at each step.

# %%
pairs = load_populations(folder, num_populations)
codes, returns, halves, played = [], [], [], []
for number, population in enumerate(pairs):
    world = {"dynamics": population.dynamics}
    codes.append(languages.speaker_codes(population.speakers))
    options = {"num_episodes": num_table_episodes}
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
# The **mutual information** $I(W; T)$ between word and target is at most $\log_2 3 = 1.58$ bits, reached
# if no word is used for two targets. It ignores whether anybody listens (Lowe et al. 2019); the tables do
# not. For each target we count the words that a speaker sends with probability 5 % or more, and those
# with which its listener's return is within 1 of the best. A speaker's *further words* are those that it
# sends besides the most frequent one; **synonyms** are those of them that the listener understands as
# well. We report their share.
#
# Two common measures of emergent languages do not apply. *Positional disentanglement* (Chaabouni et al.
# 2020) compares, for each symbol, the attribute about which it carries most information with the
# runner-up; our targets have only one, their colour. *Topographic similarity* (Brighton and Kirby 2006)
# correlates distances between messages with distances between meanings; our three colours are equally far
# apart. For a listener, though, meanings have distances: a word means its returns at three targets.

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
print(f"{len(all_codes)} pairs, {num_different} codes")
tables.show(tables.markdown_table(("bits between words", "pairs"), classes.items()))

# %% [markdown]
# **Do bits have a structure that pairs share?** If words were arbitrary labels, any relabelling would be
# as likely. So we relabel the words of each pair at random, by one of the $8!$ permutations, and count
# how often the shuffled codes (or tables) are at least as far from the shuffled mean as the real ones.
# This preserves all that does not depend on bits: mutual information, numbers of words, synonyms.

# %%
tests, body, random = {}, [], np.random.default_rng((seed, Stream.LANGUAGES_SHUFFLES))
for name, statistic, arrays in (
    ("bits between words for two targets", languages.bits_apart, codes),
    ("share of 000 among messages", languages.silent_share, codes),
    ("two speakers say the same", languages.shared_words, codes),
    ("fewer bits between, more alike", languages.likeness_of_neighbours, returns),
):
    options = {"num_shuffles": num_shuffles, "generator": random}
    tests[name] = found = languages.shuffle_test(statistic, arrays, **options)
    measured[f"{name}, minus shuffled"] = found.values - found.shuffled
    numbers = found.values.mean(), found.shuffled, found.p_value
    body.append((name, *(f"{number:.3g}" for number in numbers)))
tables.show(tables.markdown_table(("statistic", "real", "shuffled", "p"), body))

# %% [markdown]
# ## Silence
# The first message arrives after one step; until then a listener hears 000. It has no memory and no
# clock, so at rest it cannot tell silence from the word 000. Where does it go, and how much does it
# *lean* towards one landmark (strongest minus weakest push)? What would it gain from a message at the
# start, or lose by standing still in the first step? We play the same episodes, with the same random
# numbers, in all three ways.

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
# In each population we train one encoder, the paper's mean over an MLP, by imitation (Emb-Im) on episodes
# of all listeners with all speakers, so it *has seen these listeners*. A listener's embedding is the mean
# over its episodes; if *whitened*, each direction is divided by its standard deviation within listeners.
# We compare with three features that need no learning: summary statistics; the share of steps in which a
# listener does nothing; and its mean push towards each landmark on each word, which shows whether
# episodes hold the language at all.

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
# The 378 distances between 28 languages are not independent: each language is part of 27. So we compute
# Spearman's rank correlation within each population and give its mean two intervals, one over populations
# and one by a jackknife that leaves out one listener at a time. The test is Mantel's, which permutes
# listeners.

# %%
ours = [languages.language_distances(*both) for both in zip(codes, returns, strict=True)]
options = {"num_permutations": num_shuffles, "generator": random}
found = {name: distances.compare(ours, theirs, **options) for name, theirs in compared.items()}
found["real cross-play"] = distances.compare(ours, played, **options)
found["tables of two halves"] = distances.compare(*zip(*halves, strict=True), **options)
manner = compared["Emb-Im"], compared["idle steps"]
found["Emb-Im with idle steps"] = distances.compare(*manner, **options)
body = [(n, str(r.over_groups), str(r.over_agents), f"{r.p_value:.4f}") for n, r in found.items()]
tables.show(tables.markdown_table(("distances", "correlation", "jackknife", "p"), body))
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
tables.show((output / "languages.md").read_text())
plots.use_style()
figure, axes = plt.subplot_mosaic("ab;ac;ad", figsize=(6.75, 5.6), width_ratios=[1.25, 1])
drawings.draw_dictionary(axes["a"], **values["dictionary"])
drawings.draw_word_shares(axes["b"], measures.restored(values["word_shares"]))
drawings.draw_meaning(axes["c"], measures.restored(values["meanings"]))
drawings.draw_delay(axes["d"], *values["delay"])
plots.save_figure(figure, output, "languages")

# %% [markdown]
# **Left:** the languages of the first population, one pair per row. A cell has the colour of the landmark
# for which this word gives the listener its best return, paler for lower returns. Circles are the words
# that the speaker sends for the landmark of that colour; their area is the probability. **Right, from the
# top:** share of each word among all messages (dotted: equal shares); how differently two words are
# understood (distance between their returns at the three targets); cost of the silent first step.
#
# **Words** (default profile). Words identify the target almost perfectly: only a handful of the 140 pairs
# have the same most frequent word for two targets. About half of the further words are synonyms,
# understood as well as the best word. Most pairs have a code that no other pair has, and two speakers use
# the same word for a target hardly more often than by chance. But the bits are not arbitrary labels.
# Words for different targets differ in more bits than shuffled words do: codes in which any two words
# differ in two bits (`2 2 2` above) are more than twice as frequent as at random. And the fewer bits
# differ, the more alike two words are understood. The 48 relabellings that permute and flip bits
# (`reproduction/channel_symmetries.py`) preserve this structure; most others do not.
#
# **Silence.** Listeners do not wait for a word: they push towards the middle of the landmarks, and
# somewhat more towards one of them. Standing still would cost about 1, while a message from the start
# would gain only 0.2. The gain is larger for listeners that lean more, as most of those whose speaker
# sends 000 do: for them, silence already names a target. Speakers send 000 less often than other words.

# %%
figure, axes = plt.subplot_mosaic("ac;bc", figsize=(6.75, 4.4), width_ratios=[1, 1.35])
drawings.draw_distances(axes["a"], *values["distances"])
drawings.draw_correlations(axes["b"], values["comparisons"])
drawings.draw_map(axes["c"], **values["map"])
plots.save_figure(figure, output, "languages_distances")

# %% [markdown]
# **Above:** percentiles of the distances between embeddings (Emb-Im) and between languages, for all pairs
# of listeners within a population. **Below:** rank correlations with the distance between languages (last
# two rows: between the two halves of the tables, and between Emb-Im and idle steps); intervals over
# populations (dots). **Right:** all languages in a plane, by multidimensional scaling, which roughly
# preserves distances. Pairs with one word for red (colours) lie together.
#
# **What it means.** The distance between two embeddings says hardly anything about that between two
# languages, whitened or not, although the encoder has seen these listeners. Their episodes do contain the
# language: the pushes on each word correlate strongly with it. What close embeddings share is style,
# namely how often a listener does nothing.
#
# **Where we deviate.** The paper does not study languages: there is nothing to compare. Tables assume one
# word per episode, while speakers draw bits anew at each step. We read embeddings only by distances
# between their means, and look only at Emb-Im; other encoders and objectives may find more.
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - `message_size = 2`, `trained = [0, 1, 2, 3, 4]` in `population.py`: do speakers still avoid silence?
# - Encoder and policy of `paperlib.alternatives.gated_pooling`: do whitened distances follow languages?
