"""Shipped agents, which notebooks take instead of training them.

They are refused if they were trained with other parameters than the notebook's: its results would
name the wrong ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paperlib import pretrained
from paperlib.agents.populations import Population
from paperlib.agents.selfplay import Recipe
from reproduction import contextual_policies
from reproduction.best_responses import ALL
from reproduction.contextual_policies import ContextualPolicies
from reproduction.policy_study import SEEN

FROM_SCRATCH = "train from scratch: from_scratch=True"
LEARNING = ("num_iterations", "learning_rate", "discount", "logit_penalty")  # for populations


def load_populations(parameters: Mapping[str, Any]) -> dict[int, Population]:
    """The populations that population.py does not train, by number.

    Args:
        parameters: parameters of that notebook.

    Raises:
        ValueError: if one is not shipped, or was trained with other parameters.
    """
    count, found = parameters["num_populations"], {}
    remedy = f"train all of them: trained={list(range(count))}"
    for number in range(count):
        if number in parameters["trained"]:
            continue
        name = f"particleworld/population-{number}"
        if name not in pretrained.names():
            raise ValueError(f"trained: there is no shipped population {number}; {remedy}")
        found[number] = population = pretrained.load(name)
        made = population.provenance
        restarts = max(made["attempts"]) - 1  # more restarts would have changed nothing
        known = {
            "num_pairs": population.num_pairs,
            "seed": made["seed"] - number,
            "message_size": population.message_size,
            "dynamics": population.dynamics,
            "floor": made["floor"],
            "max_restarts": max(restarts, parameters["max_restarts"]),
        }
        known |= {name: made["settings"][name] for name in LEARNING}
        _compare(parameters, known, f"shipped population {number}", remedy)
    return found


def load_contextual_policies(parameters: Mapping[str, Any]) -> ContextualPolicies:
    """The policies that figure_4.py does not train.

    Args:
        parameters: parameters of that notebook.

    Raises:
        ValueError: if one is not shipped, or was trained with other parameters.
    """
    trained = contextual_policies.load_shipped()
    for variant in (*parameters["variants"], *parameters["more_variants"]):
        for seed in parameters["seeds"]:
            if (variant, seed) not in trained.policies:
                raise ValueError(
                    f"variants, seeds: there is no shipped policy {variant!r} of seed {seed}; "
                    f"{FROM_SCRATCH}"
                )
    made, online = trained.provenance, trained.provenance["contexts"]["Emb-Hyb"]
    known = {
        "encoder_seed": trained.encoders["Emb-Hyb"].source["key"][0],
        "num_opponents": len(made["groups"]["train"]),
        "num_components": online["context_size"],
        "num_episodes": online["num_episodes"],
        "conditioning": made["conditioning"],
        "learning_rate": made["recipe"]["ppo"]["learning_rate"],
    }
    known |= {n: made["recipe"][n] for n in ("num_iterations", "num_rollouts", "num_envs")}
    known["games_every"] = next(iter(made["trainings"].values()))["curve"][1]["iteration"]
    _compare(parameters, known, "shipped policies", FROM_SCRATCH)
    return trained


def check_best_responses(provenance: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Refuses best responses that were trained with other parameters.

    `BestResponses.check` does so for other opponents and another start, and compares whole recipes
    where the provenance holds them.

    Args:
        provenance: provenance of the shipped best responses.
        parameters: parameters of best_responses.py.

    Raises:
        ValueError: if one differs.
    """
    known = {
        "num_opponents": len(provenance[SEEN]["opponents"]),
        "num_iterations": len(provenance[SEEN]["curve"]) - 1,
        "num_response_iterations": len(provenance[ALL]["curve"]) - 1,
    }
    _compare(parameters, known, "shipped best responses", FROM_SCRATCH)
    rollouts = parameters["num_response_iterations"] * parameters["num_rollouts"]
    num_samples = rollouts * parameters["num_envs"] * Recipe.rollout_length
    num_samples *= len(provenance[ALL]["opponents"])
    if num_samples != provenance[ALL]["samples"]:
        raise ValueError(
            f"num_rollouts, num_envs: {ALL!r} would learn from {num_samples} samples, but the "
            f"shipped one did from {provenance[ALL]['samples']}; {FROM_SCRATCH}"
        )


def _compare(given: Mapping[str, Any], made: Mapping[str, Any], what: str, remedy: str) -> None:
    for name, value in made.items():
        if given[name] != value:
            raise ValueError(f"{name} is {given[name]!r}, but {value!r} for the {what}; {remedy}")
