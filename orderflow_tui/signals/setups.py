"""Four trade ideas: when their preconditions hold, where they are wrong, and what the context says about them.

A setup is context (90 %) plus order flow (10 %). This file judges preconditions and context at the close of a bar of
regular hours; `scoring` adds the flow. Everything is written for a direction d: +1 LONG, -1 SHORT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Context, Direction, Hypothesis, Regime, RegimeReading, Setup
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.signals import scoring
from orderflow_tui.signals.openings import Opening, OpeningType
from orderflow_tui.signals.rotation import ROTATIONAL
from orderflow_tui.signals.rule80 import Rule80

Parts = tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class SetupParams:
    """Distances in ticks, shares as fractions, minutes since the open of regular hours."""

    beyond_ticks: int = 2
    extended_ticks: int = 16
    strong_volume: float = 1.2
    back_inside_ticks: int = 2
    near_ticks: int = 2
    confluence_ticks: int = 4
    least_target_ticks: int = 12
    reversion_stop_ticks: int = 4
    band_sigmas: float = 2.0
    drive_from_min: int = 15
    drive_until_min: int = 90
    pullback_least: float = 0.05
    pullback_most: float = 0.40
    pullback_broken: float = 0.50
    drive_bars: int = 2
    rule_80_until_min: int = 330


@dataclass(slots=True)  # made once a bar
class SetupView:
    """What setups read at a bar's close. `bars` are today's of regular hours, the newest last; `since_open` minutes."""

    context: Context
    regime: RegimeReading | None
    bars: Sequence[FootprintBar]
    since_open: int
    opening: Opening | None
    drive: bool  # the opening is a drive and cumulative delta agrees
    rule_80: Rule80 | None
    rth_open: int | None
    prior_range: tuple[int, int] | None
    vwap: float | None
    vwap_sd: float | None
    slot_volume: float | None

    @property
    def close(self) -> int:
        """Close of the newest bar."""
        return self.bars[-1].close


@dataclass(frozen=True, slots=True)
class Standing:
    """A setup whose preconditions hold, frozen as of one bar. `context` 0..100; the band ends at the first invalid
    tick on either side."""

    setup: Setup
    direction: Direction
    level: int
    context: float
    parts: Parts
    invalid_below: int | None
    invalid_above: int | None
    target: int | None
    why: str

    def in_band(self, price: int) -> bool:
        """Whether the idea is still alive at this price."""
        below, above = self.invalid_below, self.invalid_above
        return (below is None or price > below) and (above is None or price < above)


def standing_setups(view: SetupView, drive: DriveIdea | None, params: SetupParams) -> list[Standing]:
    """All setups that stand at this bar's close, in order of the table, LONG before SHORT."""
    found = (
        va_breakout(view, Direction.LONG, params),
        va_breakout(view, Direction.SHORT, params),
        mean_reversion(view, Direction.LONG, params),
        mean_reversion(view, Direction.SHORT, params),
        drive_continuation(view, drive),
        rule_80_setup(view, params),
    )
    return [standing for standing in found if standing is not None]


def _edge(area: ValueArea, d: int) -> int:
    return area.vah if d > 0 else area.val


def va_breakout(view: SetupView, direction: Direction, p: SetupParams) -> Standing | None:
    """Accepted beyond value: two closes beyond the edge, or one on strong volume, and not run away yet."""
    d, close = int(direction), view.close
    areas = [area for area in (view.context.pva, view.context.cva) if area is not None]
    crossed = [_edge(area, d) for area in areas if d * (close - _edge(area, d)) > 0]
    if not crossed:
        return None
    edge = max(crossed, key=lambda price: d * price)
    gap = d * (close - edge)
    if not p.beyond_ticks <= gap <= p.extended_ticks:
        return None
    twice = len(view.bars) > 1 and d * (view.bars[-2].close - edge) >= p.beyond_ticks
    strong = view.slot_volume is not None and view.bars[-1].volume >= p.strong_volume * view.slot_volume
    if not twice and not strong:
        return None
    parts = _parts(view, Setup.VA_BREAKOUT, d, 1.0 if len(crossed) == 2 else 0.7)
    wrong = edge - d * (p.back_inside_ticks + 1)
    why = "two closes beyond" if twice else "one close beyond on strong volume"
    return _standing(Setup.VA_BREAKOUT, direction, edge, parts, wrong, None, why)


def mean_reversion(view: SetupView, direction: Direction, p: SetupParams) -> Standing | None:
    """An edge was tried and refused while the market rotates; the way back to the middle must be worth it."""
    d, s = int(direction), -int(direction)  # s: the side of value the edge lies on
    rotational = view.context.auction == ROTATIONAL or (view.regime is not None and view.regime.regime is Regime.RANGING)
    if not rotational or (view.opening is not None and view.opening.type is OpeningType.OPEN_DRIVE):
        return None
    edges = _edges(view, s, p)
    recent = view.bars[-2:]
    reached = max(b.high for b in recent) if s > 0 else min(b.low for b in recent)
    tried = [
        (edge, target)
        for edge, target in edges
        if s * (reached - edge) >= -p.near_ticks
        and s * (edge - view.close) >= 0
        and d * (target - view.close) >= p.least_target_ticks
    ]
    if not tried:
        return None
    edge, target = min(tried, key=lambda pair: s * (pair[0] - view.close))
    near = sum(abs(price - view.close) <= p.confluence_ticks for price, _ in edges)
    near += any(abs(price - view.close) <= p.confluence_ticks for price, _, _ in view.context.stacked_levels)
    location = 1.0 if near >= 2 else 0.7 if near == 1 else 0.0
    parts = _parts(view, Setup.MEAN_REVERSION, d, location)
    wrong = edge + s * (p.reversion_stop_ticks + 1)
    return _standing(Setup.MEAN_REVERSION, direction, edge, parts, wrong, target, f"{near} references near price")


def _edges(view: SetupView, s: int, p: SetupParams) -> list[tuple[int, int]]:
    """(edge, way back to) of developing, previous and composite value and of the VWAP band on side s."""
    developing = view.context.dva if view.context.dva_ready else None
    areas = (developing, view.context.pva, view.context.cva)
    edges = [(_edge(area, s), area.poc) for area in areas if area is not None]
    if view.vwap is not None and view.vwap_sd is not None:
        edges.append((round(view.vwap + s * p.band_sigmas * view.vwap_sd), round(view.vwap)))
    return edges


@dataclass(frozen=True, slots=True)
class DriveIdea:
    """An opening drive with its first pullback. Triggered by a trade at or beyond `trigger` (in direction).

    `over`: the first pullback has been traded or went too deep; a second one is another idea.
    """

    direction: Direction
    trigger: int
    wrong: int  # price at which half of the drive is given back
    triggered: bool = False
    bars_since: int = 0
    over: bool = False

    @property
    def waiting(self) -> bool:
        """Whether a trade could still trigger it."""
        return not self.triggered and not self.over


def drive_idea(view: SetupView, before: DriveIdea | None, p: SetupParams) -> DriveIdea | None:
    """The drive's state after this bar: waiting for a trade through the pullback, triggered, over, or None: no pullback yet."""
    if not p.drive_from_min <= view.since_open < p.drive_until_min or view.opening is None or view.rth_open is None:
        return None
    d = view.opening.direction
    if before is not None and before.over and before.direction == d:
        return before
    if before is not None and before.triggered and not before.over:
        alive = before.bars_since < p.drive_bars and before.direction * (view.close - before.wrong) > 0
        return replace(before, bars_since=before.bars_since + 1) if alive else replace(before, over=True)
    if not view.drive:
        return None
    far = [b.high if d > 0 else -b.low for b in view.bars]
    near = [b.low if d > 0 else -b.high for b in view.bars]
    peak = max(far)
    at = far.index(peak)
    drive = peak - d * view.rth_open
    if drive <= 0 or at == len(far) - 1:
        return None
    deepest = min(near[at + 1 :])
    if peak - deepest > p.pullback_most * drive:
        return DriveIdea(Direction(d), d * peak, d * peak, over=True)
    if peak - deepest < p.pullback_least * drive:
        return None
    pullback = near.index(deepest, at + 1)
    given_back = ceil(peak - p.pullback_broken * drive) - 1  # the first tick beyond half of the drive
    return DriveIdea(Direction(d), d * (far[pullback] + 1), d * given_back)


def drive_continuation(view: SetupView, idea: DriveIdea | None) -> Standing | None:
    """The first pullback of an opening drive has ended."""
    if idea is None or not idea.triggered or idea.over or view.opening is None:
        return None
    d = int(idea.direction)
    opened, pva = view.rth_open, view.context.pva
    location = 0.4
    if opened is not None and view.prior_range is not None and not view.prior_range[0] <= opened <= view.prior_range[1]:
        location = 1.0
    elif opened is not None and pva is not None and not pva.val <= opened <= pva.vah:
        location = 0.8
    parts = _parts(view, Setup.OPENING_DRIVE, d, location)
    level = idea.trigger - d
    return _standing(Setup.OPENING_DRIVE, idea.direction, level, parts, idea.wrong, None, view.opening.type.value)


def rule_80_setup(view: SetupView, p: SetupParams) -> Standing | None:
    """Accepted back inside yesterday's value and on the way across it."""
    rule = view.rule_80
    if rule is None or rule.state != "TRIGGERED" or rule.edge is None or rule.target is None:
        return None
    d = int(rule.direction)
    if view.since_open > p.rule_80_until_min or d * (rule.target - view.close) <= 0 or d * (view.close - rule.edge) < 0:
        return None
    parts = _parts(view, Setup.RULE_80, d, 1.0)
    return _standing(Setup.RULE_80, rule.direction, rule.edge, parts, rule.edge - d, rule.target, "accepted inside value")


def _standing(setup: Setup, direction: Direction, level: int, parts: Parts, wrong: int, target: int | None, why: str) -> Standing:
    long = direction is Direction.LONG
    context = round(100 * sum(weight * value for _, weight, value in parts), 6)
    return Standing(setup, direction, level, context, parts, wrong if long else None, None if long else wrong, target, why)


def _parts(view: SetupView, setup: Setup, d: int, location: float) -> Parts:
    """Location 30, value 25, regime 20, alignment 15, hypothesis 10."""
    values = (
        location,
        scoring.value_part(setup, view.context.migration, d),
        scoring.regime_part(setup, view.regime, d),
        scoring.alignment_part(setup, view.context.aligned_vas, d),
        _hypothesis_part(setup, view, d),
    )
    return tuple((name, weight, value) for (name, weight), value in zip(scoring.WEIGHTS, values, strict=True))


def _hypothesis_part(setup: Setup, view: SetupView, d: int) -> float:
    plan: Hypothesis | None = view.context.hypothesis
    opening = view.opening.type if view.opening is not None else None
    return scoring.hypothesis_part(setup, plan.bias if plan is not None else None, opening, d)
