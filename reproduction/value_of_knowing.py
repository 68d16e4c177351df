"""The value of knowing the opponent: what best responses to each gain over the best one to all.

V = 1/N Σ_i max_π u(π, i) - max_π 1/N Σ_i u(π, i), where u(π, i) is the expected return of policy π
with player i: the expected value of perfect information (Raiffa and Schlaifer 1961) of who the
other player is. No embedding of the others can be worth more than V; where V is 0, none is worth
anything. The best policy against all may infer who it faces from what it sees in the episode.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from paperlib.agents import word_speakers
from paperlib.agents.populations import Population
from paperlib.environments.poker import PokerGame
from reproduction import languages, roshambo


class Value(NamedTuple):
    """Mean returns with all N other players.

    Attributes:
        informed: return of the best policy for each.
        uninformed: return of the best single policy.
        member: return of an average member of the population.
    """

    informed: float
    uninformed: float
    member: float

    @property
    def of_knowing(self) -> float:
        """V, the value of knowing the other player."""
        return self.informed - self.uninformed

    @property
    def share(self) -> float:
        """V as a share of what the best policy for each gains over a member of the population."""
        return self.of_knowing / (self.informed - self.member)


def of_listeners(population: Population, *, num_episodes: int, generator: torch.Generator) -> Value:
    """The value to a speaker of knowing its listener: it sends one word for each target.

    Members are the population's own speakers, with the listeners of all pairs.

    Args:
        population: population of speakers and listeners.
        num_episodes: episodes of each word with each listener, for the tables of returns.
        generator: draws them.
    """
    tables = word_speakers.word_returns(
        population.listeners,
        num_episodes=num_episodes,
        dynamics=population.dynamics,
        generator=generator,
    )
    codes = languages.speaker_codes(population.speakers)
    returns = languages.returns_of_codes(codes, tables[1].numpy())
    return Value(
        informed=word_speakers.best_constant_returns(tables).mean().item(),
        uninformed=word_speakers.best_code_returns(tables).mean().item(),
        member=returns.mean().item(),
    )


def of_poker_players(
    game: PokerGame, policies: Float32[Tensor, "agent state act"], *, player: int
) -> Value:
    """The value in poker, exactly, by OpenSpiel's best responses, in chips per hand.

    The best policy against somebody drawn from the population, who does not change during a hand,
    is the best response to the mixture of all policies.

    Args:
        game: the game that is played.
        policies: policies of the N other players.
        player: seat of the player whose knowledge is valued, 0 or 1.

    Raises:
        ValueError: if OpenSpiel is not installed.
    """
    openspiel = roshambo.load_openspiel()
    openspiel_game = roshambo.load_game(game.name)
    from open_spiel.python import policy
    from open_spiel.python.algorithms import expected_game_score, policy_aggregator

    tables = [policy.TabularPolicy(openspiel_game) for _ in policies]
    seen = np.array([s.information_state_tensor() for s in tables[0].states], dtype=np.float32)
    equal = (seen[:, None] == game.information_states.numpy()[None]).all(-1)
    for table, probabilities in zip(tables, policies.numpy(), strict=True):
        table.action_probability_array[:] = probabilities[equal.argmax(1)]
    weights = np.full(len(tables), 1 / len(tables))
    mixture = policy_aggregator.PolicyAggregator(openspiel_game).aggregate(
        [0, 1], [tables, tables], [weights, weights]
    )
    start = openspiel_game.new_initial_state()

    def best_response(other: policy.Policy) -> float:
        given = policy.python_policy_to_pyspiel_policy(other.to_tabular())
        found = openspiel.TabularBestResponse(openspiel_game, player, given)
        return found.value_from_state(start)

    return Value(
        informed=float(np.mean([best_response(table) for table in tables])),
        uninformed=best_response(mixture),
        member=expected_game_score.policy_value(start, [mixture, mixture])[player],
    )
