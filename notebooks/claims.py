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
# **The question.** Which of the paper's claims hold here? Seven of them can be put to a test. Each is a
# statement on the sign of a difference $\Delta$ between two methods, or between two kinds of data, and
# the notebook that measures the difference decides by its 95 % interval $[l, u]$ over seeds:
#
# $$ \text{reproduced if } l > 0, \qquad \text{not reproduced if } u < 0, \qquad
# \text{undecided if } l \le 0 \le u, $$
#
# with the sign turned so that the paper's claim is $\Delta > 0$. A claim with several parts (weak and
# strong, training and unseen) is reproduced if all parts are, not reproduced if one part is *not
# reproduced*, and else undecided. Fewer than five runs (three, where the interval is Student's $t$) decide
# nothing: what rests on them is undecided.
#
# ## Parameters

# %% tags=["parameters"]
show_parts = True  # print every part of every claim
output_folder = "results/laptop/claims"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt

from paperlib import files
from reproduction import claims, plots, results, tables

run = results.Run("claims", globals())
output = results.resolve(output_folder)
results_dir = results.resolve(output_folder).parent

# %% [markdown]
# ## Data
# Nothing is computed anew: all comes from the results files of the other notebooks.

# %%
found = {name: result for name, result in tables.load_all(results_dir).items() if name != "claims"}
judged = claims.judge(found)
for claim in judged:
    print(f"{claim['claim']} {claim['verdict']}: {claim['text']}")
    for part in claim["parts"] if show_parts else []:
        print(f"    {part['verdict']:15} {tables.interval(part):22} {part['item']}")

# %% [markdown]
# ## Result

# %%
run.save(output, {"claims": judged}, seeds=[])
text = claims.report(results_dir, found, judged)
for suffix, content in ((".markdown", text), (".html", claims.page(text, results_dir))):
    with files.replacing(output / f"report{suffix}") as temporary:
        temporary.write_text(content)
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
# Every part of every claim: the difference in units of half its interval's width, turned so that the
# paper's claim is on the right. Blue: reproduced; orange: not; grey: undecided.
# Beyond -2 and 2 the axis is logarithmic.
#
# ## Ours against the paper
# The report, `report.html` beside this notebook's results, holds every table and figure with the paper's
# numbers (recalled, not verified). **Where we deviate** is told notebook by notebook there.
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
# - Correct a number in `paperlib/paper_numbers.json`, run a notebook again, and see which verdict moves.
# - Look at the parts: is a claim that is "not reproduced" wrong everywhere, or in one place?
