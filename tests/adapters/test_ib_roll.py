"""A trade date begins while the house runs: the month that leads now is asked for, measured and taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date

import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.ib_desk import Traded
from orderflow_tui.adapters.ib_snapshot import Held
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Row, Tier
from orderflow_tui.domain.event import Command, ContractNews, Event, OperatorCommand
from orderflow_tui.domain.market import FeedState, FeedStatus, Trades
from orderflow_tui.wiring import roll
from orderflow_tui.wiring.roll import Months, months_of
from tests.adapters.ib_world import IbWorld
from tests.contract.broker_contract import bracket, fills
from tests.gateway.house import Settings

TABLE = session_table(date(2026, 11, 2), date(2027, 3, 30))
CARRY = 180
ROLL_WEEK = 21 + (7 * 60 + 50) / 1_440  # days after the stage's beginning: ten minutes before 17:00 Chicago on 2026-12-09


class Rolling:
    """An IB world with the owner of its months. `auto` as in sim; `together` as where ES is traded too. The desk that is
    asked for the change says yes while `flat`."""

    def __init__(self, *, auto: bool = False, together: bool = False, known: dict[str, str] | None = None) -> None:
        self.flat = True
        self.world = IbWorld(Settings(steps_per_second=0.05, carry=CARRY), start=False, days=ROLL_WEEK)
        self.rows: list[Row] = []
        self.said: list[str] = []
        world = self.world
        self.months = world.call(
            lambda: Months(
                world.session,
                world.feed,
                TABLE,
                lambda: world.loop.now_ns,
                auto=auto,
                together=together,
                post=self._post,
                record=self.rows.append,
                say=self._say,
            )
        )
        self.months.known(known or {})
        world.session.followers.insert(0, self)  # type: ignore[arg-type]
        world.start()
        world.until(lambda: bool(world.session.traded))

    def _post(self, event: Event) -> None:
        self.world.events.append(event)
        if isinstance(event, OperatorCommand) and event.command is Command.ROLL and self.flat:
            self.months.confirm()

    def _say(self, text: str, tier: Tier) -> None:
        self.said.append(text)

    def __getattr__(self, name: str) -> object:
        """The rest of a follower: nothing to do."""
        return lambda *_: ""

    def synced(self, keep_subscriptions: bool) -> None:
        self.months.synced()

    def follow(self) -> None:
        async def begin() -> asyncio.Task[None]:
            ready = asyncio.Event()
            ready.set()
            return asyncio.get_running_loop().create_task(self.months.follow(ready))

        self.task = self.world.wait(begin)

    def trade(self, side: str) -> None:
        """One MES by hand, and a report that shows it."""
        self.world.do("manual", symbol="MES", side=side, quantity=1)
        self.world.pass_ms(1_000)
        self.world.call(self.world.session.ask_report)
        self.world.pass_ms(5_000)

    @property
    def blocks(self) -> list[str]:
        return [e.block for e in self.world.events if isinstance(e, ContractNews)]

    def rolls(self) -> list[FeedStatus]:
        return [e for e in self.world.market if isinstance(e, FeedStatus) and e.rolled_to]


@pytest.fixture
def rolling() -> Iterator[Rolling]:
    made = Rolling()
    yield made
    made.world.close()


def test_the_month_rolls_when_the_trade_date_begins_by_the_spread_of_the_last_regular_minute(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "LOOK_S", 60.0)
    rolling.follow()
    rolling.world.pass_ms(1_000)
    rolling.world.do("lead", rank=1)
    rolling.world.pass_ms(300_000)
    assert [s.rolled_to for s in rolling.rolls()] == ["ESZ6"], "not within a trade date"
    rolling.world.pass_ms(420_000)
    named, rolled = rolling.rolls()
    assert (named.rolled_to, named.state) == ("ESZ6", FeedState.LIVE)
    assert (rolled.rolled_to, rolled.state, rolled.shift_ticks) == ("ESH7", FeedState.GAP, CARRY)
    assert {s: t.listed.month for s, t in rolling.world.session.traded.items()} == {"ES": "202703", "MES": "202612"}
    assert months_of(rolling.rows) == {"ES": "202703", "MES": "202612"}
    assert rolling.blocks == ["MESZ6 is traded, MESH7 leads"]
    at = rolling.world.market.index(rolled)
    before = [e for e in rolling.world.market[:at] if isinstance(e, Trades)][-1]
    after = next(e for e in rolling.world.market[at:] if isinstance(e, Trades))
    assert int(after.price[0]) - int(before.price[-1]) > CARRY - 50
    rolling.world.call(rolling.months.confirm)
    assert rolling.world.session.months == {"ES": "202703", "MES": "202703"}
    assert rolling.blocks[-1] == ""
    rolling.task.cancel()


def test_an_analysed_month_that_is_held_does_not_roll_away_from_its_stops(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "LOOK_S", 60.0)
    world = rolling.world
    world.do("manual", symbol="ES", side="BUY")
    world.until(lambda: world.session.link is Link.READY)
    world.call(world.session.ask_report)
    rolling.follow()
    world.pass_ms(1_000)
    world.do("lead", rank=1)
    world.pass_ms(720_000)
    assert [s.rolled_to for s in rolling.rolls()] == ["ESZ6"]
    world.do("manual", symbol="ES", side="SELL")
    world.call(world.session.ask_report)
    world.pass_ms(120_000)
    assert [s.rolled_to for s in rolling.rolls()] == ["ESZ6", "ESH7"]
    rolling.task.cancel()


def test_nothing_rolls_under_a_position_and_the_roll_follows_when_it_is_closed(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "LOOK_S", 60.0)
    rolling.trade("BUY")
    rolling.follow()
    rolling.world.pass_ms(1_000)
    rolling.world.do("lead", rank=1)
    rolling.world.pass_ms(1_000_000)
    assert [s.rolled_to for s in rolling.rolls()] == ["ESZ6"]
    assert {s: t.listed.month for s, t in rolling.world.session.traded.items()} == {"ES": "202612", "MES": "202612"}
    assert rolling.said == ["ESZ6 rolls to ESH7 when +1 MESZ6 is closed"], "once"
    assert rolling.blocks == [], "one month as before: entries go on"
    rolling.trade("SELL")
    rolling.world.pass_ms(120_000)
    assert [s.rolled_to for s in rolling.rolls()] == ["ESZ6", "ESH7"]
    news = [e for e in rolling.world.events if isinstance(e, ContractNews)]
    assert [(e.block, e.apart) for e in news] == [("MESZ6 is traded, MESH7 leads", True)]
    rolling.world.call(rolling.months.confirm)
    news = [e for e in rolling.world.events if isinstance(e, ContractNews)]
    assert (news[-1].block, news[-1].apart) == ("", False)
    rolling.task.cancel()


def test_what_is_bought_while_the_spread_is_measured_holds_the_roll_up(rolling: Rolling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "LOOK_S", 60.0)
    session = rolling.world.session
    execution = session.traded["MES"]
    measure = rolling.months._spread

    async def bought(front: Traded, lead: Traded) -> int | None:
        shift = await measure(front, lead)
        session.held = (Held("MES", "MESZ6", execution.contract.conId, "202612", -1, 0.0),)
        return shift

    monkeypatch.setattr(rolling.months, "_spread", bought)
    rolling.follow()
    rolling.world.pass_ms(1_000)
    rolling.world.do("lead", rank=1)
    rolling.world.pass_ms(720_000)
    assert "ESZ6 rolls to ESH7 when -1 MESZ6 is closed" in rolling.said
    assert [s.rolled_to for s in rolling.rolls()] == ["ESZ6"]
    rolling.task.cancel()


# -- one instrument, analysed and traded --------------------------------------------------------------------------------


@pytest.fixture
def single(rolling: Rolling, monkeypatch: pytest.MonkeyPatch) -> Rolling:
    """ES alone; the next month leads."""
    monkeypatch.setattr(rolling.months, "_execution", "ES")
    monkeypatch.setattr(rolling.months, "_together", True)
    rolling.world.do("lead", rank=1)
    rolling.world.pass_ms(30_000)
    rolling.world.wait(rolling.world.session.look_at_months)
    return rolling


def test_a_second_word_while_history_is_asked_moves_nothing_twice(single: Rolling) -> None:
    single.world.call(single.months.confirm)
    single.world.call(single.months.confirm)
    single.world.pass_ms(60_000)
    assert [(s.rolled_to, s.shift_ticks) for s in single.rolls()][1:] == [("ESH7", CARRY)]
    assert single.said.count("roll: under way already, history is being asked") == 1
    single.world.call(single.months.confirm)
    assert single.said[-1] == "roll: the traded month is the analysed one already"


def test_one_instrument_that_is_bought_while_the_spread_is_measured_stays_in_its_month(
    single: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, measure = single.world.session, single.months._spread
    front = session.traded["ES"]

    async def bought(front: Traded, lead: Traded) -> int | None:
        shift = await measure(front, lead)
        session.held = (Held("ES", "ESZ6", front.contract.conId, "202612", 1, 0.0),)
        return shift

    monkeypatch.setattr(single.months, "_spread", bought)
    single.world.call(single.months.confirm)
    single.world.pass_ms(60_000)
    assert session.traded["ES"] is front
    assert "ESZ6 rolls to ESH7 when +1 ESZ6 is closed" in single.said
    session.held = ()
    monkeypatch.setattr(single.months, "_spread", measure)
    single.world.call(single.months.confirm)
    single.world.pass_ms(60_000)
    assert [s.rolled_to for s in single.rolls()][1:] == ["ESH7"]


# -- two instruments, both traded ---------------------------------------------------------------------------------------


@pytest.fixture
def tiered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rolling]:
    """ES is analysed, and traded as MES is. The next month leads, the desk is asked by the house."""
    monkeypatch.setattr(roll, "LOOK_S", 60.0)
    made = Rolling(auto=True, together=True)
    made.flat = False
    made.follow()
    made.world.pass_ms(1_000)
    made.world.do("lead", rank=1)
    yield made
    made.task.cancel()
    made.world.close()


def months(rolling: Rolling) -> dict[str, str]:
    return {s: t.listed.month for s, t in rolling.world.session.traded.items()}


def test_an_analysed_month_that_is_traded_does_not_roll_under_a_working_entry(tiered: Rolling) -> None:
    """It rolled: the entry filled in the old month, under a name the desk does not trade, and its stop was cancelled."""
    world = tiered.world
    world.until(lambda: world.session.link is Link.READY)
    world.do("play", on=False)
    world.pass_ms(500)
    last = world.feed.streams["ES"].last_price
    assert last is not None
    world.broker.send(bracket(entry=last - 40, stop=last - 80, target=last + 40, instrument="ES"), world.now_ns)
    world.pass_ms(1_000_000)
    assert months(tiered) == {"ES": "202612", "MES": "202612"}
    assert [s.rolled_to for s in tiered.rolls()] == ["ESZ6"]
    news = [e for e in world.events if isinstance(e, ContractNews)]
    assert [(e.block, e.apart) for e in news] == [("ESZ6 is traded, ESH7 leads, MESZ6 is traded, MESH7 leads", False)]
    asked = next(n for n, e in enumerate(world.events) if isinstance(e, OperatorCommand))
    assert world.events.index(news[0]) < asked, "entries stop before the desk is asked"
    world.do("fill", ref="E", price=(last - 40) * 0.25)
    world.pass_ms(500)
    assert [(f.instrument, f.quantity) for f in fills(world.events)] == [("ES", 1)]


def test_all_that_is_traded_changes_together_when_the_desk_is_flat(tiered: Rolling) -> None:
    tiered.flat = True
    tiered.world.pass_ms(1_000_000)
    assert [(s.rolled_to, s.shift_ticks) for s in tiered.rolls()][1:] == [("ESH7", CARRY)]
    assert months(tiered) == months_of(tiered.rows) == {"ES": "202703", "MES": "202703"}
    assert tiered.blocks == ["ESZ6 is traded, ESH7 leads, MESZ6 is traded, MESH7 leads", ""]
    assert sum(isinstance(e, OperatorCommand) for e in tiered.world.events) == 2, "before and after history was asked"


def test_what_the_desk_has_working_when_history_was_asked_keeps_the_month(
    tiered: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = tiered.months._spread

    async def entered(front: Traded, lead: Traded) -> int | None:
        shift = await measure(front, lead)
        tiered.flat = False
        return shift

    monkeypatch.setattr(tiered.months, "_spread", entered)
    tiered.flat = True
    tiered.world.pass_ms(1_000_000)
    assert months(tiered) == {"ES": "202612", "MES": "202612"}
    monkeypatch.setattr(tiered.months, "_spread", measure)
    tiered.flat = True
    tiered.world.pass_ms(120_000)
    assert months(tiered) == {"ES": "202703", "MES": "202703"}


def test_a_line_that_is_lost_while_history_is_asked_changes_nothing_and_says_so(
    tiered: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(front: Traded, lead: Traded) -> int | None:
        raise ConnectionError("the gateway closed the connection")

    monkeypatch.setattr(tiered.months, "_spread", lost)
    tiered.flat = True
    tiered.world.pass_ms(1_000_000)
    assert months(tiered) == {"ES": "202612", "MES": "202612"}
    assert "roll: the broker was lost while history was asked (the gateway closed the connection), ask again" in tiered.said


def test_a_month_that_was_left_behind_follows_without_history(tiered: Rolling) -> None:
    """An earlier life rolled ES alone."""
    tiered.world.pass_ms(1_000_000)
    tiered.world.session.take_month("ES")
    tiered.flat = True
    tiered.world.pass_ms(120_000)
    assert months(tiered) == {"ES": "202703", "MES": "202703"}
    assert "MESH7 is traded from now on" in tiered.said
