"""A cheap tape for the simulated past: prices that wander, trades at the quotes, no book behind them.

Whole arrays at a time, so that thirty sessions cost a fraction of a second. It shares the hours, the tick grid and the
magnitudes of the order flow, not its mechanics: what happened before the screen opened need not be lived through.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from math import pi

import numpy as np

from orderflow_tui.adapters.sim_market.hours import busyness
from orderflow_tui.domain.market import I64, SideMethod, Trades
from orderflow_tui.domain.session import MINUTE_NS, SessionDay

NOON_CONTRACTS_PER_MIN = 1400.0
MOVES_PER_CONTRACT = 0.013  # how often a contract moves the quote: about 18 ticks in five minutes of noon
WITH_THE_SIDE = 0.72  # a move follows the aggressor this often
TURNS = 0.36  # the aggressor changes this often from one trade to the next
SWELL_TICKS = 30.0  # height of the slow waves below the wandering


def walk(
    instrument: str, random: np.random.Generator, day: SessionDay, from_ns: int, to_ns: int, bid: int, grain: float, drift: float
) -> Trades | None:
    """Trades of one stretch of a day, starting at a bid and drifting by `drift` ticks; None when it is empty.

    `grain` is the mean size of a trade: larger means fewer, for the same volume.
    """
    busy = _busy_minutes(_from_midnight(day), from_ns - day.midnight_ns, to_ns - day.midnight_ns)
    mood = np.exp(random.normal(0.0, 0.35, len(busy)))
    counts = random.poisson(busy * mood * NOON_CONTRACTS_PER_MIN / grain)
    n = int(counts.sum())
    if n == 0:
        return None
    at = np.repeat(np.arange(len(busy), dtype=np.float64), counts) + random.random(n)
    at.sort()
    stamps = np.minimum((at * MINUTE_NS).astype(np.int64) + from_ns, to_ns - 1)
    side: I64 = np.where(np.cumsum(random.random(n) < TURNS) % 2, 1, -1).astype(np.int64)
    moves = random.random(n) < min(0.6, MOVES_PER_CONTRACT * grain)
    way = np.where(random.random(n) < WITH_THE_SIDE, side, -side)
    step = np.where(moves, way, 0)
    before = bid + np.cumsum(step) - step + _swell(random, at / max(1, len(busy)), drift)
    size = 1 + (random.standard_exponential(n) * (grain - 1.0)).astype(np.int64)
    return Trades(
        instrument,
        stamps,
        np.where(side > 0, before + 1, before),
        size,
        side.astype(np.int8),
        np.full(n, SideMethod.FEED, dtype=np.int8),
        before,
        before + 1,
    )


@lru_cache(maxsize=64)
def _busy_minutes(day: SessionDay, from_ns: int, to_ns: int) -> np.ndarray:
    """Activity of each minute of a stretch, float64[minutes]; times are from midnight, where most days are the same day."""
    return np.array([busyness(day, minute) for minute in range(from_ns, to_ns, MINUTE_NS)])


def _from_midnight(day: SessionDay) -> SessionDay:
    """The day's hours counted from its own midnight, without its date."""

    def since(ts_ns: int | None) -> int | None:
        return None if ts_ns is None else ts_ns - day.midnight_ns

    midnight = day.midnight_ns
    hours = since(day.rth_open_ns), since(day.rth_close_ns)
    pauses = tuple((begin - midnight, end - midnight) for begin, end in day.pauses)
    return SessionDay(date.min, 0, day.open_ns - midnight, day.close_ns - midnight, *hours, day.half_day, pauses)


def _swell(random: np.random.Generator, share: np.ndarray, drift: float) -> I64:
    """Slow waves and a drift over the stretch, in whole ticks, zero at its start. `share` float64[n] in [0, 1)."""
    height = drift * share
    for k in (1, 2, 3):
        phase, scale = random.uniform(0, 2 * pi), random.normal(0.0, SWELL_TICKS / k)
        height = height + scale * (np.sin(2 * pi * k * share + phase) - np.sin(phase))
    return np.rint(height).astype(np.int64)
