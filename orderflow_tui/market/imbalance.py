"""Diagonal imbalance and stacks, on a bar's lists, in whole numbers.

A buyer lifting k and a seller hitting k-1 met the same quote, so the comparison runs diagonally. A neighbour is the next
price tick, traded or not; the lowest level has no buy comparison, the highest no sell comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.bar import FootprintBar

GENERIC_MIN_VOLUME = 10


class ZeroPolicy(Enum):
    """What an opposite volume of zero counts as: one contract, no imbalance at all, or an imbalance at any volume."""

    ONE = "one"
    SKIP = "skip"
    INF = "inf"


@dataclass(frozen=True, slots=True)
class ImbalanceRules:
    """`ratio_percent` 300 means at least three times (inclusive); `min_volume` None takes the instrument's;
    `min_diff` contracts; `stacked_min` levels on consecutive ticks make a stack."""

    ratio_percent: int = 300
    min_volume: int | None = None
    min_diff: int = 0
    zero_policy: ZeroPolicy = ZeroPolicy.ONE
    stacked_min: int = 3


@dataclass(frozen=True, slots=True)
class Imbalance:
    """One imbalanced level: its tick, the aggressive volume there and the opposite volume one tick across."""

    tick: int
    volume: int
    opposite: int

    @property
    def ratio(self) -> float:
        """How many times larger; an empty opposite side counts as one contract."""
        return self.volume / (self.opposite or 1)


def imbalances(bar: FootprintBar, rules: ImbalanceRules, min_volume: int) -> tuple[list[Imbalance], list[Imbalance]]:
    """Buy and sell imbalances of a bar, low to high. Empty for a bar without levels."""
    least = min_volume if rules.min_volume is None else rules.min_volume
    low, bid, ask = bar.low, bar.bid, bar.ask
    buys = [
        Imbalance(low + k + 1, volume, bid[k])
        for k, volume in enumerate(ask[1:])
        if volume >= least and _holds(volume, bid[k], rules)
    ]
    sells = [
        Imbalance(low + k, volume, ask[k + 1])
        for k, volume in enumerate(bid[:-1])
        if volume >= least and _holds(volume, ask[k + 1], rules)
    ]
    return buys, sells


def _holds(volume: int, opposite: int, rules: ImbalanceRules) -> bool:
    if volume - opposite < rules.min_diff:
        return False
    if opposite == 0 and rules.zero_policy is not ZeroPolicy.ONE:
        return rules.zero_policy is ZeroPolicy.INF
    return 100 * volume >= rules.ratio_percent * (opposite or 1)


def stacks(levels: Sequence[Imbalance], least: int) -> list[tuple[int, int]]:
    """Maximal runs of at least `least` consecutive ticks, as (lowest, highest) tick, low to high."""
    found: list[tuple[int, int]] = []
    if len(levels) < least:
        return found
    start = last = levels[0].tick
    for level in levels[1:]:
        if level.tick != last + 1:
            if last - start + 1 >= least:
                found.append((start, last))
            start = level.tick
        last = level.tick
    if last - start + 1 >= least:
        found.append((start, last))
    return found
