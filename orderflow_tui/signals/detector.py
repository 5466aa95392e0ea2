"""What a detector is: a small pure class that reads closed bars and says which patterns it sees.

A detector never sees the account, the clock or the network. It gets a closed bar and what stood around it, and returns
findings; `signals_of` turns findings into signals, with the trust their volume deserves.

Strength means the same everywhere: 0.5 just qualifies, 1.0 is saturated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.signal import Direction, Evidence, Pattern, Quality, Signal

LOW_QUALITY_SHARE = 0.20  # of a bar's volume with guessed or unknown side; above it a signal is of LOW quality


def c01(x: float) -> float:
    """x clamped into 0..1."""
    return 0.0 if x < 0.0 else min(x, 1.0)


def ramp(x: float, qualifies: float, saturated: float) -> float:
    """Strength 0.5 at `qualifies`, rising in a straight line to 1.0 at `saturated`."""
    return 0.5 + 0.5 * c01((x - qualifies) / (saturated - qualifies))


@dataclass(frozen=True, slots=True)
class Finding:
    """One pattern seen on a bar, before the feed's grade has had its say. Prices in ticks."""

    pattern: Pattern
    direction: Direction
    strength: float
    ref_price: int
    evidence: Evidence = field(default_factory=dict)


@dataclass(slots=True)  # made once a bar: building a frozen one costs more than most detectors
class BarContext:
    """What stood before a bar. `earlier` are the bars before it of its own kind (regular hours with regular hours, the
    rest with the rest), oldest first, at most 24; the newest `in_session` of them belong to the bar's own session.
    `atr` in ticks; `slot_volume` is the mean volume of this time of day, None under five sessions; above
    `low_quality_share` of volume with guessed or unknown side a bar's signals are of LOW quality.
    """

    instrument: Instrument
    trade_date: date | None
    earlier: Sequence[FootprintBar] = ()
    in_session: int = 0
    atr: float | None = None
    slot_volume: float | None = None
    low_quality_share: float = LOW_QUALITY_SHARE

    @property
    def session(self) -> Sequence[FootprintBar]:
        """The earlier bars of the same session."""
        return self.earlier[len(self.earlier) - self.in_session :]


class Detector(Protocol):
    """A pattern family. State depends on the bars given so far and on nothing else."""

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:
        """What this closed bar shows. Bars come in order of time, each exactly once."""
        ...

    def shift(self, ticks: int) -> None:
        """The contract rolled: move every price kept."""
        ...


class Stateless:
    """A detector that keeps nothing between bars."""

    __slots__ = ()

    def shift(self, ticks: int) -> None:
        """Nothing is kept, so nothing moves."""


def has_levels(bar: FootprintBar) -> bool:
    """Whether the bar's levels are whole: built from trades, with no data lost inside."""
    return bar.source is BarSource.TRADES and not bar.partial


def signal_id(trade_date: date | None, pattern: Pattern, born_ns: int, price: int) -> str:
    """`<trade date>|<pattern>|<bar start ns>|<price>`, unique for ever."""
    return f"{trade_date}|{pattern.value}|{born_ns}|{price}"


def signals_of(detectors: Iterable[Detector], bar: FootprintBar, view: BarContext) -> list[Signal]:
    """Run every detector on a closed bar.

    Where more of the bar's volume than `low_quality_share` has a guessed side, its signals are of LOW quality and their strength
    is multiplied with the trustworthy share.
    """
    found: list[Finding] = []
    for detector in detectors:
        found.extend(detector.on_bar(bar, view))
    if not found:
        return []
    weak = bar.weak_share
    quality = Quality.LOW if weak > view.low_quality_share else Quality.NORMAL
    trust = 1.0 - weak if quality is Quality.LOW else 1.0
    return [
        Signal(
            signal_id(view.trade_date, f.pattern, bar.start_ns, f.ref_price),
            bar.end_ns,
            bar.instrument,
            f.pattern,
            f.direction,
            f.strength * trust,
            f.ref_price,
            bar.close,
            quality,
            f.evidence,
        )
        for f in found
    ]
