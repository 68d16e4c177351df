# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Figure 5: policies with embeddings against policies without
#
# **The question.** In Figure 4, new wrestlers meet those of the population. What if they meet each other:
# one that conditions on embeddings against one that was trained in the same way without? Each match is
# won, drawn or lost:
#
# $$ P(\text{win}) + P(\text{draw}) + P(\text{loss}) = 1. $$
#
# ## Parameters

# %% tags=["parameters"]
seeds = [0, 1, 2]  # of the policies of Figure 4
variants = ["no embedding", "Emb-Im", "Emb-Id", "Emb-Hyb"]  # each against each
encoder_seed = 0  # of Table 1, as in Figure 4
num_components = 5  # of embeddings, as in Figure 4
num_episodes = 4  # that a mean embedding is taken over, as in Figure 4
num_games = 50  # of each two policies, in each run of evaluation
evaluation_seeds = [1, 2, 3, 4, 5]  # of the runs
max_steps = 501  # until a match is a draw, as in the original
num_threads = 2  # of the physics; the numbers do not depend on it
wrestlers_folder = "results/laptop/wrestlers"  # results of wrestlers.py
table_1_folder = "results/laptop/table_1"  # results of table_1.py
sumo_encoders_folder = "results/laptop/sumo_encoders"  # episodes and encoders of table_1.py
policies_folder = "results/laptop/policies"  # policies of figure_4.py
output_folder = "results/laptop/figure_5"  # where the results go, relative to the repository

# %%
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import torch

from paperlib.agents import contextual_games
from paperlib.streams import Stream
from reproduction import claims, measures, plots, results, statistics, tables
from reproduction.policy_study import Opponents
from reproduction.policy_training import make_opponent_context
from reproduction.verdicts import Part

# %%
parameters = dict(
    seeds=seeds,
    variants=variants,
    encoder_seed=encoder_seed,
    num_components=num_components,
    num_episodes=num_episodes,
    num_games=num_games,
    evaluation_seeds=evaluation_seeds,
    max_steps=max_steps,
    num_threads=num_threads,
)
run = results.Run("figure_5", parameters)
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# The policies are the last ones of Figure 4. Policies of one seed meet: they had the same start and the
# same opponents.

# %%
opponents = Opponents(
    encoder_seed=encoder_seed,
    num_components=num_components,
    num_episodes=num_episodes,
    wrestlers_folder=wrestlers_folder,
    table_1_folder=table_1_folder,
    sumo_encoders_folder=sumo_encoders_folder,
)
if refused := {*variants} & {"offline", "oracle"}:
    raise ValueError(f"variants: {refused} need opponents of the population; these are new")
policies = opponents.load_policies(variants, seeds, policies_folder=policies_folder)

# %% [markdown]
# ## Method
# Games are played five times. In the first, contexts are zeros; later ones are played with means of the
# embeddings so far, and the last one counts. A **negative control** plays the first variant against itself: neither side is
# better, so that wins and losses must be even.


# %%
itself = (variants[0], variants[0])
pairs = [*list(combinations(variants, 2))[::-1], itself]
outcomes: dict[str, list[list[list[float]]]] = {}
same_opponent = np.zeros(num_games, dtype=np.int64)


def play(pair: tuple[str, str], seed: int, key: tuple[int, ...]) -> list[float]:
    """Shares of games that the second of a pair of variants wins, draws and loses."""
    sides = []
    for variant in pair[::-1]:
        context = make_opponent_context(opponents.context_spec(variant), num_games, [0])
        sides.append((policies[variant, seed], context))
    options = dict(key=key, max_cycles=max_steps, num_threads=num_threads)
    shares = contextual_games.meet(sides, [], same_opponent, **options).shares()
    return [shares[how] for how in ("won", "drawn", "lost")]


# %%
for number, pair in enumerate(pairs):
    name = f"{pair[1]} against {pair[0]}"
    outcomes[name] = [
        [
            play(pair, seed, (seed, Stream.FIGURE_5_MATCHES, game, number))
            for game in evaluation_seeds
        ]
        for seed in seeds
    ]
    print(name, np.mean(outcomes[name], axis=(0, 1)).round(2))

# %% [markdown]
# ## Result
# Wins minus losses, with an interval over the policies' seeds by Student's $t$. Runs of evaluation are
# averaged first: they vary the games, not the training. The control is judged as in the notebook
# [claims](claims.py); three seeds are too few for a verdict.

# %%
won, _, lost = np.moveaxis(np.array(list(outcomes.values())).mean(2), -1, 0)  # (pairs, seeds)
gains = dict(zip(outcomes, won - lost, strict=True))
*others, control = outcomes
rows_of_table = [
    tables.row(f"wins minus losses, {name}", statistics.t_interval(gains[name])) for name in others
]
effect = claims.smallest_effect("win rate")
part = Part(f"wins minus losses, {control}", gains[control], effect)
rows_of_table += tables.claim_rows("control", [part])
values = {"rows": rows_of_table, "outcomes": outcomes}
run.save(output, values, seeds=seeds)
tables.save_rows(output, "figure_5", rows_of_table)
gains = {f"wins minus losses, {name}": list(gain) for name, gain in gains.items()}
tables.save_runs(output, "figure_5", measures.as_runs(gains, seeds))
print((output / "figure_5.md").read_text())

# %%
outcomes = results.load(output)["values"]["outcomes"]
plots.use_style()
figure, ax = plt.subplots(figsize=(6.75, 2.6))
plots.draw_outcomes(ax, {name: np.array(s).mean(1) for name, s in outcomes.items()})
plots.save_figure(figure, output, "figure_5")
plt.show()

# %% [markdown]
# Shares of games that the first won (blue), drew (grey) and lost (orange): means over three seeds of the
# policies, 250 games each, with 95 % intervals (Student's t over seeds) at the ends of wins and losses.
#
# **What did and did not reproduce.** The figure that is published, `figures/figure_5.png`, is of policies that
# were trained against an earlier population, and had not learned to use their contexts (Figure 4). It decides
# nothing.
#
# ## Where we deviate
# The paper draws these rates over training; here they are those of the trained policies. The numbers of
# games and seeds are in the parameters.
#
# ## What it cost

# %%
result = results.load(output)
print(f"{result['wall_time_seconds']:.0f} s on {result['machine']}")
print(result["versions"])

# %% [markdown]
# ## Things to try
# - "offline" among the variants is refused: there are no matches of these opponents to embed. Which
#   matches would you take?
# - `max_steps = 100`: who wins fast?
