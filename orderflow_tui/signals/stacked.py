"""Stacked imbalance: three or more imbalances of one side on consecutive ticks, one signal a stack.

In the market's state each stack is also a zone that lives until it is broken.
"""

from __future__ import annotations

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.market.imbalance import ImbalanceRules, imbalances, stacks
from orderflow_tui.signals.detector import BarContext, Finding, Stateless, has_levels


class StackedDetector(Stateless):
    """STACKED_BUY (LONG, about its top), STACKED_SELL (SHORT, about its bottom): strength n/5, capped."""

    __slots__ = ("_min_volume", "_rules")

    def __init__(self, rules: ImbalanceRules, min_volume: int) -> None:
        """`min_volume` is the instrument's, used where the rules name none."""
        self._rules = rules
        self._min_volume = min_volume

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:  # noqa: ARG002
        """Buy stacks before sell stacks, low to high."""
        if not has_levels(bar):
            return []
        buys, sells = imbalances(bar, self._rules, self._min_volume)
        least = self._rules.stacked_min
        found = [_stack(Pattern.STACKED_BUY, Direction.LONG, low, high, high) for low, high in stacks(buys, least)]
        found += [_stack(Pattern.STACKED_SELL, Direction.SHORT, low, high, low) for low, high in stacks(sells, least)]
        return found


def _stack(pattern: Pattern, direction: Direction, low: int, high: int, ref: int) -> Finding:
    count = high - low + 1
    return Finding(pattern, direction, min(count / 5, 1.0), ref, {"count": count, "zone": [low, high]})
