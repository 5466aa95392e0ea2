"""How busy the simulated market is at a time of day: thin nights, a burst at the open, a quiet noon, a busy close."""

from __future__ import annotations

from math import exp

from orderflow_tui.domain.session import MINUTE_NS, Phase, SessionDay, SessionTable

NOON_ORDERS_PER_S = 3.1  # aggressive orders a second in the middle of regular hours: the unit everything else is told in


def busyness(day: SessionDay, ts_ns: int) -> float:
    """Activity relative to noon of regular hours: 0 while closed, about 2.3 at the open."""
    phase = day.phase(ts_ns)
    if phase is Phase.CLOSED:
        return 0.0
    if phase is Phase.RTH and day.rth_open_ns is not None and day.rth_close_ns is not None:
        return regular(
            (ts_ns - day.rth_open_ns) / MINUTE_NS,
            (day.rth_close_ns - ts_ns) / MINUTE_NS,
        )
    if phase is Phase.AFTER:
        return 0.18
    return overnight((ts_ns - day.midnight_ns) / MINUTE_NS)


def regular(since_open_min: float, to_close_min: float) -> float:
    """The U of regular hours."""
    return 0.95 + 1.35 * exp(-since_open_min / 28.0) + 0.9 * exp(-to_close_min / 22.0)


def overnight(minute_et: float) -> float:
    """Globex before the open: quiet in Asia, livelier with Europe from 03:00 ET and the figures at 08:30 ET."""
    if minute_et < 120:
        return 0.06
    if minute_et < 180:
        return 0.09
    europe = 0.2 + 0.12 * exp(-(minute_et - 180) / 60.0)
    figures = 0.35 * exp(-(minute_et - 510) / 20.0) if minute_et >= 510 else 0.0
    return europe + figures


def lively_start(table: SessionTable, wall_ns: int) -> int:
    """Where a demonstration begins: 10:05 ET of the running or, failing that, the newest day with regular hours.

    The first such day of the table when all of them lie ahead; ValueError when there is none.
    """
    regular_days = [day for day in table.days if day.rth_open_ns is not None]
    if not regular_days:
        raise ValueError("the trading calendar holds no day with regular hours: extend it")
    begun = [day for day in regular_days if day.open_ns <= wall_ns]
    return (begun or regular_days[:1])[-1].at(10, 5)
