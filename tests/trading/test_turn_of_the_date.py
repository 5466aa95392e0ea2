"""The turn of the trade date with a position held: a restart behind it knows what both days are worth."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from orderflow_tui.domain.action import Commit, Row
from orderflow_tui.domain.event import Command, JournalFailed
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Commission, Fill, Role, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading import rows
from orderflow_tui.trading.limits import TradingParams
from tests.trading.house import RICH, TODAY, House

TOMORROW = date(2026, 3, 6)
PARAMS = TradingParams(risk=replace(RICH, max_drawdown_cents=1_000_000, daily_loss_cents=30_000), auto_flatten=False)


def carrying(ticks: int = 300) -> House:
    """Long one contract with its exits far away, the market so many ticks higher; the trade date has not turned yet."""
    house = House(PARAMS).enter()
    held = house.broker.orders
    target, stop = (house.ticket(role).order.id for role in (Role.TARGET, Role.STOP))
    held[target].order = replace(held[target].order, limit_ticks=99_999)
    held[stop].order = replace(held[stop].order, stop_ticks=1)
    house.trade(house.last + ticks)
    return house


def turn(house: House, day: date = TOMORROW) -> House:
    """The next trade date, and a trade at the price of before."""
    house.changes["trade_date"] = day
    house.trade(house.last)
    return house


def restarted(house: House) -> House:
    """The next life, on the same date and at the same price, agreed with the broker."""
    again = house.restart()
    again.changes = dict(house.changes)
    again.wait(3_000)
    again.trade(again.last)
    return again


def written(house: House, kind: str) -> list[Row]:
    return [row for row in house.rows if row.kind == kind]


@pytest.mark.parametrize("ticks", [300, -200])
def test_a_restart_behind_the_turn_counts_the_day_from_the_mark_it_was_carried_at(ticks: int) -> None:
    house = turn(carrying(ticks))
    (result,) = written(house, "day")
    again = restarted(house)
    assert again.desk.ledger.net_cents == house.desk.ledger.net_cents
    assert again.desk.ledger.past_net_cents == house.desk.ledger.past_net_cents == result.payload["net_cents"]
    assert written(again, "day") == [result], "the day before is not written again"
    house.broker.mute = True
    again.last -= 250
    again._carry(again.desk.on_mark(again.facts))
    assert "DAILY_LOSS" in again.latched


def test_the_turn_is_committed_after_everything_else_it_writes() -> None:
    house = carrying()
    before = len(house.rows)
    turn(house)
    kinds = [row.kind for row in house.rows[before:]]
    assert kinds.index("day") < kinds.index("turn")
    (row,) = [c.rows[0] for c in house.all(Commit) if c.rows[0].kind == "turn"]
    assert (row.ref, row.payload["marks"]) == (TOMORROW.isoformat(), {"MES": house.last})


def test_a_turn_whose_commit_failed_is_known_although_its_row_stands_behind_the_days_first_execution() -> None:
    house = turn(carrying())
    row = next(r for r in house.rows if r.kind == "turn")
    house.rows.remove(row)
    fill = Fill("m1.01", "m1", 1, None, house.now, "MES", Side.BUY, 1, house.last + 5)
    house.broker.position += 1
    house.broker.fills.append(fill)
    house.tell(fill)
    house.rows.append(row)
    again = restarted(house)
    assert again.desk.ledger.net_cents == house.desk.ledger.net_cents
    house = turn(again, date(2026, 3, 9))
    house.rows.append(row)
    assert restarted(house).desk.trade_date == date(2026, 3, 9), "no date turns back"


def test_a_turn_that_failed_is_written_in_the_background() -> None:
    house = carrying()
    house.journal = "silent"
    turn(house)
    key = next(c.ids for c in house.all(Commit) if c.rows[0].kind == "turn")
    house.tell(JournalFailed(house.now, key, "disk full"))
    assert [row.ref for row in written(house, "turn")] == [TOMORROW.isoformat()]


def test_a_process_that_died_before_the_turn_leaves_it_to_the_next_at_the_price_it_noted_last() -> None:
    house = carrying()
    house.wait(10_000)
    house.changes["trade_date"] = TOMORROW
    again = house.restart()
    again.changes = dict(house.changes)
    again.last += 40
    again.trade(again.last)
    (result,) = written(again, "day")
    assert result.ref == TODAY.isoformat()
    assert result.payload["net_cents"] == house.desk.ledger.net_cents
    assert again.desk.ledger.open_cents == 40 * 125, "what happened since is of the new day"


def test_what_an_older_version_noted_of_an_open_trade_says_nothing_of_the_mark() -> None:
    house = carrying()
    house.wait(10_000)
    (noted,) = written(house, "excursion")
    at = house.rows.index(noted)
    house.rows[at] = replace(noted, payload={k: v for k, v in noted.payload.items() if k != "mark"})
    assert house.restart().desk.ledger.open_cents == 0


def test_a_day_that_was_closed_is_told_at_the_next_start_as_it_was_written() -> None:
    house = carrying()
    assert house.floor.report is not None
    house.floor.report = replace(house.floor.report, day_pnl_cents=37_000)
    house.press(Command.CLOSE_SESSION, why="the run stopped")
    (result,) = written(house, "day")
    again = turn(house.restart())
    assert written(again, "day") == [result]
    (told,) = again.alerts("day")
    assert "the broker's 370.00 of " in told
    assert told.endswith(" s ago, not compared, 373.75 of ours is open")


@pytest.mark.parametrize("later", ["execution", "commission", "price"])
def test_a_day_that_went_on_after_its_result_was_written_is_written_again(later: str) -> None:
    house = carrying()
    house.press(Command.CLOSE_SESSION, why="the run stopped")
    house.wait(1)
    if later == "execution":
        house.tell(Fill("m1.01", "m1", 1, None, house.now, "MES", Side.BUY, 1, house.last))
    if later == "commission":
        house.tell(Commission(house.broker.fills[0].exec_id, house.now, 99))
    again = house.restart()
    if later == "price":
        again.trade(again.last + 8)
    turn(again)
    first, second = written(again, "day")
    assert first.ref == second.ref == TODAY.isoformat()
    assert second.payload["net_cents"] != first.payload["net_cents"]


def test_a_days_peak_is_noted_after_a_restart_although_the_day_before_stood_higher() -> None:
    house = carrying()
    house.wait(10_000)
    again = restarted(turn(house))
    again.trade(again.last + 40)
    again.wait(10_000)
    peak = again.desk.ledger.peak_cents
    assert 0 < peak < house.desk.ledger.past_net_cents
    assert written(again, "peak")[-1].payload["peak_cents"] == peak


def test_a_daily_latch_whose_end_was_lost_at_the_turn_ends_at_the_next_start() -> None:
    house = House(PARAMS)
    house.trade(house.last)
    house.floor.latch(LatchKind.PROFIT_TARGET, "enough")
    turn(house)
    house.rows = [row for row in house.rows if row.kind != "latch" or row.payload["open"]]
    again = house.restart()
    assert again.latched == {"PROFIT_TARGET"}
    turn(again)
    assert again.latched == set()


@pytest.mark.parametrize(
    "payload", [{"marks": {}}, {"trade_date": "2026-03-06"}, {"trade_date": "2026-03-06", "marks": {"MES": "x"}}]
)
def test_a_turn_that_cannot_be_read_is_named(payload: dict[str, object]) -> None:
    house = House()
    house.desk.restore([rows.row("turn", "2026-03-06", 1, **payload)])  # type: ignore[arg-type]
    assert "row turn 2026-03-06 at 1: " in house.desk.unread(None)


# -- the flat time ------------------------------------------------------------------------------------------------------

LATE = "held past the flat time"


def closed(house: House) -> House:
    house.trade(house.ticket(Role.TARGET).order.limit_ticks or 0, house.last + 40)
    assert house.desk.position() == 0
    return house


@pytest.mark.parametrize("again", ["runs on", "restart", "restart behind the turn"])
def test_a_trade_held_past_the_flat_time_has_broken_it_also_when_it_closes_on_the_next_date(again: str) -> None:
    house = House(PARAMS)
    house.changes["flat_at_ns"] = house.now + 10_000 * MS_NS
    house.enter().wait(60_000)
    if again == "restart":
        house = restarted(house)
    house.changes["flat_at_ns"] = house.now + 86_400 * SECOND_NS
    turn(house)
    if again == "restart behind the turn":
        house = restarted(house)
    closed(house)
    (trip,) = house.desk.trades
    assert trip.breaks == (LATE,)
    assert [row.ref for row in written(house, "held_late")] == [trip.id], "it is noted once"


def test_a_flat_time_that_passed_while_nothing_ran_was_passed_all_the_same() -> None:
    house = House(PARAMS).enter()
    again = house.restart()
    again.changes["flat_at_ns"] = again.now + 86_400 * SECOND_NS
    turn(again)
    closed(again)
    assert again.desk.trades[0].breaks == (LATE,)


@pytest.mark.parametrize("flat_at", [None, "tomorrow"])
def test_a_trade_that_no_flat_time_passed_broke_none(flat_at: str | None) -> None:
    house = House(PARAMS).enter()
    if flat_at is None:
        turn(house)
    else:
        house.changes["flat_at_ns"] = house.now + 86_400 * SECOND_NS
    closed(house)
    assert house.desk.trades[0].breaks == ()
