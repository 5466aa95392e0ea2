"""Exhaustion: the aggressor fades into the extreme, ever fewer buyers on the way to the high.

The run is anchored at the extreme and walked inwards while volume strictly grows. Counting from the inside instead
would accept a bar whose volume explodes at its high, which is the opposite picture.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.signals.detector import BarContext, Finding, Stateless, has_levels, ramp


@dataclass(frozen=True, slots=True)
class ExhaustionParams:
    """`min_levels` 3 are two declines; `min_decline` is (base - extreme) / base; `min_base` None takes the
    instrument's imbalance volume; the walk stops after `max_levels`."""

    min_levels: int = 3
    min_decline: float = 0.30
    max_levels: int = 10
    min_base: int | None = None


def exhaustion(inwards: list[int], params: ExhaustionParams, min_base: int) -> tuple[int, float] | None:
    """(levels, decline) of volumes listed from the extreme inwards, None where the picture is not there."""
    extreme = base = inwards[0]
    levels = 1
    for volume in inwards[1 : params.max_levels]:
        if volume <= base:
            break
        base = volume
        levels += 1
    if levels < params.min_levels or base < min_base:
        return None
    decline = (base - extreme) / base
    return (levels, decline) if decline >= params.min_decline else None


class ExhaustionDetector(Stateless):
    """BUYING_EXHAUSTION at the high (SHORT), SELLING_EXHAUSTION at the low (LONG)."""

    __slots__ = ("_min_base", "_params")

    def __init__(self, params: ExhaustionParams, min_base: int) -> None:
        self._params = params
        self._min_base = min_base if params.min_base is None else params.min_base

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:  # noqa: ARG002
        """Both extremes of the bar."""
        if not has_levels(bar) or bar.high - bar.low + 1 < self._params.min_levels:
            return []
        reach = self._params.max_levels
        found = []
        buying = exhaustion(bar.ask[: -reach - 1 : -1], self._params, self._min_base)
        if buying is not None:
            found.append(self._finding(Pattern.BUYING_EXHAUSTION, Direction.SHORT, bar.high, *buying))
        selling = exhaustion(bar.bid[:reach], self._params, self._min_base)
        if selling is not None:
            found.append(self._finding(Pattern.SELLING_EXHAUSTION, Direction.LONG, bar.low, *selling))
        return found

    def _finding(self, pattern: Pattern, direction: Direction, ref: int, levels: int, decline: float) -> Finding:
        strength = ramp(decline, self._params.min_decline, 0.90)
        return Finding(pattern, direction, strength, ref, {"levels": levels, "decline": decline})
