"""A footprint bar: one interval of trading, level by level.

Levels are dense lists from low to high, so the neighbour of a level is index ± 1 and a missing level is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class BarSource(Enum):
    """What a bar was built from, and therefore what it can know."""

    TRADES = "TRADES"
    BARS_SIDED = "BARS_SIDED"  # volume at bid and ask known, levels and the path of delta not
    BARS = "BARS"  # no sides at all


@dataclass(frozen=True, slots=True)
class FootprintBar:
    """One closed bar (or a snapshot of the open one). Prices in ticks, volumes in contracts.

    `bid`, `ask`, `unknown` have length high - low + 1 (empty unless source is TRADES): volume that hit the bid,
    lifted the ask, or whose side nobody knows. `weak_volume` is the part of volume whose side came from the tick
    rule or stayed unknown. Deltas and CVDs are None where the source cannot know them; CVDs are values at the bar's end.
    `partial` marks a bar inside which data was lost. `poc` is the level with most volume (METHODOLOGY §3.1).
    """

    instrument: str
    start_ns: int
    end_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    bid_volume: int
    ask_volume: int
    unknown_volume: int
    weak_volume: int
    inferred_volume: int
    trades: int | None
    delta: int | None
    min_delta: int | None
    max_delta: int | None
    cvd_rth: int | None
    cvd_globex: int | None
    poc: int | None
    bid: list[int]
    ask: list[int]
    unknown: list[int]
    rth: bool
    source: BarSource = BarSource.TRADES
    partial: bool = False

    @property
    def range_ticks(self) -> int:
        """high - low."""
        return self.high - self.low

    @property
    def weak_share(self) -> float:
        """Share of volume whose side is a guess or unknown: `w` of METHODOLOGY §1.2."""
        return self.weak_volume / self.volume if self.volume else 0.0
