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
# **The question.** Embeddings of policies can only be studied on policies that differ. Can
# we train 25 ants that wrestle well, each in its own style? And does strength alone decide
# who beats whom?
#
# All ants are trained with PPO (Schulman et al. 2017): a Gaussian policy $\pi_\psi$
# maximises
#
# $$ \mathbb E\Big[\min\big(\rho_t \hat A_t,\; \operatorname{clip}(\rho_t, 1-\epsilon, 1+\epsilon)
# \hat A_t\big)\Big], \qquad \rho_t = \frac{\pi_\psi(a_t \mid o_t)}{\pi_\text{old}(a_t \mid o_t)}, $$
#
# with generalised advantage estimates $\hat A_t$. Each training run starts from random
# weights and shares nothing with the others: as in the paper, some (here nineteen) train by
# self-play, the others in pairs. They also play against motionless and random ants, and
# against earlier versions of themselves. All are rewarded for winning, approaching and
# pushing. Rewards for *style* (rushing, waiting, circling, ...), the mix of opponents and
# the length of training vary, so that the ants differ in style and in strength.
#
# An ant has no front, and the ring is symmetric: if we reflect a step of a match, or rename
# an ant's legs, we get a step of another valid match. Legs are numbered from the side
# nearest to the opponent, so that quarter turns are exact; the other four symmetries (two
# for ants that circle) are drawn at random for every sample.
#
# **What to expect.** Wrestlers that lose at most 15 % of matches against a motionless ant;
# statistics of style that vary mostly between wrestlers; and, if strength is not
# everything, outcomes that deviate from ratings by more than chance.
#
# ## Parameters

# %% tags=["parameters"]
from_scratch = False  # True trains all (hours; workflow/README.md), False loads the shipped ones
seed = 0  # random seed of everything except the tournaments
num_agents = 25  # wrestlers that take part
matches_per_edge = 10  # matches of each pair of wrestlers per evaluation seed
evaluation_seeds = [1, 2, 3, 4]  # random seeds of the tournaments, one tournament each
num_reference_matches = 100  # matches of each wrestler with each reference opponent
num_workers = 2  # parallel processes; does not affect the results
training_runs_folder = "results/laptop/training_runs"  # trained wrestlers, kept between runs
output_folder = "results/laptop/wrestlers"  # where the results go, relative to the repository

# %%
import numpy as np

from paperlib import pretrained
from paperlib.agents import published_policies, robosumo_policies
from paperlib.agents.players import UniformlyRandom, ZeroAction
from paperlib.streams import make_generator
from reproduction import (
    plots,
    results,
    statistics,
    strengths,
    tables,
    training_runs,
    wrestler_plots,
    wrestlers,
)
from reproduction import wrestler_evaluation as evaluation
from reproduction.jobs import run_jobs
from reproduction.streams import Stream

# %%
parameters = dict(from_scratch=from_scratch, seed=seed, num_agents=num_agents,
    matches_per_edge=matches_per_edge, evaluation_seeds=evaluation_seeds,
    num_reference_matches=num_reference_matches, num_workers=num_workers)  # fmt: skip
run = results.Run("wrestlers", parameters)
output, runs_folder = results.resolve(output_folder), results.resolve(training_runs_folder)

# %% [markdown]
# ## Training
# Each training run is a separate job that resumes from its last checkpoint. The shipped
# weights come from exactly these runs. When they play, all wrestlers act with the same
# standard deviation of 0.15 around their mean actions, so that the noise does not give away
# who is acting. As a check, a linear probe tries to identify wrestlers from the means and
# standard deviations of their action noise alone. It should do no better than chance.

# %%
if from_scratch:
    wrestlers.train_all(seed=seed, folder=runs_folder, num_workers=num_workers)
    everyone, provenance = wrestlers.assemble(runs_folder)
else:
    everyone = pretrained.load("robosumo/wrestlers")
    provenance = pretrained.provenance("robosumo/wrestlers")
names = training_runs.wrestler_names()[:num_agents]
population = {name: everyone[name] for name in names}
robosumo_policies.save(output / "population.safetensors", population, provenance)
players = list(population.values())
noise = evaluation.noise_accuracy(
    players, num_episodes=20, num_steps=100, generator=make_generator(seed, Stream.WRESTLERS_NOISE)
)
chance = 1 / len(players)
print(f"{len(players)} wrestlers; identified from noise alone: {noise:.3f}, chance {chance:.3f}")

# %% [markdown]
# ## Can they wrestle?
# Each wrestler plays against an ant that applies no torque, one that acts at random and, if
# available, the published policy `ant-mlp-v1` (set `ROBOSUMO_POLICIES` to its folder). A
# wrestler should not lose to a motionless ant: that only happens if it falls or leaves the
# ring.

# %%
references = {"motionless": ZeroAction(8), "random": UniformlyRandom(8)}
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
for title, rates in won.items():
    print(f"{title}: won {rates.mean():.2f} on average, {rates.min():.2f} to {rates.max():.2f}")

# %% [markdown]
# ## Do they differ?
# In a tournament all wrestlers play each other; we hold one for each evaluation seed. Each
# match gives an outcome and a few statistics of style. Wrestlers differ by more than chance
# if most of the variance of a statistic is *between* wrestlers. The intraclass correlation
# (ICC) measures this: it is 1 if two seeds give the same values, and 0 if they are
# unrelated. "Contact" is the share of steps in which a force acts on the opponent's torso,
# "effort" the mean squared torque, and "drawn" the share of drawn matches.
#
# *Is strength all there is?* Under ratings $r$ (Bradley and Terry 1952), the expected score
# of $i$ against $j$ is $p_{ij} = 1 / (1 + 10^{(r_j - r_i) / 400})$. The squared deviations
# of the scores from it, each divided by its variance, add up to $\chi^2$, which is about
# one per degree of freedom if strength is all there is. If it is larger, the excess tells
# how far pairs' true scores deviate from $p_{ij}$ (root mean square), which we compare with
# how far $p_{ij}$ is from ½. We also fit strengths to half of the matches and predict the
# outcomes of the other half: about as well as one can from strengths alone.

# %%
jobs = [
    {"players": players, "matches_per_edge": matches_per_edge, "seed": evaluation_seed}
    for evaluation_seed in evaluation_seeds
]
options = dict(num_workers=num_workers, units=len(jobs), name="tournaments")
tournaments = run_jobs(evaluation.play_tournament, jobs, **options)
icc = evaluation.style_icc(tournaments)
counts = evaluation.total_counts(tournaments)
ratings = evaluation.ratings(tournaments, generator=np.random.default_rng(seed))
fit = strengths.goodness_of_fit(counts, ratings[:, 0])
half = len(tournaments) // 2
halves = tournaments[:half], tournaments[half:]
accuracy = np.mean(
    [
        strengths.accuracy_from_strengths(
            evaluation.games_of(known), evaluation.games_of(asked), num_players=len(players)
        )
        for known, asked in (halves, halves[::-1])
    ]
)
print(f"ratings: standard deviation {ratings[:, 0].std():.0f}; χ² per degree {fit.ratio:.2f}")
print(f"scores, from ½: by strength {fit.strength:.2f}, beyond it {fit.interaction}")
print(f"outcomes predicted from strengths: {accuracy:.2f}")

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
whole = {
    "ratings: standard deviation": ratings[:, 0].std(),
    "χ² per degree of freedom around ratings": fit.ratio,
    "expected scores minus ½, root mean square": fit.strength,
    "accuracy of outcomes from strengths": accuracy,
    "wrestlers identified from noise alone (accuracy)": noise,
    **{f"share of variance between wrestlers: {name}": value for name, value in icc.items()},
}
for name, value in whole.items():
    rows.append(tables.row(name, statistics.Estimate(float(value), np.nan, np.nan, 1)))
rows.append(tables.row("scores beyond ratings, root mean square", fit.interaction))
kept = "training_run", "style", "samples", "seconds", "curve"

# %%
values = {
    "rows": rows,
    "names": names,
    "shares": shares,
    "ratings": ratings,
    "fit": fit._asdict(),
    "counts": counts,
    "win_rates": evaluation.win_intervals(counts),
    "styles": {name: [part.styles[name] for part in tournaments] for name in icc},
    "icc": icc,
    "provenance": {name: {key: provenance[name][key] for key in kept} for name in names},
}
run.save(output, values, seeds=evaluation_seeds)
tables.save_rows(output, "wrestlers", rows)
tables.save_runs(output, "wrestlers", runs)
tables.save_runs(output, "wrestlers_matches", evaluation.match_rows(counts, names))

# %%
values = results.load(output)["values"]
tables.show((output / "wrestlers.md").read_text())
shares, styles, ratings = values["shares"], values["styles"], np.array(values["ratings"])
columns = [(opponent, how) for opponent in shares for how in ("won", "lost")]
lines = []
for k in np.argsort(-ratings[:, 0]):
    cells = [statistics.Estimate(*shares[opponent][k][how]) for opponent, how in columns]
    rating, low, high = ratings[k]
    means = [f"{np.mean([style[k] for style in all_]):.2f}" for all_ in styles.values()]
    name = values["names"][k]
    samples = f"{values['provenance'][name]['samples'] / 1e6:.1f}"
    lines.append((name, samples, f"{rating:.0f} [{low:.0f}, {high:.0f}]", *cells, *means))
header = (
    "wrestler",
    "samples (millions)",
    "rating",
    *(f"{how} against {opponent}" for opponent, how in columns),
    *styles,
)
table = tables.markdown_table(header, lines)
(output / "wrestlers_each.md").write_text(table)
tables.show(table)

# %%
plots.use_style()
plots.save_figure(wrestler_plots.tournament(values), output, "wrestlers")

# %% [markdown]
# **Left:** share of matches that the row won against the column (draws count for neither);
# rows and columns are ordered by rating. **Right:** ratings on the Elo scale with 95 %
# bootstrap intervals over matches; a lead of 400 points means odds of ten to one.

# %%
plots.save_figure(wrestler_plots.styles(values), output, "wrestlers_styles")

# %% [markdown]
# Each point is one wrestler, whose style is measured twice, with different seeds. On the
# diagonal the two measurements agree. The wider the points spread along the diagonal,
# compared with their distance from it, the more the statistic says about the wrestler.
#
# ## Performance grows with samples

# %%
plots.save_figure(wrestler_plots.training(values, most_lost=0.15), output, "wrestlers_training")

# %% [markdown]
# Shares of matches won (left) and lost (right) against a motionless ant during training,
# with exploration noise, as means over five iterations. Dotted: 15 % lost.
#
# **What was reached, and what was not.** Seventeen of the 25 win at least 40 % of matches
# against `ant-mlp-v1`, the best of them 76 %. Two lose more than 15 % against a motionless
# ant: `self-central` (19 %), whose training was short on purpose, and `pair-rushing-2`
# (31 %), which had stopped improving: with exploration noise its losses fell to 55 % after
# two million samples and ended at 59 %. In other matches, `pair-balanced-1`, whose losses
# were rising, lost 17 %, too. Action noise does not identify the wrestlers: the probe does no better
# than chance.
#
# **What it means.** The wrestlers differ in how they move: for most statistics of style,
# nearly all of the variance is between wrestlers. But who beats whom is mostly a matter of
# strength. Ratings have a standard deviation of 124 points, and strengths alone predict
# 66 % of all outcomes. There is more than strength ($\chi^2$ is 1.26 per degree of freedom,
# $p = 0.002$; in three other tournaments, 0.98 to 1.41), but not much: the
# root mean square is 0.04 [0.02, 0.05] from $p_{ij}$ to true scores, and 0.22 from ½ to
# $p_{ij}$.
#
# **What was tried** ([pilots](../reproduction/recipes/pilots.md)). Ants learn about three
# times as fast if the side nearest to the opponent is their front. With two million samples
# or more for all but one, ratings had a standard deviation of 66 to 90; so we retrained six
# for 0.5 to 1.5 million samples. Exploration noise below 0.3 (standard deviation) was
# worse. Each pilot ran once. **Where we deviate:** style rewards, symmetries and one action
# noise for all are our own.
#
# ## What it cost

# %%
spent = {own["training_run"]: own["seconds"] for own in values["provenance"].values()}
print(f"training: {sum(spent.values()) / 3600:.1f} core hours; the longest ", end="")
print(f"{max(spent.values()) / 60:.0f} min\nnotebook: {results.cost(output)}")

# %% [markdown]
# ## Things to try
# - `evaluation_seeds = [1, 2]`: which ratings can no longer be distinguished?
# - Invent a style: add it, and a training run that uses it, to
#   `reproduction/recipes/wrestlers.yaml`. Then `python -m reproduction.train NAME` trains
#   it.
