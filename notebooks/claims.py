# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The claims, judged
#
# **The question.** Which of the paper's claims hold here? We test seven of them (C7b
# repeats C7 with an encoder of ours). Each consists of parts (weak and strong, training
# and unseen), and each part is a statement about a difference $\Delta$ between two
# methods that ran side by side, with the same seed, split and episodes. If
# $\Delta_1, \dots, \Delta_S$ are the differences in $S$ independent runs, with mean
# $\bar\Delta$ and standard deviation $s$, then Student's
#
# $$ t = \frac{\bar\Delta - \Delta_0}{s / \sqrt S} $$
#
# tests two things, at a level of 5 % for all parts of a claim together (Holm 1979):
#
# - **Is there a difference?** A two-sided test against $\Delta_0 = 0$.
# - **Is it too small to matter?** Two one-sided tests against $\Delta_0 = \pm\delta$
#   (Schuirmann 1987), where $\delta$ is the *smallest effect of interest*, chosen
#   before the runs.
#
# The verdict on a part is the first of these that applies:
#
# - **too few runs**: fewer than five independent ones. In ParticleWorld, runs that
#   share a population count as one, by their mean. RoboSumo has a single population:
#   verdicts on C1 and C4 to C6 are over splits and seeds, and hold for these wrestlers
#   only;
# - **equivalent**: the difference is shown to lie within $\pm\delta$, even if it is not
#   zero;
# - **reproduced** or **contradicted**: there is a significant difference, with or
#   against the sign that the paper claims;
# - **undecided**.
#
# Where the paper claims that two methods match, equivalence reproduces the claim, and a
# difference shown to be beyond $\pm\delta$ contradicts it. C7 compares with an oracle,
# which knows the listener; the paper compares with its baseline ([table_3](table_3.ipynb)
# says why). A claim gets the verdict of its worst part; from worst to best: contradicted,
# too few runs, undecided, equivalent, reproduced.
#
# **What to expect.** If the paper's results carry over, every part is reproduced; and
# our negative controls, pairs of methods with the same information, show no difference.
#
# ## Parameters

# %% tags=["parameters"]
show_parts = True  # whether to print every part of every claim
num_simulated = 2000  # claims without a true effect, simulated to estimate the rule's error rate
output_folder = "results/laptop/claims"  # where the results go, relative to the repository

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from paperlib import files
from reproduction import claims, plots, results, tables, verdicts
from reproduction.comparison_files import METHODS
from reproduction.statistics import p_value_of_splits, t_interval

# %%
parameters = dict(show_parts=show_parts, num_simulated=num_simulated)
run = results.Run("claims", parameters)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# Nothing is trained or measured here: the differences in all runs come from the results
# files of the other notebooks. The smallest effects of interest are 0.02 for IICR and
# accuracy, 0.05 for scores, and for returns 0.5, or 1 where two speakers should match.
# `reproduction/claims.py` gives the reasons for them, in which the paper's numbers are
# quoted from memory, not verified.

# %%
found = {name: r for name, r in tables.load_all(output.parent).items() if name != "claims"}
judged, controls = claims.judge(found), claims.controls(found)
tables.show(claims.effects_table())

# %% [markdown]
# ## Method
# How often is the rule wrong? We simulate claims about two methods that do not differ,
# with as many runs, parts and populations as each claim has here, and count those with
# a part that is called reproduced or contradicted. That should be at most 5 % (with
# 2,000 simulated claims, up to a standard error of 0.5 %), even if the noise is not
# normal. For comparison: a rule that looks at whether a bootstrap interval excludes
# zero is wrong in 15 % of parts with five runs.

# %%
designs = {}
for claim in judged:
    for part in claim["parts"]:
        clusters = part["clusters"] and tuple(part["clusters"])
        design = len(part["differences"]), len(claim["parts"]), clusters
        if part["num_runs"] >= verdicts.MIN_RUNS:
            designs.setdefault(design, []).append(claim["claim"])
errors = []
for (num_runs, num_parts, clusters), kind in product(designs, ("normal", "skewed")):
    asked = {"num_runs": num_runs, "num_parts": num_parts, "clusters": clusters, "kind": kind}
    rate = verdicts.error_rate(
        **asked, num_claims=num_simulated, generator=np.random.default_rng(0)
    )
    names = ", ".join(dict.fromkeys(designs[num_runs, num_parts, clusters]))
    errors.append({"claims": names, **asked, "rate": rate})
    runs = f"{num_runs} runs in {len({*clusters})} populations" if clusters else f"{num_runs} runs"
    print(f"{names}: {num_parts} parts of {runs}, {kind} noise: {rate:.1%} wrong")
print(f"{len(designs)} designs; a claim with too few runs has none")

# %% [markdown]
# ## Result
# Each claim with its parts. The last column says roughly how many independent runs
# would settle an undecided part, if mean and spread stayed as they are; it is empty
# where even ten thousand would not be enough.

# %%
measured = found["table_1"]["values"]["measured"] if "table_1" in found else {}
gains = []  # gains in accuracy over untrained encoders
for kind, method in product(("weak", "strong"), METHODS):
    numbers = [measured.get(f"{kind} {m} outcome, 1 episodes") for m in (method, "untrained")]
    if all(numbers):
        gains.append(tables.row(f"{kind}, {method}", t_interval(np.subtract(*numbers))))
content = {"claims": judged, "controls": controls, "errors": errors, "gains": gains}
run.save(output, content, seeds=[])
with files.replacing(output / "claims.md") as temporary:
    temporary.write_text(claims.table(judged))
for claim in judged:
    parts = claims.parts_table(claim["parts"]) if show_parts and claim["parts"] else ""
    tables.show(f"**{claim['claim']}, {claim['verdict']}.** {claim['text']}\n\n{parts}")
tables.show(claims.table(judged))

# %%
values = results.load(output)["values"]
plots.use_style()
figure, ax = plt.subplots(figsize=(6.75, 5.5))
plots.draw_claims(ax, [part for claim in values["claims"] for part in claim["parts"]])
plots.save_figure(figure, output, "claims")

# %% [markdown]
# Every part of every claim: its difference with a 95 % interval (Student's t, not
# corrected for the number of parts), in units of the smallest effect of interest, and
# with the sign that puts the paper's claim on the right. Shaded: too small to matter.
# Blue: reproduced; green: equivalent; orange: contradicted; grey: undecided or,
# lighter, too few runs. Where the claim is that two methods match, it is reproduced
# *within* the shaded band. Beyond -2 and 2 the axis is logarithmic.
#
# **Would it hold for other wrestlers?** Table 1's runs all split the same ones. If we
# allow for what the splits share (Nadeau and Bengio 2003; a test part is a third of a
# training part), the same differences say less about other wrestlers like these:

# %%
body = []
for claim in values["claims"]:
    for part in claim["parts"] if claim["claim"] in ("C1", "C4") else ():
        if part["num_runs"] > 1:
            row = [part["item"]]
            for shared in (0.0, 1 / 3):
                p = p_value_of_splits(part["differences"], test_to_training=shared)
                row.append(f"{p:.3f}" if p >= 0.001 else "< 0.001")
            body.append(row)
tables.show(tables.markdown_table(("part", "p, these wrestlers", "p, others like them"), body))

# %% [markdown]
# **How much of C4 is learned?** Untrained encoders predict outcomes better than the
# majority class, too. The gain in accuracy over them, from one episode, with 95 %
# intervals:

# %%
body = [(gain["item"], tables.interval(gain)) for gain in values["gains"]]
tables.show(tables.markdown_table(("split, embedding", "gain over untrained"), body))

# %% [markdown]
# **What it means.** In the run in `figures/`, Emb-Hyb clusters best on RoboSumo, as the
# paper says (C1), and all three embeddings predict outcomes better than the majority
# class (C4), though most of that lead is there before training: with unseen wrestlers,
# the gain over untrained encoders is not significant. For unseen wrestlers, neither
# claim is shown to hold beyond this population. **What did not reproduce.** On
# ParticleWorld, Emb-Id does not measurably cluster better than the others (C2): in the
# strong split it is equivalent to both, to within 0.02; in the weak one the verdict is
# undecided. It is also undecided whether unseen listeners cluster worse than known ones
# (C3). Policies with Emb-Hyb score as much as policies without, to within 0.05 (C5),
# and as much as policies with fixed or random embeddings (C6); no learning curve of
# Figure 4 measurably rises, so it is open whether there is nothing to gain or PPO does
# not find it; and its encoder hardly separates the unseen opponents. Speakers with the
# paper's embeddings stay behind the oracle on training listeners, and do not measurably
# gain on unseen ones (C7). With gated pooling and relabelled channels they do gain on
# unseen listeners; one episode is not enough to match the oracle on training listeners
# (C7b). A claim that no results file tests is *not tested*.
#
# ## Negative controls
# The notebooks also compare methods with the same information: two untrained encoders
# with different weights, or policies without an embedding and with zeros or noise in
# its place. A significant difference within such a pair (corrected for the number of
# pairs in the notebook), even one below the smallest effect, is a **false alarm**. For
# two encoders or two copies of a policy it means that the runs, the pairing or the rule
# is wrong. The other pairs are a stricter test: noise among the inputs may disturb
# learning, and in Table 3 *zeros* is a single training run, whereas *no embedding* is
# the mean over 16 of them. In the run in `figures/`, one of the 11 controls is a false
# alarm, in a pair of the stricter kind and below the smallest effect: zeros lower the
# return by 0.005 (Table 3).

# %%
tables.show(claims.parts_table(values["controls"]))
alarms = [row["item"] for row in values["controls"] if row["verdict"] == claims.FALSE_ALARM]
print(f"{len(values['controls'])} controls; false alarms: {len(alarms)}", *alarms, sep="\n")

# %% [markdown]
# ## Ours against the paper
# Each notebook compares its numbers with the paper's (quoted from memory, not
# verified), and says **where we deviate**; `make book` turns all notebooks into one web
# book.
#
# ## What it cost
# Minutes of each notebook, excluding training runs that were kept from earlier. The costs from scratch are in [workflow](../workflow/README.md).

# %%
cost = {name: result["wall_time_seconds"] / 60 for name, result in found.items()}
for name, minutes in sorted(cost.items(), key=lambda pair: -pair[1]):
    print(f"{name:16} {minutes:6.1f} min")
print(f"{'all':16} {sum(cost.values()):6.1f} min\nthis notebook: {results.cost(output)}")

# %% [markdown]
# ## Things to try
# - Look at the parts: is a claim that is "contradicted" wrong everywhere, or only in
#   one place?
# - Halve the smallest effects in `reproduction/claims.py`. Which verdicts depend on
#   them? (For the published verdicts they were chosen before the runs, and stay.)
# - Correct a number in `reproduction/paper_numbers.json`, rerun a notebook, and see
#   what changes: no verdict does.
