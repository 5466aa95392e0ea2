"""The 80 % rule: price that was outside yesterday's value and is accepted back inside tends to cross all of it.

Acceptance is two consecutive half-hour closes inside. Sources report about 60 %, not 80; the scorecard counts ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.signal import Direction

SKIPPED = "SKIPPED"  # the area is too narrow to be a target


class Acceptance(Enum):
    """What counts as accepted: two closes inside, a close and the next open inside, or two periods trading inside."""

    TWO_CLOSES = "two_closes"
    CLOSE_OPEN = "close_open"
    TOUCH = "touch"


@dataclass(frozen=True, slots=True)
class Rule80Params:
    """Areas narrower than `min_width_ticks` are skipped; `latest_min` minutes since the open."""

    acceptance: Acceptance = Acceptance.TWO_CLOSES
    min_width_ticks: int = 8
    latest_min: int = 330


@dataclass(frozen=True, slots=True)
class Period:
    """One half-hour of regular hours, ticks. `too_late` when it ends after the latest time for a trigger."""

    open: int
    high: int
    low: int
    close: int
    too_late: bool = False


@dataclass(frozen=True, slots=True)
class Rule80:
    """Where the rule stands. side +1: price came from above. `trigger` is the index of the triggering period.

    `state` is one of SKIPPED, WAITING, ARMED, TRIGGERED, REACHED, FAILED; `target` the far edge, `edge` the entry edge.
    """

    state: str
    side: int = 0
    direction: Direction = Direction.NONE
    trigger: int | None = None
    edge: int | None = None
    target: int | None = None

    @property
    def text(self) -> str:
        """One word, or direction and word."""
        return self.state if self.direction is Direction.NONE else f"{self.direction.name} {self.state}"


def rule_80(
    rth_open: int, val: int, vah: int, periods: Sequence[Period], params: Rule80Params, next_open: int | None = None
) -> Rule80:
    """Run the rule over the day's completed periods. Once triggered, it is followed to its target or its failure.

    `next_open` is the opening trade of the period that runs, where it is known already: only `close_open` looks at it.
    One trigger a side and day: after a failed one, the same side can not trigger again.
    """
    if vah - val + 1 < params.min_width_ticks:
        return Rule80(SKIPPED)
    side = (rth_open > vah) - (rth_open < val)
    count, used = 0, set[int]()
    best: Rule80 | None = None
    for index, period in enumerate(periods):
        if best is not None and best.state == "TRIGGERED":
            best = _follow(best, period)
        place = (period.close > vah) - (period.close < val)
        inside = val <= period.close <= vah
        if params.acceptance is Acceptance.TOUCH:
            inside = period.low <= vah and period.high >= val
        if not inside or (place and not side):  # where the day opened inside, a close outside says where price comes from
            side, count = place or side, 0
            continue
        count += 1
        following = periods[index + 1].open if index + 1 < len(periods) else next_open
        if side and side not in used and not period.too_late and _accepted(count, following, val, vah, params):
            used.add(side)
            target, edge = (val, vah) if side > 0 else (vah, val)
            best = Rule80("TRIGGERED", side, Direction(-side), index, edge, target)
    if best is not None:
        return best
    return Rule80("ARMED", side) if side and count else Rule80("WAITING", side)


def _accepted(count: int, following: int | None, val: int, vah: int, params: Rule80Params) -> bool:
    if params.acceptance is Acceptance.CLOSE_OPEN:
        return following is not None and val <= following <= vah
    return count >= 2


def _follow(rule: Rule80, period: Period) -> Rule80:
    """Target first within a period would be a guess: where both happen, the failure is believed."""
    assert rule.target is not None
    assert rule.edge is not None
    if rule.side * (period.close - rule.edge) > 0:
        state = "FAILED"
    elif (period.low <= rule.target) if rule.side > 0 else (period.high >= rule.target):
        state = "REACHED"
    else:
        return rule
    return Rule80(state, rule.side, rule.direction, rule.trigger, rule.edge, rule.target)
