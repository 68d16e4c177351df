# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What is it worth to know which wrestler one fights?
#
# **The question.** Before embeddings can help a wrestler to win (Figure 4), knowing the
# opponent must be worth something. How much? We take a policy that is good against
# everybody, and let it go on learning: against each opponent alone, which gives an
# approximate *best response*, and against all of them together. With $u(\pi, i)$ the
# expected score of policy $\pi$ against opponent $i$ (1 for a win, ½ for a draw), the
# value of knowing the opponent is
#
# $$ V = \frac1N \sum_i \Big( u(\pi_i, i) - u(\pi_\text{all}, i) \Big), $$
#
# the mean lead of each specialist over the generalist against the specialist's own
# opponent. If $V$ is about zero and PPO finds good responses, the state of the match
# shows all that one needs to know, and no embedding of earlier matches helps. With
# exact maxima over policies instead of trained ones, $V$ is never negative (see
# [value_of_knowing](value_of_knowing.py) for poker and ParticleWorld); ours can be.
#
# **What to expect.** If knowing the opponent matters, scores on the diagonal of the
# matrix below are higher than elsewhere in their columns.
#
# ## Parameters

# %% tags=["parameters"]
from_scratch = False  # train the policies (hours), or take the shipped ones
encoder_seed = 0  # of Table 1: opponents are drawn from both sides of its strong split
num_opponents = 5  # training wrestlers of that split; and as many test wrestlers
num_validation = 5  # wrestlers in the split's validation part
num_test = 5  # and in its test part
start = "self-balanced"  # the wrestler that the first policy starts from; no opponent
num_iterations = 61  # of its training, against the training opponents
num_response_iterations = 30  # of all others, which start there
num_rollouts = 10  # in an iteration, for each opponent
num_envs = 128  # matches played at a time, for 64 steps in a rollout
learning_rate = 0.0003  # of Adam, at the start
num_games = 20  # against each opponent, for a point of a learning curve
num_last_games = 400  # against each opponent, in the matrix
seed = 1  # of the games in the matrix
num_workers = 2  # processes; does not affect the results
wrestlers_folder = "results/laptop/wrestlers"  # results of wrestlers.py
responses_folder = "results/laptop/responses"  # trained policies, kept between runs
output_folder = "results/laptop/best_responses"  # where the results go

# %%
import numpy as np

from paperlib import pretrained
from paperlib.agents import robosumo_policies
from reproduction import (
    best_responses,
    plots,
    policy_plots,
    policy_training,
    results,
    shipped_agents,
    statistics,
    tables,
)
from reproduction.best_responses import ALL, SEEN, BestResponses
from reproduction.jobs import run_jobs
from reproduction.streams import Stream

# %%
parameters = dict(from_scratch=from_scratch, encoder_seed=encoder_seed, num_opponents=num_opponents,
    num_validation=num_validation, num_test=num_test, start=start, num_iterations=num_iterations,
    num_response_iterations=num_response_iterations, num_rollouts=num_rollouts, num_envs=num_envs,
    learning_rate=learning_rate, num_games=num_games, num_last_games=num_last_games, seed=seed,
    num_workers=num_workers)  # fmt: skip
run = results.Run("best_responses", parameters)
output = results.resolve(output_folder)

# %% [markdown]
# ## Training
# The first policy, `all-seen`, starts from a wrestler that is no opponent, and trains
# against the training opponents together, five million samples with each; Figure 4
# starts from it, too. All others start from `all-seen`, and train for another 2.5
# million samples with *each* opponent that they face: a best response faces one, `all`
# ten. The reward is 1 for a win, -1 for a loss and nothing else: what is learned is
# what is reported.

# %%
study = BestResponses(
    encoder_seed=encoder_seed,
    num_opponents=num_opponents,
    num_validation=num_validation,
    num_test=num_test,
    start=start,
    num_iterations=num_iterations,
    num_response_iterations=num_response_iterations,
    num_rollouts=num_rollouts,
    num_envs=num_envs,
    learning_rate=learning_rate,
    num_games=num_games,
    wrestlers_folder=wrestlers_folder,
    responses_folder=responses_folder,
)
for part, names in study.groups.items():
    print(f"{part}:", ", ".join(names))

# %%
if from_scratch:
    for names, length in (([SEEN], num_iterations), (study.policies, num_response_iterations)):
        jobs = [study.job(name) for name in names]  # what is trained already is kept
        options = dict(num_workers=num_workers, units=len(jobs) * (length + 1))
        run_jobs(policy_training.train_policy, jobs, name="responses", **options)
    policies, provenance = study.assemble()
else:
    policies = pretrained.load("robosumo/wrestlers-best-responses")
    provenance = pretrained.provenance("robosumo/wrestlers-best-responses")
    shipped_agents.check_best_responses(provenance, parameters)
    study.check(policies, provenance)
robosumo_policies.save(output / "responses.safetensors", policies, provenance)
spent = sum(provenance[name]["seconds"] for name in study.policies)

# %% [markdown]
# ## The best-response matrix
# Every policy, and the wrestler where the first one started, plays every opponent.

# %%
players = {start: study.population[start]} | {name: policies[name] for name in study.policies}
opponents = [study.population[name] for name in study.opponents]
jobs = [
    {"policy": policy, "key": (seed, Stream.BEST_RESPONSES_GAMES, number)}
    | {"opponents": opponents, "num_games": num_last_games, "seed": seed}
    for number, policy in enumerate(players.values())
]
options = dict(num_workers=num_workers, units=len(jobs), name="games")
found = np.array(run_jobs(best_responses.scores, jobs, **options))  # (policies, opponents)
scores = dict(zip(players, found, strict=True))

# %% [markdown]
# ## Result
# Means over opponents with 95 % intervals (Student's $t$). `all` meets each opponent as
# often as its best response does, but plays ten times as many matches, and may learn
# what helps against everybody; `all-seen` does not learn meanwhile. $V$, the lead of
# the best responses over `all`, is therefore a low estimate, their lead over `all-seen`
# a high one.

# %%
responses = np.array([scores[name][k] for k, name in enumerate(study.opponents)])
rows, titles = [], {"train": "training opponents", "test": "test opponents"}
chosen = {"all opponents": np.ones(len(opponents), dtype=bool)}
for part, title in titles.items():
    chosen[title] = np.isin(study.opponents, study.groups[part])
for title, own in chosen.items():
    against = [responses, scores[ALL], scores[SEEN], scores[start]]
    found = best_responses.values(*(part[own] for part in against))
    rows += [
        tables.row(f"V: best responses minus all, {title}", found.over_all),
        tables.row(f"best responses minus all-seen, {title}", found.over_seen),
        tables.row(f"all-seen minus {start}, {title}", found.of_training),
    ]

# %%
others = [
    np.mean([scores[name][k] for name in study.opponents if name != opponent])
    for k, opponent in enumerate(study.opponents)
]
gain = statistics.t_interval(responses - np.array(others))
rows.append(tables.row("best responses minus those to other opponents", gain))
values = {"rows": rows, "scores": scores, "opponents": study.opponents, "groups": study.groups}
values["curves"] = {name: provenance[name]["curve"] for name in study.policies}
run.save(output, values, seeds=[seed])
tables.save_rows(output, "best_responses", rows)
runs = [
    {"policy": policy, "opponent": opponent, "quantity": "score", "value": value}
    for policy, own in scores.items()
    for opponent, value in zip(study.opponents, own, strict=True)
]
tables.save_runs(output, "best_responses", runs)

# %%
values = results.load(output)["values"]
tables.show((output / "best_responses.md").read_text())

# %%
plots.use_style()
generalists = {ALL: "black", SEEN: "#D55E00"}
plots.save_figure(policy_plots.best_responses(values, generalists, start), output, "best_responses")

# %% [markdown]
# **Left:** mean scores against the opponent in the column. A row is the policy trained
# against the opponent that it is named after, against all, or against the training
# opponents (`all-seen`); the last is the wrestler where that one started. Framed: each
# best response against its own opponent; white lines part training from test opponents,
# and best responses from the rest. **Right:** scores in training, moving means of five
# points over the fraction of each training, of each policy against those that it trains
# with. The best responses' mean has a 95 % band over opponents; `all-seen` trained
# before the others started.
#
# **What it means** (default profile). Training helps: `all-seen` scores 0.17 [0.14,
# 0.19] more than the wrestler where it started, against unseen opponents as much as
# against its own. Training against one opponent alone does not: the best responses do
# no better than `all-seen` (−0.02 [−0.03, −0.00]) or than `all`, which plays ten times
# as many matches (−0.02 [−0.04, 0.00]); against any opponent, responses to others do as
# well. With this learner, population and time, the value of knowing the opponent is
# below 0.05, the smallest difference that matters ([claims](claims.py)). Either what
# helps against one of these wrestlers helps against all, and the state shows the rest,
# or PPO, from this start, does not find what would help against one alone; these
# policies cannot tell which. (In a [pilot](../reproduction/recipes/pilots.md),
# `self-balanced` gained 0.15 against one opponent, no more than `all-seen` gained
# against all.) In either case we expect no gain from embeddings in Figure 4.
#
# ## Where we deviate
# The paper has no such matrix. PPO finds *a* policy that does well against an opponent,
# not the best one, so that $V$ is what this learner gains in this time. Each policy was
# trained once: chance in the training of the one generalist enters every difference,
# and the intervals over opponents do not cover it. In Figure 4, mean scores against the
# same ten differ between eight seeds of one variant by a standard deviation of 0.013;
# if `all` varies as much, the interval of $V$ is [−0.05, 0.02]. The ten opponents were
# drawn at random, and happen to be among the stronger wrestlers: their ratings range
# from −33 to 130, where the population's range from −241 to 161
# ([wrestlers](wrestlers.py)). Weaker opponents, and policies that start from a weaker
# one, may have more to teach.
#
# ## What it cost

# %%
print(f"training: {spent / 3600:.1f} core hours\nnotebook: {results.cost(output)}")

# %% [markdown]
# ## Things to try
# - `num_last_games = 50`: which cells of the matrix still differ?
# - `num_response_iterations = 120`, with `from_scratch`: do best responses lead by more
#   in the end?
