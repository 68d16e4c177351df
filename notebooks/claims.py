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
# **The question.** Which of the paper's claims hold here? We test seven of them. Each consists of parts (weak
# and strong, training and unseen), and each part is a statement on a difference $\Delta$ between two methods
# that ran side by side: the same seed, split and episodes. With the differences $\Delta_1, \dots, \Delta_S$ of
# $S$ independent runs, their mean $\bar\Delta$ and standard deviation $s$, Student's
#
# $$ t = \frac{\bar\Delta - \Delta_0}{s / \sqrt S} $$
#
# tests two things, at a level of 5 % for all parts of a claim together (Holm 1979):
#
# - **Is there a difference?** Two-sided, against $\Delta_0 = 0$.
# - **Is it too small to matter?** By two one-sided tests, against $\Delta_0 = \pm\delta$ (Schuirmann 1987),
#   where $\delta$ is the *smallest effect of interest*, chosen before the runs.
#
# A part is **equivalent** if its difference is shown to lie within $\pm\delta$, even where it is not zero; else
# **reproduced** or **contradicted**, by the sign of a significant difference; else **undecided**. Where the
# paper claims that two methods match, equivalence reproduces the claim, and a difference shown to be beyond
# $\pm\delta$ contradicts it. With fewer than five independent runs there is no verdict: **too few runs**. Runs
# that share a population are not independent: their mean counts as one. A claim is as good as its worst part,
# from contradicted over too few runs, undecided and equivalent to reproduced.
#
# ## Parameters

# %% tags=["parameters"]
show_parts = True  # print every part of every claim
num_simulated = 2000  # claims without effect, to see how often the rule is wrong
output_folder = "results/laptop/claims"  # where the results go, relative to the repository

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from paperlib import files
from reproduction import claims, plots, results, tables, verdicts

# %%
parameters = dict(show_parts=show_parts, num_simulated=num_simulated)
run = results.Run("claims", parameters)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# Nothing is trained or measured anew: the differences of all runs come from the results files of the other
# notebooks. The smallest effects and their reasons stand in `reproduction/claims.py`; the paper's numbers in
# the reasons are recalled, not verified.

# %%
found = {name: r for name, r in tables.load_all(output.parent).items() if name != "claims"}
judged, controls = claims.judge(found), claims.controls(found)
print(claims.effects_table())

# %% [markdown]
# ## Method
# How often is the rule wrong? We simulate claims on two methods that do not differ, with as many runs, parts
# and populations as each claim has here, and count those with a part that is called reproduced or contradicted.
# That should be at most 5 % (with 2,000 simulated claims, up to a standard error of 0.5 %), also where the noise
# is not normal. A rule by bootstrap intervals that leave zero out, for comparison, is wrong in 15 % of parts
# with five runs.

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
    print(f"{names}: {num_parts} parts of {num_runs} runs, {kind} noise: {rate:.1%} wrong")
print(f"{len(designs)} designs; a claim with too few runs has none")

# %% [markdown]
# ## Result
# Each claim with its parts, and how many independent runs would about decide what is undecided, if mean and
# spread stayed as they are; nothing, where ten thousand would not do.

# %%
run.save(output, {"claims": judged, "controls": controls, "errors": errors}, seeds=[])
with files.replacing(output / "claims.md") as temporary:
    temporary.write_text(claims.table(judged))
for claim in judged:
    print(f"{claim['claim']} {claim['verdict']}: {claim['text']}")
    if show_parts and claim["parts"]:
        print(f"\n{claims.parts_table(claim['parts'])}")
print(claims.table(judged))

# %%
values = results.load(output)["values"]
plots.use_style()
figure, ax = plt.subplots(figsize=(6.75, 5.5))
plots.draw_claims(ax, [part for claim in values["claims"] for part in claim["parts"]])
plots.save_figure(figure, output, "claims")
plt.show()

# %% [markdown]
# Every part of every claim: its difference with its 95 % interval (Student's t, not corrected for the number of
# parts), in units of the smallest effect, and with the sign that puts the paper's claim on the right. Shaded: too
# small to matter. Blue: reproduced; green: equivalent; orange: contradicted; grey: undecided or, lighter, too few
# runs. Where the claim is that two methods match, it is reproduced *within* the shade. Beyond -2 and 2 the axis
# is logarithmic.
#
# ## Negative controls
# Beside the claims, notebooks compare methods that do not differ, such as two untrained encoders with other
# weights, by the same rule. Such a pair must come out equivalent or undecided. One in which a difference is found
# is a **false alarm**: something is wrong with the runs, the pairing or the rule.

# %%
print(claims.parts_table(values["controls"]))
alarms = [row["item"] for row in values["controls"] if row["verdict"] == claims.FALSE_ALARM]
print(f"{len(values['controls'])} controls, {len(alarms)} false alarms", *alarms, sep="\n")

# %% [markdown]
# ## Ours against the paper
# Each notebook compares its numbers with the paper's (recalled, not verified), and says **where we
# deviate**; `make book` turns them all into one web book.
#
# ## What it cost

# %%
cost = {name: results.seconds(result) / 60 for name, result in found.items()}
for name, minutes in sorted(cost.items(), key=lambda pair: -pair[1]):
    print(f"{name:16} {minutes:6.1f} min")
print(f"{'all':16} {sum(cost.values()):6.1f} min")
print(results.load(output)["machine"], results.versions())

# %% [markdown]
# ## Things to try
# - Look at the parts: is a claim that is "contradicted" wrong everywhere, or in one place?
# - Halve the smallest effects in `reproduction/claims.py`. Which verdicts stand on them? (Published ones must not.)
# - Correct a number in `reproduction/paper_numbers.json`, run a notebook again, and see what moves: no verdict.
