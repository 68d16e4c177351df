"""Verdicts on the parts of a claim: paired t tests and equivalence tests, corrected by Holm."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from reproduction.statistics import cluster_means

Numbers = Sequence[float] | NDArray[np.floating]

LEVEL = 0.05  # of all tests of a claim together
MIN_RUNS = 5
MAX_RUNS = 10_000  # that `required_num_runs` looks for
EXPECTED = ("greater", "less", "equal")
VERDICTS = ("contradicted", "too few runs", "undecided", "equivalent", "reproduced")  # worst first


@dataclasses.dataclass(frozen=True)
class Part:
    """One comparison that a claim makes, with its data.

    Attributes:
        name: what is compared.
        differences: of two methods, one for each paired run, (S,).
        smallest_effect: Δ > 0, the smallest difference that matters, in the units of
            ``differences``; chosen before the runs.
        expected: by the claim: "greater" than zero, "less", or "equal" up to ``smallest_effect``.
        clusters: of each run, (S,): runs that share a population are not independent. By default
            all are.

    Raises:
        ValueError: if an argument is out of range.
    """

    name: str
    differences: Numbers
    smallest_effect: float
    expected: str = "greater"
    clusters: Sequence[int] | NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        differences = np.asarray(self.differences, dtype=float)
        if differences.ndim != 1 or not np.isfinite(differences).all():
            raise ValueError(f"differences of {self.name!r} must be finite numbers, one a run")
        if not (0 < self.smallest_effect < math.inf):
            raise ValueError(
                f"smallest_effect of {self.name!r} must be positive and finite, got "
                f"{self.smallest_effect}"
            )
        if self.expected not in EXPECTED:
            raise ValueError(
                f"expected must be one of {', '.join(EXPECTED)}; got {self.expected!r}"
            )
        if self.clusters is not None and np.shape(self.clusters) != differences.shape:
            raise ValueError(
                f"clusters of {self.name!r} must be {len(differences)}, one a run; got shape "
                f"{np.shape(self.clusters)}"
            )

    @property
    def units(self) -> NDArray[np.float64]:
        """Independent differences: of the runs, or the mean of each cluster."""
        return cluster_means(self.differences, self.clusters)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the data say of one part.

    Attributes:
        part: the name of the part.
        verdict: one of `VERDICTS`.
        mean: of the independent differences, with its 95 % interval (not corrected for the number
            of parts) from ``low`` to ``high``.
        difference_p: of the test against zero (for "equal": of an effect beyond Δ), Holm-adjusted.
        equivalence_p: of the two one-sided tests against ±Δ, Holm-adjusted.
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


def _p_values(part: Part, mean: float, spread: float, num_runs: int) -> tuple[float, float]:
    """p of a difference, two-sided, and of equivalence, from the statistics of independent runs."""
    error, degrees, delta = spread / math.sqrt(num_runs), num_runs - 1, part.smallest_effect
    null = delta if part.expected == "equal" else 0.0
    beyond = min(_tail(mean, error, null, degrees), _tail(-mean, error, null, degrees))
    # TOST (Schuirmann 1987): the larger p of mean > -Δ and mean < Δ
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
    A part is "equivalent" if its difference is shown to be smaller than Δ, even where it is not
    zero; else "reproduced" or "contradicted" by the sign of a significant difference; else
    "undecided". One that is expected to be equal is "reproduced" by equivalence, and "contradicted"
    by a difference shown to be beyond ±Δ.

    Raises:
        ValueError: if there is no part, or one has fewer than `MIN_RUNS` runs or clusters.
    """
    if not parts:
        raise ValueError("parts: a claim takes at least one")
    for part in parts:
        if len(part.units) < MIN_RUNS:
            raise ValueError(
                f"differences of {part.name!r}: a verdict takes at least {MIN_RUNS} independent "
                f"runs or clusters, got {len(part.units)}"
            )
    moments = [(p.units.mean(), p.units.std(ddof=1), len(p.units)) for p in parts]
    raw = [_p_values(p, *found) for p, found in zip(parts, moments, strict=True)]
    adjusted = [holm(column) for column in zip(*raw, strict=True)]
    verdicts = []
    for part, (mean, spread, num_runs), *p_values in zip(parts, moments, *adjusted, strict=True):
        half = special.stdtrit(num_runs - 1, 1 - LEVEL / 2) * spread / math.sqrt(num_runs)
        found = _decide(part, mean, *p_values)
        low, high = float(mean - half), float(mean + half)
        verdicts.append(Verdict(part.name, found, float(mean), low, high, *map(float, p_values)))
    return verdicts


def required_num_runs(part: Part, *, num_parts: int = 1) -> int | None:
    """About how many independent runs or clusters would decide an undecided part, if mean and
    spread stay as they are; None where `MAX_RUNS` would not do.

    Args:
        part: with the runs so far.
        num_parts: of its claim. The part is taken to be the least clear of them.
    """
    mean, spread = part.units.mean(), part.units.std(ddof=1)

    def decided(count: int) -> bool:
        p_values = (min(1.0, num_parts * p) for p in _p_values(part, mean, spread, count))
        return _decide(part, mean, *p_values) != "undecided"

    low, high = len(part.units) - 1, MAX_RUNS
    if not decided(high):
        return None
    while high - low > 1:  # more runs never undo a decision
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def whole(found: Iterable[str]) -> str:
    """The verdict on a claim, from those on its parts: the worst one, in the order of `VERDICTS`;
    "equivalent" if parts are either that or reproduced."""
    return min(found, key=VERDICTS.index)
