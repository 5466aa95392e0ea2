"""Stacked imbalance: three or more imbalances of one side on consecutive ticks, one signal a stack.

STACKED_BUY points LONG and is about its top, STACKED_SELL points SHORT and is about its bottom; strength n/5, capped.
In the market's state each stack is also a zone that lives until it is broken.
"""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.market.imbalance import Imbalance, stacks
from orderflow_tui.signals.detector import Finding


def stacked(buys: Sequence[Imbalance], sells: Sequence[Imbalance], least: int) -> list[Finding]:
    """Buy stacks before sell stacks, low to high."""
    found = [_stack(Pattern.STACKED_BUY, Direction.LONG, low, high, high) for low, high in stacks(buys, least)]
    return found + [_stack(Pattern.STACKED_SELL, Direction.SHORT, low, high, low) for low, high in stacks(sells, least)]


def _stack(pattern: Pattern, direction: Direction, low: int, high: int, ref: int) -> Finding:
    count = high - low + 1
    return Finding(pattern, direction, min(count / 5, 1.0), ref, {"count": count, "zone": [low, high]})
