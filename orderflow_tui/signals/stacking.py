"""Thirty days of value: how many daily areas march in step, and which prices several of them share.

Consecutive five-day composites share four of their five days, so counting "aligned" composites, or clustering their
levels, would find itself. Alignment is counted on daily areas, levels come from composites that do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from orderflow_tui.domain.value import ValueArea
from orderflow_tui.signals.value import Span, migration, sign

HIGH_CONVICTION = 3  # aligned areas
CLUSTER_TICKS = 2
RANK = {"POC": 0, "VAH": 1, "VAL": 2}


def transitions(areas: Sequence[Span]) -> int:
    """Signed number of newest consecutive migrations in one direction; inside or outside ends the run. Oldest first."""
    run = 0
    for newer, older in zip(areas[::-1], areas[-2::-1], strict=False):
        step = sign(migration(newer, older))
        if step == 0 or step * run < 0:
            break
        run += step
    return run


def aligned(run: int) -> int:
    """Signed number of aligned areas of a run of transitions: one more than the transitions. No run is one area."""
    return run + 1 if run >= 0 else run - 1


@dataclass(frozen=True, slots=True)
class LevelSource:
    """A price, what it is (POC, VAH, VAL) and the date of the profile it came from."""

    price: int
    kind: str
    day: date


@dataclass(frozen=True, slots=True)
class StackedLevel:
    """A price shared by `days` distinct source dates (two stack, three are strong); strength 0..1."""

    price: int
    days: int
    kind: str

    @property
    def strength(self) -> float:
        """days / 5, capped."""
        return min(self.days / 5, 1.0)


def sources(area: ValueArea, day: date) -> tuple[LevelSource, ...]:
    """The three prices of a composite, all of one source date."""
    return LevelSource(area.vah, "VAH", day), LevelSource(area.val, "VAL", day), LevelSource(area.poc, "POC", day)


def stacked_levels(levels: Iterable[LevelSource]) -> tuple[StackedLevel, ...]:
    """Clusters of two or more source dates, low to high. Greedy from the lowest price, two ticks wide."""
    ordered = sorted(levels, key=lambda level: (level.price, level.day, RANK[level.kind]))
    clusters: list[list[LevelSource]] = []
    for level in ordered:
        if clusters and level.price - clusters[-1][0].price <= CLUSTER_TICKS:
            clusters[-1].append(level)
        else:
            clusters.append([level])
    return tuple(_level(cluster) for cluster in clusters if len({part.day for part in cluster}) >= 2)


def _level(cluster: list[LevelSource]) -> StackedLevel:
    count = len(cluster)
    price = (2 * sum(part.price for part in cluster) + count) // (2 * count)  # mean, halves up
    kinds = [part.kind for part in cluster]
    kind = min(set(kinds), key=lambda k: (-kinds.count(k), RANK[k]))
    return StackedLevel(price, len({part.day for part in cluster}), kind)
