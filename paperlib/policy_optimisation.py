"""Training new wrestlers that condition on embeddings of their opponents (Section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from paperlib import files, informants, wrestlers
from paperlib.embeddings import Representation
from paperlib.informants import Informant
from paperlib.trainings import Report
from paperlib.wrestlers import Wrestler
from paperlib.wrestling import Recipe, Training

State = Mapping[str, Tensor]


def make_informant(
    knowledge: Mapping[str, Any], num_matches: int, opponents: Sequence[int]
) -> Informant:
    """An informant of some of the opponents.

    Args:
        knowledge: arguments of `Informant`, but that "model" may be a file, "offline" has a row for
            each opponent there is, and "name" is due.
        num_matches: side by side.
        opponents: which rows of "offline" it tells of, in this order.
    """
    known = dict(knowledge)
    if isinstance(known.get("model"), Path):
        known["model"] = Representation.load(known["model"])
    if known.get("offline") is not None:
        known["offline"] = known["offline"][list(opponents)]
    return Informant(num_matches=num_matches, num_opponents=len(opponents), **known)


def evaluate(
    learner: Wrestler,
    knowledge: Mapping[str, Any],
    states: Sequence[State],
    opponents: Sequence[int],
    *,
    num_games: int,
    key: Sequence[int],
) -> list[dict[str, float]]:
    """Shares of games that a learner won, lost and drew against each of some opponents.

    Args:
        learner: with a context.
        knowledge: see `make_informant`.
        states: of all opponents.
        opponents: which of them play.
        num_games: against each.
        key: of the random streams.
    """
    informant = make_informant(knowledge, num_games * len(opponents), opponents)
    numbers = np.arange(len(opponents)).repeat(num_games)
    rivals = [Wrestler.from_state(states[who]) for who in opponents]
    played = informants.meet([(learner, informant)], rivals, numbers, key=key)
    chosen = (played.select(numbers == k).shares() for k in range(len(opponents)))
    return [{how: share.mean for how, share in shares.items()} for shares in chosen]


def optimise(
    *,
    key: Sequence[int],
    recipe: Recipe,
    start: State,
    states: Sequence[State],
    groups: Mapping[str, Sequence[int]],
    knowledge: Mapping[str, Any],
    num_games: int,
    folder: str | Path,
    report: Report = lambda done: None,
) -> list[dict[str, Any]]:
    """A job for `trainings.run_jobs`: trains one policy against the opponents of the group "train",
    and lets it play games against every group before the first chapter and after each.

    All is written to ``folder / NAME.safetensors``, with a checkpoint beside it that is taken up.

    Args:
        key: of the random streams.
        recipe: with ``mutual_share=0`` and ``rival_share=1``.
        start: `state_dict` of the wrestler that it starts from, without a context.
        states: of all opponents.
        groups: which of them are "train", and any others.
        knowledge: see `make_informant`.
        num_games: against each opponent.
        folder: of all policies.
        report: told of each chapter.

    Returns:
        For each chapter from 0 on: its number, samples, and for each group shares of each opponent.

    Raises:
        ValueError: if a file is damaged. One of another training is made anew.
    """
    name, folder = knowledge["name"], Path(folder)
    size = make_informant(knowledge, 1, groups["train"]).context_size
    training = Training(
        *(key, recipe),
        parents=[Wrestler.from_state(start).with_context(size).state_dict()],
        rivals=[states[who] for who in groups["train"]],
        informant=make_informant(knowledge, recipe.num_matches, groups["train"]),
    )
    identity = {**training.identity(), "groups": groups, "num_games": num_games}
    identity["knowledge"] = {what: _told(value) for what, value in knowledge.items()}
    target, checkpoint = (
        place / f"{name}.safetensors" for place in (folder, folder / "checkpoints")
    )
    told = checkpoint.with_suffix(".json")
    if target.exists():
        found = wrestlers.load(target)[1]
        if found["training"] == files.plain(identity):
            report(recipe.num_chapters + 1)
            return found["curve"]
    curve: list[dict[str, Any]] = []
    if checkpoint.exists() and told.exists() and training.load(checkpoint):
        curve = files.load_json(told)["curve"][: len(training.history) + 1]
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    report(len(curve))
    while len(curve) <= recipe.num_chapters:
        if curve:
            training.train_chapter()
        chapter, learner = len(training.history), training.learners[0]
        point: dict[str, Any] = {"chapter": chapter}
        point["samples"] = training.history[-1]["samples"] if chapter else 0
        for number, (group, opponents) in enumerate(groups.items()):
            point[group] = evaluate(
                *(learner, knowledge, states, opponents),
                num_games=num_games,
                key=(*key, 3, chapter, number),
            )
        curve.append(point)
        files.save_json(told, {"curve": curve})
        training.save(checkpoint)
        report(1)
    provenance = {"training": identity, "curve": curve, "seconds": sum(training.seconds)}
    wrestlers.save(target, {name: training.learners[0]}, provenance)
    return curve


def _told(value: Any) -> Any:
    """What stands for a piece of knowledge in the identity of a training."""
    if isinstance(value, Tensor):
        return files.tensor_checksum({"": value}, "")
    return files.file_checksum(value) if isinstance(value, Path) else value
