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
# **The question.** In Figure 4, new wrestlers meet those of the population. What if
# they meet each other: one that conditions on embeddings against one that was trained
# in the same way without them? Each match is won, drawn or lost; what a policy scores
# beyond one half is
#
# $$ P(\text{win}) + \tfrac12 P(\text{draw}) - \tfrac12 = \tfrac12 \big( P(\text{win}) - P(\text{loss}) \big). $$
#
# **What to expect.** In the paper, policies with embeddings win more often than those
# without. If ours gain, they win more often than they lose; Figure 4 leaves little
# room for that.
#
# ## Parameters

# %% tags=["parameters"]
seeds = [0, 1, 2, 3, 4, 5, 6, 7]  # seeds of Figure 4's policies; only those of the same seed meet
variants = ["no embedding", "Emb-Im", "Emb-Id", "Emb-Hyb"]  # variants of Figure 4 that are compared
num_games = 40  # games that each pair of policies plays in parallel
num_rounds = 5  # scored rounds of these parallel games, one after the other
max_steps = 501  # steps after which a match is a draw, as in the original
num_workers = 2  # parallel processes; does not affect the results
figure_4_folder = "results/laptop/figure_4"  # results of figure_4.py, with the policies
output_folder = "results/laptop/figure_5"  # where the results go, relative to the repository

# %%
from itertools import combinations, product

import matplotlib.pyplot as plt
import numpy as np
import torch

from reproduction import (
    claims,
    contextual_policies,
    measures,
    plots,
    policy_games,
    results,
    statistics,
    tables,
)
from reproduction.jobs import run_jobs
from reproduction.streams import Stream
from reproduction.verdicts import Part

# %%
parameters = dict(seeds=seeds, variants=variants, num_games=num_games, num_rounds=num_rounds,
    max_steps=max_steps, num_workers=num_workers)  # fmt: skip
run = results.Run("figure_5", parameters)
torch.set_num_threads(1)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# The policies are those of Figure 4. All had the same start and the same opponents.
# Only policies of the same seed meet, so that each seed gives one independent result
# for each pair.

# %%
trained = contextual_policies.load(results.resolve(figure_4_folder))
refused = {
    v for v in variants if trained.provenance["contexts"][v]["kind"] in ("offline", "oracle")
}
if refused:
    raise ValueError(f"variants: {refused} need opponents of the population; these are new")

# %% [markdown]
# ## Method
# Games are played in series of five that are scored. If either side uses embeddings,
# four unscored games come first: contexts are zeros in the first of them, and the mean
# of the embeddings so far in later games. A **negative control** plays the first
# variant against itself: neither side is better, so any lead is chance.


# %%
itself = (variants[0], variants[0])
pairs = {f"{new} against {old}": (new, old) for old, new in [*combinations(variants, 2)][::-1]}
pairs |= {f"{itself[0]} against {itself[1]}": itself}
jobs = [
    {
        "sides": [
            (trained.policies[variant, policy_seed], trained.context_spec(variant, ["the other"]))
            for variant in pair
        ],
        "key": (policy_seed, Stream.FIGURE_5_MATCHES, number),
        **dict(num_games=num_games, num_rounds=num_rounds, max_cycles=max_steps),
    }
    for (number, pair), policy_seed in product(enumerate(pairs.values()), seeds)
]
options = dict(num_workers=num_workers, units=len(jobs), name="games")
played = run_jobs(policy_games.meet, jobs, **options)
of_pairs = np.reshape(played, (len(pairs), len(seeds), 3)).tolist()
outcomes = dict(zip(pairs, of_pairs, strict=True))  # (seeds, 3) each

# %% [markdown]
# ## Result
# Scores, 1 for a win and ½ for a draw, minus ½, with intervals over the policies'
# seeds by Student's $t$. The control is judged as in the notebook
# [claims](claims.ipynb).

# %%
leads = {
    f"score minus ½, {name}": [(won - lost) / 2 for won, _, lost in found]
    for name, found in outcomes.items()
}
*others, control = leads
rows = [tables.row(name, statistics.t_interval(leads[name])) for name in others]
part = Part(control, leads[control], claims.smallest_effect("score"))
rows += tables.claim_rows("control", [part])
run.save(output, {"rows": rows, "outcomes": outcomes}, seeds=seeds)
tables.save_rows(output, "figure_5", rows)
tables.save_runs(output, "figure_5", measures.as_runs(leads, seeds))
tables.show((output / "figure_5.md").read_text())

# %%
outcomes = results.load(output)["values"]["outcomes"]
plots.use_style()
figure, ax = plt.subplots(figsize=(6.75, 2.6))
plots.draw_outcomes(ax, outcomes)
plots.save_figure(figure, output, "figure_5")

# %% [markdown]
# Shares of games that the first-named policy won (blue), drew (grey) and lost (orange):
# means over the policies' seeds, 200 games each. Points: the score, wins and half the
# draws, with its 95 % interval (Student's t over seeds).
#
# **What it means** (default profile). No difference is significant: every score is
# within 0.02 of ½, every interval contains ½, and none reaches further from it than
# 0.05. Judged together by the rule of [claims](claims.ipynb), all six are equivalent to ½
# (within 0.05), and so is the control. Emb-Hyb scores 0.51 [0.49, 0.54] against no
# embedding. **What did not reproduce:** as in Figure 4, any gain from
# embeddings.
#
# ## Where we deviate
# The paper plots these rates over the course of training; ours are those of the trained
# policies. The numbers of games and seeds are in the parameters.
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - Add "offline" to the variants: it is refused, since there are no matches of these
#   opponents to embed. Which matches would you take?
# - `max_steps = 100`: who wins fast?
