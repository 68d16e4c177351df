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
# the mean lead of each best response over the generalist against its own opponent. If
# $V$ is about zero and PPO finds good responses, the state of the match shows all that
# one needs to know, and no embedding of earlier matches helps. With exact maxima over
# policies instead of trained ones, $V$ is never negative (see
# [value_of_knowing](value_of_knowing.py) for poker and ParticleWorld); ours can be.
#
# **What to expect.** If knowing the opponent matters, scores on the diagonal of the
# matrix below are higher than elsewhere in their columns.
#
# ## Parameters

# %% tags=["parameters"]
from_scratch = False  # True: train the policies (hours); False: load the shipped ones
encoder_seed = 0  # seed of Table 1 from whose strong split opponents are drawn
num_opponents = 5  # opponents among the split's training wrestlers, and among its test wrestlers
num_validation = 5  # validation wrestlers in the split
num_test = 5  # test wrestlers in the split
start = "self-balanced"  # wrestler where training starts; must not be an opponent
num_iterations = 61  # training iterations of `all-seen`
num_response_iterations = 30  # training iterations of `all` and of each best response
specialist_opponents = [
    "pair-rushing-2",
    "self-hasty",
    "pair-circling-left-2",
    "self-circling-right",
    "self-waiting",
]  # opponents of the specialists, from weak to strong
num_specialist_iterations = 61  # training iterations of each specialist, and of their `all`
num_rollouts = 10  # rollouts per iteration and opponent
num_envs = 128  # parallel matches in a rollout, of 64 steps each
learning_rate = 0.0003  # initial learning rate of Adam
num_games = 20  # games per opponent at each point of a learning curve
num_last_games = 400  # games in each cell of a matrix
seed = 1  # random seed of these games
num_workers = 2  # parallel processes; does not affect the results
wrestlers_folder = "results/laptop/wrestlers"  # results of wrestlers.py
responses_folder = "results/laptop/responses"  # trained policies; kept between runs
output_folder = "results/laptop/best_responses"  # results of this notebook

# %%
import dataclasses
from functools import partial

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
    wrestlers,
)
from reproduction.best_responses import ALL, SEEN, BestResponses
from reproduction.jobs import run_jobs
from reproduction.streams import Stream

# %%
parameters = dict(from_scratch=from_scratch, encoder_seed=encoder_seed, num_opponents=num_opponents,
    num_validation=num_validation, num_test=num_test, start=start, num_iterations=num_iterations,
    num_response_iterations=num_response_iterations, specialist_opponents=specialist_opponents,
    num_specialist_iterations=num_specialist_iterations, num_rollouts=num_rollouts,
    num_envs=num_envs, learning_rate=learning_rate, num_games=num_games,
    num_last_games=num_last_games, seed=seed, num_workers=num_workers)  # fmt: skip
run = results.Run("best_responses", parameters)
output = results.resolve(output_folder)

# %% [markdown]
# ## Training
# We ask twice, of different opponents.
#
# **Best responses.** The first policy, `all-seen`, starts from a wrestler that is no
# opponent, and trains against the training opponents together, five million samples
# with each; Figure 4 starts from it, too. All others start from `all-seen`, and train
# for another 2.5 million samples with *each* opponent that they face: a best response
# faces one, `all` ten.
#
# **Specialists.** The ten opponents are drawn at random and happen to be among the
# stronger wrestlers, and `all-seen` may leave little to gain. So five other opponents,
# chosen beforehand for their ratings (−169, −127, 8, 76 and 109; see
# [wrestlers](wrestlers.py)) and different styles, are each met by a specialist that
# starts from the same wrestler as `all-seen` and has five million samples; a second
# `all` meets the five together, five million samples with each.
#
# The reward is 1 for a win, -1 for a loss and nothing else: what is learned is what is
# reported.

# %%
population = wrestlers.load_population(results.resolve(wrestlers_folder))
groups = best_responses.draw_groups(
    list(population),
    encoder_seed=encoder_seed,
    num_opponents=num_opponents,
    num_validation=num_validation,
    num_test=num_test,
)
study = BestResponses(
    population=population,
    groups=groups,
    start=start,
    num_iterations=num_iterations,
    num_response_iterations=num_response_iterations,
    num_rollouts=num_rollouts,
    num_envs=num_envs,
    learning_rate=learning_rate,
    num_games=num_games,
    folder=responses_folder,
)

# %%
specialists = dataclasses.replace(
    study,
    groups={"train": specialist_opponents},
    from_start=True,
    num_response_iterations=num_specialist_iterations,
    key=(Stream.SPECIALISTS, 0),
    folder=f"{responses_folder}/specialists",
)
studies = {"best-responses": study, "specialists": specialists}
for part, names in {**study.groups, "specialists": specialists.opponents}.items():
    print(f"{part}:", ", ".join(names))

# %%
if from_scratch:
    for one, names in ((study, [SEEN]), (study, study.policies), (specialists, None)):
        jobs = [one.job(name) for name in names or one.policies]  # what is trained is kept
        units = sum(job["recipe"].num_iterations + 1 for job in jobs)
        options = dict(num_workers=num_workers, units=units, name="responses")
        run_jobs(policy_training.train_policy, jobs, **options)
    trained = {title: one.assemble() for title, one in studies.items()}
else:
    names = {title: f"robosumo/wrestlers-{title}" for title in studies}
    trained = {t: (pretrained.load(n), pretrained.provenance(n)) for t, n in names.items()}
    shipped_agents.check_best_responses(trained["best-responses"][1], parameters)
    shipped_agents.check_specialists(trained["specialists"][1], parameters)

# %%
for title, one in studies.items():
    one.check(*trained[title])
    name = title.removeprefix("best-")
    robosumo_policies.save(output / f"{name}.safetensors", *trained[title])
spent = sum(made["seconds"] for _, provenance in trained.values() for made in provenance.values())

# %% [markdown]
# ## The matrices
# Every policy, and the wrestler where the first one started, plays every opponent.

# %%
options = dict(num_games=num_last_games, seed=seed, num_workers=num_workers)
play = partial(best_responses.play_matrix, **options)
scores = play(study, trained["best-responses"][0], key=(seed, Stream.BEST_RESPONSES_GAMES))
special = play(specialists, trained["specialists"][0], key=(seed, Stream.SPECIALISTS_GAMES))

# %% [markdown]
# ## Result
# Means over opponents with 95 % intervals (Student's $t$). `all` meets each opponent as
# often as its best response does, but plays ten times as many matches (five times, with
# specialists), and may learn what helps against everybody; `all-seen` does not learn
# meanwhile. $V$, the lead of the best responses over `all`, is therefore a low
# estimate, their lead over `all-seen` (or, of specialists, over the start) a high one;
# own opponents minus others compares equal amounts of training.


# %%
responses, others = best_responses.own_and_other(scores, study.opponents)
titles = {"train": "training opponents", "test": "test opponents"}
chosen = {"all opponents": np.ones(len(responses), dtype=bool)}
for part, title in titles.items():
    chosen[title] = np.isin(study.opponents, study.groups[part])
differences = {
    f"{name}, {title}": difference[own]
    for title, own in chosen.items()
    for name, difference in {
        "V: best responses minus all": responses - scores[ALL],
        "best responses minus all-seen": responses - scores[SEEN],
        f"all-seen minus {start}": scores[SEEN] - scores[start],
    }.items()
}

# %%
specialised, unspecialised = best_responses.own_and_other(special, specialists.opponents)
differences |= {
    "best responses minus those to other opponents": responses - others,
    "V: specialists minus all": specialised - special[ALL],
    f"specialists minus {start}": specialised - special[start],
    f"all minus {start}, of the specialists' opponents": special[ALL] - special[start],
    "specialists minus those of other opponents": specialised - unspecialised,
}
rows = [tables.row(name, statistics.t_interval(d)) for name, d in differences.items()]
values = {"rows": rows, "scores": scores, "opponents": study.opponents, "groups": study.groups}
values["specialists"] = {
    "scores": special,
    "opponents": specialists.opponents,
    "groups": specialists.groups,
}
for title, found in (("best-responses", values), ("specialists", values["specialists"])):
    found["curves"] = {name: made["curve"] for name, made in trained[title][1].items()}
run.save(output, values, seeds=[seed])
tables.save_rows(output, "best_responses", rows)

# %%
runs = [
    {"policy": policy, "opponent": opponent, "quantity": f"score{title}", "value": value}
    for title, one, found in (("", study, scores), (", specialists", specialists, special))
    for policy, own in found.items()
    for opponent, value in zip(one.opponents, own, strict=True)
]
tables.save_runs(output, "best_responses", runs)
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
# %%
special = values["specialists"]
figure = policy_plots.best_responses(special, {ALL: "black"}, start)
plots.save_figure(figure, output, "best_responses_specialists")

# %% [markdown]
# The same for the specialists (in the legend, best responses), whose opponents stand
# from weak to strong.
#
# **What it means** (default profile). Training helps: `all-seen` scores 0.17 [0.14,
# 0.19] more than the wrestler where it started, against unseen opponents as much as
# against its own. Training against a single opponent helps, too, from the same
# wrestler: specialists score 0.08 [0.03, 0.13] more than it does against their own
# opponents. But they gain as much against each other's opponents (the difference is
# 0.01 [−0.03, 0.06]), and a generalist gains no less: $V$ is −0.02 [−0.04, 0.00] for
# best responses and −0.05 [−0.11, 0.01] for specialists. (In a
# [pilot](../reproduction/recipes/pilots.md), `self-balanced` gained 0.15 against one
# opponent, no more than `all-seen` gained against all.) So with this learner, these
# opponents and this time, the value of knowing the opponent is below 0.05, the smallest
# difference that matters ([claims](claims.py)): what helps against one wrestler helps
# against all, and the state shows the rest. A better response to one of them may exist,
# but five million samples do not find it. So we expect no gain from embeddings in
# Figure 4.
#
# ## Where we deviate
# The paper has no such matrix. PPO finds *a* policy that does well against an opponent,
# not the best one, so that $V$ is what this learner gains in this time. Each policy was
# trained once: chance in the training of the one generalist enters every difference,
# and the intervals over opponents do not cover it. In Figure 4, mean scores against the
# same ten differ between eight seeds of one variant by a standard deviation of 0.013;
# if `all` varies as much, the intervals of $V$ are [−0.05, 0.02] and [−0.12, 0.01].
# Every training starts from the strongest wrestler or from a policy that was trained
# from it; it scores 0.81, 0.81, 0.72, 0.64 and 0.54 against the specialists' opponents
# before training. A weaker start may have more to learn about a single opponent. The
# ten opponents were drawn at random, and their ratings range from −33 to 130, the
# population's from −241 to 161 ([wrestlers](wrestlers.py)).
#
# ## What it cost

# %%
print(f"training: {spent / 3600:.1f} core hours\nnotebook: {results.cost(output)}")

# %% [markdown]
# ## Things to try
# - `num_last_games = 50`: which cells of the matrix still differ?
# - `num_response_iterations = 120`, with `from_scratch`: do best responses lead by more
#   in the end?
