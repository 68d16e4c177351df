"""Identification of agents in Kuhn and Leduc poker, by a published protocol.

The protocol is that of arXiv 2607.01498, as described in its text and code (github.com/VitamintK/
ssl-project, commit 0a6f3e3, the task of agent identification). What they leave open:

| question             | assumed here                                                              |
|----------------------|---------------------------------------------------------------------------|
| who the opponent is  | in each trajectory one of the pretraining agents, uniform; in one of its  |
|                      | scripts it is the uniform policy                                          |
| the scale of states  | [-1, 1] by smallest and largest value, as in the code; a number that does |
|                      | not vary is -1                                                            |
| what a transition is | observation and action; its third part, the reward of the action, depends |
|                      | on cards and the opponent alone once these two are known                  |
| validation           | left to the caller, for example on some of the pretraining agents         |
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from paperlib import _checks
from paperlib.agents.poker_policies import Trajectories, play, random_policies
from paperlib.datasets import InteractionDataset
from paperlib.environments.poker import PokerGame, make_game
from reproduction import identification

NUM_SCALED_AGENTS, NUM_SCALED_STEPS = 10, 50  # agents and steps that set the scale of states

# Top-1 in %, 500 held-out agents, as published: mean and the number after ±
PUBLISHED = {
    "kuhn_poker": {
        "contrastive Transformer": {"linear": (47.9, 0.6), "nearest": (39.9, 1.3)},
        "Grover (hybrid)": {"linear": (25.7, 0.5), "nearest": (24.8, 0.1)},
    },
    "leduc_poker": {
        "contrastive Transformer": {"linear": (57.8, 0.9), "nearest": (45.3, 1.8)},
        "Grover (hybrid)": {"linear": (38.9, 0.7), "nearest": (34.0, 2.0)},
    },
}


@dataclasses.dataclass(frozen=True)
class PokerEpisodes:
    """Episodes, with the information states behind them.

    Attributes:
        dataset: player 0's scaled information states and its actions; partners are opponents;
            returns are chips over the trajectory.
        trajectories: the same episodes as indices of information states, with what the opponent
            saw and did.
    """

    dataset: InteractionDataset
    trajectories: Trajectories


@dataclasses.dataclass(frozen=True)
class PokerProtocol:
    """Agents of one game, and their episodes.

    Attributes:
        game: the game that they play.
        policies: policies of all N agents, those of pretraining first, (N, I, A).
        scaled_states: the information states as observations, (I, O).
        pretraining: episodes to learn from.
        train: labelled episodes of the evaluation agents.
        test: episodes of the same agents to identify.
    """

    game: PokerGame
    policies: Float32[Tensor, "agent state act"]
    scaled_states: Float32[Tensor, "state obs"]
    pretraining: PokerEpisodes
    train: PokerEpisodes
    test: PokerEpisodes


def make_protocol(
    name: str,
    *,
    num_pretraining_agents: int,
    num_evaluation_agents: int,
    num_episodes: int,
    num_train_episodes: int,
    num_test_episodes: int,
    num_steps: int,
    generator: torch.Generator,
) -> PokerProtocol:
    """Draws agents and lets them play; some ten seconds in Leduc poker at the published size.

    Args:
        name: name of the game, "kuhn_poker" or "leduc_poker".
        num_pretraining_agents: agents that encoders learn from, numbered from 0.
        num_evaluation_agents: agents to identify, numbered after these.
        num_episodes: episodes of each pretraining agent.
        num_train_episodes: labelled episodes of each evaluation agent.
        num_test_episodes: episodes of each evaluation agent to identify.
        num_steps: steps of player 0 in each episode.
        generator: draws agents, cards and actions.

    Raises:
        ValueError: if there is no such game, or a number is not positive.
    """
    game = make_game(name)
    counts = num_pretraining_agents, num_evaluation_agents
    names = "num_pretraining_agents", "num_evaluation_agents"
    for label, count in zip(names, counts, strict=True):
        _checks.integer(label, count, minimum=2)
    policies = random_policies(game, sum(counts), generator=generator)
    pool = policies[: counts[0]]
    scaled = _scaled_states(game, policies, pool, generator=generator)

    def episodes(label: str, begin: int, end: int, count: int) -> PokerEpisodes:
        count = _checks.integer(label, count, minimum=1)
        agents = torch.arange(begin, end).repeat_interleave(count)
        record, partners = _record(game, policies, pool, agents, num_steps, generator=generator)
        dataset = InteractionDataset(
            observations=scaled[record.states.long()],
            actions=record.actions.to(torch.uint8),
            lengths=torch.full_like(agents, num_steps),
            agents=agents,
            partners=partners,
            returns=record.rewards.sum(1),
            outcomes=torch.full(agents.shape, -128, dtype=torch.int8),
            num_actions=game.num_actions,
        )
        return PokerEpisodes(dataset, record)

    return PokerProtocol(
        game=game,
        policies=policies,
        scaled_states=scaled,
        pretraining=episodes("num_episodes", 0, counts[0], num_episodes),
        train=episodes("num_train_episodes", counts[0], sum(counts), num_train_episodes),
        test=episodes("num_test_episodes", counts[0], sum(counts), num_test_episodes),
    )


def with_replies(protocol: PokerProtocol, episodes: PokerEpisodes) -> InteractionDataset:
    """The episodes with what the opponent saw and did right after each step; where it had no
    turn, its observation is zero, and its action is an extra one, the last."""
    states, replies = (
        part.long() for part in (episodes.trajectories.reply_states, episodes.trajectories.replies)
    )
    num_actions = protocol.game.num_actions
    silent = replies < 0
    return dataclasses.replace(
        episodes.dataset,
        partner_observations=protocol.scaled_states[states].masked_fill(silent[..., None], 0.0),
        partner_actions=replies.masked_fill(silent, num_actions).to(torch.uint8),
        num_partner_actions=num_actions + 1,
    )


def policy_distances(protocol: PokerProtocol) -> Float32[Tensor, "agent agent"]:
    """How differently the evaluation agents play as player 0: the total variation of two policies
    in an information state, averaged over the states of all labelled and test episodes.

    Σ_s w_s ½ Σ_a |π_i(a | s) - π_j(a | s)|, w_s the share of s in these episodes.
    """
    parts = [part.trajectories.states.flatten() for part in (protocol.train, protocol.test)]
    counts = torch.cat(parts).long().bincount(minlength=protocol.policies.shape[1])
    own = protocol.policies[protocol.train.dataset.agents.unique()]
    weighted = (own * (counts / counts.sum())[:, None])[:, counts > 0].flatten(1)
    return torch.cdist(weighted, weighted, p=1.0) / 2


def action_counts(
    protocol: PokerProtocol, episodes: PokerEpisodes
) -> Float32[Tensor, "episode state act"]:
    """How often each action was taken in each information state, for each episode."""
    num_states, num_actions = protocol.game.legal_actions.shape
    return identification.count_actions(
        episodes.trajectories.states,
        episodes.trajectories.actions,
        num_states=num_states,
        num_actions=num_actions,
    )


def likelihood_ceilings(protocol: PokerProtocol) -> dict[str, float]:
    """The accuracies that likelihoods reach in identifying the test episodes, 0 to 1.

    Returns:
        ``true``, by the agents' own policies; ``pooled``, by their action frequencies over the
        labelled episodes, see `identification.pooled_policies`.
    """
    legal = protocol.game.legal_actions
    counts = [action_counts(protocol, part) for part in (protocol.train, protocol.test)]
    agents, labels = protocol.train.dataset.agents, protocol.test.dataset.agents
    pooled = identification.pooled_policies(counts[0], agents, legal_actions=legal)
    own = protocol.policies[agents.unique()]
    return {
        "true": identification.likelihood_accuracy(counts[1], labels, own),
        "pooled": identification.likelihood_accuracy(counts[1], labels, pooled),
    }


def _record(
    game: PokerGame,
    policies: Tensor,
    pool: Tensor,
    agents: Int64[Tensor, " episode"],
    num_steps: int,
    *,
    generator: torch.Generator,
) -> tuple[Trajectories, Int64[Tensor, " episode"]]:
    """A trajectory of each agent against a random opponent from the pool, and these opponents."""
    partners = torch.randint(len(pool), agents.shape, generator=generator)
    players = torch.stack([agents, partners], dim=1)
    record = play(game, policies, pool, players=players, num_steps=num_steps, generator=generator)
    return record, partners


def _scaled_states(
    game: PokerGame, policies: Tensor, pool: Tensor, *, generator: torch.Generator
) -> Float32[Tensor, "state obs"]:
    agents = torch.arange(min(NUM_SCALED_AGENTS, len(policies)))
    record, _ = _record(game, policies, pool, agents, NUM_SCALED_STEPS, generator=generator)
    seen = game.information_states[record.states.long().flatten()]
    low, high = seen.amin(0), seen.amax(0)
    spread = torch.where(high > low, high - low, 1.0)
    return 2 * (game.information_states - low) / spread - 1
