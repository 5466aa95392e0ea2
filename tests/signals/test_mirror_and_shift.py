"""The whole analyst, and every rule of context, turned upside down and moved along the price axis.

Ties of POC and value area are settled upwards or downwards by definition, so what rests on value is mirrored rule by rule
with given areas, and the analyst as a whole is mirrored in its signals and its regime. A shift moves everything alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.history import History
from orderflow_tui.domain.market import Depth, Trades
from orderflow_tui.domain.signal import Decision, Direction, Hypothesis, Regime, RegimeReading, SetupReading, Signal
from orderflow_tui.domain.value import ValueArea
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.past import shifted, shifted_bar
from orderflow_tui.signals.conditions import ValueInputs, conditions
from orderflow_tui.signals.daytype import day_type, extension
from orderflow_tui.signals.hypothesis import HypothesisInputs, votes
from orderflow_tui.signals.inventory import Inventory, inventory
from orderflow_tui.signals.openings import OpeningParams, opening_type
from orderflow_tui.signals.rotation import rotation_factor
from orderflow_tui.signals.rule80 import Acceptance, Period, Rule80Params, rule_80
from orderflow_tui.signals.stacking import aligned, transitions
from tests.signals.composed import Composed
from tests.signals.test_analyst import BASE, EAGER, PAST, TABLE, stream
from tests.signals.test_detector_contract import MIRROR
from tests.signals.text_tape import mirrored

AXIS = 2 * BASE  # what is mirrored stays a positive price
FLIPPED = {
    "BUILDING_ABOVE": "BUILDING_BELOW", "BUILDING_BELOW": "BUILDING_ABOVE", "POC_SUPPORT": "POC_RESISTANCE",
    "POC_RESISTANCE": "POC_SUPPORT",
}  # fmt: skip


# -- the analyst as a whole ---------------------------------------------------------------------------------------------


def moved(events: list[Event], ticks: int) -> list[Event]:
    """The same stream `ticks` higher."""
    found: list[Event] = []
    for event in events:
        match event:
            case Trades():
                found.append(replace(event, price=event.price + ticks))
            case Depth():
                bids, asks = (tuple((p + ticks, s) for p, s in side) for side in (event.bids, event.asks))
                found.append(replace(event, bids=bids, asks=asks))
            case _:
                found.append(event)
    return found


def upside_down(events: list[Event]) -> list[Event]:
    """The same stream in a mirror: buys are sales, bids are offers."""
    found: list[Event] = []
    for event in events:
        match event:
            case Trades():
                found.append(replace(event, price=AXIS - event.price, aggressor=-event.aggressor))
            case Depth():
                bids, asks = (tuple((AXIS - p, s) for p, s in side) for side in (event.asks, event.bids))
                found.append(replace(event, bids=bids, asks=asks))
            case _:
                found.append(event)
    return found


def told(item: Observation, ticks: int = 0) -> tuple[Any, ...]:
    """What an observation says, a shift undone; numbers as far as another price level leaves them equal."""
    match item:
        case Signal():
            return (item.ts_ns, item.pattern, item.direction, round(item.strength, 9), item.ref_price - ticks)
        case RegimeReading():
            return (item.ts_ns, item.regime, item.candidate, round(item.confidence, 9), item.scores, item.reason)
        case SetupReading():
            target = None if item.target is None else item.target - ticks
            return (item.ts_ns, item.setup, item.direction, item.level - ticks, item.confidence, item.tradable, target)
        case Decision():
            return (item.ts_ns, item.label, item.direction, item.accepted, item.rule, item.ref_price - ticks)
        case Hypothesis():
            levels = tuple((name, price - ticks) for name, price in item.levels)
            targets = tuple(tuple(t - ticks for t in s.targets) for s in item.scenarios)
            return (item.ts_ns, item.bias, item.confidence, item.condition, item.votes, levels, targets)
        case _:
            raise AssertionError(f"no word for {item}")


def run(events: list[Event], past: History) -> list[Observation]:
    return Composed(TABLE, EAGER, MarketParams(), past).run(*events).observed


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(-3_000, 3_000))
def test_moving_every_price_moves_every_conclusion_and_changes_none(seed: int, ticks: int) -> None:
    events = stream(seed)
    elsewhere = replace(
        PAST,
        profiles=tuple(shifted(session, ticks) for session in PAST.profiles),
        bars=tuple(shifted_bar(bar, ticks) for bar in PAST.bars),
    )
    there = run(moved(events, ticks), elsewhere)
    assert [told(item, ticks) for item in there] == [told(item) for item in run(events, PAST)]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mirror_image_flips_every_signal_and_exchanges_the_trends(seed: int) -> None:
    events = stream(seed)
    past = History(bars=PAST.bars)
    image = History(bars=tuple(shifted_bar(mirrored(bar), AXIS) for bar in PAST.bars))
    direct, flipped = run(events, past), run(upside_down(events), image)
    assert signals(direct) == signals(flipped, flip=True)
    assert [(r.ts_ns, r.scores) for r in direct if isinstance(r, RegimeReading)] == [
        (r.ts_ns, (r.scores[1], r.scores[0], *r.scores[2:])) for r in flipped if isinstance(r, RegimeReading)
    ]


def signals(items: list[Observation], flip: bool = False) -> list[tuple[int, str, int, float]]:
    """(time, pattern, direction, strength), mirrored back where asked."""
    found = []
    for item in items:
        if isinstance(item, Signal):
            words = (MIRROR.get(word, word) if flip else word for word in item.pattern.value.split("_"))
            side = -int(item.direction) if flip else int(item.direction)
            found.append((item.ts_ns, "_".join(words), side, round(item.strength, 9)))
    return sorted(found)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_the_same_stream_gives_the_same_words_twice(seed: int) -> None:
    events = stream(seed)
    assert repr(run(events, PAST)) == repr(run(events, PAST))


# -- the rules of context -----------------------------------------------------------------------------------------------

prices = st.integers(60, 140)
spans = st.tuples(prices, st.integers(0, 30)).map(lambda pair: (pair[0], pair[0] + pair[1]))
areas = st.tuples(spans, st.floats(0, 1)).map(
    lambda made: ValueArea(made[0][0], made[0][0] + round(made[1] * (made[0][1] - made[0][0])), made[0][1], 70, 100)
)
bars = st.tuples(prices, st.integers(0, 9), st.integers(0, 9)).map(lambda b: (b[0] + b[1], b[0] - b[2], b[0]))  # high, low, close


def area_down(area: ValueArea) -> ValueArea:
    return replace(area, val=-area.vah, poc=-area.poc, vah=-area.val)


@settings(max_examples=300, deadline=None)
@given(areas, areas, st.lists(bars, min_size=1, max_size=12), st.none() | st.floats(0, 1), st.none() | st.integers(0, 30))
def test_value_conditions_mirror_and_shift(
    now: ValueArea, composite: ValueArea, rows: list[tuple[int, int, int]], before: float | None, gap: int | None
) -> None:
    found = conditions(ValueInputs(now, composite, rows, before, gap))
    flipped = [(-low, -high, -close) for high, low, close in rows]
    image = conditions(ValueInputs(area_down(now), area_down(composite), flipped, before, gap))
    assert sorted((FLIPPED.get(c.name, c.name), -c.direction, c.confidence, -c.level) for c in image) == sorted(
        (c.name, int(c.direction), c.confidence, c.level) for c in found
    )
    up = [replace(a, val=a.val + 50, poc=a.poc + 50, vah=a.vah + 50) for a in (now, composite)]
    there = conditions(ValueInputs(up[0], up[1], [(h + 50, low + 50, c + 50) for h, low, c in rows], before, gap))
    assert [(c.name, c.direction, c.confidence, c.level - 50) for c in there] == [
        (c.name, c.direction, c.confidence, c.level) for c in found
    ]
    assert all(0.0 <= c.confidence <= 1.0 for c in found)


@settings(max_examples=300, deadline=None)
@given(prices, spans, st.lists(bars, max_size=13), st.sampled_from(Acceptance), st.none() | prices)
def test_the_80_percent_rule_mirrors_and_never_looks_ahead(
    opened: int, value: tuple[int, int], rows: list[tuple[int, int, int]], how: Acceptance, following: int | None
) -> None:
    params = Rule80Params(how, min_width_ticks=4)
    closes = [opened, *(close for _, _, close in rows)]
    periods = [Period(closes[k], h, low, c) for k, (h, low, c) in enumerate(rows)]
    found = rule_80(opened, *value, periods, params, following)
    down = [Period(-p.open, -p.low, -p.high, -p.close) for p in periods]
    image = rule_80(-opened, -value[1], -value[0], down, params, None if following is None else -following)
    assert (image.state, image.side, image.direction, image.trigger) == (
        found.state,
        -found.side,
        -found.direction,
        found.trigger,
    )
    assert image.target == (None if found.target is None else -found.target)
    if found.trigger is not None:  # and with the same trigger it stood there when its period was the newest
        known = periods[: found.trigger + 1]
        next_open = periods[found.trigger + 1].open if found.trigger + 1 < len(periods) else following
        assert rule_80(opened, *value, known, params, next_open).trigger is not None


@settings(max_examples=300, deadline=None)
@given(prices, st.lists(bars, min_size=3, max_size=6), st.integers(4, 60), st.lists(prices, max_size=6))
def test_openings_mirror_and_shift(opened: int, rows: list[tuple[int, int, int]], scale: int, references: list[int]) -> None:
    highs, lows = [r[0] for r in rows], [r[1] for r in rows]
    assume(lows.index(min(lows)) != highs.index(max(highs)))  # both extremes in one bar: nobody knows which came first
    found = opening_type(opened, rows, scale, references, None, OpeningParams())
    flipped = [(-low, -high, -close) for high, low, close in rows]
    image = opening_type(-opened, flipped, scale, [-r for r in references], None, OpeningParams())
    there = opening_type(
        opened + 70,
        [(h + 70, low + 70, c + 70) for h, low, c in rows],
        scale,
        [r + 70 for r in references],
        None,
        OpeningParams(),
    )
    assert (image.type, image.direction) == (found.type, -found.direction)
    assert (there.type, there.direction) == (found.type, found.direction)


@given(st.lists(spans, min_size=1, max_size=12))
def test_alignment_mirrors(days: list[tuple[int, int]]) -> None:
    down = [(-high, -low) for low, high in days]
    assert transitions(down) == -transitions(days)
    assert abs(aligned(transitions(down))) == abs(aligned(transitions(days)))


@given(st.lists(spans, min_size=2, max_size=13))
def test_rotation_mirrors(rows: list[tuple[int, int]]) -> None:
    assert rotation_factor([(-low, -high) for low, high in rows]) == -rotation_factor([(high, low) for low, high in rows])


@given(spans, st.floats(0, 1), spans, st.none() | st.floats(10, 90))
def test_day_types_and_extensions_mirror(
    day: tuple[int, int], place: float, balance: tuple[int, int], average: float | None
) -> None:
    low, high = min(day[0], balance[0]), max(day[1], balance[1])
    close = low + round(place * (high - low))
    found = day_type(high, low, close, balance[1], balance[0], average)
    image = day_type(-low, -high, -close, -balance[0], -balance[1], average)
    flip = {"TREND_UP": "TREND_DOWN", "TREND_DOWN": "TREND_UP"}
    assert flip.get(image.value, image.value) == found.value
    up, down, up_ib, down_ib = extension(high, low, balance[1], balance[0])
    assert extension(-low, -high, -balance[0], -balance[1]) == (down, up, down_ib, up_ib)


@given(st.integers(0, 500), st.integers(0, 500))
def test_inventory_mirrors(up: int, down: int) -> None:
    flip = {"LONG": "SHORT", "SHORT": "LONG", "NEUTRAL": "NEUTRAL"}
    found, image = inventory(up, down), inventory(down, up)
    assert flip[image.word] == found.word
    assert image.note == found.note


@settings(max_examples=200, deadline=None)
@given(prices, areas, areas, areas, spans, st.integers(-5, 5), st.sampled_from(["LONG", "SHORT", "NEUTRAL"]))
def test_the_votes_of_the_hypothesis_mirror(
    opened: int, pva: ValueArea, before: ValueArea, cva: ValueArea, prior: tuple[int, int], run_of: int, word: str
) -> None:
    flip = {"LONG": "SHORT", "SHORT": "LONG", "NEUTRAL": "NEUTRAL"}
    plain = HypothesisInputs(
        None, 0, opened, False, pva, before, cva, run_of, prior[1], prior[0], 100, 110, 90, Inventory(word, 0.5)  # type: ignore[arg-type]
    )  # fmt: skip
    image = replace(
        plain, pva=area_down(pva), pva_before=area_down(before), cva=area_down(cva), aligned_vas=-run_of,
        inventory=Inventory(flip[word], 0.5),
    )  # fmt: skip
    cast = votes(plain, opened, pva, prior)
    assert votes(image, -opened, area_down(pva), (-prior[1], -prior[0])) == tuple(-vote for vote in cast)
    assert set(cast) <= {-1, 0, 1}


def test_both_directions_are_seen_by_these_properties() -> None:
    """They would be empty if the streams held one side only."""
    seen = [item for seed in range(6) for item in run(stream(seed), PAST)]
    assert {item.direction for item in seen if isinstance(item, Signal)} >= {Direction.LONG, Direction.SHORT}
    assert {r.candidate for r in seen if isinstance(r, RegimeReading)} >= {Regime.TRENDING_UP, Regime.TRENDING_DOWN}
