"""Diagonal imbalance as a signal: the strongest level of each side of a closed bar, with all of them as evidence.

The comparison itself lives with the market floor, because zones are kept there by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.market.imbalance import Imbalance, ImbalanceRules, imbalances
from orderflow_tui.signals.detector import BarContext, Finding, Stateless, has_levels, ramp
from orderflow_tui.signals.stacked import stacked

SATURATED_RATIO = 10.0


class ImbalanceDetector(Stateless):
    """BUY_IMBALANCE (LONG), SELL_IMBALANCE (SHORT), and the stacks they form: one look at the levels serves both."""

    __slots__ = ("_min_volume", "_rules")

    def __init__(self, rules: ImbalanceRules, min_volume: int) -> None:
        """`min_volume` is the instrument's, used where the rules name none."""
        self._rules = rules
        self._min_volume = min_volume

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:  # noqa: ARG002
        """At most one finding a side (equal ratios: the level nearer the extreme it drives towards), then the stacks."""
        if not has_levels(bar):
            return []
        buys, sells = imbalances(bar, self._rules, self._min_volume)
        found = []
        if buys:
            found.append(self._finding(Pattern.BUY_IMBALANCE, Direction.LONG, buys[::-1]))
        if sells:
            found.append(self._finding(Pattern.SELL_IMBALANCE, Direction.SHORT, sells))
        return found + stacked(buys, sells, self._rules.stacked_min)

    def _finding(self, pattern: Pattern, direction: Direction, levels: Sequence[Imbalance]) -> Finding:
        strongest = max(levels, key=lambda level: level.ratio)
        strength = ramp(strongest.ratio, self._rules.ratio_percent / 100, SATURATED_RATIO)
        listed = sorted([level.tick, level.volume, level.opposite] for level in levels)
        return Finding(pattern, direction, min(strength, 1.0), strongest.tick, {"ratio": strongest.ratio, "levels": listed})
