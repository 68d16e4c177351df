# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Table 3: does an embedding of an unseen listener help a new speaker?
#
# **The question.** Every listener of a population understands its own language. A *new*
# speaker plays with all of them, given an embedding of a few episodes of the listener
# with other speakers. Is that enough to use the right language, even for listeners that
# neither the encoder nor the speaker has seen?
#
# The speaker $\pi_\psi(m \mid o, f_\theta(e))$ observes the target's colour $o$ and the
# embedding of past episodes $e$ of its listener, and sends three bits $m$. Encoder and
# listeners are frozen; $\psi$ learns with the 14 training listeners of a run, and is
# evaluated with its 7 test listeners. If it sends one message per episode, all that
# matters about a listener $l$ is the table $R[l, o, m]$ of its mean returns. Such
# *exact* speakers are trained and evaluated on their expected return,
#
# $$ J(\psi) = \operatorname{mean}_{l, o, e} \sum_m \pi_\psi(m \mid o, f_\theta(e))\, R[l, o, m] . $$
#
# MADDPG, the paper's method, also trains two of the speakers (no embedding, and
# Emb-Hyb), which may change their message at every step.
#
# | speaker | is given | shows |
# |---|---|---|
# | no embedding | nothing | what one language for all listeners can achieve |
# | zeros | zeros, which carry no information | the effect of chance (negative control) |
# | random | one of 64 fixed noise vectors (in training, of 128) | the effect of more inputs |
# | Emb-Im, Emb-Id, Emb-Hyb | the mean embedding of $k$ episodes | the effect of embeddings |
# | Emb-Hyb, swapped | in evaluation: another listener's embedding | whether the speaker uses it |
# | gated pooling | [generalisation](generalisation.ipynb)'s embedding, each listener also with the bits of its messages permuted and flipped | a better encoder |
# | oracle | the listener's identity, one-hot | the value of knowing a training listener |
# | best constant message | the best message for each listener and target | the value of knowing any listener |
# | best single code | the best of the 512 codes (a message per target) | about the limit without an embedding |
#
# **What to expect.** In the paper, embeddings match the baseline with training
# listeners and beat it with unseen ones (C7). An embedding that helps lies above "no
# embedding", and at best about as high as the oracle.
#
# ## Parameters

# %% tags=["parameters"]
seeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]  # runs of Table 2, whose data and encoders are used
episode_counts = [1, 2, 4, 8, 16]  # numbers k of episodes that one embedding averages over
averages_per_count = 128  # mean embeddings to learn from, per training listener and k
num_updates = 600  # updates of Adam in the training of each exact speaker
num_word_episodes = 600  # episodes of each word with each listener, for the tables of returns
num_without = 16  # exact speakers trained without an embedding, whose returns are averaged
num_iterations = 160  # training iterations of MADDPG
hidden_size = 128  # units in each hidden layer of MADDPG's speakers and critics
learning_rate = 0.003  # initial learning rate of Adam in MADDPG
discount = 0.9  # discount factor γ of MADDPG
logit_penalty = 0.001  # weight of the mean squared logits in MADDPG's actor loss
episodes_per_listener = 4  # MADDPG's episodes with each listener per iteration
transitions_per_listener = 9  # MADDPG's transitions with each listener per update
num_evaluation_episodes = 256  # real episodes per listener, to test MADDPG's speakers and tables
num_workers = 2  # parallel processes; does not affect the results
device = "cpu"  # device that trains MADDPG's speakers: "cpu" or "cuda"
population_folder = "results/laptop/population"  # results of population.py
table_2_folder = "results/laptop/table_2"  # results of table_2.py
encoders_folder = "results/laptop/encoders"  # encoders of table_2.py
generalisation_folder = "results/laptop/generalisation"  # results of generalisation.py
checkpoint_folder = "results/laptop/checkpoints/table_3"  # checkpoints, kept between runs
output_folder = "results/laptop/table_3"  # where the results go, relative to the repository

# %%
import matplotlib.pyplot as plt
import torch

from paperlib.agents import maddpg
from reproduction import (
    comparison_plots,
    listener_tables,
    listeners,
    measures,
    plots,
    results,
    speakers,
    tables,
    trainings,
)
from reproduction.jobs import run_jobs
from reproduction.listener_tables import GATED, GROUPS

# %%
parameters = dict(seeds=seeds, episode_counts=episode_counts, averages_per_count=averages_per_count,
    num_updates=num_updates, num_word_episodes=num_word_episodes, num_without=num_without,
    num_iterations=num_iterations, hidden_size=hidden_size, learning_rate=learning_rate,
    discount=discount, logit_penalty=logit_penalty, episodes_per_listener=episodes_per_listener,
    transitions_per_listener=transitions_per_listener,
    num_evaluation_episodes=num_evaluation_episodes, num_workers=num_workers,
    device=device)  # fmt: skip
run = results.Run("table_3", parameters)
torch.set_num_threads(1)
output, checkpoints = results.resolve(output_folder), results.resolve(checkpoint_folder)

# %% [markdown]
# ## Data
# Runs, encoders and strong splits are those of Table 2. Speakers learn from embeddings
# of the encoder's own training episodes. They are evaluated on *new* episodes of
# training listeners (except with gated pooling, whose training returns are those at the
# end of training), and on episodes of test listeners with test speakers. Embeddings are
# centred and divided by one number, the same for all dimensions.

# %%
table_2 = results.load(results.resolve(table_2_folder))["parameters"]
num_populations = table_2["num_populations"]  # run s plays with population s mod this number
drawn = {name: table_2[name] for name in ("episodes_per_edge", "num_validation", "num_test")}
gated = results.load_alike(
    results.resolve(generalisation_folder),
    {**table_2, **parameters},
    ["num_populations", "num_validation", "num_test", "seeds", "episode_counts"],
)

# %%
encoders, populations = results.resolve(encoders_folder), [s % num_populations for s in seeds]
loaded = listeners.load_populations(results.resolve(population_folder), num_populations)
tasks = []
for seed, number in zip(seeds, populations, strict=True):
    tasks.append(
        speakers.make_task(
            seed,
            listeners.make_run(seed, population=loaded[number], **drawn),
            encoders=encoders,  # refused if they saw test agents in training
            num_new_episodes=drawn["episodes_per_edge"],
            episode_counts=episode_counts,
        )
    )

# %% [markdown]
# ## Method
# There is one exact speaker for each run, variant and $k$; MADDPG's speakers train with
# a random $k$.

# %%
exact = dict(
    averages_per_count=averages_per_count,
    num_updates=num_updates,
    num_word_episodes=num_word_episodes,
    num_without=num_without,
    num_check_episodes=num_evaluation_episodes,
)
found = run_jobs(
    speakers.train_exactly,
    [{"task": task, **exact} for task in tasks],
    num_workers=num_workers,
    units=len(tasks) * len(episode_counts),
    name="exact speakers",
)
measured = {name: [numbers[name] for numbers in found] for name in found[0]}
check = [numbers[0] for numbers in measured.pop("check")]

# %%
num_listeners = tasks[0].num_training_listeners
settings = maddpg.Settings(
    num_iterations=num_iterations,
    num_episodes=episodes_per_listener * num_listeners,
    batch_size=transitions_per_listener * num_listeners,
    hidden_size=hidden_size,
    learning_rate=learning_rate,
    discount=discount,
    logit_penalty=logit_penalty,
)
options = dict(settings=settings, averages_per_count=averages_per_count, device=device)
trained = run_jobs(
    trainings.train_speakers,
    [t.by_maddpg(checkpoint=checkpoints / f"{t.seed}.safetensors", **options) for t in tasks],
    num_workers=num_workers,
    units=num_iterations * len(tasks),
    name="MADDPG",
)
for part in ("train", "test"):
    for task, (networks, _) in zip(tasks, trained, strict=True):
        evaluated = task.evaluate_maddpg(networks, part, num_episodes=num_evaluation_episodes)
        for name, numbers in evaluated.items():
            measured.setdefault(f"{part} {name}", []).append(numbers)

# %%
returns = speakers.returns_by_count(measured, episode_counts)
for k in episode_counts:
    for part, side in (("train", "training"), ("test", "unseen")):
        name = f"{GATED}, symmetries, Emb-Im, {side}, k = {k}"
        returns[f"{part} {GATED}, k = {k}"] = gated["values"]["measured"][name]

# %% [markdown]
# ## Result
# In the paper, the baseline gets −11.66 with all training listeners, 2.7 below what our
# pairs get with their own partners; here, no speaker with the paper's embeddings gets
# that far (the best gets −14.06), and the oracle gets further (−8.60). So *match* is
# tested as equivalence to the oracle, within ±1, and *beat* as a difference from no
# embedding. C7b is the same claim for gated pooling. The row *real episodes minus
# table* checks the tables: it should be about zero.

# %%
paper = tables.paper_numbers()["table_3"]
rows = listener_tables.return_rows(
    returns, check, episode_counts, clusters=populations, paper=paper
)
lines = listener_tables.return_estimates(returns, episode_counts, clusters=populations)
values = {"rows": rows, "returns": returns, "lines": lines, "episode_counts": episode_counts}
run.save(output, values, seeds=seeds)
tables.save_rows(output, "table_3", rows)
tables.save_runs(
    output, "table_3", measures.as_runs(returns | {"check": check}, seeds, populations)
)

# %% [markdown]
# ## Ours against the paper

# %%
values = results.load(output)["values"]
tables.show((output / "table_3.md").read_text())
plots.use_style()
figure, axes = plt.subplots(1, 2, sharey=True, figsize=(6.75, 3.2))
for ax, (part, lines) in zip(axes, measures.restored(values["lines"]).items(), strict=True):
    comparison_plots.draw_returns(ax, lines, values["episode_counts"])
    ax.set_title(GROUPS[part])
axes[1].set_ylabel("")
handles, labels = axes[0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=4)
plots.save_figure(figure, output, "table_3")

# %% [markdown]
# Mean return of exact speakers, with 95 % intervals (Student's $t$ over populations).
# Horizontal lines: references.
#
# **What did and did not reproduce** (default profile). With the paper's encoder, C7
# does not hold. With training listeners, an embedding helps a little from one episode
# and by some three points from sixteen, and another listener's is worse than none; but
# the oracle is far ahead. With unseen listeners, none of the paper's three embeddings
# does measurably better than none. With gated pooling and relabelled channels (C7b),
# the second half of the claim holds from one episode on; the first from sixteen (0.42
# below the oracle), but not from one.
#
# **What it means.** Table 2's clusters do not tell a speaker what messages mean to an
# unseen listener. The listener's episodes do, as gated pooling shows. Real episodes
# agree with the tables of returns. MADDPG's speakers show the same: with Emb-Hyb they
# gain 1.3 [0.7, 1.9] from sixteen episodes of training listeners, and nothing
# measurable with unseen ones. Without embedding, they do better with unseen listeners
# than exact speakers, which commit to a wrong code.
#
# ## Where we deviate
# - There are 64 episodes per edge; the paper has 1000, as does the `paper` profile.
# - An exact speaker sends one message per episode, and is trained for one $k$.
# - Embeddings come from stored episodes of the listener with other speakers, not from
#   the new speaker's own last episode: early in training, that would contain messages
#   that no trained speaker sends.
# - C7's first half is tested against the oracle, where the paper says *baseline*. The
#   paper's baseline plays well with training listeners (−11.66), ours does not (−17.14):
#   one language cannot serve them all. From one episode, Emb-Hyb gains 0.32 [0.07, 0.57]
#   over no embedding, from sixteen 2.63 [2.12, 3.14].
# - MADDPG's critics observe which listener is playing.
# - With training listeners, exact speakers are scored on the tables of returns that
#   they learned from, while the best constant message is chosen on one half of the
#   episodes and scored on the other. So there the oracle exceeds it, by 0.18 [0.10,
#   0.26].
#
# ## What it cost

# %%
print(results.cost(output))

# %% [markdown]
# ## Things to try
# - `num_iterations = 1000`: do MADDPG's speakers get better with unseen listeners, or
#   with seen ones only?
# - Train all populations (`trained`) with `message_size = 2`, then rerun all: is a
#   small language easy to infer?
