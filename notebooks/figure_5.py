# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Figure 5: the told against the untold
#
# **The question.** Figure 4 lets new wrestlers meet those of the population. What if they meet each other:
# one that conditions on embeddings against one that was trained just the same without? Each match is
# won by the one, by the other, or by nobody:
#
# $$ P(\text{win}) + P(\text{draw}) + P(\text{loss}) = 1. $$
#
# ## Parameters

# %% tags=["parameters"]
seeds = [0, 1, 2]  # of the policies of Figure 4
variants = ["no embedding", "Emb-Im", "Emb-Id", "Emb-Hyb"]  # each against each
encoder_seed = 0  # of Table 1, as in Figure 4
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

from paperlib.agents import contexts
from reproduction import plots, policy_optimisation, results, statistics, tables

run = results.Run("figure_5", globals())
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# The policies are the last ones of Figure 4. Policies of one seed meet: they had the same start and the
# same opponents.

# %%
opponents = policy_optimisation.Opponents.from_parameters(globals())
if unknown := {*variants} & {"offline", "oracle"}:
    raise ValueError(f"variants: {unknown} know the population alone, and these opponents are new")
policies = opponents.load_policies(results.resolve(policies_folder), variants, seeds)


def opponent_context(variant: str) -> contexts.OpponentContext:
    """What one side is told of the other in all games of a run."""
    return policy_optimisation.make_opponent_context(
        opponents.context_spec(variant), num_games, [0]
    )


# %% [markdown]
# ## Method
# All games are played twice. The first time nobody knows anything of the other; the second time, which
# counts, those with embeddings know that of the very match before.


# %%
pairs = list(combinations(variants, 2))[::-1]
outcomes: dict[str, list[list[list[float]]]] = {}
nobody = np.zeros(num_games, dtype=np.int64)
for number, pair in enumerate(pairs):
    name = f"{pair[1]} against {pair[0]}"
    outcomes[name] = []
    for seed in seeds:
        shares = []
        for evaluation in evaluation_seeds:
            sides = [(policies[v, seed], opponent_context(v)) for v in pair[::-1]]
            key = (seed, 510, evaluation, number)
            played = contexts.meet(
                sides, [], nobody, key=key, max_cycles=max_steps, num_threads=num_threads
            )
            found = played.shares()
            shares.append([found[how] for how in ("won", "drawn", "lost")])
        outcomes[name].append(shares)
    print(name, np.mean(outcomes[name], axis=(0, 1)).round(2))

# %% [markdown]
# ## Result
# The difference of wins and losses, with its interval over the policies' seeds by Student's $t$. Runs of
# evaluation are averaged first: they tell of the games, not of another training.

# %%
rows_of_table = []
for name, shares in outcomes.items():
    gain = np.array(shares)[..., 0] - np.array(shares)[..., 2]  # (seeds, runs of evaluation)
    found = statistics.t_interval(gain.mean(1))
    rows_of_table.append(tables.row(f"wins minus losses, {name}", found))
values = {"rows": rows_of_table, "outcomes": outcomes}
run.save(output, values, seeds=seeds)
tables.save_rows(output, "figure_5", rows_of_table)
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
# **What did and did not reproduce** (default profile). With or without embeddings, wins and losses balance:
# Emb-Hyb wins 4 % of games more than it loses against no embedding, within an interval from -10 to 19.
# That the difference of Emb-Id and no embedding just leaves zero out is what one of six intervals may do
# by chance. Figure 4 tells why: nobody has learned enough to make use of what it is told.
#
# ## Where we deviate
# The paper draws these rates over training; here are those of the trained policies. How many games and
# seeds there are is in the parameters.
#
# ## What it cost

# %%
result = results.load(output)
print(f"{result['wall_time_seconds']:.0f} s on {result['machine']}")
print(result["versions"])

# %% [markdown]
# ## Things to try
# - "offline" among the variants is refused: nobody ever saw these opponents. What would you tell it?
# - `max_steps = 100`: who wins fast?
