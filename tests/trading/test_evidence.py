"""Rows of another version or another configuration end nothing: what is over counts by its own row, what is not locks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_tui.domain.action import Alert, Row, Send
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Commission, Role
from orderflow_tui.trading import rows
from orderflow_tui.trading.limits import TradingParams
from tests.trading.house import RICH, TODAY, House, TinyBroker


def elsewhere(row: Row) -> Row:
    """The row as if it had been written about an instrument that is not configured now."""
    return replace(row, payload={**row.payload, "instrument": "GC"}) if row.payload.get("instrument") == "MES" else row


def gold(house: House) -> House:
    """The next life of a house whose instrument was taken out of the configuration. Its broker holds nothing else."""
    house.rows = [elsewhere(row) for row in house.rows]
    house.broker = TinyBroker()
    return house.restart()


def held() -> House:
    return House().enter()


def closed(by: int = 40) -> House:
    house = House().enter()
    house.trade(house.last + by)
    return house


def texts(house: House, kind: str) -> list[str]:
    return [action.text for action in house.done if isinstance(action, Alert) and action.kind == kind]


# -- what is over -------------------------------------------------------------------------------------------------------


def test_a_closed_trade_counts_in_its_day_by_its_own_row() -> None:
    before = closed()
    ledger = before.desk.ledger
    again = gold(before)
    again.wait(3_000)
    now = again.desk.ledger
    assert (now.realised_cents, now.fees_cents, now.trades_begun, now.wins, now.peak_cents, now.streak) == (
        ledger.realised_cents,
        ledger.fees_cents,
        1,
        1,
        ledger.peak_cents,
        1,
    )
    assert again.desk.last_trade == replace(ledger.trips[0], instrument="GC")
    assert (again.latched, again.desk.position("GC"), again.state) == (set(), 0, "RUNNING")
    assert not [row for row in again.rows[len(before.rows) :] if row.kind == "trade"], "nothing is said anew of it"


def test_its_losses_are_losses_in_a_row_with_ours() -> None:
    house = closed(-40)
    first = len(house.rows)
    house.enter()
    house.trade(house.last - 40)
    rest = house.rows[first:]
    house.rows = [elsewhere(row) for row in house.rows[:first]] + rest
    house.broker = TinyBroker()
    streak, net = house.desk.ledger.streak, house.desk.ledger.net_cents
    again = house.restart()
    assert (again.desk.ledger.streak, again.desk.ledger.net_cents) == (streak, net) == (-2, net)
    assert [trip.instrument for trip in again.desk.trades] == ["GC", "MES"]
    last = next(row for row in reversed(rest) if row.kind == "fill")
    again.tell(Commission(last.ref, again.now, 99))
    assert again.desk.trades[0].fees_cents == house.desk.trades[0].fees_cents
    assert again.desk.ledger.net_cents == net + 62 - 99


def test_one_that_came_late_stands_in_its_place() -> None:
    """Its row is younger than the row of a trade of ours that closed after it."""
    house = closed(-40)
    first = len(house.rows)
    house.enter()
    house.trade(house.last + 40)
    told = [elsewhere(row) for row in house.rows[:first]]
    late = [row for row in told if row.kind == "trade"]
    house.rows = [row for row in told if row.kind != "trade"] + house.rows[first:] + late
    again = house.restart()
    assert [trip.instrument for trip in again.desk.trades] == ["GC", "MES"]
    assert again.desk.ledger.streak == 1


def test_one_that_never_was_counts_nowhere() -> None:
    house = closed()
    trade = next(row for row in house.rows if row.kind == "trade")
    house.rows.append(rows.row("trade", trade.ref, house.now, gone=True, trade_date=str(TODAY), instrument="GC"))
    again = gold(house)
    assert (again.desk.trades, again.desk.ledger.net_cents) == ((), 0)


def test_the_next_day_begins_without_it() -> None:
    again = gold(closed())
    again.wait(1_000)
    net = again.desk.ledger.net_cents
    assert net > 0
    again.changes["trade_date"] = TODAY.replace(day=TODAY.day + 1)
    again.trade(again.last)
    assert (again.desk.ledger.net_cents, again.desk.trades, again.desk.ledger.past_net_cents) == (0, (), net)


# -- what is not --------------------------------------------------------------------------------------------------------


def test_what_is_held_and_works_locks_and_is_a_persons_to_see_to() -> None:
    before = held()
    orders = [ticket.order.id for ticket in before.desk.working]
    again = gold(before)
    again.wait(5_000)
    assert (again.state, again.latched) == ("LOCKED", {"BROKEN_CHAIN"})
    reason = again.desk.latches[0].reason
    assert f"+1 GC held and 2 order(s) in GC working ({', '.join(orders)}), and GC is not configured" in reason
    assert "put it back into instruments.toml" in reason
    assert (again.desk.position("GC"), again.desk.working) == (0, ())
    assert not [action for action in again.done if isinstance(action, Send)]
    assert reason in "".join(texts(again, "latch"))


def test_a_person_who_clears_the_lock_has_seen_to_it() -> None:
    again = gold(held())
    again.wait(5_000)
    again.press(Command.RESUME, word="RESUME", key_ok="yes")
    assert again.latched == set()
    later = again.restart()
    later.wait(5_000)
    assert (later.latched, later.state) == (set(), "RUNNING")


def test_put_back_into_the_configuration_it_is_ours_again() -> None:
    before = held()
    broker = before.broker
    again = gold(before)
    again.wait(1_000)
    again.rows = [
        replace(r, payload={**r.payload, "instrument": "MES"}) if r.payload.get("instrument") == "GC" else r for r in again.rows
    ]
    again.broker = broker
    back = again.restart()
    back.wait(5_000)
    assert (back.desk.position(), len(back.desk.working)) == (1, 2)
    assert (back.state, back.latched) == ("LOCKED", {"BROKEN_CHAIN"}), "until a person clears it"


def test_news_of_its_orders_is_theirs_whenever_it_was_written() -> None:
    before = held()
    target = before.ticket(Role.TARGET).order
    before.rows += [
        rows.row("change", target.id, before.now, revision=2, quantity=1, price_ticks=1, purpose="PROTECT"),
        rows.row("restated", target.id, before.now, quantity=1, price_ticks=None, revision=2),
        rows.row("state", target.id, before.now, state="CANCELLED", why="", filled=0),
        next(row for row in before.rows if row.kind == "order"),  # a second time
    ]
    orders = [row for row in before.rows if row.kind == "order"]
    before.rows = [row for row in before.rows if row.kind != "order"] + orders
    again = gold(before)
    assert "+1 GC held and 1 order(s) in GC working" in again.desk.unread(TODAY)


def test_what_was_adjusted_away_is_not_held() -> None:
    before = held()
    for row in [r for r in before.rows if r.kind == "order"]:
        before.rows.append(rows.row("state", row.ref, before.now, state="CANCELLED", why="", filled=0))
    assert "held" in gold(before).desk.unread(None)
    before.rows.append(rows.adjust_row("a1", "GC", -1, 20_000, before.now, TODAY, None))
    again = gold(before)
    assert again.desk.unread(None) == ""


@pytest.mark.parametrize(("today", "locks"), [(True, True), (False, False)])
def test_executions_of_today_without_their_result_lock(today: bool, locks: bool) -> None:
    before = closed()
    before.rows = [row for row in before.rows if row.kind != "trade"]
    again = gold(before)
    if not today:
        again.changes["trade_date"] = TODAY.replace(day=TODAY.day + 1)
    again.wait(3_000)
    assert (again.latched == {"BROKEN_CHAIN"}) is locks
    assert ("executions in GC of today without their result" in again.desk.unread(TODAY)) is True


def test_an_execution_that_is_told_twice_counts_once() -> None:
    before = held()
    before.rows += [row for row in before.rows if row.kind == "fill"]
    assert "+1 GC held" in gold(before).desk.unread(None)


# -- another version ----------------------------------------------------------------------------------------------------


def newer(*, is_open: bool) -> Row:
    return rows.row("latch", "NEWER_KIND", 1, open=is_open, since_ns=1, trade_date=None, reason="something new")


def test_a_latch_of_an_unknown_kind_locks_until_its_own_version_or_a_person_clears_it() -> None:
    house = House()
    house.rows = [newer(is_open=True)]
    again = house.restart()
    again.wait(3_000)
    assert (again.state, again.latched) == ("LOCKED", {"BROKEN_CHAIN"})
    assert "latch NEWER_KIND, something new; start the version that wrote it" in again.desk.latches[0].reason
    again.press(Command.RESUME, word="RESUME", key_ok="yes")
    later = again.restart()
    later.wait(3_000)
    assert later.state == "RUNNING"
    house.rows = [newer(is_open=True), newer(is_open=False), newer(is_open=False)]
    assert house.restart().desk.unread(None) == ""


def test_rows_that_cannot_be_read_are_counted_and_the_first_is_named() -> None:
    house = House()
    house.rows = [rows.row("cooldown", f"c{n}", n, until_ns="soon") for n in range(3)]
    assert "row cooldown c0 at 0: " in house.restart().desk.unread(None)
    assert " and 2 more" in house.restart().desk.unread(None)


def test_beside_a_lock_that_stands_it_is_told_all_the_same() -> None:
    house = House(TradingParams(risk=RICH))
    house.trade(house.last)
    house.floor.latch(LatchKind.BROKEN_CHAIN, "the file was damaged")
    house.trade(house.last)
    house.rows.append(newer(is_open=True))
    again = house.restart()
    again.wait(1_000)
    assert again.desk.latches[0].reason == "the file was damaged"
    assert "latch NEWER_KIND" in "".join(texts(again, "journal"))
