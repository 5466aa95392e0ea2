"""The picture for the screen says what the engine knows, and keeps what did not change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_market import SimMarket
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Alert, Tier
from orderflow_tui.domain.event import Command, OperatorCommand
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.order import Fill, Side
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.view import money
from orderflow_tui.view.build import Surroundings, ViewBuilder
from orderflow_tui.view.clock import et_when
from orderflow_tui.view.last_word import last_word
from orderflow_tui.view.lights import lights
from orderflow_tui.view.model import ConsoleView, LightState, Protection
from orderflow_tui.view.signals import evidence_text
from orderflow_tui.wiring.params import engine_params
from tests.adapters.test_calendar import ns

TABLE = session_table(date(2025, 6, 2), date(2026, 12, 30))
START = ns("2026-03-05T10:05")


class Desk:
    """A running engine on the simulated market with a builder of views."""

    def __init__(self) -> None:
        params = engine_params(load(Places(config_dir())), TABLE, mode_named("demo"), account="SIM", install="view1")
        self.sim = SimMarket(params.analysis, TABLE, seed=3, start_ns=START, clock=Pace())
        self.engine = Engine(params, self.sim.history())
        broker = SimBroker((params.analysis, params.execution), "ES", table=TABLE, balance_cents=1_000_000)
        self.loop = ClosedLoop(self.engine, broker)
        for event in self.sim.warm_events():
            self.loop.feed(event)
        self.loop.feed(LinkStatus(START, Link.READY, 1, "simulated", next_number=1))
        self.builder = ViewBuilder(self.engine, Surroundings("DEMO", "", "H6", "/tmp/STOP"))
        self.until(20)

    def until(self, seconds: int) -> None:
        for event in self.sim.generate(START + seconds * SECOND_NS):
            self.loop.feed(event)

    def view(self, seq: int = 1) -> ConsoleView:
        return self.builder.build(seq, 0, self.engine.now_ns, (), None)


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


def test_numbers_on_the_screen_are_the_engines(desk: Desk) -> None:
    view, market = desk.view(), desk.engine.market
    assert view.truth.state is TradingState.RUNNING
    assert view.dom.last is not None
    assert view.dom.last == market.last_price
    assert view.dom.bids == tuple(market.book.bids[:10])
    assert view.dom.volume[view.dom.last - view.dom.base] == market.globex_profile.volume_at(view.dom.last)
    assert view.profile.cva_days == 5
    assert view.profile.dva is not None
    assert sum(view.profile.dva.volumes) == market.rth_profile.total
    assert view.truth.et_clock == "10:05:19"


def test_closed_bars_keep_their_identity_between_views(desk: Desk) -> None:
    first, second = desk.view(1), desk.view(2)
    assert first.footprint.bars
    assert all(a is b for a, b in zip(first.footprint.bars, second.footprint.bars, strict=True))
    assert first.profile.cva is second.profile.cva


def test_building_a_view_changes_nothing(desk: Desk) -> None:
    before = desk.engine.watch
    desk.view()
    assert desk.engine.watch == before


def test_a_time_of_another_date_says_which() -> None:
    table = session_table(date(2026, 3, 2), date(2026, 3, 6))
    monday, evening = ns("2026-03-02 16:01:07"), ns("2026-03-02 19:00:00")
    assert et_when(table, monday, evening) == "16:01:07"
    assert et_when(table, evening, ns("2026-03-03 10:00:00")) == "2026-03-02 19:00:00"
    assert et_when(table, monday, ns("2026-03-05 10:00:00")) == "2026-03-02 16:01:07"
    assert et_when(table, ns("2026-03-20 10:00:00"), monday) == "--:--:--"


def test_lights_speak_in_words(desk: Desk) -> None:
    lights = {light.name: light for light in desk.view().lights}
    assert (lights["CVA"].state, lights["CVA"].word) == (LightState.GREEN, "5/5")
    assert lights["LINK"].word == "ready"
    alert = Alert(desk.engine.now_ns, "test", "something", Tier.WARNING)
    shown = desk.builder.build(3, 0, desk.engine.now_ns, ((desk.engine.now_ns, alert, "on screen"),), None)
    assert {light.name: light.word for light in shown.lights}["ALERTS"] == "1 on screen"
    assert shown.alerts[0][1:] == ("something", "on screen")


def test_the_latest_is_the_newest_of_alerts_news_and_refusals(desk: Desk) -> None:
    now = desk.engine.now_ns
    alert = Alert(now, "test", "something", Tier.WARNING)
    assert desk.builder.build(3, 0, now, (), None).latest is None
    told = desk.builder.build(3, 0, now, ((now, alert, "on screen"),), None).latest
    assert told is not None
    assert (told.kind, told.state, told.note) == ("alert", "something", "on screen")
    desk.loop.feed(OperatorCommand(now + 1, Command.BRACKET, "b", {"side": "BUY", "quantity": "1"}))
    shown = desk.builder.build(4, 0, now + 1, ((now, alert, "on screen"),), None)
    assert shown.latest is not None
    assert (shown.latest.kind, shown.latest.state) == ("refused", "armed")


@pytest.mark.parametrize(
    ("states", "state", "word"),
    [
        (["sent", "repeat ×1"], LightState.AMBER, "1 held back"),
        (["sent", "repeat ×1", "waiting: no line"], LightState.AMBER, "1 waiting"),
        (["sent", "waiting", "failed: why, tried again in 15 min"], LightState.RED, "1 failed"),
        (["sent", "sent"], LightState.GREEN, "sent"),
    ],
)
def test_the_light_of_the_alerts_is_green_only_when_every_one_was_told(
    desk: Desk, states: list[str], state: LightState, word: str
) -> None:
    found = {light.name: light for light in lights(desk.engine, states)}["ALERTS"]
    assert (found.state, found.word) == (state, word)


def test_a_bracket_shows_at_once_with_its_stop_and_one_position(desk: Desk) -> None:
    now = desk.engine.now_ns
    desk.loop.feed(OperatorCommand(now, Command.ARM, "a"))
    desk.loop.feed(OperatorCommand(now + 1, Command.BRACKET, "b", {"side": "BUY", "quantity": "1"}))
    desk.until(24)
    view = desk.view(9)
    assert view.truth.local_position == 1
    assert view.truth.broker_position == 1
    assert view.truth.protection is Protection.AT_BROKER
    assert {text for _, text in view.dom.own} == {"S −1", "T −1"}
    assert view.pnl.worst_case is not None
    assert view.pnl.net is not None
    assert view.pnl.worst_case < view.pnl.net
    assert (view.pnl.wins, view.pnl.trades, view.pnl.begun) == (0, 0, 1), "an open one is not won, and counts for the day"
    assert len(view.orders) == 2


def test_the_chain_tells_evidence_in_prices_and_round_shares(desk: Desk) -> None:
    told = partial(evidence_text, desk.engine)
    assert told("decline", 0.9772727272727273) == "decline 0.98"
    assert told("levels", [[26772, 21, 5], [26773, 30, 4]]) == "levels 6693.00 21 5 · 6693.25 30 4"
    assert told("levels", [[26734, -1, ns("2026-03-05T09:45")]]) == "levels 6683.50 -1 09:45:00"
    assert told("volume_ratio", 0.6883) == "volume ratio 0.69"


def test_what_is_held_beside_the_execution_instrument_is_on_the_screen(desk: Desk) -> None:
    engine = desk.engine
    assert engine.desk.execution == "MES"
    assert desk.view(10).truth.elsewhere == ()
    desk.loop.feed(Fill("m.01", "m", 1, None, engine.now_ns, "ES", Side.BUY, 2, engine.market.last_price or 0))
    truth = desk.view(11).truth
    assert [(symbol, local) for symbol, _, local in truth.elsewhere] == [("ES", 2)]
    assert truth.protection is not Protection.NONE_NEEDED
    assert truth.net_cents is not None


def test_without_a_price_of_what_is_held_nobody_is_told_what_the_day_is_worth(desk: Desk) -> None:
    facts = desk.engine.facts()
    assert money.pnl(desk.engine, facts).unpriced is None
    nothing = replace(facts, marks=())
    shown = money.pnl(desk.engine, nothing)
    assert (shown.net, shown.open, shown.worst_case, shown.drawdown) == (None, None, None, None)
    assert shown.unpriced in desk.engine.desk.ledger.held
    assert shown.realised == desk.engine.desk.ledger.realised_cents
    assert money.truth(desk.engine, nothing, "DEMO", "", "H6", "/tmp/STOP").net_cents is None


# -- what an engine that stands still said last ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "flat; 0 order(s) working"),
        ({"local_position": 1, "broker_position": 1, "protection": Protection.AT_BROKER, "working_orders": 2},
         "+1 MES; its stop is at the broker; 2 order(s) working"),
        ({"local_position": -1, "broker_position": 0, "protection": Protection.PENDING},
         "-1 MES (the broker says +0); its stop is NOT CONFIRMED by the broker; 0 order(s) working"),
        ({"broker_position": None, "protection": Protection.UNKNOWN},
         "+0 MES (the broker has not told); whether its stop stands is NOT KNOWN; 0 order(s) working"),
        ({"elsewhere": (("ES", 2, 0),)}, "+0 ES (the broker says +2); no stop of ours is there for it; 0 order(s) working"),
    ],
)  # fmt: skip
def test_what_a_silent_engine_said_last_is_told_with_its_age(desk: Desk, changes: dict[str, object], words: str) -> None:
    quiet = {
        "elsewhere": (),
        "local_position": 0,
        "broker_position": 0,
        "working_orders": 0,
        "protection": Protection.NONE_NEEDED,
    }
    view = desk.view()
    view = replace(view, truth=replace(view.truth, **(quiet | changes)))  # type: ignore[arg-type]
    told = last_word(view, view.beat_mono_ns + 42 * SECOND_NS, simulated=False)
    assert told == f"42 s ago it said: {words}; since then NOT KNOWN, look in the broker's own program"


def test_an_engine_that_never_spoke_and_one_whose_broker_ends_with_it_promise_nothing(desk: Desk) -> None:
    assert "position and stop are NOT KNOWN" in last_word(None, 0, simulated=False)
    assert last_word(desk.view(), 0, simulated=True) == "the simulated broker ends with its run"
