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
# **The question.** Which of the paper's claims hold here? We test seven of them. Each is a statement on
# the sign of a difference $\Delta$ between two methods, or between two kinds of data. The notebook that
# measures the difference decides by its 95 % interval $[l, u]$ over seeds,
#
# $$ \text{reproduced if } l > 0, \qquad \text{not reproduced if } u < 0, \qquad
# \text{undecided if } l \le 0 \le u, $$
#
# where the sign is chosen such that the paper claims $\Delta > 0$. A claim with several parts (weak and
# strong, training and unseen) is reproduced if all parts are, not reproduced if any part is *not
# reproduced*, and else undecided. With fewer than five runs (three, where the interval is Student's $t$),
# a part is always undecided.
#
# ## Parameters

# %% tags=["parameters"]
show_parts = True  # print every part of every claim
output_folder = "results/laptop/claims"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt

from paperlib import files
from reproduction import claims, plots, results, tables

# %%
parameters = dict(show_parts=show_parts)
run = results.Run("claims", parameters)
output = results.resolve(output_folder)

# %% [markdown]
# ## Data
# Nothing is computed anew: everything comes from the results files of the other notebooks.

# %%
found = {name: r for name, r in tables.load_all(output.parent).items() if name != "claims"}
judged = claims.judge(found)
for claim in judged:
    print(f"{claim['claim']} {claim['verdict']}: {claim['text']}")
    if show_parts and claim["parts"]:
        print(f"\n{claims.parts_table(claim)}")

# %% [markdown]
# ## Result

# %%
run.save(output, {"claims": judged}, seeds=[])
with files.replacing(output / "claims.md") as temporary:
    temporary.write_text(claims.table(judged))
print(claims.table(judged))

# %%
values = results.load(output)["values"]
plots.use_style()
figure, ax = plt.subplots(figsize=(6.75, 5.5))
plots.draw_claims(ax, [part for claim in values["claims"] for part in claim["parts"]])
plots.save_figure(figure, output, "claims")
plt.show()

# %% [markdown]
# Every part of every claim: the difference divided by half the width of its 95 % interval, with the sign
# that puts the paper's claim on the right. Blue: reproduced; orange: not; grey: undecided.
# Beyond -2 and 2 the axis is logarithmic.
#
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
# - Correct a number in `reproduction/paper_numbers.json`, run a notebook again, and see which verdict moves.
# - Look at the parts: is a claim that is "not reproduced" wrong everywhere, or in one place?
