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
# [value_of_knowing](value_of_knowing.ipynb) for poker and ParticleWorld); ours can be.
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
specialist_opponents = ["pair-rushing-2", "self-hasty", "pair-circling-left-2",  # weak to strong
    "self-circling-right", "self-waiting"]  # opponents of the specialists  # fmt: skip
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
    best_response_games,
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
# We run two studies, with different opponents.
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
# [wrestlers](wrestlers.ipynb)) and different styles, are each met by a specialist that
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
    folder=results.resolve(responses_folder),
)

# %%
specialists = dataclasses.replace(
    study,
    groups={"train": specialist_opponents},
    from_start=True,
    num_response_iterations=num_specialist_iterations,
    key=(Stream.SPECIALISTS, 0),
    folder=results.resolve(responses_folder) / "specialists",
)
for part, names in {**study.groups, "specialists": specialists.opponents}.items():
    print(f"{part}:", ", ".join(names))


# %%
def train(jobs):  # what is trained already is kept
    units = sum(job["recipe"].num_iterations + 1 for job in jobs)
    options = dict(num_workers=num_workers, units=units, name="responses")
    run_jobs(policy_training.train_policy, jobs, **options)


def take_shipped(name, study):
    policies, provenance = pretrained.load(name), pretrained.provenance(name)
    study.check(policies, provenance)
    return policies, provenance


# %%
if from_scratch:
    train([study.job(SEEN), *map(specialists.job, specialists.policies)])
    train([study.job(name) for name in study.policies])  # they start from the first
    trained, specialised = study.assemble(), specialists.assemble()
else:
    trained = take_shipped("robosumo/wrestlers-best-responses", study)
    shipped_agents.check_best_responses(trained[1], parameters)
    specialised = take_shipped("robosumo/wrestlers-specialists", specialists)
robosumo_policies.save(output / "responses.safetensors", *trained)
robosumo_policies.save(output / "specialists.safetensors", *specialised)
seconds = [made["seconds"] for _, found in (trained, specialised) for made in found.values()]

# %% [markdown]
# ## The matrices
# Every policy, and the wrestler where the first one started, plays every opponent.

# %%
options = dict(num_games=num_last_games, seed=seed, num_workers=num_workers)
play = partial(best_response_games.play_matrix, **options)
scores = play(study, trained[0], key=(seed, Stream.BEST_RESPONSES_GAMES))
specialist_scores = play(specialists, specialised[0], key=(seed, Stream.SPECIALISTS_GAMES))

# %% [markdown]
# ## Result
# Means over opponents with 95 % intervals (Student's $t$). `all` meets each opponent as
# often as its best response does, but plays ten times as many matches (five times, with
# specialists), and may learn what helps against everybody; `all-seen` is not trained
# further. So $V$, the lead of the best responses over `all`, underestimates the value,
# and their lead over `all-seen` (for specialists, over the start) overestimates it. The
# best responses to *other* opponents had the same amount of training.

# %%
of_study = {"scores": scores, "opponents": study.opponents, "groups": study.groups}
of_specialists = {
    "scores": specialist_scores,
    "opponents": specialists.opponents,
    "groups": specialists.groups,
}
for values, (_, provenance) in ((of_study, trained), (of_specialists, specialised)):
    values["curves"] = {name: made["curve"] for name, made in provenance.items()}
chosen = {"all opponents": np.ones(len(study.opponents), dtype=bool)}
for part in ("train", "test"):
    title = {"train": "training opponents", "test": "test opponents"}[part]
    chosen[title] = np.isin(study.opponents, study.groups[part])

# %%
leads = best_response_games.leads("best responses", scores, study)
differences = {f"{n}, {part}": d[own] for part, own in chosen.items() for n, d in leads.items()}
for name, lead in best_response_games.leads("specialists", specialist_scores, specialists).items():
    differences[f"{name}, the specialists' opponents"] = lead
rows = [tables.row(name, statistics.t_interval(d)) for name, d in differences.items()]
run.save(output, of_study | {"rows": rows, "specialists": of_specialists}, seeds=[seed])
tables.save_rows(output, "best_responses", rows)
runs = [
    dict(study=title, policy=policy, opponent=opponent, quantity="score", value=value)
    for title, values in (("best responses", of_study), ("specialists", of_specialists))
    for policy, own in values["scores"].items()
    for opponent, value in zip(values["opponents"], own, strict=True)
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
# best response against its own opponent; white lines separate training from test opponents,
# and best responses from the rest. **Right:** scores in training, moving means of five
# points over the fraction of each training, of each policy against those that it trains
# with. The best responses' mean has a 95 % band over opponents; `all-seen` trained
# before the others started.

# %%
options = dict(generalists={ALL: "black"}, start=start, label="specialists")
figure = policy_plots.best_responses(values["specialists"], **options)
plots.save_figure(figure, output, "best_responses_specialists")

# %% [markdown]
# The same for the specialists, whose opponents are ordered from weakest to strongest.
#
# **What it means** (default profile).
#
# - *Training helps.* `all-seen` scores 0.17 [0.14, 0.19] more than the wrestler where it
#   started, against unseen opponents as much as against its own. Specialists gain 0.08
#   [0.03, 0.13] against their own opponents, 10 points or more against two of the five;
#   their `all`, with five times the matches, gains 0.09 to 0.19 against each.
# - *Training against one opponent does not help more.* $V$ is −0.02 [−0.04, 0.00] for best
#   responses and −0.05 [−0.11, 0.01] for specialists: generalists do no worse, perhaps
#   slightly better. Policies that trained against other opponents do about as well: the
#   differences are 0.00 [−0.02, 0.01] and 0.01 [−0.03, 0.06]. And another 2.5 million
#   samples against one opponent add nothing to `all-seen` (−0.016 [−0.029, −0.003]).
# - *So what this learner gains from knowing its opponent* is below 0.05, the smallest
#   difference that matters ([claims](claims.ipynb)), for the ten opponents of Figure 4;
#   for the specialists' five it is not measurable, but may be 0.06. We expect no gain from
#   embeddings in Figure 4.
# - *Why* remains open. Either what helps against one of these wrestlers helps against all,
#   and the state shows the rest, or PPO does not find what would help against one alone:
#   `all` shows that more can be gained against every specialist's opponent.
#
# ## Where we deviate
# - The paper has no such matrix. PPO finds *a* policy that does well against an opponent,
#   not the best one. Best responses had 2.5 million samples, specialists 5.0 million.
#   Advantages look ahead some twenty steps ($\gamma\lambda = 0.945$, rollouts of 64
#   steps), and updates are not augmented with reflections, as the wrestlers' were; but in
#   [pilots](../reproduction/recipes/pilots.md), recipes with both learned no faster.
# - Each policy was trained once, and the intervals over opponents do not cover chance in
#   the training of the one generalist. In Figure 4, mean scores against the same ten
#   differ between seeds by a standard deviation of 0.018 (pooled over variants); if `all`
#   varies as much, the intervals of $V$ are [−0.06, 0.03] and [−0.13, 0.03].
# - *Other games* of the same policies, when this notebook ran on an AMD EPYC (commit
#   `e3fcf26`), gave $V$ = −0.024 [−0.046, −0.002] and best responses minus `all-seen`
#   −0.00 [−0.03, 0.03]. Choosing for each opponent the best of the twelve policies by one
#   set of games and scoring it in the other gained −0.003 [−0.014, 0.008] over `all`.
# - Every policy starts from the strongest wrestler or from one trained from it. The ten
#   opponents were drawn at random; their ratings range from −33 to 130, the population's
#   from −241 to 161 ([wrestlers](wrestlers.ipynb)).
#
# ## What it cost

# %%
print(f"training: {sum(seconds) / 3600:.1f} core hours\nnotebook: {results.cost(output)}")

# %% [markdown]
# ## Things to try
# - `num_last_games = 50`: which cells of the matrix still differ?
# - `num_response_iterations = 120`, with `from_scratch`: do best responses lead by more
#   in the end?
