"""What stood before the first event: completed sessions and the bars that indicators and levels need.

The same value primes a restart, a back-fill from the broker and the simulated market's past.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import RegimeReading
from orderflow_tui.domain.value import SessionProfile, UnfinishedLevel, Zone


@dataclass(frozen=True, slots=True)
class SessionTrace:
    """What a completed RTH session leaves for later comparison: its bars' ATR14 in ticks, in order of time, and its
    bars' volumes as (seconds from the RTH open to the bar's start, contracts)."""

    trade_date: date
    atr: tuple[float, ...]
    volumes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class History:
    """Completed sessions oldest first (at most 30) and closed bars in time order, from the first bar of the fifth
    previous RTH session on; levels still alive; setup ids already emitted.

    `naked_pocs` (session, tick) oldest first, None: not known, to be worked out from profiles and bars. `traces` of the
    last 20 sessions oldest first, empty: to be worked out from the bars. `week_open` is (Monday of the week, tick) of the
    newest Globex week whose open was seen. `restarted` is the trade date at which a roll by an unknown shift emptied the past.
    `regimes` oldest first.
    """

    profiles: tuple[SessionProfile, ...] = ()
    bars: tuple[FootprintBar, ...] = ()
    zones: tuple[Zone, ...] = ()
    unfinished: tuple[UnfinishedLevel, ...] = ()
    setup_ids: tuple[str, ...] = ()
    naked_pocs: tuple[tuple[date, int], ...] | None = None
    traces: tuple[SessionTrace, ...] = ()
    week_open: tuple[date, int] | None = None
    restarted: date | None = None
    regimes: tuple[RegimeReading, ...] = ()


@dataclass(frozen=True, slots=True)
class DayState:
    """What stands when a Globex day has closed: with it and the tape since, a restart knows what it would have known.

    `contract` is the month its prices belong to, such as `ESZ6`; empty when the source never named one.
    """

    trade_date: date
    ts_ns: int
    instrument: str
    history: History
    contract: str = ""
