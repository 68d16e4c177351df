"""Small studies of best responses."""

from reproduction.best_responses import BestResponses

SMALL = {"num_iterations": 1, "num_rollouts": 1, "num_envs": 4, "learning_rate": 1e-3}


def make_study(population, groups, *, start, folder, **changes):
    """A study with two iterations of a response, few samples, and a game per point of its curve."""
    options = SMALL | {"num_response_iterations": 2, "num_games": 1} | changes
    return BestResponses(
        population=population, groups=groups, start=start, folder=folder, **options
    )
