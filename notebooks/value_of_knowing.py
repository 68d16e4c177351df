# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What is it worth to know who the other player is?
#
# **The question.** An embedding tells a policy who it is playing with. How much can
# that be worth at most? The game and the population determine this before any embedding
# is learned. Let $u(\pi, i)$ be the expected return of policy $\pi$ with player $i$ of
# $N$. A policy that knows $i$ can play the best response to $i$; one that does not know
# plays the single policy that is best on average:
#
# $$ V = \frac1N \sum_i \max_\pi u(\pi, i) \;-\; \max_\pi \frac1N \sum_i u(\pi, i) \;\ge\; 0 . $$
#
# This is the expected value of perfect information (Raiffa and Schlaifer 1961). If $V$
# is small, no embedding helps, however well it separates the players, and comparing
# embeddings by their returns measures noise.
#
# We look at two worlds in which both maxima can be computed without learning:
# ParticleWorld, where a speaker needs the language of its listener, and poker.
# **What to expect.** A far larger value in ParticleWorld: listeners share no language,
# whereas a good hand is good against everybody.
#
# ## Parameters

# %% tags=["parameters"]
seed = 0  # random seed of episodes and poker players
num_populations = 5  # populations of listeners, and of poker players per game
num_players = 20  # players in each population of poker players
num_word_episodes = 600  # episodes of each word with each listener, for the tables of returns
population_folder = "results/laptop/population"  # results of population.py
output_folder = "results/laptop/value_of_knowing"  # where the results go

# %%
import matplotlib.pyplot as plt
import torch

from paperlib.agents import poker_policies
from paperlib.environments.poker import GAMES, make_game
from paperlib.streams import make_generator
from reproduction import listeners, measures, plots, results, tables, value_of_knowing
from reproduction.streams import Stream

# %%
parameters = dict(seed=seed, num_populations=num_populations, num_players=num_players,
    num_word_episodes=num_word_episodes)  # fmt: skip
run = results.Run("value_of_knowing", parameters)
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## Listeners
# A speaker sends one word (a message of three bits) per episode, for one of three
# targets. If it knows its listener, it sends the word that this listener understands
# best; if not, it has one word for each target, the same for all listeners. Returns
# come from a table of each word with each listener. Words are chosen on one table and
# evaluated on another, from independent episodes.

# %%
found = {}
populations = listeners.load_populations(results.resolve(population_folder), num_populations)
found["ParticleWorld, speaker"] = [
    value_of_knowing.of_listeners(
        population,
        num_episodes=num_word_episodes,
        generator=make_generator(seed, Stream.VALUE_LISTENERS, number),
    )
    for number, population in enumerate(populations)
]

# %% [markdown]
# ## Poker
# The players are untrained networks, as in a published benchmark of agent
# identification (`benchmark.py`). They differ a lot, and play badly. Best responses are
# exact, computed by OpenSpiel. The best policy against an unknown player from the
# population is the best response to the mixture of all players; it can infer during a
# hand whom it may be facing.

# %%
seats = ("first", "second")
for number, name in enumerate(GAMES):
    game = make_game(name)
    title = name.replace("_poker", "").capitalize()
    players = [
        poker_policies.random_policies(
            game,
            num_players,
            generator=make_generator(seed, Stream.VALUE_POKER, number, population),
        )
        for population in range(num_populations)
    ]
    for player, seat in enumerate(seats):
        found[f"{title} poker, {seat} player"] = [
            value_of_knowing.of_poker_players(game, policies, player=player) for policies in players
        ]

# %% [markdown]
# ## Result
# Means over populations with 95 % intervals (Student's $t$). Returns in ParticleWorld
# are negative squared distances summed over an episode; those in poker are chips per
# hand. The *share* makes them comparable: $V$ divided by what a best response gains
# over a member of the population. In ParticleWorld a member is one of the population's
# speakers, playing with the listeners of all pairs; in poker it is one of the players.

# %%
quantities = ("informed", "uninformed", "member", "of_knowing", "share")
measured = {
    f"{world}, {quantity}": [getattr(value, quantity) for value in values]
    for world, values in found.items()
    for quantity in quantities
}
names = {
    "informed": "best response to each",
    "uninformed": "best response to all",
    "member": "a member of the population",
    "of_knowing": "value of knowing",
    "share": "value of knowing, share",
}
rows = [
    tables.row(f"{names[quantity]}, {world}", measures.estimate(measured, f"{world}, {quantity}"))
    for world in found
    for quantity in quantities
]
numbers = list(range(num_populations))
run.save(output, {"rows": rows, "measured": measured, "worlds": list(found)}, seeds=[seed])
tables.save_rows(output, "value_of_knowing", rows)
tables.save_runs(output, "value_of_knowing", measures.as_runs(measured, numbers, numbers))

# %%
values = results.load(output)["values"]
tables.show((output / "value_of_knowing.md").read_text())

# %%
plots.use_style()
worlds, measured = values["worlds"], values["measured"]
shares = {world: measures.estimate(measured, f"{world}, share") for world in worlds}
figure, ax = plt.subplots(figsize=(4.6, 2.2))
plots.draw_bars(
    ax, shares, reference={}, xlabel="value of knowing, as a share of what a best response gains"
)
for place, world in zip(ax.get_yticks(), worlds, strict=True):
    ax.plot(measured[f"{world}, share"], [place] * num_populations, "k.", ms=3, alpha=0.5)
ax.set_xlim(0, 1)
plots.save_figure(figure, output, "value_of_knowing")

# %% [markdown]
# Bars are means over populations (dots), with 95 % intervals.
#
# **What it means** (default profile). A speaker that knows its listener gains 9.1 over
# one that has to treat all listeners alike: five sixths of all that there is to gain.
# In poker the value of knowing is above zero in every game and seat, but small: 4 % to
# 21 % of a best response's gain over a member of the population, which is itself 0.5 to
# 0.6 chips per hand in Kuhn poker and 3 in Leduc. Untrained players make so many
# mistakes that a single policy exploits most of them. In Leduc the first player gains
# more from knowing (0.24 [0.12, 0.37] chips; in Kuhn poker 0.04 [−0.00, 0.08]),
# plausibly because it acts before it has seen anything of its opponent.
#
# So ParticleWorld and poker ask different things of an embedding. In ParticleWorld,
# returns show what an embedding knows (`table_3.py`, `generalisation.py`). In poker
# they would hardly show it, so there we measure identification.
#
# ## Where we deviate
# The paper has no such measure. $V$ assumes that the other player does not change
# during an episode, and that the uninformed policy knows the population, but not which
# member it meets. In ParticleWorld both maxima are over speakers that send one word
# throughout an episode.
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - `num_players = 2`: is knowing the opponent worth less when there are few possible
#   ones?
# - `gain` of `random_policies`: how does $V$ change with the scale of the players'
#   weights?
