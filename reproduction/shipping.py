"""Copies encoders from a profile's results into the package: ``python -m reproduction.shipping``.

`paperlib.pretrained` loads what is there by name. The model card beside the files gets a table of
them, and ``SHA256SUMS`` their checksums (``sha256sum --check``).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from paperlib import files
from paperlib.embeddings import PolicyEmbedder
from reproduction import results, tables
from reproduction.comparison_files import METHODS, encoder_path
from reproduction.measures import window_means
from reproduction.publishing import between

WEIGHTS = results.ROOT / "paperlib/weights"
MARKS = ("<!-- encoders: begin -->", "<!-- encoders: end -->")
CARD, CHECKSUMS = "README.md", "SHA256SUMS"
HEADER = (
    "name",
    "objective",
    "learning rate",
    "updates",
    "IICR",
    "linear probe (chance)",
    "made by",
)


def ship(
    results_dir: str | Path,
    encoders: str | Path,
    *,
    world: str,
    seed: int,
    kinds: Sequence[str] = ("weak", "strong"),
    weights: str | Path = WEIGHTS,
) -> list[Path]:
    """Copies encoders of one seed, with their provenance and their measures on test episodes, and
    updates the model card and the checksums.

    Args:
        results_dir: results of the notebook that learned them, such as ``results/laptop/table_2``.
        encoders: the folder that this notebook keeps its encoders in.
        world: the subfolder of ``weights`` for them.
        seed: seed of the run.
        kinds: kinds of split.
        weights: folder to copy to.

    Returns:
        The new files.

    Raises:
        ValueError: if the results are of other seeds, or an encoder is not the one behind them.
    """
    result, weights = results.load(results_dir), Path(weights)
    if seed not in result["seeds"]:
        raise ValueError(f"seed: {results.shorten(results_dir)} has {result['seeds']}, not {seed}")
    card = (weights / CARD).read_text()
    made = {}
    for kind in kinds:
        for method in METHODS:
            path = encoder_path(Path(encoders), kind, method, seed)
            model = PolicyEmbedder.load(path)
            _check(model, result, kind, method, seed)
            model.source |= _provenance(result, kind, method, seed)
            made[weights / world / f"{method.lower()}-{kind}.safetensors"] = model
    for path, model in made.items():
        model.save(path)
    files_there = sorted(weights.glob("*/*.safetensors"))
    lines = [f"{files.file_checksum(p)}  {p.relative_to(weights).as_posix()}" for p in files_there]
    for path, text in (
        (weights / CHECKSUMS, "\n".join([*lines, ""])),
        (weights / CARD, between(card, MARKS, table(weights))),
    ):
        files.save_text(path, text)
    return list(made)


def _check(
    model: PolicyEmbedder, result: Mapping[str, Any], kind: str, method: str, seed: int
) -> None:
    """Refuses an encoder whose stream or learning curve is not that of the results."""
    wrong = ValueError(f"encoders: {kind} {method} {seed} is not the one behind {result['item']}")
    if model.source["key"][0] != seed:
        raise wrong
    curve = result["values"].get("losses", {}).get(f"{kind} {method}")
    if curve is not None:
        expected = torch.tensor(curve[result["seeds"].index(seed)])
        found = torch.tensor(window_means(model.losses, num_windows=len(expected)))
        if found.shape != expected.shape or not torch.allclose(found, expected, rtol=1e-4):
            raise wrong


def _provenance(result: Mapping[str, Any], kind: str, method: str, seed: int) -> dict[str, Any]:
    prefix, index = f"{kind} {method} ", result["seeds"].index(seed)
    return {
        "notebook": result["item"],
        "parameters": result["parameters"],
        "versions": result["versions"],
        "machine": result["machine"],
        "seed": seed,
        "split": kind,
        "method": method,
        "measured": {
            name.removeprefix(prefix): numbers[index]
            for name, numbers in result["values"]["measured"].items()
            if name.startswith(prefix)
        },
    }


def table(weights: Path) -> str:
    """The card's table of the encoders in a folder, as Markdown."""
    body = []
    for path in sorted(weights.glob("*/*.safetensors")):
        model = PolicyEmbedder.load(path)
        source, settings = model.source, model.settings
        commit, measured = source["versions"]["commit"], source["measured"]
        body.append(
            (
                f"`{path.parent.name}/{path.stem}`",
                _objective(source["objective"]),
                settings.learning_rate,
                settings.num_updates,
                tables.number(_measure(measured, "ratio")),
                f"{tables.number(_measure(measured, 'linear'))} "
                f"({tables.number(_measure(measured, 'chance'))})",
                f"{source['notebook']}, seed {source['seed']}, `{commit}`",
            )
        )
    return tables.markdown_table(HEADER, body)


def _objective(text: str) -> str:
    """The objective in the paper's terms, from the ``repr`` of `objectives.Hybrid`."""
    found = re.search(r"identification_weight=([\w.]+)", text)
    weight = float(found[1]) if found else None
    names = {0.0: "imitation", float("inf"): "identification", None: text}
    return names.get(weight, f"hybrid, λ = {weight}")


def _measure(measured: Mapping[str, float], name: str) -> float | None:
    """A measure of single episodes, as Tables 1 and 2 name it."""
    candidates = (name, f"{name} 1", f"{name}, 1 episodes")
    return next((measured[key] for key in candidates if key in measured), None)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ship encoders with the package.")
    parser.add_argument("--results", required=True, help="such as results/laptop/table_2")
    parser.add_argument("--encoders", required=True, help="such as results/laptop/encoders")
    parser.add_argument("--world", required=True, help="such as particleworld")
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args(arguments)
    try:
        chosen = {"world": options.world, "seed": options.seed}
        for path in ship(options.results, options.encoders, **chosen):
            print(results.shorten(path))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
