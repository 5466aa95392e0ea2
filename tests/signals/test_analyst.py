"""Market and analyst together, under the driver: order, timers, and that cutting the stream changes nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.event import ClockTick, Event
from orderflow_tui.domain.history import History
from orderflow_tui.domain.market import Bars, Depth, Trades, trades_of
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS, SessionDay, SessionTable
from orderflow_tui.domain.signal import Decision, Hypothesis, Pattern, RegimeReading, SetupReading, Signal
from orderflow_tui.domain.value import SessionProfile, ValueArea
from orderflow_tui.market.imbalance import ImbalanceRules
from orderflow_tui.market.params import MarketParams
from orderflow_tui.signals.absorption import AbsorptionParams
from orderflow_tui.signals.dom_absorption import DomParams
from orderflow_tui.signals.exhaustion import ExhaustionParams
from orderflow_tui.signals.params import SignalParams, Strategy
from orderflow_tui.signals.regime import RegimeParams
from orderflow_tui.signals.router import RouterParams
from orderflow_tui.signals.scoring import ScoreParams
from orderflow_tui.signals.setups import SetupParams
from tests.signals.composed import Composed

DAY_NS = 24 * 60 * MINUTE_NS
FIRST = date(2026, 3, 2)
BASE = 20_000


def session(number: int) -> SessionDay:
    """The days of a market that never sleeps on weekends: midnight at multiples of 24 h."""
    midnight = (10 + number) * DAY_NS
    hours = (midnight - 6 * 60 * MINUTE_NS, midnight + 17 * 60 * MINUTE_NS)
    regular = (midnight + 570 * MINUTE_NS, midnight + 960 * MINUTE_NS)
    return SessionDay(FIRST + timedelta(days=number), midnight, *hours, *regular)


TABLE = SessionTable(tuple(session(n) for n in range(12)))
TODAY = session(8)
OPEN = TODAY.rth_open_ns or 0


def profile(number: int) -> SessionProfile:
    """A session of the past, value drifting up."""
    low = BASE - 60 + 5 * number
    volumes = tuple(50 + 40 * (40 - abs(40 - k)) for k in range(81))
    value = ValueArea(low + 20, low + 40, low + 60, sum(volumes[20:61]), sum(volumes))
    return SessionProfile(
        FIRST + timedelta(days=number), False, low + 30, low + 80, low, low + 50, sum(volumes), 100, low, volumes,
        tuple(1 for _ in volumes), value, value, low + 60, low + 20, low + 40.0, 18.0, low + 70, low + 10, 70, 30, False, False,
        False,
    )  # fmt: skip


def old_bars() -> tuple[FootprintBar, ...]:
    """Regular hours of the day before, so that the indicators are warm."""
    shape = random.Random(5)
    start, price, bars = session(7).rth_open_ns or 0, BASE, []
    for k in range(78):
        close = price + shape.randint(-6, 7)
        bars.append(
            FootprintBar(
                "ES", start + k * 5 * MINUTE_NS, start + (k + 1) * 5 * MINUTE_NS, price, max(price, close) + 3,
                min(price, close) - 3, close, 200, 90, 110, 0, 0, 0, 40, 20, -10, 30, 0, 0, close,
                [1] * (abs(close - price) + 7), [1] * (abs(close - price) + 7), [0] * (abs(close - price) + 7), True,
            )
        )  # fmt: skip
        price = close
    return tuple(bars)


PAST = History(profiles=tuple(profile(n) for n in range(8)), bars=old_bars())
EAGER = SignalParams(
    imbalance=ImbalanceRules(min_volume=4),
    exhaustion=ExhaustionParams(min_base=3),
    absorption=AbsorptionParams(min_volume=20, share=0.5),
    dom=DomParams(min_exec=8, k=1.0, hold_s=1.0),
    regime=RegimeParams(min_volume_ratio=0.0, skip_open_min=0, min_score=0.5),
    router=RouterParams(min_strength=0.1, min_confidence=0.1),
    score=ScoreParams(threshold=20.0, veto=2.0),
    setups=SetupParams(least_target_ticks=2, near_ticks=8, pullback_least=0.01),
)


SEEDS = range(8)


def stream(seed: int, minutes: int = 70) -> list[Event]:
    """Trades and books from 09:20 on: a restless market that visits the edges of value."""
    shape = random.Random(seed)
    now, price, events = OPEN - 10 * MINUTE_NS, BASE + 10, list[Event]()
    rows: list[tuple[int, int, int, int]] = []
    drift = shape.choice((-1, 0, 1))
    while now < OPEN + (minutes - 10) * MINUTE_NS:
        now += shape.choice((0, 30, 400, 2_000, 9_000)) * 1_000_000
        price += shape.choice((-1, -1, 0, 0, 0, 0, 1, 1, drift))
        rows.append((now, price, shape.randint(1, 9), shape.choice((-1, -1, 1, 1, 0))))
        if shape.random() < 0.15:
            events.append(block(rows))
            rows = []
            events.append(Depth("ES", now, ((price, shape.randint(2, 12)), (price - 1, 20)), ((price + 1, 9), (price + 2, 20))))
    if rows:
        events.append(block(rows))
    return [*events, ClockTick(now + MINUTE_NS)]


def block(rows: list[tuple[int, int, int, int]]) -> Trades:
    return trades_of("ES", *(list(column) for column in zip(*rows, strict=True)))


def cut(events: list[Event], seed: int) -> list[Event]:
    """The same events with every block of trades cut at random."""
    shape = random.Random(seed)
    pieces: list[Event] = []
    for event in events:
        if not isinstance(event, Trades):
            pieces.append(event)
            continue
        places = sorted({0, len(event), *(shape.randrange(len(event) + 1) for _ in range(shape.randint(0, 6)))})
        pieces += [event.cut(a, b) for a, b in pairwise(places)]
    return pieces


def observed(events: list[Event], params: SignalParams = EAGER) -> Composed:
    return Composed(TABLE, params, MarketParams(), PAST).run(*events)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(Strategy))
def test_where_the_stream_is_cut_changes_nothing(seed: int, cuts: int, strategy: Strategy) -> None:
    events, params = stream(seed), replace(EAGER, strategy=strategy)
    whole, pieces = observed(events, params), observed(cut(events, cuts), params)
    assert pieces.observed == whole.observed
    assert pieces.analyst.context == whole.analyst.context
    assert pieces.analyst.setups == whole.analyst.setups
    assert pieces.analyst.marks == whole.analyst.marks


@cache
def told(seed: int) -> Composed:
    """One run, shared by the tests that only look at it."""
    return observed(stream(seed))


def stamp(item: Observation) -> int:
    assert isinstance(item, Signal | RegimeReading | SetupReading | Decision | Hypothesis)
    return item.ts_ns


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 60))
def test_the_future_changes_nothing_already_said(seed: int, until: int) -> None:
    events = stream(seed)
    limit = OPEN + (until - 10) * MINUTE_NS
    early: list[Event] = []
    for event in events:
        if isinstance(event, Trades):
            end = int(np.searchsorted(event.ts_ns, limit))
            early += [event.cut(0, end)] if end else []
        elif isinstance(event, Depth) and event.ts_ns < limit:
            early.append(event)
    short = observed([*early, ClockTick(limit - 1)])
    assert short.observed == [item for item in observed(events).observed if stamp(item) < limit]


def test_the_eager_market_shows_everything_the_property_is_about() -> None:
    """The cutting property would be empty if nothing ever happened in these streams."""
    patterns, decided, setups = set(), 0, set()
    for seed in SEEDS:
        run = told(seed)
        patterns |= {s.pattern for s in run.observed if isinstance(s, Signal)}
        decided += sum(isinstance(d, Decision) and d.accepted for d in run.observed)
        setups |= {s.setup for s in run.observed if isinstance(s, SetupReading)}
    assert {Pattern.DOM_ABSORPTION_BUY, Pattern.DOM_ABSORPTION_SELL, Pattern.STACKED_BUY} <= patterns
    assert decided > 0
    assert len(setups) >= 2


def test_ids_are_unique_and_stamps_never_go_back() -> None:
    run = told(3)
    ids = [item.id for item in run.observed if isinstance(item, Signal | Decision)]
    assert len(ids) == len(set(ids))
    stamps = [stamp(item) for item in run.observed]
    assert stamps == sorted(stamps)


def test_the_order_at_a_close_is_signals_regime_setups_decisions() -> None:
    rank = {Signal: 0, RegimeReading: 1, SetupReading: 2, Hypothesis: 3, Decision: 4}
    run = told(3)
    for end in {item.ts_ns for item in run.observed if isinstance(item, RegimeReading)}:
        kinds = [rank[type(item)] for item in run.observed if stamp(item) == end]
        assert kinds == sorted(kinds)


def test_the_hypothesis_is_written_at_0925_and_at_0930_05_and_then_frozen() -> None:
    run = told(3)
    plans = [item for item in run.observed if isinstance(item, Hypothesis)]
    assert [p.ts_ns for p in plans] == [OPEN - 5 * MINUTE_NS, OPEN + 5 * SECOND_NS]
    assert [p.frozen for p in plans] == [False, True]
    assert run.analyst.hypothesis is plans[-1]


def test_an_accepted_setup_held_for_a_second_and_is_accepted_once() -> None:
    accepted = [d for seed in SEEDS for d in told(seed).observed if isinstance(d, Decision) and d.accepted]
    assert accepted
    assert all(d.rule == "setups" for d in accepted)
    for seed in SEEDS:
        run = told(seed)
        first_seen: dict[str, int] = {}
        for item in run.observed:
            if isinstance(item, SetupReading) and item.tradable:
                first_seen.setdefault(item.id, item.ts_ns)
            elif isinstance(item, Decision) and item.accepted:
                assert item.ts_ns - first_seen[item.source_id] >= SECOND_NS
        taken = [d.source_id for d in run.observed if isinstance(d, Decision) and d.accepted]
        assert len(taken) == len(set(taken))
        assert tuple(taken) == run.analyst.setup_ids


@pytest.mark.parametrize(
    ("strategy", "rules"),
    [(Strategy.SETUPS, {"setups"}), (Strategy.PATTERNS, {"router"}), (Strategy.SMA_CROSSOVER, {"router"})],
)
def test_the_modes_never_run_together(strategy: Strategy, rules: set[str]) -> None:
    accepted = [
        item
        for seed in (1, 2, 3)
        for item in observed(stream(seed), replace(EAGER, strategy=strategy)).observed
        if isinstance(item, Decision) and item.accepted
    ]
    assert {item.rule for item in accepted} <= rules
    labels = {item.label for item in accepted}
    if strategy is Strategy.SMA_CROSSOVER:
        assert labels <= {"SMA_CROSSOVER"}
    if strategy is Strategy.PATTERNS:
        assert labels
        assert labels <= {pattern.value for pattern in Pattern}


def test_a_restart_does_not_take_a_setup_again() -> None:
    for seed in SEEDS:
        first = told(seed)
        if not first.analyst.setup_ids:
            continue
        again = Composed(TABLE, EAGER, MarketParams(), replace(PAST, setup_ids=first.analyst.setup_ids)).run(*stream(seed))
        taken = {d.source_id for d in again.observed if isinstance(d, Decision) and d.accepted}
        assert not taken & set(first.analyst.setup_ids)
        return
    pytest.fail("no stream led to a setup")


def test_volume_bars_are_shown_and_not_judged() -> None:
    run = Composed(TABLE, EAGER, MarketParams(bar_kind="volume", bar_volume=200), PAST).run(*stream(3))
    found = {type(item) for item in run.observed}
    assert RegimeReading not in found
    assert {s.pattern for s in run.observed if isinstance(s, Signal)} <= {Pattern.DOM_ABSORPTION_BUY, Pattern.DOM_ABSORPTION_SELL}


def day_of_bars(number: int, drift: int) -> Bars:
    """A night and a day of five-minute bars without trades."""
    shape = random.Random(number)
    start = session(number).open_ns
    count = 23 * 12
    close = BASE + np.cumsum([shape.randint(-4, 4) + (drift if k > 190 else 0) for k in range(count)])
    opened = np.concatenate([[BASE], close[:-1]])
    high, low = np.maximum(opened, close) + 2, np.minimum(opened, close) - 2
    sold = np.array([shape.randint(40, 90) for _ in range(count)])
    bought = np.array([shape.randint(40, 90) for _ in range(count)])
    stamps = start + 300 * SECOND_NS * np.arange(count)
    return Bars("ES", 300, stamps, opened, high, low, close, sold + bought, sold, bought, sold)


def test_a_week_of_bars_is_read_without_a_single_trade() -> None:
    run = Composed(TABLE, SignalParams(), MarketParams(), History()).run(*(day_of_bars(n, n % 3 - 1) for n in range(8)))
    assert len(run.sessions) == 8
    context, closed = run.sessions[-1]
    assert closed is not None
    assert context.cva_days == 5  # type: ignore[attr-defined]
    assert context.migration is not None  # type: ignore[attr-defined]
    assert context.opening_type is not None  # type: ignore[attr-defined]
    assert context.day_type is not None  # type: ignore[attr-defined]
    grades = [item.grade for item in run.observed if isinstance(item, Hypothesis) and item.grade]
    assert grades[0] == "UNGRADED"  # the first day had no past to plan by
    assert len(grades) == 8
    assert "UNGRADED" not in grades[1:]
    level_patterns = {Pattern.STACKED_BUY, Pattern.BUY_IMBALANCE, Pattern.BUYING_ABSORPTION, Pattern.UNFINISHED_HIGH}
    assert not {s.pattern for s in run.observed if isinstance(s, Signal)} & level_patterns


def test_bars_of_any_block_length_tell_the_same() -> None:
    days = [day_of_bars(n, 1) for n in range(4)]
    whole = Composed(TABLE, SignalParams(), MarketParams(), History()).run(*days)
    rows = [bars.cut(i, i + 1) for bars in days for i in range(len(bars))]
    assert Composed(TABLE, SignalParams(), MarketParams(), History()).run(*rows).observed == whole.observed


def test_a_roll_moves_what_is_remembered() -> None:
    run = observed(stream(3))
    analyst, market = run.analyst, run.market
    before = analyst.context
    assert before is not None
    assert before.pva is not None
    analyst.on_news(market.shift(40), market)
    after = analyst.context
    assert after is not None
    assert after.pva is not None
    assert after.pva.poc == before.pva.poc + 40
    assert [level[0] for level in after.stacked_levels] == [level[0] + 40 for level in before.stacked_levels]
    assert analyst.setups == ()
    assert analyst.hypothesis is None


def test_a_roll_by_an_unknown_shift_leaves_no_detector_a_price_of_the_old_contract() -> None:
    run = observed(stream(3))
    analyst, market = run.analyst, run.market
    assert market.unfinished
    assert analyst.marks
    analyst.on_news(market.restart(), market)
    assert (analyst.setups, analyst.hypothesis, analyst.marks) == ((), None, {})
    context = analyst.context
    assert context is not None
    assert (context.pva, context.cva, context.migration, context.stacked_levels, context.rule_80) == (None, None, None, (), None)
    last = run.market.now_ns
    far = [(last + MINUTE_NS + k * SECOND_NS, BASE + 5_000 + k % 3, 3, 1 if k % 2 else -1) for k in range(400)]
    run.observed.clear()
    run.run(block(far), ClockTick(last + 20 * MINUTE_NS))
    found = [item for item in run.observed if isinstance(item, Signal)]
    assert found
    assert all(s.ref_price >= BASE + 5_000 for s in found)  # nothing of the old contract is revisited by the gap
    assert any("value began anew on" in note for note in (analyst.context.notes if analyst.context else ()))
