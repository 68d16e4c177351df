# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The wrestlers: twenty-five ants
#
# **The question.** Embeddings of policies need policies that differ. Are there 25 ants that wrestle well
# enough to be worth studying, each in its own style?
#
# All of them were trained with PPO (Schulman et al. 2017): a Gaussian policy $\pi_\psi$ maximises
#
# $$ \mathbb E\Big[\min\big(\rho_t \hat A_t,\; \operatorname{clip}(\rho_t, 1-\epsilon, 1+\epsilon)
# \hat A_t\big)\Big], \qquad \rho_t = \frac{\pi_\psi(a_t \mid o_t)}{\pi_\text{old}(a_t \mid o_t)}, $$
#
# with generalised advantage estimates $\hat A_t$. Matches are with itself, or with the other one of a pair
# that trains together, with motionless and random ants, and with earlier versions of itself. Seven
# *founders* come first, each with its own reward weights: a, b, e, f and g from random initial policies,
# c from a, d from b. From c to g start thirteen training runs by self-play and six of pairs. Each has
# rewards for another *style*, such as pushing, toppling, haste, height or caution, and its own action noise.
#
# Which leg leads and which way an ant turns is decided by chance, early in a training from a random policy,
# and a million samples with other rewards do not change it. But the ant and the ring are symmetric: the
# reflection of a match is a match between reflected policies of the same strength. So a run starts
# from one of the four reflections of its parent: as it is, along x, along y, or both.
#
# ## Parameters

# %% tags=["parameters"]
from_scratch = False  # train all of them (hours; see the README), or take the shipped ones
seed = 0  # of the trainings and of the matches with references
num_agents = 25  # how many of them take part
matches_per_edge = 10  # of each two wrestlers, for each evaluation seed
evaluation_seeds = [1, 2]  # of the matches among them
num_reference_matches = 200  # of each wrestler with each reference
num_workers = 2  # processes that train; does not affect the results
training_runs_folder = "results/laptop/training_runs"  # trained wrestlers, kept between runs
output_folder = "results/laptop/wrestlers"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import numpy as np

from paperlib.agents import matches, published_policies, robosumo_policies
from reproduction import plots, results, statistics, tables, wrestlers
from reproduction import wrestler_evaluation as evaluation
from reproduction.training_runs import founder, member_names

# %%
parameters = dict(
    from_scratch=from_scratch,
    seed=seed,
    num_agents=num_agents,
    matches_per_edge=matches_per_edge,
    evaluation_seeds=evaluation_seeds,
    num_reference_matches=num_reference_matches,
    num_workers=num_workers,
)
run = results.Run("wrestlers", parameters)
output, training_runs = results.resolve(output_folder), results.resolve(training_runs_folder)

# %% [markdown]
# ## Training
# Every training run is a job of its own that resumes from its last checkpoint; on a cluster, runs whose
# parents are finished train in parallel. The shipped weights come from these very runs.

# %%
if from_scratch:
    wrestlers.train_all(seed=seed, folder=training_runs, num_workers=num_workers)
    everyone, provenance = wrestlers.assemble(training_runs)
else:
    everyone, provenance = robosumo_policies.load_shipped()
names = member_names()[:num_agents]
population = {name: everyone[name] for name in names}
robosumo_policies.save(output / "population.safetensors", population, provenance)
players = list(population.values())
families = np.array([founder(name)[0] for name in names])
print(len(population), "wrestlers")

# %% [markdown]
# ## Can they wrestle?
# Each wrestler plays against an ant with zero torques, one that acts at random, and, if available, the
# published `ant-mlp-v1` (set `ROBOSUMO_POLICIES` to its folder). A wrestler should not lose to a motionless
# ant: it only can by falling or leaving the ring.

# %%
references = {"motionless": matches.ZeroAction(8), "random": matches.UniformlyRandom(8)}
published = published_policies.find("ant", "mlp")
if published:
    references["ant-mlp-v1"] = published_policies.load(published, robot="ant", kind="mlp")
shares = evaluation.play_references(
    players, references, num_matches=num_reference_matches, seed=seed
)
won, lost = (
    {title: np.array([share[how].mean for share in each]) for title, each in shares.items()}
    for how in ("won", "lost")
)
passed = (won["motionless"] >= 0.6) & (lost["motionless"] <= 0.15) & (won["random"] >= 0.85)
for title, rates in won.items():
    print(f"{title}: won {rates.mean():.2f} on average, {rates.min():.2f} to {rates.max():.2f}")

# %% [markdown]
# ## Do they differ?
# A tournament: all wrestlers play each other, once for each evaluation seed. Each match gives an
# outcome and a few statistics of style. Wrestlers differ by more than chance if most of the variance
# between measurements is *between* wrestlers (the intraclass correlation: 1 if two seeds measure the same,
# 0 if they are unrelated). "Contact" is the share of steps in which a force acts on the opponent's torso,
# "effort" the mean squared torque, and "drawn" a share of matches.

# %%
tournaments = [
    evaluation.play_tournament(players, matches_per_edge=matches_per_edge, seed=evaluation_seed)
    for evaluation_seed in evaluation_seeds
]
icc = evaluation.style_icc(tournaments)
within = {
    f"{name}, family {family}": value
    for family in sorted(set(families))
    for name, value in evaluation.style_icc(tournaments, families == family).items()
}
for name, value in icc.items():
    inside = [
        f"{family} {within[f'{name}, family {family}']:.2f}" for family in sorted(set(families))
    ]
    print(f"{name:12} {value:5.2f}   within families {', '.join(inside)}")

# %% [markdown]
# ## Result

# %%
rows, runs = [], []
for title in shares:
    for how, rates in (("won", won[title]), ("lost", lost[title])):
        found = statistics.t_interval(rates)
        rows.append(tables.row(f"matches {how} against {title}, mean of wrestlers", found))
        quantity = f"matches {how} against {title}"
        runs += [
            {"wrestler": name, "quantity": quantity, "value": rate}
            for name, rate in zip(names, rates, strict=True)
        ]
for name, value in icc.items():
    found = statistics.Estimate(value, np.nan, np.nan, 1)
    rows.append(tables.row(f"share of variance between wrestlers: {name}", found))
counts = evaluation.total_counts(tournaments)
kept = "training_run", "total_samples", "seconds", "curve"

# %%
values = {
    "rows": rows,
    "names": names,
    "shares": shares,
    "passed": passed,
    "ratings": evaluation.ratings(tournaments, generator=np.random.default_rng(seed)),
    "counts": counts,
    "win_rates": evaluation.win_intervals(counts),
    "styles": {name: [part.styles[name] for part in tournaments] for name in icc},
    "icc": icc,
    "icc within families": within,
    "families": families,
    "provenance": {k: {key: v[key] for key in kept} for k, v in provenance.items()},
}
run.save(output, values, seeds=evaluation_seeds)
tables.save_rows(output, "wrestlers", rows)
tables.save_runs(output, "wrestlers", runs)

# %%
values = results.load(output)["values"]
shares, styles, ratings = values["shares"], values["styles"], np.array(values["ratings"])
columns = [(opponent, how) for opponent in shares for how in ("won", "lost")]
lines = []
for k in np.argsort(-ratings[:, 0]):
    cells = [statistics.Estimate(*shares[opponent][k][how]) for opponent, how in columns]
    rating, low, high = ratings[k]
    means = [f"{np.mean([style[k] for style in both]):.2f}" for both in styles.values()]
    lines.append((values["names"][k], f"{rating:.0f} [{low:.0f}, {high:.0f}]", *cells, *means))
header = (
    "wrestler",
    "rating",
    *(f"{how} against {opponent}" for opponent, how in columns),
    *styles,
)
table = tables.markdown_table(header, lines)
(output / "wrestlers_each.md").write_text(table)
print(f"{sum(values['passed'])} of {len(values['names'])} wrestlers pass the minimum criterion.")
print(table)

# %%
plots.use_style()
order = np.argsort(-ratings[:, 0])
counts = {how: np.array(matrix)[np.ix_(order, order)] for how, matrix in values["counts"].items()}
labels, ratings = [values["names"][k] for k in order], ratings[order]
figure, (left, right) = plt.subplots(1, 2, figsize=(6.75, 3.6), width_ratios=[1.6, 1])
total = np.maximum(sum(counts.values()), 1)
rates = np.where(np.eye(len(order), dtype=bool), np.nan, counts["won"] / total)
plots.draw_win_matrix(left, rates, labels)
ranks = np.arange(len(order))
errors = np.abs(ratings[:, 1:] - ratings[:, :1]).T
right.errorbar(ratings[:, 0], ranks, xerr=errors, fmt="o", ms=3, capsize=2, color="#0072B2")
right.set(xlabel="rating", yticks=ranks, yticklabels=[], ylim=(len(order) - 0.5, -0.5))
plots.save_figure(figure, output, "wrestlers")
plt.show()

# %% [markdown]
# **Left:** share of matches that the row won against the column (draws count for neither); rows and
# columns are ordered by rating. **Right:** ratings on the chess scale (Bradley and Terry 1952) with
# 95 % bootstrap intervals over matches: 400 points are odds of ten to one.

# %%
figure, axes = plt.subplots(2, 4, figsize=(6.75, 3.4))
units = {"distance": "m", "height": "m", "speed": "m/s", "from centre": "m", "length": "steps"}
families = np.array(values["families"])
for ax, (name, both) in zip(axes.flat, values["styles"].items(), strict=True):
    one, other = np.array(both)[:2]
    for number, family in enumerate(sorted(set(families))):
        own = families == family
        ax.scatter(one[own], other[own], s=10, color=f"C{number}", label=family)
    ends = [min(*one, *other), max(*one, *other)]
    ax.plot(ends, ends, color="0.6", lw=0.7)
    unit = f" in {units[name]}" if name in units else ""
    ax.set_title(f"{name}{unit}\nICC {values['icc'][name]:.2f}", fontsize=8)
    ax.tick_params(labelsize=6)
handles = axes[0, 0].get_legend_handles_labels()
figure.legend(*handles, title="family", loc="outside upper center", ncols=7)
figure.supxlabel("first evaluation seed", fontsize=8)
figure.supylabel("second evaluation seed", fontsize=8)
plots.save_figure(figure, output, "wrestlers_styles")
plt.show()

# %% [markdown]
# The style of each wrestler (a point), measured twice with different seeds. On the diagonal both agree: the
# wider the points spread along it, compared with their distance from it, the more the statistic says about
# the wrestler. Colours: the family.
#
# Five families stand out: c's are the quickest and stay nearest to the centre, d's work
# hardest, g's take the least effort. Effort differs within every family, too (printed above); height and
# speed in some. A million samples with rewards for another style change a gait a little that took many more
# to learn. Most differences within a family, in which legs do what, do not appear in
# statistics that are invariant to reflections. How often torsos touch, how long matches last
# and how many are drawn depends on the opponent as much, and varies least between wrestlers.
#
# ## Performance grows with samples
# Samples are counted from the first one of a wrestler's first founder on.

# %%
figure, axes = plt.subplots(1, 2, figsize=(6.75, 2.5), sharex=True)
for name, own in values["provenance"].items():
    samples, won, lost = np.array(own["curve"], dtype=float).T
    total = (own["total_samples"] - samples[-1] + samples) / 1e6
    is_founder = len(own["training_run"]) == 1
    look = dict(lw=1.4, zorder=3, label=name) if is_founder else dict(lw=0.5, color="0.6")
    for ax, share in zip(axes, (won, lost), strict=True):
        ax.plot(total, share, **look)
for ax, level, title in zip(axes, (0.6, 0.15), ("won", "lost"), strict=True):
    ax.axhline(level, color="black", lw=0.7, ls=":")
    ax.set(xlabel="samples in millions", ylabel=f"matches {title}", ylim=(0, 1))
axes[0].legend(ncols=2, title="founders")
plots.save_figure(figure, output, "wrestlers_training")
plt.show()

# %% [markdown]
# Shares of matches won and lost against a motionless ant during training, by iteration (with exploration
# noise): founders thick, wrestlers grey. Dotted: the minimum criterion.
#
# **What was reached, and what was not** (in the run in `figures/`). All 25 pass the minimum criterion (60 %
# won and at most 15 % lost against a motionless ant, 85 % won against one that acts at random), some by a
# match or two; nine were fine-tuned for it, mostly against a motionless ant. We hoped for 80 % there, and
# get 60 to 76 %; for 95 % against random actions, and get it; and for five wrestlers that win 40 %
# against `ant-mlp-v1`: the best win a third.
#
# **What was tried.** Founders e, f and g, with two of three matches against opponents and most of those
# motionless, got as far in six million samples as a and b in ten to sixteen. A sixth family, rewarded for
# pushing and not for toppling, drew half of its matches, never won more than 52 % and was left out.
# Acting with half the noise, or a quarter, had no measurable effect. Larger penalties for losses
# brought fewer losses, and for draws more wins, each within a million samples. The curves
# still rise, slowly: more samples would help.
#
# ## What it cost

# %%
result = results.load(output)
spent = {own["training_run"]: own["seconds"] for own in result["values"]["provenance"].values()}
print(
    f"training: {sum(spent.values()) / 3600:.1f} core hours; longest {max(spent.values()) / 60:.0f} min"
)
print(f"notebook: {result['wall_time_seconds']:.0f} s, at most {result['peak_memory_gb']:.1f} GB")
print(result["machine"], result["versions"])

# %% [markdown]
# ## Things to try
# - `evaluation_seeds = [1, 2, 3, 4]`: which ratings no longer overlap?
# - A style of your own: add it to the styles and a run to the members of
#   `reproduction/recipes/wrestlers.yaml`, then `python -m reproduction.train NAME` trains it.
