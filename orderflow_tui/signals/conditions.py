"""The seven value-expectation conditions: how price and today's value stand against the composite.

Evaluated at the close of a bar of regular hours. `W` is today's developing area, or the previous session's until the
first half hour is complete. The names are public, the tests are ours; "seven of seven" cannot happen, because some
exclude each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from orderflow_tui.domain.signal import Direction, Migration, ValueCondition
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.signals.detector import c01, ramp
from orderflow_tui.signals.value import migration, overlap, span

POC_TEST_BARS = 10
REJECTION_BARS = 5


@dataclass(slots=True)  # made once a bar
class ValueInputs:
    """What the conditions read. `bars` are (high, low, close) of today's regular-hours bars, oldest first, the newest
    last; `overlap_before` is the overlap one bar earlier; `poc_gap_before` is |W.POC - CVA.POC| at the previous
    half-hour's close. None where not known."""

    current: ValueArea
    composite: ValueArea
    bars: Sequence[tuple[int, int, int]]
    overlap_before: float | None = None
    poc_gap_before: int | None = None


def conditions(inputs: ValueInputs) -> tuple[ValueCondition, ...]:
    """Those of the seven that hold now, in their order."""
    if not inputs.bars:
        return ()
    kind = migration(span(inputs.current), span(inputs.composite))
    found = (
        _balance_break(inputs),
        _building(inputs, kind),
        *_poc_tests(inputs),
        _migration_confirmed(inputs, kind),
        _value_rejection(inputs),
    )
    return tuple(condition for condition in found if condition is not None)


def net_score(found: Sequence[ValueCondition]) -> float:
    """Sum of signed confidences."""
    return sum(condition.direction * condition.confidence for condition in found)


def _balance_break(i: ValueInputs) -> ValueCondition | None:
    """Balanced until the bar before, then two closes beyond both areas."""
    if i.overlap_before is None or i.overlap_before < 0.70 or len(i.bars) < 2:
        return None
    closes = (i.bars[-2][2], i.bars[-1][2])
    top, bottom = max(i.current.vah, i.composite.vah), min(i.current.val, i.composite.val)
    if min(closes) > top + 1:
        return ValueCondition("BALANCE_BREAK", Direction.LONG, ramp((sum(closes) - 2 * top) / 2, 2, 12), top)
    if max(closes) < bottom - 1:
        return ValueCondition("BALANCE_BREAK", Direction.SHORT, ramp((2 * bottom - sum(closes)) / 2, 2, 12), bottom)
    return None


def _building(i: ValueInputs, kind: Migration) -> ValueCondition | None:
    """Value is being built wholly beyond the composite, and price stays there."""
    price = i.bars[-1][2]
    if kind is Migration.HIGHER and price >= i.current.val:
        distance, edge, name, side = i.current.val - i.composite.vah, i.composite.vah, "BUILDING_ABOVE", Direction.LONG
    elif kind is Migration.LOWER and price <= i.current.vah:
        distance, edge, name, side = i.composite.val - i.current.vah, i.composite.val, "BUILDING_BELOW", Direction.SHORT
    else:
        return None
    return ValueCondition(name, side, ramp(distance / i.composite.width, 0, 0.5), edge)


def _poc_tests(i: ValueInputs) -> tuple[ValueCondition | None, ...]:
    """The composite's POC was tested from above (support) or below (resistance) at least twice, and held."""
    poc = i.composite.poc
    bars = i.bars[-(POC_TEST_BARS + 1) :]
    above: list[bool] = []  # of each test: whether it held
    below: list[bool] = []
    for (_, _, before), (high, low, close) in pairwise(bars):
        if before > poc + 1:
            if -1 <= low - poc <= 1:
                above.append(close > poc)
        elif before < poc - 1 and -1 <= high - poc <= 1:
            below.append(close < poc)
    return _held("POC_SUPPORT", Direction.LONG, above, poc), _held("POC_RESISTANCE", Direction.SHORT, below, poc)


def _held(name: str, side: Direction, held: list[bool], poc: int) -> ValueCondition | None:
    if len(held) < 2 or not held[-1] or 100 * sum(held) < 67 * len(held):
        return None
    return ValueCondition(name, side, sum(held) / len(held), poc)


def _migration_confirmed(i: ValueInputs, kind: Migration) -> ValueCondition | None:
    """Value leaves the composite and its POC moves away with it."""
    gap = i.current.poc - i.composite.poc
    if i.poc_gap_before is None or abs(gap) <= i.poc_gap_before:
        return None
    shared = overlap(span(i.current), span(i.composite))
    if shared > 0.5:
        return None
    if gap > 0 and kind in (Migration.HIGHER, Migration.OVERLAPPING_HIGHER):
        side = Direction.LONG
    elif gap < 0 and kind in (Migration.LOWER, Migration.OVERLAPPING_LOWER):
        side = Direction.SHORT
    else:
        return None
    return ValueCondition("MIGRATION_CONFIRMED", side, 0.5 + 0.5 * c01(1 - 2 * shared), i.current.poc)


def _value_rejection(i: ValueInputs) -> ValueCondition | None:
    """Price looked back into the composite and left again on the side it came from."""
    low, high = span(i.composite)
    where = [(close > high) - (close < low) for _, _, close in i.bars[-REJECTION_BARS:]]
    side = where[-1]
    if side == 0:
        return None
    for inside, place in enumerate(where[-2::-1]):
        if place == side and inside:
            edge = high if side > 0 else low
            return ValueCondition("VALUE_REJECTION", Direction(side), ramp(inside, 3, 1), edge)
        if place != 0:
            return None
    return None
