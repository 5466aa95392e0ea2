"""Value: where the business was done. Areas, completed sessions, zones and levels that are carried forward."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum


@dataclass(frozen=True, slots=True)
class ValueArea:
    """Value area in ticks, inclusive. `volume` is what it holds, `total` what the profile holds."""

    val: int
    poc: int
    vah: int
    volume: int
    total: int

    @property
    def width(self) -> int:
        """Number of ticks inside, edges included."""
        return self.vah - self.val + 1


@dataclass(frozen=True, slots=True)
class SessionProfile:
    """One completed RTH session, as the archive keeps it. Prices in ticks.

    `volumes` is dense from `low_tick`; `tpo` likewise counts periods. `approx` marks profiles spread from bars.
    `rolled` is the sum of level shifts applied since it was built. Overnight fields are None when nothing traded.
    """

    trade_date: date
    half_day: bool
    open: int
    high: int
    low: int
    close: int
    volume: int
    delta: int | None
    low_tick: int
    volumes: tuple[int, ...]
    tpo: tuple[int, ...]
    value: ValueArea
    tpo_value: ValueArea | None
    ib_high: int | None
    ib_low: int | None
    vwap: float | None  # ticks
    vwap_sd: float | None
    on_high: int | None
    on_low: int | None
    on_up_volume: int  # overnight volume above the prior RTH close
    on_down_volume: int
    poor_high: bool
    poor_low: bool
    approx: bool
    rolled: int = 0


class ZoneState(Enum):
    """Life of a stacked zone."""

    ACTIVE = "ACTIVE"
    TOUCHED = "TOUCHED"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Zone:
    """A stacked-imbalance zone [low, high] in ticks, inclusive. side +1 buy, -1 sell."""

    low: int
    high: int
    side: int
    born_ns: int
    born_date: date | None
    state: ZoneState = ZoneState.ACTIVE


@dataclass(frozen=True, slots=True)
class UnfinishedLevel:
    """An unfinished extreme waiting to be revisited. side +1 a high, -1 a low."""

    price: int
    side: int
    born_ns: int
    born_date: date | None
    session_extreme: bool = False
