"""What the benchmark's cells say: the whole table, and which encoder and objective to use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproduction import claims, poker, tables, verdicts
from reproduction.benchmark_measures import STEP_SHARES, Row
from reproduction.benchmark_worlds import GAMES
from reproduction.statistics import Estimate, t_interval

MOST_NAMED = 10  # most cells that one field of a table names
STATISTICS = "summary statistics"
PAPERS = "mean-MLP", "Emb-Hyb"  # the paper's encoder and objective
MEASURES = {  # title and factor of each measure, by its name in a row
    "linear": ("linear layer, %", 100.0),
    "nearest": ("nearest neighbour, %", 100.0),
    "ratio": ("IICR", 1.0),
    "correlation": ("rank correlation", 1.0),
}
# Words for verdicts on differences from the paper's cell, which are expected to be positive
WORDS = {"reproduced": "better", "contradicted": "worse", "undecided": "open"}


class Cell(NamedTuple):
    """A cell of one task: what rows of different seeds have in common."""

    world: str
    kind: str
    encoder: str
    objective: str

    @property
    def name(self) -> str:
        return ", ".join(part for part in (self.encoder, self.objective) if part)


def by_cell(rows: Iterable[Row], measure: str) -> dict[Cell, list[float]]:
    """Numbers of all seeds by cell, in the order of the rows; NaN where there is none."""
    found: dict[Cell, list[float]] = {}
    for row in rows:
        cell = Cell(*(row[name] for name in Cell._fields))
        number = row.get(measure)
        found.setdefault(cell, []).append(math.nan if number is None else float(number))
    return found


def estimates(rows: Iterable[Row], measure: str) -> dict[Cell, Estimate]:
    """Means over seeds with 95 % intervals (Student's t), of cells that have the measure."""
    found = by_cell(rows, measure).items()
    return {
        cell: t_interval([number for number in numbers if not math.isnan(number)])
        for cell, numbers in found
        if not all(map(math.isnan, numbers))
    }


def published(world: str) -> dict[str, dict[str, tuple[float, float]]]:
    """Published numbers of a world by method, then measure: mean and the number after ±, in %."""
    return poker.PUBLISHED.get(GAMES.get(world, ""), {})


def table(rows: Sequence[Row]) -> str:
    """All cells as a Markdown table: means over seeds with 95 % intervals, the seconds of one
    training run (median over seeds, robust to interrupted ones; "GPU" where it used one) and the
    number of weights; below each game of poker, the published numbers; at the end, the cost of all
    training runs on CPUs."""
    shown = {name: estimates(rows, name) for name in MEASURES}
    seconds, num_weights = (by_cell(rows, name) for name in ("seconds", "num_weights"))
    on_cpu = by_cell((row for row in rows if not _has_gpu(row)), "seconds")
    body, cells = [], list(dict.fromkeys(by_cell(rows, "linear")))
    for place, cell in enumerate(cells):
        numbers = [_text(shown[name].get(cell), MEASURES[name][1]) for name in MEASURES]
        cost = [np.median(on_cpu.get(cell, seconds[cell])), np.median(num_weights[cell])]
        texts = ["–" if np.isnan(c) else f"{c:.0f}" for c in cost]
        texts[0] += "" if cell in on_cpu else " (GPU)"
        body.append((*cell, *numbers, *texts))
        if cells[place + 1 : place + 2] and cells[place + 1].world == cell.world:
            continue
        for method, measured in published(cell.world).items():
            both = [f"{mean} ± {spread}" for mean, spread in measured.values()]
            body.append((*cell[:2], "published", method, *both, *"––––"))
    titles = [title for title, _ in MEASURES.values()]
    header = ("world", "split", "encoder", "objective", *titles, "seconds", "weights")
    hours = training_seconds(rows) / 3600
    return f"{tables.markdown_table(header, body)}\nAll trainings: {hours:.1f} core hours.\n"


def training_seconds(rows: Iterable[Row]) -> float:
    """Core seconds of all training runs on CPUs: for each cell the median over seeds times their
    number; cells that were not timed are left out."""
    on_cpu = by_cell((row for row in rows if not _has_gpu(row)), "seconds")
    return float(np.nansum([np.median(found) * len(found) for found in on_cpu.values()]))


def _has_gpu(row: Row) -> bool:
    """Whether a cell was trained on a GPU, whose name then stands in its row."""
    return isinstance(row.get("device"), str) and row["device"] not in ("", "cpu")


def _text(estimate: Estimate | None, factor: float) -> str:
    if estimate is None:
        return "–"
    digits = 1 if factor == 100 else 2
    mean, low, high = (f"{factor * number:.{digits}f}" for number in estimate[:3])
    return mean if math.isnan(estimate.low) else f"{mean} [{low}, {high}]"


def curve_points(rows: Iterable[Row]) -> pd.DataFrame:
    """Accuracies of nearest neighbours against the number of labelled episodes ("by_labels") and
    against the share of an episode that is seen ("by_steps"): a row for each point, "at" a number
    or share, with the mean over seeds, "nearest", and its 95 % interval, "low" and "high"."""
    curves: dict[tuple[Cell, str], list[list[float]]] = {}
    for row, name in product(rows, ("by_labels", "by_steps")):
        if row.get(name):
            cell = Cell(*(row[part] for part in Cell._fields))
            curves.setdefault((cell, name), []).append(row[name])
    points = []
    for (cell, name), found in curves.items():
        shares = range(1, len(found[0]) + 1) if name == "by_labels" else STEP_SHARES
        for share, numbers in zip(shares, np.transpose(found), strict=True):
            mean, low, high, _ = t_interval(numbers)
            measured = {"nearest": mean, "low": low, "high": high}
            points.append({**cell._asdict(), "curve": name, "at": share, **measured})
    return pd.DataFrame(points)


def best_cell(rows: Iterable[Row], task: tuple[str, str], *, measure: str = "linear") -> Cell:
    """The cell with the highest mean among those that are trained without labels."""
    found = {c: e.mean for c, e in estimates(rows, measure).items() if c[:2] == task}
    return max(filter(_is_learned, found), key=found.get)


def _is_learned(cell: Cell) -> bool:
    """Whether a cell is trained without labels."""
    return bool(cell.encoder) and cell.objective not in ("supervised", "untrained")


def ties(rows: Sequence[Row], task: tuple[str, str], *, measure: str = "linear") -> list[str]:
    """Cells trained without labels, and "summary statistics", that are not shown to be worse than
    the best cell, or by less than the smallest effect of an accuracy. `verdicts.judge_parts` judges
    them together; the list is empty if there are too few seeds. The best cell is chosen by the same
    numbers, which shortens the list.
    """
    best, found = best_cell(rows, task, measure=measure), by_cell(rows, measure)
    parts = [
        verdicts.Part(cell.name, np.subtract(found[best], own), claims.smallest_effect("accuracy"))
        for cell, own in found.items()
        if cell[:2] == task and cell != best
        if _is_learned(cell) or cell.objective == STATISTICS
    ]
    judged = verdicts.judge_parts(parts) if parts else []
    worse = "reproduced", verdicts.TOO_FEW
    return [one.part for one in judged if one.verdict not in worse]


def answers(
    rows: Sequence[Row],
    *,
    encoders: Sequence[str],
    objectives: Sequence[str],
    measures: Sequence[str] = ("linear", "nearest"),
) -> list[dict[str, Any]]:
    """For every task, whether another encoder or objective identifies more agents than the paper's,
    one changed at a time.

    The differences of one task and measure are judged together (`verdicts.judge_parts`), with the
    smallest effect of an accuracy.

    Returns:
        For each task "world", "kind", and each "measure"; "best", the best cell's name; "ties", see
        `ties`, without cells that are "worse" than the best one by these differences; "encoders"
        and "objectives", by name "better", "equivalent", "worse", "open" or "too few runs";
        "enough", whether the paper's suffice: "no" if another is better, "yes" if none is better or
        open, else "open".
    """
    answered = []
    tasks = dict.fromkeys((row["world"], row["kind"]) for row in rows)
    for task, measure in product(tasks, measures):
        found = by_cell(rows, measure)
        papers = Cell(*task, *PAPERS)
        changed = [Cell(*task, e, PAPERS[1]) for e in encoders if e != PAPERS[0]]
        changed += [Cell(*task, PAPERS[0], o) for o in objectives if o != PAPERS[1]]
        changed = [cell for cell in changed if cell in found]  # some cells are left out
        parts = [
            verdicts.Part(
                cell.name,
                np.subtract(found[cell], found[papers]),
                claims.smallest_effect("accuracy"),
            )
            for cell in changed
        ]
        judged = verdicts.judge_parts(parts) if parts else []
        words = {one.part: WORDS.get(one.verdict, one.verdict) for one in judged}
        best = best_cell(rows, task, measure=measure)
        behind = {name for name, word in words.items() if best == papers and word == "worse"}
        if words.get(best.name) == "better":
            behind.add(papers.name)
        enough = "yes" if {*words.values()} <= {"equivalent", "worse"} else "open"
        answered.append(
            {
                "world": task[0],
                "kind": task[1],
                "measure": measure,
                "best": best.name,
                "ties": [n for n in ties(rows, task, measure=measure) if n not in behind],
                "encoders": {c.encoder: words[c.name] for c in changed if c.encoder != PAPERS[0]},
                "objectives": {
                    c.objective: words[c.name] for c in changed if c.objective != PAPERS[1]
                },
                "enough": "no" if "better" in words.values() else enough,
            }
        )
    return answered


def answers_table(answered: Sequence[Mapping[str, Any]]) -> str:
    """`answers` as a Markdown table."""

    def grouped(words: Mapping[str, str]) -> str:
        names = {word: [n for n in words if words[n] == word] for word in words.values()}
        return "; ".join(f"{word}: {', '.join(found)}" for word, found in names.items()) or "–"

    def named_or_counted(ties: Sequence[str]) -> str:
        if len(ties) <= MOST_NAMED:
            return "; ".join(ties) or "–"
        among = f", {STATISTICS} among them" if STATISTICS in ties else ""
        return f"{len(ties)} others{among}"

    header = (
        "world",
        "split",
        "measure",
        "best cell",
        "not shown to be worse, or by less than 2 points",
    )
    header += ("encoders, with Emb-Hyb", "objectives, with mean-MLP", "the paper's are enough")
    body = []
    for row in answered:
        groups = [grouped(row[name]) for name in ("encoders", "objectives")]
        tied = named_or_counted(row["ties"])
        task = row["world"], row["kind"], MEASURES[row["measure"]][0].removesuffix(", %")
        body.append((*task, row["best"], tied, *groups, row["enough"]))
    return tables.markdown_table(header, body)


def result_rows(rows: Sequence[Row]) -> list[tables.Row]:
    """Rows of results for the paper's cell and the best one of every task, beside the numbers
    published for the game, as shares: those for its authors' version of the paper's method, and for
    their best method."""
    found = []
    for task in dict.fromkeys((row["world"], row["kind"]) for row in rows):
        best, own = (best_cell(rows, task), Cell(*task, *PAPERS))
        beside = dict(zip((best, own), published(task[0]).values(), strict=False))
        for cell, measure in product(dict.fromkeys((own, best)), ("linear", "nearest")):
            number = beside[cell][measure][0] / 100 if cell in beside else None
            item = f"{', '.join(task)}: {cell.name}, {measure}"
            found.append(tables.row(item, estimates(rows, measure)[cell], paper=number))
    return found
