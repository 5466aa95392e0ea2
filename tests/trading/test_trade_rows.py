"""The trade journal after what comes later: corrections, busts, late commissions, before a restart and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from orderflow_tui.domain.action import Alert, Row
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.order import Commission, Fill, Side
from orderflow_tui.trading.desk import Desk
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.trading.trade import ExitReason, RoundTrip, trip_of
from tests.builders import ES, MES
from tests.trading.house import PRICE, RICH, SLOW, House, decision, facts

PARAMS = TradingParams(risk=RICH, timing=SLOW)
TICK = MES.tick_cents
TOMORROW = date(2026, 3, 6)


def told(rows: list[Row]) -> dict[str, RoundTrip]:
    """The journal's newest word on each trade."""
    found: dict[str, RoundTrip] = {}
    for row in (row for row in rows if row.kind == "trade"):
        trip = trip_of(row)
        found.pop(row.ref, None)
        if trip is not None:
            found[row.ref] = trip
    return found


def decided(house: House | None = None, name: str = "d1") -> House:
    """A trade of a decision that reached its target: it went 9 ticks against and 24 for it."""
    house = house or House(PARAMS).arm()
    house.press(Command.AUTOMATION, mode="AUTO")
    house.decide(decision(name, ts_ns=house.now))
    house.trade(house.last, house.last - 9, house.last + 30)
    assert house.desk.position() == 0
    return house


def revised(fill: Fill, revision: int = 2, **changes: object) -> Fill:
    return replace(fill, exec_id=f"{fill.base_id}.0{revision}", revision=revision, **changes)  # type: ignore[arg-type]


def settled(house: House) -> House:
    """What the journal says is what the desk holds, and a restart finds nothing to add."""
    today = house.desk.trade_date
    assert tuple(trip for trip in told(house.rows).values() if trip.trade_date == today) == house.desk.trades
    again = house.restart()
    again.changes |= house.changes
    written = len(again.rows)
    again.wait(1)
    assert again.desk.trades == house.desk.trades
    assert [row for row in again.rows[written:] if row.kind == "trade"] == []
    return house


@pytest.fixture(params=["same process", "restarted"])
def later(request: pytest.FixtureRequest) -> Callable[[House], House]:
    """The house that hears of it: the same, or the next."""

    def wait(house: House) -> House:
        return house.restart() if request.param == "restarted" else house

    return wait


Later = Callable[[House], House]


def test_a_corrected_price_corrects_the_trade_and_keeps_what_led_to_it(later: Later) -> None:
    first = decided()
    (before,) = first.desk.trades
    house = later(first)
    leave = house.broker.fills[-1]
    house.tell(revised(leave, price_ticks=leave.price_ticks - 3))
    (trip,) = told(house.rows).values()
    assert before.slippage_ticks is not None
    gross, leave_ticks = before.gross_cents - 3 * TICK, before.exit_ticks - 3
    assert trip == replace(before, gross_cents=gross, exit_ticks=leave_ticks, slippage_ticks=before.slippage_ticks + 3)
    assert (trip.context["label"], trip.reason, trip.trade_date) == ("VA_BREAKOUT", ExitReason.TARGET, date(2026, 3, 5))
    assert (trip.mae_ticks, house.alerts("trade")[-1]) == (10.0, "BUY 1 MES TARGET 25.01, corrected from 28.76")
    settled(house)


def test_a_price_that_was_too_good_leaves_no_peak_to_fall_from(later: Later) -> None:
    first = House(PARAMS).enter()
    first.trade(PRICE + 10)
    first.wait(11_000)
    told = first.broker.fill
    first.broker.fill = lambda held, quantity, price, now: told(held, quantity, price + 300, now)  # type: ignore[method-assign]
    first.trade(PRICE + 30)
    first.broker.fill = told  # type: ignore[method-assign]
    leave = first.broker.fills[-1]
    first.wait(1)
    assert first.desk.ledger.peak_cents > 300 * TICK
    house = later(first)
    house.broker.fills[-1] = revised(leave, price_ticks=leave.price_ticks - 300)
    house.tell(house.broker.fills[-1])
    peak = house.desk.ledger.peak_cents
    assert 0 < peak < 40 * TICK
    assert "DRAWDOWN" not in house.latched
    again = settled(house).restart()
    assert again.desk.ledger.peak_cents == peak
    house.wait(12_000)
    house.arm().enter()
    house.trade(house.last + 20)
    house.wait(11_000)
    assert house.desk.position() == 1
    assert peak < house.desk.ledger.peak_cents < 300 * TICK
    assert house.restart().desk.ledger.peak_cents == house.desk.ledger.peak_cents, "it is noted although a higher one was"


def test_every_alert_of_a_trade_is_about_that_trade() -> None:
    house = decided()
    leave = house.broker.fills[-1]
    house.tell(revised(leave, price_ticks=leave.price_ticks - 3))
    (trip,) = told(house.rows).values()
    assert [alert.subject for alert in house.all(Alert) if alert.kind == "trade"] == [trip.id] * 2


def test_a_price_that_was_wrong_leaves_nothing_in_the_excursions(later: Later) -> None:
    house = House(PARAMS).enter()
    entry = house.broker.fills[-1]
    house.trade(PRICE + 2, PRICE + 40)
    house = later(house)
    house.tell(revised(entry, price_ticks=entry.price_ticks - 400))
    house.tell(revised(entry, revision=3))
    (trip,) = told(house.rows).values()
    assert (trip.mae_ticks, trip.gross_cents) == (0.0, 24 * TICK)
    settled(house)


def test_a_busted_entry_says_that_the_trade_never_was(later: Later) -> None:
    house = later(decided())
    house.broker.position = -1
    house.tell(revised(house.broker.fills[0], quantity=0))
    assert (told(house.rows), house.desk.trades) == ({}, ())
    assert house.alerts("trade")[-1] == "BUY 1 MES TARGET 28.76 is no trade any more: its execution was corrected"
    (gone,) = [row.payload for row in house.rows if row.kind == "trade" and row.payload.get("gone")]
    assert gone == {"gone": True, "trade_date": "2026-03-05", "instrument": "MES"}
    settled(house)


def test_a_busted_exit_opens_the_trade_again_and_its_true_end_closes_it(later: Later) -> None:
    house = later(decided())
    house.broker.position = 1
    house.tell(revised(house.broker.fills[-1], quantity=0))
    assert (told(house.rows), house.desk.position()) == ({}, 1)
    house.tell(revised(house.broker.fills[-1], revision=3))
    (trip,) = told(house.rows).values()
    assert (trip.context["label"], trip.mae_ticks, trip.reason) == ("VA_BREAKOUT", 10.0, ExitReason.TARGET)
    settled(house)


def test_of_two_parts_of_an_entry_the_second_becomes_the_trade_when_the_first_is_busted(later: Later) -> None:
    house = House(PARAMS)
    house.broker.part = 1
    house.bracket(quantity=2)
    house.trade(PRICE, PRICE - 12, PRICE)
    house.broker.part = None
    house.trade(PRICE, PRICE - 4, PRICE + 40)
    first, second = house.broker.fills[:2]
    assert [t.quantity for t in told(house.rows).values()] == [2]
    house = later(house)
    house.tell(revised(first, quantity=0))
    (trip,) = told(house.rows).values()
    assert (trip.id, trip.quantity, trip.mae_ticks) == (second.base_id, 1, second.price_ticks - (PRICE - 4))
    settled(house)


def test_a_late_commission_keeps_what_led_to_the_trade(later: Later) -> None:
    house = later(decided())
    leave = house.broker.fills[-1]
    house.tell(Commission(leave.exec_id, house.now, 99))
    (trip,) = told(house.rows).values()
    assert (trip.fees_cents, trip.context["label"], trip.trade_date) == (62 + 99, "VA_BREAKOUT", date(2026, 3, 5))
    settled(house)


def test_a_broken_rule_is_judged_anew_with_the_figures_and_the_flat_time_is_not(later: Later) -> None:
    house = House(replace(PARAMS, auto_flatten=False)).enter()
    house.changes["flat_at_ns"] = house.now - 1
    house.trade(PRICE - 16)
    (before,) = house.desk.trades
    assert before.breaks == ("held past the flat time",)
    house = later(house)
    house.changes["flat_at_ns"] = house.now + 10**12
    leave = house.broker.fills[-1]
    house.tell(revised(leave, price_ticks=leave.price_ticks - 40))
    (trip,) = told(house.rows).values()
    lost = f"lost {(before.entry_ticks - trip.exit_ticks) * TICK / 100:.2f}, planned at most"
    assert trip.breaks[0].startswith(lost)
    assert trip.breaks[1:] == before.breaks
    settled(house)


@pytest.mark.parametrize("what", ["closed", "corrected", "busted"])
def test_a_row_that_died_with_the_process_is_written_by_the_next(what: str) -> None:
    house = decided()
    leave = house.broker.fills[-1]
    if what == "corrected":
        house.tell(revised(leave, price_ticks=leave.price_ticks - 3))
    if what == "busted":
        house.broker.position = 1
        house.tell(revised(leave, quantity=0))
    whole = told(house.rows)
    last = max(i for i, row in enumerate(house.rows) if row.kind == "trade")
    house.rows = house.rows[:last]
    assert told(house.rows) != whole
    again = house.restart()
    again.wait(1)
    assert told(again.rows) == whole
    settled(again)


def test_a_row_that_died_with_yesterday_is_written_before_the_day_turns() -> None:
    house = decided()
    whole = told(house.rows)
    house.rows = [row for row in house.rows if row.kind != "trade"]
    again = house.restart()
    again.changes["trade_date"] = TOMORROW
    again.wait(1)
    assert told(again.rows) == whole
    assert again.desk.trades == ()


def test_the_summary_of_a_session_that_died_knows_the_rules_its_trades_broke() -> None:
    house = House(replace(PARAMS, auto_flatten=False))
    house.press(Command.OPEN_SESSION)
    house.enter()
    house.changes["flat_at_ns"] = house.now - 1
    house.trade(PRICE - 16)
    again = house.restart()
    again.press(Command.OPEN_SESSION)
    (end,) = [row for row in again.rows if row.kind == "session" and row.payload["what"] == "end"]
    assert end.payload["rule_breaks"] == ["x1: held past the flat time"]


def test_yesterdays_trade_is_restated_and_its_date_stays(later: Later) -> None:
    house = decided()
    (before,) = house.desk.trades
    house.changes["trade_date"] = TOMORROW
    house.trade(house.last)
    house = later(house)
    house.changes["trade_date"] = TOMORROW
    leave = house.broker.fills[-1]
    house.tell(Commission(leave.exec_id, house.now, 99))
    house.tell(revised(leave, price_ticks=leave.price_ticks - 3))
    (trip,) = told(house.rows).values()
    assert (trip.gross_cents, trip.fees_cents) == (before.gross_cents - 3 * TICK, 62 + 99)
    assert (trip.trade_date, trip.context, trip.breaks) == (before.trade_date, before.context, before.breaks)
    late = 62 + 99 - before.fees_cents
    assert house.desk.ledger.closed_cents == -3 * TICK - late, "and the money is today's"
    house.wait(10_000)
    decided(house.arm(), "d2")
    assert [t.trade_date for t in told(house.rows).values()] == [before.trade_date, TOMORROW]
    settled(house)


def test_a_commission_told_after_the_turn_is_money_of_the_day_it_is_told_on(later: Later) -> None:
    first = decided()
    (before,) = first.desk.trades
    first.changes["trade_date"] = TOMORROW
    first.trade(first.last)
    house = later(first)
    house.changes["trade_date"] = TOMORROW
    for made in house.broker.fills:
        house.tell(Commission(made.exec_id, house.now, 85))
    late = 2 * 85 - before.fees_cents
    assert (house.desk.ledger.fees_cents, house.desk.ledger.net_cents) == (late, -late)
    (trip,) = told(house.rows).values()
    (day,) = [row for row in house.rows if row.kind == "day"]
    assert day.payload["net_cents"] + house.desk.ledger.net_cents == trip.net_cents, "days and trades are the same money"  # type: ignore[operator]
    settled(house)
    again = house.restart()
    assert again.desk.ledger.net_cents == -late
    again.rows = [row for row in house.rows if row.kind != "turn"]
    assert again.restart().desk.ledger.net_cents == -late, "although the row of the turn died"


def test_what_is_told_late_of_yesterday_hides_no_bust_of_today(later: Later) -> None:
    first = decided()
    (yesterday,) = first.desk.trades
    first.changes["trade_date"] = TOMORROW
    first.trade(first.last)
    decided(first, "d2")
    first.tell(Commission(first.broker.fills[1].exec_id, first.now, 77))
    house = later(first)
    house.changes |= first.changes
    house.trade(house.last)
    for made in house.broker.fills[2:]:
        house.tell(revised(made, quantity=0))
    assert house.desk.trades == ()
    assert told(house.rows) == {yesterday.id: replace(yesterday, fees_cents=yesterday.fees_cents - MES.commission_cents + 77)}
    settled(house)


def test_a_bust_of_yesterday_is_an_execution_of_today_at_what_was_booked() -> None:
    house = decided()
    house.changes["trade_date"] = TOMORROW
    house.trade(house.last)
    house.broker.position = 1
    leave = house.broker.fills[-1]
    house.tell(revised(leave, quantity=0, price_ticks=0))
    assert house.desk.average_ticks() == leave.price_ticks
    assert len(told(house.rows)) == 1, "what was closed that day stays closed"
    settled(house)


def test_an_execution_of_yesterday_that_turns_its_side_is_counted_the_same_everywhere() -> None:
    house = House(PARAMS).enter()
    house.changes["trade_date"] = TOMORROW
    house.wait(1_000)
    house.broker.fills[0] = revised(house.broker.fills[0], side=Side.SELL)
    house.broker.position = -1
    house.tell(house.broker.fills[0])
    assert house.desk.position() == house.floor.blotter.position("MES") == -1
    assert "INVARIANT" not in house.latched
    assert house.restart().desk.position() == -1


def test_a_trade_that_somebody_else_ended_has_a_slippage_nobody_knows(later: Later) -> None:
    house = House(PARAMS).enter()
    house.broker.position = 0
    made = Fill("m1.01", "m1", 1, None, house.now, "MES", Side.SELL, 1, PRICE)
    house.broker.fills.append(made)
    house.tell(made)
    house = later(house)
    (trip,) = told(house.rows).values()
    assert trip.slippage_ticks is None
    settled(house)


def test_a_position_that_is_adjusted_away_is_a_trade_in_the_journal(later: Later) -> None:
    house = later(House(replace(PARAMS, timing=replace(SLOW, requery_ms=1_000))).enter())
    house.trade(PRICE - 7)
    house.broker.position = 0
    house.press(Command.RECONCILE)
    house.wait(10_000)
    (trip,) = told(house.rows).values()
    assert (trip.reason, trip.mae_ticks, trip.context["label"]) == (ExitReason.MANUAL, 8.0, "manual")
    settled(house)


def test_an_adjustment_in_a_closed_market_is_read_back() -> None:
    house = House(PARAMS).enter()
    house.changes["trade_date"] = None
    house.broker.position = 0
    house.press(Command.RECONCILE)
    house.wait(10_000)
    assert [row.payload["trade_date"] for row in house.rows if row.kind == "adjust"] == [None]
    assert house.restart().desk.position() == 0


def test_how_far_the_market_went_is_read_back_or_named() -> None:
    house = decided()
    leave = next(row for row in reversed(house.rows) if row.kind == "fill")
    assert leave.payload["seen"] == [PRICE - 9, PRICE + 30]
    desk = Desk(PARAMS, {"MES": MES, "ES": ES}, "MES", "U1", "t")
    spoilt = replace(leave, payload={**leave.payload, "seen": [1]})
    desk.restore([spoilt if row is leave else row for row in house.rows])
    assert "seen should be a low and a high" in desk.unread(None)
    assert desk.position() == desk._floor.blotter.position("MES") == 1, "a row counts whole or not at all"
    assert desk.on_time(facts()) is not None
