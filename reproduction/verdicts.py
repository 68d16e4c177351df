"""Verdicts on the parts of a claim: paired t tests and equivalence tests, corrected by Holm."""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from paperlib import _checks
from reproduction import statistics

Numbers = Sequence[float] | NDArray[np.floating]
Clusters = Sequence[int] | NDArray[np.integer]  # cluster of each run

LEVEL = 0.05  # family-wise, for a claim's tests of differences and for those of equivalence
MIN_RUNS = 5  # independent runs that a verdict needs
MAX_RUNS = 10_000  # the most that `required_num_runs` considers
EXPECTED = ("greater", "less", "equal")
TOO_FEW = "too few runs"
VERDICTS = ("contradicted", TOO_FEW, "undecided", "equivalent", "reproduced")  # the worst first


@dataclasses.dataclass(frozen=True)
class Part:
    """One comparison that a claim makes, with its data.

    Attributes:
        name: what is compared.
        differences: differences of two methods, one for each paired run, (S,).
        smallest_effect: δ > 0, the smallest difference that matters, in the units of
            ``differences``; chosen before the runs.
        expected: what the claim says: "greater" than zero, "less", or "equal" up to
            ``smallest_effect``.
        clusters: cluster of each run, (S,): runs that share a population are not independent. By
            default all are.

    Raises:
        ValueError: if an argument is out of range, or there is no smallest effect.
    """

    name: str
    differences: Numbers
    smallest_effect: float | None
    expected: str = "greater"
    clusters: Clusters | None = None

    def __post_init__(self) -> None:
        differences = np.asarray(self.differences, dtype=float)
        if differences.ndim != 1 or not len(differences) or not np.isfinite(differences).all():
            raise ValueError(f"differences of {self.name!r} must be finite numbers, one a run")
        if self.smallest_effect is None or not (0 < self.smallest_effect < math.inf):
            raise ValueError(
                f"smallest_effect of {self.name!r} must be positive, finite and chosen before the "
                f"runs; got {self.smallest_effect}"
            )
        _checks.one_of("expected", self.expected, EXPECTED)
        if self.clusters is not None and np.shape(self.clusters) != differences.shape:
            raise ValueError(
                f"clusters of {self.name!r} must be {len(differences)}, one a run; got shape "
                f"{np.shape(self.clusters)}"
            )

    @property
    def units(self) -> NDArray[np.float64]:
        """Independent differences: those of the runs, or the mean of each cluster."""
        return statistics.cluster_means(self.differences, self.clusters)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the data say about one part.

    Attributes:
        part: the name of the part.
        verdict: one of `VERDICTS`.
        mean: mean of the independent differences, with its 95 % interval (not corrected for the
            number of parts) from ``low`` to ``high``, NaN for a single run.
        difference_p: p-value of the test against zero (for "equal": of an effect beyond δ),
            Holm-adjusted.
        equivalence_p: p-value of the two one-sided tests against ±δ, Holm-adjusted.
    """

    part: str
    verdict: str
    mean: float
    low: float
    high: float
    difference_p: float
    equivalence_p: float


def holm(p_values: Numbers) -> NDArray[np.float64]:
    """Adjusted p-values that bound the chance of any false rejection (Holm 1979), (K,)."""
    p_values = np.asarray(p_values, dtype=float)
    order, count = np.argsort(p_values), len(p_values)
    # the k-th smallest of K is multiplied by K - k + 1, and is no smaller than those before it
    stepped = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    adjusted = np.empty(count)
    adjusted[order] = stepped.clip(max=1.0)
    return adjusted


def _tail(mean: float, error: float, bound: float, degrees: int) -> float:
    """p of the one-sided t test that the mean is above the bound."""
    if error == 0:
        return float(mean <= bound)
    return float(special.stdtr(degrees, (bound - mean) / error))


def _moments(part: Part) -> tuple[float, float, int]:
    """Mean and spread (NaN for a single one) of the independent differences, and their number."""
    units = part.units
    spread = units.std(ddof=1) if len(units) > 1 else math.nan
    return float(units.mean()), float(spread), len(units)


def _p_values(part: Part, mean: float, spread: float, num_runs: int) -> tuple[float, float]:
    """p of a difference, two-sided, and of equivalence, from the statistics of independent runs;
    both are 1 where there are too few."""
    if num_runs < MIN_RUNS:
        return 1.0, 1.0
    error, degrees, delta = spread / math.sqrt(num_runs), num_runs - 1, part.smallest_effect
    null = delta if part.expected == "equal" else 0.0
    beyond = min(_tail(mean, error, null, degrees), _tail(-mean, error, null, degrees))
    # TOST (Schuirmann 1987): the larger p of mean > -δ and mean < δ
    within = max(_tail(mean, error, -delta, degrees), _tail(-mean, error, -delta, degrees))
    return min(1.0, 2 * beyond), within


def _decide(part: Part, mean: float, difference_p: float, equivalence_p: float) -> str:
    equal = part.expected == "equal"
    if equivalence_p < LEVEL:
        return "reproduced" if equal else "equivalent"
    if difference_p >= LEVEL:
        return "undecided"
    as_expected = not equal and (mean > 0) == (part.expected == "greater")
    return "reproduced" if as_expected else "contradicted"


def judge_parts(parts: Sequence[Part]) -> list[Verdict]:
    """Judges all parts of one claim together.

    A difference is tested by Student's t on independent paired differences, two-sided, and
    equivalence by two one-sided tests (TOST); each family of p-values is adjusted by Holm's method.
    A part is "equivalent" if its difference is shown to be smaller than δ, even where it is not
    zero; else "reproduced" or "contradicted" by the sign of a significant difference; else
    "undecided". One that is expected to be equal is "reproduced" by equivalence, and "contradicted"
    by a difference shown to be beyond ±δ. One with fewer than `MIN_RUNS` independent runs has "too
    few runs".

    Raises:
        ValueError: if there is no part.
    """
    if not parts:
        raise ValueError("parts: a claim takes at least one")
    moments = [_moments(part) for part in parts]
    raw = [_p_values(p, *found) for p, found in zip(parts, moments, strict=True)]
    adjusted = [holm(column) for column in zip(*raw, strict=True)]
    verdicts = []
    for part, (mean, spread, num_runs), *p_values in zip(parts, moments, *adjusted, strict=True):
        found = _decide(part, mean, *p_values) if num_runs >= MIN_RUNS else TOO_FEW
        half = special.stdtrit(num_runs - 1, 1 - LEVEL / 2) * spread / math.sqrt(num_runs)
        low, high = float(mean - half), float(mean + half)
        verdicts.append(Verdict(part.name, found, mean, low, high, *map(float, p_values)))
    return verdicts


def required_num_runs(part: Part, *, num_parts: int = 1) -> int | None:
    """About how many independent runs or clusters would decide an undecided part, if mean and
    spread stay as they are; None if `MAX_RUNS` would not suffice, or a single run has no spread.

    Args:
        part: part with the runs so far.
        num_parts: parts of its claim; this one is taken to be the least clear.
    """
    mean, spread, num_runs = _moments(part)
    if num_runs == 1:
        return None

    def decided(count: int) -> bool:
        p_values = (min(1.0, num_parts * p) for p in _p_values(part, mean, spread, count))
        return _decide(part, mean, *p_values) != "undecided"

    if not decided(MAX_RUNS):
        return None
    counts = range(num_runs, MAX_RUNS)  # more runs never undo a decision
    return num_runs + bisect.bisect_left(counts, True, key=decided)


def judge(parts: Sequence[Part]) -> tuple[str, list[Verdict]]:
    """The verdict on a claim, and on its parts.

    A claim gets the worst verdict of any part, in the order of `VERDICTS`.
    """
    verdicts = judge_parts(parts)
    return min((part.verdict for part in verdicts), key=VERDICTS.index), verdicts


def _null(kind: str, shape: tuple[int, int], generator: np.random.Generator) -> NDArray[np.float64]:
    """Differences of two methods whose names could be exchanged."""
    draw = {
        "normal": lambda: generator.normal(size=shape),
        "skewed": lambda: generator.exponential(size=shape),
        "win rates": lambda: generator.binomial(50, 0.4, size=shape) / 50,
    }[kind]
    return draw() - draw()


def error_rate(
    *,
    num_runs: int,
    num_parts: int = 1,
    clusters: Clusters | None = None,
    kind: str = "normal",
    num_claims: int = 2000,
    generator: np.random.Generator,
) -> float:
    """Share of simulated claims, about two exchangeable methods, that have a part called
    "reproduced" or "contradicted": it should be `LEVEL`, with a standard error of 0.5 % in 2,000.

    Args:
        num_runs: runs of each part.
        num_parts: parts of each claim, independent of each other.
        clusters: cluster of each run, (S,); its runs share an effect as large as their noise.
        kind: a method's noise: "normal", "skewed" or "win rates" (of 50 games).
        num_claims: number of simulated claims.
        generator: draws them.
    """
    wrong = 0
    for _ in range(num_claims):
        data = _null(kind, (num_parts, num_runs), generator)
        if clusters is not None:
            numbers, index = np.unique(clusters, return_inverse=True)
            data += _null(kind, (num_parts, len(numbers)), generator)[:, index]
        # δ is so small that nothing is equivalent
        found = judge_parts([Part("", row, 1e-9, clusters=clusters) for row in data])
        wrong += any(part.verdict in ("reproduced", "contradicted") for part in found)
    return wrong / num_claims
