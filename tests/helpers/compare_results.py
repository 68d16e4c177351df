"""Compares two folders of results, value by value: did a change move a number?

``python tests/helpers/compare_results.py OLD NEW`` reads ``*/result.json`` in both (for instance
``results/smoke`` before and after a refactoring) and reports every value that differs, is missing
or was added. Numbers must be equal bit for bit. The exit status is 1 if anything is reported.

Names may change. A value is looked up under its old path, ``NOTEBOOK/key/key/index``, and if the
new results lack it, under the path that `RENAMED` makes of it; texts are compared alike.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# (pattern in old paths and texts, replacement), one after another
RENAMED = (
    (r"\bhand-made\b", "summary statistics"),
    (r"\bbest word\b", "best constant message"),
    (r"steps_per_round", "steps_per_iteration"),
    (r"^figure_4/more seeds\b", "figure_4/more_seeds"),
    # your_own_agents
    (r"\bnum_points_of_known\b", "num_seen_points"),
    (r"\bstrangers\b", "unseen"),
    (r"\bknown\b", "seen"),
    # table_1
    (r"\bamong kin\b", "within families"),
    (r"\bratio as trained\b", "ratio without reflections"),
    (r"\bno mirror images\b", "no reflections"),
    # wrestlers
    (r"^wrestlers/between within families/", "wrestlers/icc within families/"),
    (r"^wrestlers/between/", "wrestlers/icc/"),
    (r"^wrestlers/ancestors/", "wrestlers/families/"),
    (r"^wrestlers/at the floor/", "wrestlers/passed/"),
    (r"\bdescendants of (?=[a-g]\b)", "family "),
    (r"^(wrestlers/provenance/[^/]+)/lineage$", r"\1/training_run"),
    (r"^(wrestlers/provenance/[^/]+)/samples_with_ancestors$", r"\1/total_samples"),
)
# What is saved today and was not before: what figures show
ADDED = (
    r"^population/shown/",
    r"^table_[12]/(bars|curves|counts)/",
    r"^table_3/drawn/",
    r"^explorer/names/",
)
MOST_LINES = 20  # of one notebook's report


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value below ``value`` that is no list or object, with its path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}/{index}")
    else:
        yield path, value


def renamed(text: str) -> str:
    """An old path or text with today's names."""
    for pattern, replacement in RENAMED:
        text = re.sub(pattern, replacement, text)
    return text


def same(old: Any, new: Any) -> bool:
    """Whether two values are equal: numbers bit for bit, texts up to names."""
    if type(old) is not type(new):
        return False
    if isinstance(old, float):
        return struct.pack("d", old) == struct.pack("d", new)
    if isinstance(old, str):
        return new in (old, renamed(old))
    return old == new


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line for each value of ``old`` and ``new``, by path, that is not in both."""
    places = {path: path if path in new else renamed(path) for path in old}
    shared = Counter(places.values())
    lines = [
        f"ambiguous: {place} stands for {n} old values" for place, n in shared.items() if n > 1
    ]
    for path, place in places.items():
        if place not in new:
            lines.append(f"missing: {place}" + (f" (was {path})" if place != path else ""))
        elif not same(old[path], new[place]):
            lines.append(f"differs: {place}: {old[path]!r} -> {new[place]!r}")
    for path in new.keys() - shared.keys():
        if not any(re.search(pattern, path) for pattern in ADDED):
            lines.append(f"added: {path}")
    return sorted(lines)


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """Values and seeds of each notebook's results, by path."""
    found = {}
    for file in sorted(folder.glob("[!.]*/result.json")):
        name, content = file.parent.name, json.loads(file.read_text())
        found[name] = dict(leaves(content["values"], name))
        found[name] |= leaves(content["seeds"], f"{name}/seeds of the run")
    if not found:
        sys.exit(f"error: {folder} holds no results")
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Compare two folders of results.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("notebooks", nargs="*", help="which ones; all by default")
    options = parser.parse_args(arguments)
    old, new = load(options.old), load(options.new)
    failed = False
    for name in options.notebooks or sorted({*old, *new}):
        if name not in old or name not in new:
            print(f"{name}: no results in {options.new if name in old else options.old}")
            failed = True
            continue
        lines = differences(old[name], new[name])
        failed |= bool(lines)
        print(f"{name}: {len(old[name])} values, {len(lines)} differences")
        for line in lines[:MOST_LINES]:
            print(f"    {line}")
        if len(lines) > MOST_LINES:
            print(f"    ... and {len(lines) - MOST_LINES} more")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
