"""What knowing the other player is worth, where it can be computed exactly."""

import pytest
import torch

from paperlib.agents.networks import StackedMLP
from paperlib.agents.poker_policies import random_policies
from paperlib.agents.populations import Population
from paperlib.environments.poker import make_game
from paperlib.streams import make_generator
from reproduction import value_of_knowing
from reproduction.value_of_knowing import Value

pytest.importorskip("pyspiel", reason="OpenSpiel is not installed")
KUHN = make_game("kuhn_poker")


def test_differences_by_hand():
    value = Value(informed=3.0, uninformed=2.0, member=-1.0)
    assert value.of_knowing == 1.0 and value.share == 0.25


def always(action):
    """The policy that takes one action wherever it is legal."""
    policy = torch.zeros(KUHN.legal_actions.shape)
    policy[:, action] = 1.0
    return policy


@pytest.mark.parametrize("player", [0, 1])
def test_nothing_is_worth_knowing_of_one_opponent(player):
    policies = torch.full((3, *KUHN.legal_actions.shape), 0.5)
    found = value_of_knowing.of_poker_players(KUHN, policies, player=player)
    assert found.of_knowing == pytest.approx(0, abs=1e-6)
    assert found.informed > found.member


def test_against_who_always_folds_and_who_always_bets():
    """Player 0 bets and takes the ante of who passes, whatever its card. Of who always bets, it
    checks and calls with queen or king: ±2 with the queen, +2 with the king, -1 with the jack; or
    bets the king at once. Bet with the jack, it would lose 2."""
    policies = torch.stack([always(0), always(1)])
    passive, bold = (
        value_of_knowing.of_poker_players(KUHN, policy[None], player=0) for policy in policies
    )
    assert passive.informed == pytest.approx(1)
    assert bold.informed == pytest.approx((2 + 0 - 1) / 3)
    both = value_of_knowing.of_poker_players(KUHN, policies, player=0)
    assert both.informed == pytest.approx((passive.informed + bold.informed) / 2)
    # One policy for both: queen and king bet, the same as against each alone; the jack bets and
    # gets +1 and -2, or passes and gets from who passes -1, from who bets -1 by folding.
    assert both.uninformed == pytest.approx(((1 + 1 + 1) / 3 + (2 + 0 - 2) / 3) / 2)
    assert both.of_knowing == pytest.approx(1 / 6)


def test_the_best_policy_against_a_mixture_lies_between_its_bounds():
    """Against two policies drawn before the hand, no policy gains more than against each alone, nor
    less than the best response to one of them gains against both."""
    policies = random_policies(KUHN, 2, generator=make_generator(3))
    for player in (0, 1):
        found = value_of_knowing.of_poker_players(KUHN, policies, player=player)
        alone = [
            value_of_knowing.of_poker_players(KUHN, policy[None], player=player)
            for policy in policies
        ]
        assert found.informed == pytest.approx(sum(one.informed for one in alone) / 2)
        assert found.member <= found.uninformed <= found.informed + 1e-6  # float32 policies


def test_listeners_of_whom_one_stands_still_where_the_other_runs_away():
    """Either word is right for one of them, and the population's speakers send one each."""
    weights, biases = torch.zeros(2, 11, 5), torch.zeros(2, 1, 5)
    biases[..., 0] = 15.0  # to stand still
    weights[0, 8, 2] = 60.0  # the first bit makes one run to the right
    weights[1, 8, 0], biases[1, 0, 2] = 60.0, 30.0  # and keeps the other from it
    listeners = StackedMLP.from_tensors({"weights.0": weights, "biases.0": biases})
    bits = torch.tensor([[[-1.0, -1.0, -1.0]], [[1.0, -1.0, -1.0]]])
    speakers = StackedMLP.from_tensors({"weights.0": torch.zeros(2, 3, 3), "biases.0": bits})
    population = Population(speakers, listeners, provenance={"dynamics": "mpe2"})
    found = value_of_knowing.of_listeners(population, num_episodes=600, generator=make_generator(0))
    # Who stands still is at a mean squared distance of 4/3, 25 times
    assert found.informed == pytest.approx(-25 * 4 / 3, abs=5)
    assert found.of_knowing > 25
    assert found.share == pytest.approx(1, abs=0.1)
