"""The parity tape: one regular session of ES as busy as a busy day, the same bytes from the same seed everywhere.

750,000 trades, U-shaped activity, bursts that share one timestamp, about forty levels to a five-minute bar, sides from
the feed. The date is 2026-03-05, a normal day: regular hours 14:30 to 21:00 UTC.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderflow_tui.domain.market import Trades, trades_of
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS

TRADES = 750_000
MIDNIGHT_NS = 1_772_686_800 * SECOND_NS  # 2026-03-05 00:00 in New York
RTH_OPEN_NS = MIDNIGHT_NS + 570 * MINUTE_NS
RTH_CLOSE_NS = MIDNIGHT_NS + 960 * MINUTE_NS
START_TICKS = 27_000
BURST_SHARE = 0.35  # of trades that share the stamp of the one before
STEPS_PER_BAR = 330  # price changes in an average five-minute bar: some forty levels


def stamps(draw: np.random.Generator, count: int) -> NDArray[np.int64]:
    """int64[count] UTC ns: busy at both ends of the day, quiet at noon, in bursts."""
    minutes = np.arange(390)
    activity = 0.35 + (np.abs(minutes - 195) / 195) ** 2
    per_minute = draw.multinomial(count, activity / activity.sum())
    inside = draw.integers(0, MINUTE_NS, count)
    ts_ns = np.sort(RTH_OPEN_NS + np.repeat(minutes, per_minute) * MINUTE_NS + inside)
    burst = draw.random(count) < BURST_SHARE
    burst[0] = False
    newest = np.maximum.accumulate(np.where(burst, 0, np.arange(count)))
    return ts_ns[newest]


def prices(draw: np.random.Generator, count: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """int64[count] ticks and int8[count] sides: a wandering bid with the ask one tick above it."""
    moves = draw.random(count) < STEPS_PER_BAR * 78 / count
    drift = np.repeat(draw.choice([-0.06, 0.0, 0.06], size=count // 4000 + 1), 4000)[:count]
    steps = np.where(moves, np.where(draw.random(count) < 0.5 + drift, 1, -1), 0)
    bid = START_TICKS + np.cumsum(steps)
    side = np.where(draw.random(count) < 0.5 + drift, 1, -1).astype(np.int8)
    return (bid + (side > 0)).astype(np.int64), side


def make_ticks(count: int = TRADES, seed: int = 7) -> Trades:
    """The tape as one block."""
    draw = np.random.default_rng(seed)
    price, side = prices(draw, count)
    return trades_of("ES", stamps(draw, count), price, draw.geometric(0.55, count), side)
