"""What the simulation found, kept as the shortest stories that show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from orderflow_tui.domain.account import AccountReport, Link
from orderflow_tui.domain.action import AskAccountReport, Cancel, Commit, Record, Row
from orderflow_tui.domain.event import Command, Committed, HouseHealth, JournalFailed, SendFailed
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import BrokerStatus, Fill, OrderState, OrderUpdate, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.campaigns import begin_campaign
from orderflow_tui.trading.flatten import Campaign, Exit, Scene, Stage
from orderflow_tui.trading.ledger import Ledger
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.trading.naked import Guard
from orderflow_tui.trading.protection import NOTHING
from orderflow_tui.trading.trade import Execution, ExitReason
from tests.builders import MES
from tests.trading.house import PRICE, RICH, START_NS, Held, House, TinyBroker

DAY = date(2026, 3, 5)


def latch_rows(house: House, kind: str) -> list[bool]:
    """What the journal holds of a latch: opened, cleared."""
    return [bool(row.payload["open"]) for row in house.rows if row.kind == "latch" and row.ref == kind]


def test_a_latch_whose_commit_failed_is_written_in_the_background() -> None:
    house = House(journal="failing")
    house.press(Command.HALT)
    assert latch_rows(house, "OPERATOR") == [True]
    assert "OPERATOR" in House.restart(house).latched


def test_a_latch_that_was_cleared_before_its_commit_failed_is_not_written_open() -> None:
    house = House(journal="silent")
    house.press(Command.HALT)
    opened = house.all(Commit)[-1]
    house.press(Command.RESUME, word="RESUME")
    before = len(house.all(Record))
    house.tell(JournalFailed(house.now, opened.ids, "disk full"))
    written = [record.row for record in house.all(Record)[before:] if record.row.ref == "OPERATOR"]
    assert written == []


def test_a_row_that_was_committed_is_written_once() -> None:
    house = House(journal="silent")
    house.press(Command.HALT)
    commit = house.all(Commit)[-1]
    house.tell(Committed(house.now, commit.ids, 1))
    house.tell(JournalFailed(house.now, commit.ids, "late and wrong"))
    assert latch_rows(house, "OPERATOR") == []


def test_an_entry_against_the_position_is_refused_although_another_trade_is_allowed() -> None:
    house = House(TradingParams(risk=replace(RICH, max_concurrent=2)))
    house.enter("BUY")
    house.bracket("SELL")
    assert house.refusal == "against position"


def test_a_change_that_could_not_be_sent_is_not_asked_again_at_once() -> None:
    house = House().enter("BUY", 2)
    stop = house.ticket(Role.STOP)
    stop.change = None
    house.tell(SendFailed(house.now, (f"{stop.order.id}#1",), True, "the line is down"))
    assert stop.refused_ns == house.now


def test_a_market_exit_still_working_counts_as_cover_so_that_no_second_exit_joins_it() -> None:
    house = House().enter()
    floor = house.floor
    exit_order = replace(
        house.ticket(Role.STOP).order, id="of1-t-9-F", role=Role.FLATTEN, oca_group="", parent_id=None, stop_ticks=None
    )
    working = Ticket(exit_order, OrderState.ACKED, house.now)
    wish = Guard(2_000, 3_000).look(floor.position("MES"), (working,), house.last, house.now)
    assert wish == NOTHING


def test_an_exit_waits_for_a_report_younger_than_the_newest_execution() -> None:
    # an exit given up as lost filled after all: the last report still showed the position, a second exit would have reversed
    flat_soon = AccountReport(5_000, 4_000, 1, True, (), "U1", (("MES", 1),), (), (), ())
    campaign = Campaign("c", "test", ExitReason.MANUAL, manual=True)
    campaign.stage = Stage.CLEARING
    scene = Scene(6_000, None, (), flat_soon, frozenset({"MES"}), booked_ns=5_500)
    assert campaign.step(scene).exit is None
    assert campaign.step(replace(scene, booked_ns=3_000)).exit == Exit("MES", Side.SELL, 1)


def test_an_exit_waits_for_a_report_begun_after_the_last_of_our_orders_ended() -> None:
    # asked for together with the cancel, read positions before orders: a stop that filled in between, its execution lost, made
    # the exit go one contract the other way
    house = House().enter()
    campaign = Campaign("c", "test", ExitReason.MANUAL, manual=True)
    campaign.stage = Stage.CLEARING
    torn = AccountReport(5_200, 5_000, 1, True, (), "U1", (("MES", 1),), (), (), ())
    alive = Scene(5_100, None, house.floor.blotter.live, None, frozenset({"MES"}))
    campaign.step(alive)
    ended = replace(alive, now_ns=5_300, live=(), report=torn)
    asked = campaign.step(ended)
    assert asked.exit is None
    assert asked.ask, "the next report is asked for at once"
    assert campaign.step(replace(ended, now_ns=5_400)).exit is None
    younger = replace(torn, began_ns=5_300, ts_ns=5_500)
    assert campaign.step(replace(ended, now_ns=5_500, report=younger)).exit == Exit("MES", Side.SELL, 1)


def test_an_exit_waits_until_three_reports_in_a_row_lack_an_order_that_the_journal_lost() -> None:
    """The disk was full when a market exit left, and the process died: one report showed the exit at work, the next left it out,
    a second exit went, and both filled."""
    house = House().enter()
    lost = replace(
        house.ticket(Role.STOP).order, id="of1-t-9-F", role=Role.FLATTEN, oca_group="", parent_id=None, stop_ticks=None
    )
    house.broker.orders[lost.id] = Held(lost)
    house.floor.cut_off = True
    house.press(Command.FLATTEN)
    house.wait(3_000)
    assert "INVARIANT" in house.latched
    del house.broker.orders[lost.id]
    asked = len(house.all(AskAccountReport))
    while not house.sent(Purpose.FLATTEN):
        house.wait(100)
    assert len(house.all(AskAccountReport)) - asked >= 3
    house.broker.orders[lost.id] = Held(lost)
    house.press(Command.RECONCILE)
    house.broker.orders[lost.id].alive = False
    house.press(Command.RECONCILE)
    assert house.floor.strangers == {}, "a report says that it ended"


def test_an_emergency_stop_joins_the_group_of_a_stop_that_does_not_protect() -> None:
    house = House().enter()
    stop, target = house.ticket(Role.STOP), house.ticket(Role.TARGET)
    stop.sound = False
    wish = Guard(2_000, 3_000).look(1, (target, stop), house.last, house.now)
    assert wish.emergencies
    assert wish.emergencies[0].group == stop.order.oca_group


def test_an_order_of_ours_that_the_journal_lost_still_uses_up_its_name_and_number() -> None:
    house = House().enter()
    lost = House(broker=house.broker)
    lost.floor.cut_off = True
    lost.wait(1_000)
    assert "INVARIANT" in lost.latched
    assert lost.floor.gate.draw_id() == "of1-t-2"
    assert lost.floor.gate._draw_number() > max(held.order.number for held in house.broker.orders.values())


def test_a_lost_order_that_has_ended_uses_up_its_name_too() -> None:
    house = House().enter()
    lost = House(broker=house.broker)
    for held in house.broker.orders.values():
        held.alive = False
    lost.wait(1_000)
    assert lost.floor.gate.draw_id() > "of1-t-1"


def test_a_manual_trade_is_not_protected_by_the_sleeping_stop_of_an_entry_that_has_not_filled() -> None:
    # the broker holds a child back until its entry fills: the trader stood at -1 with a stop on screen that was not awake
    house = House()
    house.broker.part = 0
    house.bracket("SELL", 2)
    assert house.ticket(Role.STOP).state is OrderState.ACKED
    house.tell(Fill("x.01", "x", 1, None, house.now, "MES", Side.SELL, 1, PRICE))
    emergency = house.ticket(Role.EMERGENCY)
    assert (emergency.order.side, emergency.order.quantity) == (Side.BUY, 1)
    assert emergency.order.oca_group != house.ticket(Role.STOP).order.oca_group


def test_a_stop_the_broker_refuses_to_make_smaller_ends_in_a_flatten_and_not_in_a_reversal() -> None:
    house = House().enter("BUY", 2)
    legs = (house.ticket(Role.TARGET), house.ticket(Role.STOP))
    guard = Guard(2_000, 3_000)
    first = guard.look(1, legs, house.last, house.now)
    assert [quantity for _, quantity in first.shrink] == [1, 1]
    for leg in legs:
        leg.refused_ns = house.now
    assert guard.look(1, legs, house.last, house.now + 9_999 * MS_NS) == NOTHING
    assert guard.due_ns == house.now + 10_000 * MS_NS
    assert guard.look(1, legs, house.last, house.now + 10_000 * MS_NS).flatten is not None


def test_a_stop_that_was_made_smaller_in_time_begins_its_ten_seconds_anew() -> None:
    house = House().enter("BUY", 2)
    legs = (house.ticket(Role.TARGET), house.ticket(Role.STOP))
    guard = Guard(2_000, 3_000)
    guard.look(1, legs, house.last, house.now)
    assert guard.look(2, legs, house.last, house.now + 9_000 * MS_NS) == NOTHING
    assert guard.look(1, legs, house.last, house.now + 11_000 * MS_NS).flatten is None


def test_a_late_second_acknowledgement_of_a_cancelled_entry_beside_a_new_one_does_not_lock() -> None:
    house = House()
    house.broker.part = 0
    house.bracket()
    old = house.ticket(Role.ENTRY).order
    house.press(Command.CANCEL_ENTRIES)
    house.bracket()
    house.broker.mute_reports = True
    house.tell(OrderUpdate(old.id, house.now, BrokerStatus.WORKING, filled=0, remaining=1, revision=0))
    assert house.floor.blotter.tickets[old.id].state is OrderState.UNKNOWN
    assert house.latched == set()


def test_an_entry_that_filled_half_before_a_restart_is_not_believed_full_while_its_rest_still_works() -> None:
    house = House(TradingParams(risk=RICH))
    house.broker.part = 1
    house.bracket("BUY", 2)
    house.trade(PRICE)
    entry = house.ticket(Role.ENTRY)
    assert (entry.state, entry.filled) == (OrderState.PARTIAL, 1)
    again = House.restart(house)
    ticket = again.ticket(Role.ENTRY)
    assert (ticket.state, ticket.filled) == (OrderState.UNKNOWN, 1), "the execution counts once, the rest can still fill"
    again.wait(10_000)
    assert not again.broker.orders[entry.order.id].alive, "its time is over: the rest is cancelled"


def test_a_stop_that_was_passed_and_then_became_unknown_wakes_nobody_for_ever() -> None:
    """The timer of a passed stop went on being due while the stop was no longer known to work: the engine stood still."""
    guard = Guard(2_000, 3_000)
    house = House().enter("BUY")
    stop = house.ticket(Role.STOP)
    assert stop.order.stop_ticks is not None
    assert guard.look(1, [stop], stop.order.stop_ticks - 1, house.now) == NOTHING
    stop.state = OrderState.UNKNOWN
    due = guard.due_ns
    assert due is not None
    guard.look(1, [stop], stop.order.stop_ticks - 1, due - 1)
    guard.look(1, [stop], stop.order.stop_ticks - 1, due)
    assert guard.due_ns is not None
    assert guard.due_ns > due


def test_started_into_a_closed_market_a_foreign_position_is_adopted_at_what_was_paid_last() -> None:
    """Somebody traded by hand, the process died, and no price came any more: ours stayed zero for the whole evening."""
    house = House().enter("BUY")
    house.trade(house.last + 40)
    paid = house.desk.trades[-1].exit_ticks
    again = house.restart()
    again.changes["marks"] = ()
    again.broker.position = 1
    again.wait(30_000)
    assert again.desk.position() == 1
    assert again.desk.average_ticks() == paid


def test_exits_too_large_are_not_forgotten_while_their_outcome_is_unknown() -> None:
    """Every change was lost: each silence made the stop unknown and the ten seconds began anew, for as long as it went on."""
    guard, house = Guard(2_000, 3_000), House().enter("BUY", 2)
    stop = house.ticket(Role.STOP)
    wishes = []
    for second in range(12):
        stop.state = OrderState.UNKNOWN if second % 3 == 2 else OrderState.ACKED
        wishes.append(guard.look(1, [stop], None, house.now + second * 1_000 * MS_NS))
    assert [wish.flatten is not None for wish in wishes].index(True) == 10


@pytest.mark.parametrize("says", ["status", "report"])
def test_an_entry_that_spoke_late_is_not_given_up_by_the_first_report_that_leaves_it_out(says: str) -> None:
    """It had been missing from many reports while it was on its way; then it worked, and one report forgot it: the screen
    said it was gone while it could still fill."""
    house = House(broker=TinyBroker(deaf=True))
    house.bracket()
    house.wait(9_000)
    house.broker.mute_reports = True
    entry = house.ticket(Role.ENTRY)
    assert entry.absent > 1
    if says == "status":
        house.tell(OrderUpdate(entry.order.id, house.now, BrokerStatus.WORKING, filled=0, remaining=1))
    else:
        honest = TinyBroker()
        honest.send((entry.order,), house.now)
        house.tell(replace(honest.report(house.now, 1), began_ns=entry.news_ns - 1))
    house.wait(6_000)
    missing = house.broker.report(house.now, 1)
    house.tell(missing)
    assert house.state_of(Role.ENTRY) is OrderState.UNKNOWN
    house.tell(replace(missing, began_ns=missing.began_ns + 1, ts_ns=missing.ts_ns + 1))
    assert house.state_of(Role.ENTRY) is OrderState.ABANDONED


def asleep_without_word_of_its_stop() -> House:
    """Held, the line is new and no report has come, so that the stop's outcome is unknown; then the machine sleeps."""
    house = House().enter("SELL", 2)
    house.broker.mute_reports = True
    house.link(Link.BACKOFF, 1)
    house.link(Link.READY, 2)
    assert house.state_of(Role.STOP) is OrderState.UNKNOWN
    house.wait(100)
    house.now += 350_000 * MS_NS
    health = HouseHealth(house.now, loop_late_ms=350_000)
    house.changes["house"] = health
    house.tell(health)
    return house


def test_woken_from_a_sleep_the_guard_reads_what_came_before_it_sends_an_emergency_stop() -> None:
    """The target had filled meanwhile: the emergency stop left first, filled at once and turned flat into long."""
    house = asleep_without_word_of_its_stop()
    house.tell(house.broker.fill(house.broker.orders[house.ticket(Role.TARGET).order.id], 2, PRICE - 16, house.now))
    assert house.desk.position() == 0
    assert house.sent(Purpose.PROTECT)[2:] == [], "nothing but the bracket's own exits"


def test_woken_from_a_sleep_and_told_nothing_the_guard_acts_half_a_second_later() -> None:
    house = asleep_without_word_of_its_stop()
    house.wait(499)
    assert house.sent(Purpose.PROTECT)[2:] == []
    house.wait(1)
    assert [o.role for o in house.sent(Purpose.PROTECT)[2:]] == [Role.EMERGENCY]


def test_a_machine_that_is_always_late_guards_all_the_same() -> None:
    house = House().enter("SELL", 2)
    house.broker.mute_reports = True
    house.link(Link.BACKOFF, 1)
    house.link(Link.READY, 2)
    for _ in range(4):
        health = HouseHealth(house.now, loop_late_ms=1_200)
        house.changes["house"] = health
        house.tell(health)
        house.wait(400)
        house.now += 1_200 * MS_NS
    house.wait(0)
    assert [o.role for o in house.sent(Purpose.PROTECT)[2:]] == [Role.EMERGENCY]


def test_an_exit_left_over_that_no_cancel_ends_is_ended_by_a_campaign_after_ten_seconds() -> None:
    """Cancels were lost or refused again and again while a stop worked at the broker with nothing held."""
    guard, house = Guard(2_000, 3_000), House().enter("BUY")
    stop = house.ticket(Role.STOP)
    guard.look(0, [stop], None, house.now)
    assert guard.look(0, [stop], None, house.now + 1_000 * MS_NS).cancel == (stop.order.id,)
    stop.state, stop.cancel_ns = OrderState.UNKNOWN, house.now + 9_000 * MS_NS
    assert guard.look(0, [stop], None, house.now + 10_000 * MS_NS) == NOTHING, "not knowing proves nothing"
    assert guard.due_ns is None, "and nothing is due: only a report helps"
    stop.state = OrderState.ACKED
    assert guard.look(0, [stop], None, house.now + 10_001 * MS_NS).flatten is not None
    stop.state = OrderState.CANCELLED
    guard.look(0, [], None, house.now + 10_002 * MS_NS)
    assert guard.due_ns is None


def test_an_exit_left_over_of_unknown_outcome_is_called_off_every_five_seconds_until_a_report_tells() -> None:
    """A cancel met an emergency stop that had not arrived yet and was refused; then half a minute without a complete report."""
    guard, house = Guard(2_000, 3_000), House().enter("BUY")
    stop = house.ticket(Role.STOP)
    stop.state, stop.cancel_ns = OrderState.UNKNOWN, house.now
    assert guard.look(0, [stop], None, house.now + 4_999 * MS_NS) == NOTHING
    guard.look(0, [stop], None, house.now + 5_000 * MS_NS)
    assert guard.due_ns == house.now + 6_000 * MS_NS
    assert guard.look(0, [stop], None, house.now + 6_000 * MS_NS).cancel == (stop.order.id,)


def test_a_lock_that_forbids_the_campaign_says_what_is_left_over() -> None:
    house = House().enter("BUY")
    stop = house.ticket(Role.STOP)
    house.broker.mute = True
    house.broker.cancel = lambda ids, now: None  # type: ignore[method-assign]
    house.tell(house.broker.fill(house.broker.orders[house.ticket(Role.TARGET).order.id], 1, PRICE + 16, house.now))
    held = house.broker.orders[stop.order.id]
    held.alive, held.status = True, BrokerStatus.WORKING
    assert house.desk.position() == 0
    house.desk.open_latch(LatchKind.INVARIANT, "a test", house.facts)
    house.wait(20_000)
    assert any("left over" in text for text in house.alerts("naked MES"))


def test_a_stop_that_the_broker_made_smaller_by_itself_is_known_to_be_smaller() -> None:
    """A part of the target filled and the broker reduced the stop beside it; we believed in the larger one and called off the
    stop of another contract: one of two stood bare until the next report."""
    house = House(TradingParams(risk=RICH)).enter("SELL", 2)
    stop = house.ticket(Role.STOP)
    smaller = OrderUpdate(stop.order.id, house.now, BrokerStatus.WORKING, filled=0, remaining=1)
    house.broker.orders[stop.order.id].order = replace(stop.order, quantity=1)
    house.tell(smaller)
    assert stop.order.quantity == 1
    assert [(o.role, o.quantity) for o in house.sent(Purpose.PROTECT)[2:]] == [(Role.EMERGENCY, 1)]
    house.tell(replace(smaller, remaining=2))
    assert stop.order.quantity == 1, "old news of a larger one is no news"


def test_an_emergency_stop_is_called_off_at_once_when_the_stop_it_stood_in_for_fills_after_all() -> None:
    house = asleep_without_word_of_its_stop()
    house.broker.mute = True
    house.wait(500)
    emergency = house.ticket(Role.EMERGENCY)
    assert emergency.state is OrderState.SENT
    house.tell(house.broker.fill(house.broker.orders[house.ticket(Role.STOP).order.id], 2, PRICE + 20, house.now))
    assert house.desk.position() == 0
    assert emergency.cancel_ns == house.now


def test_an_entry_whose_fill_died_with_the_process_is_adopted_in_a_closed_market_at_its_limit() -> None:
    """The broker's day had turned, so that its reports told no executions, and no price came: ours stayed zero all evening."""
    before = House()
    before.broker.part = 0
    before.bracket()
    house = before.restart()
    house.changes["marks"] = ()
    house.broker.position = 1
    house.wait(30_000)
    assert house.desk.position() == 1
    assert house.desk.average_ticks() == house.ticket(Role.ENTRY).order.limit_ticks


def test_exits_are_made_smaller_although_a_lock_keeps_a_campaign_waiting() -> None:
    """An automatic flatten waited for a lock to be cleared, and the guard waited for the flatten: two stops stood for one
    contract, one filled, and ten minutes later the other opened a position."""
    house = House(TradingParams(risk=RICH)).enter("BUY", 2)
    house.desk.open_latch(LatchKind.INVARIANT, "a test", house.facts)
    begin_campaign(house.floor, "a test", ExitReason.HALTED)
    stop = house.ticket(Role.STOP)
    house.tell(Fill("x.01", "x", 1, None, house.now, "MES", Side.SELL, 1, PRICE))
    assert house.floor.campaign is not None
    assert house.floor.campaign.stage is Stage.PENDING
    house.wait(1_000)
    assert (house.desk.position(), stop.order.quantity) == (1, 1)


def test_a_stop_that_filled_and_was_busted_before_its_execution_came_protects_nothing() -> None:
    """All that was ever told was the bust: the order counted as partly filled and still working, and the position stood bare
    for as long as an answer may take."""
    house = House(TradingParams(risk=RICH)).enter("BUY")
    stop = house.ticket(Role.STOP)
    house.broker.mute_reports = True
    house.tell(OrderUpdate(stop.order.id, house.now, BrokerStatus.FILLED, filled=1, remaining=0))
    house.tell(Fill("s.02", "s", 2, stop.order.id, house.now, "MES", Side.SELL, 0, PRICE - 8))
    assert stop.state is OrderState.UNKNOWN
    house.wait(2_000)
    assert house.state_of(Role.EMERGENCY) is OrderState.ACKED


def ended_with_an_execution_owed() -> House:
    """An entry of three filled in one part that we heard of and one that we did not; then its rest was cancelled."""
    house = House(TradingParams(risk=RICH))
    house.broker.part = 1
    house.bracket("BUY", 3)
    house.trade(PRICE)
    house.broker.mute_reports = True
    entry = house.ticket(Role.ENTRY).order.id
    house.broker.orders[entry].alive = False
    house.tell(OrderUpdate(entry, house.now, BrokerStatus.CANCELLED, filled=2, remaining=0))
    return house


def test_exits_are_not_made_smaller_while_the_broker_counts_a_contract_that_we_do_not() -> None:
    """One execution was lost: we made the stop as small as what we knew of, and one of two contracts stood bare."""
    house = ended_with_an_execution_owed()
    stop = house.ticket(Role.STOP)
    house.wait(500)
    assert (stop.order.quantity, stop.change and stop.change.quantity) in {(2, None), (3, 2)}


def test_a_complete_report_settles_what_executions_are_owed() -> None:
    house = ended_with_an_execution_owed()
    house.broker.mute_reports = False
    house.wait(5_000)
    assert house.ticket(Role.STOP).order.quantity == 1, "all there is was told: it is one contract"


def test_the_stop_of_an_entry_whose_only_execution_is_owed_is_no_leftover() -> None:
    house = House()
    house.broker.part = 0
    house.bracket("BUY")
    house.broker.mute_reports = True
    entry = house.ticket(Role.ENTRY).order.id
    house.broker.orders[entry].alive = False
    house.tell(OrderUpdate(entry, house.now, BrokerStatus.CANCELLED, filled=1, remaining=0))
    house.wait(3_000)
    assert house.ticket(Role.STOP).cancel_ns is None
    house.tell(Fill("e.01", "e", 1, entry, house.now, "MES", Side.BUY, 1, PRICE))
    assert house.floor.blotter.owed("MES") == ()
    assert house.desk.protection.value == "at broker"


def test_an_execution_that_is_busted_is_owed_no_more() -> None:
    house = ended_with_an_execution_owed()
    entry = house.ticket(Role.ENTRY).order.id
    assert [o.quantity for o in house.floor.blotter.owed("MES")] == [1]
    house.tell(Fill("lost.02", "lost", 2, entry, house.now, "MES", Side.BUY, 0, PRICE))
    assert house.floor.blotter.owed("MES") == ()


def test_on_a_new_line_an_emergency_stop_waits_for_the_first_report_or_two_seconds() -> None:
    """The stop did not count, for its hours were wrong; it filled while the line was down, and the emergency stop that left at
    once turned flat into a reversal."""
    house = House().enter("SELL")
    house.tell(replace(OrderUpdate(house.ticket(Role.STOP).order.id, house.now, BrokerStatus.WORKING), echoed_tif="DAY"))
    assert house.ticket(Role.EMERGENCY).state is OrderState.ACKED
    for gone in (Role.EMERGENCY, Role.STOP):
        house.broker.orders[house.ticket(gone).order.id].alive = False
    house.broker.mute_reports = True
    before = len(house.sent(Purpose.PROTECT))
    house.link(Link.BACKOFF, 1)
    house.ticket(Role.EMERGENCY).sound = False
    house.link(Link.READY, 2)
    house.wait(1_999)
    assert len(house.sent(Purpose.PROTECT)) == before
    house.wait(1)
    assert len(house.sent(Purpose.PROTECT)) == before + 1


def test_an_entry_of_unknown_outcome_is_cancelled_again_every_five_seconds_until_a_report_comes() -> None:
    house = House(broker=TinyBroker(deaf=True))
    house.wait(1)
    house.broker.mute_reports = True
    house.bracket()
    entry = house.ticket(Role.ENTRY).order.id
    house.wait(21_000)
    assert [entry in c.order_ids for c in house.all(Cancel)] == [True] * 4


def test_after_an_exit_filled_the_stop_of_another_group_is_left_alone_while_the_broker_ends_the_rest_of_this_one() -> None:
    """The target of the older of two brackets filled: we called off the younger one's stop as surplus, the broker the older
    one's, and the contract that was left stood bare."""
    house = House(TradingParams(risk=replace(RICH, max_concurrent=2)))
    house.enter("BUY").wait(6_000)
    target, old = house.ticket(Role.TARGET), house.ticket(Role.STOP)
    house.bracket("BUY")
    house.trade(house.last)
    assert house.desk.position() == 2
    young = house.ticket(Role.STOP)
    house.broker.mute = True
    house.tell(house.broker.fill(house.broker.orders[target.order.id], 1, PRICE + 16, house.now))
    house.wait(999)
    assert (old.cancel_ns, young.cancel_ns) == (None, None)
    house.broker.mute = False
    house.tell(OrderUpdate(old.order.id, house.now, BrokerStatus.CANCELLED, filled=0, remaining=0))
    house.wait(5_000)
    assert young.state is OrderState.ACKED
    assert [o for o in house.sent(Purpose.PROTECT) if o.role is Role.EMERGENCY] == []


def test_a_stop_that_was_passed_at_the_close_is_not_missed_in_the_closed_market() -> None:
    """The entry filled a moment before the close, beyond its own stop: five seconds later a healthy stop counted as one that
    does not fill, and trading halted for the evening."""
    house = House().enter("BUY")
    stop = house.ticket(Role.STOP).order.stop_ticks
    assert stop is not None
    house.broker.orders[house.ticket(Role.STOP).order.id].alive = False  # nobody trades at it any more
    house.trade(stop - 1)
    house.broker.mute_reports = True
    house.changes["market_open"] = False
    house.wait(20_000)
    assert house.latched == set()
    house.changes["market_open"] = True
    house.trade(stop - 1)
    house.wait(5_000)
    assert "NAKED" in house.latched


def test_an_entry_that_survived_its_cancel_is_cancelled_again_at_once_in_a_halt() -> None:
    """The cancel crossed a partial fill and was refused; trading halted meanwhile, and the rest went on working for a second."""
    house = House(TradingParams(risk=RICH))
    house.broker.part = 0
    house.bracket("BUY", 2)
    entry = house.ticket(Role.ENTRY)
    broker_cancels, house.broker.cancel = house.broker.cancel, lambda ids, now: None  # type: ignore[method-assign]
    house.press(Command.HALT)
    house.broker.cancel = broker_cancels  # type: ignore[method-assign]
    house.wait(10)
    house.press(Command.RECONCILE)
    assert not house.broker.orders[entry.order.id].alive


def test_names_whose_rows_were_lost_with_a_damaged_journal_are_not_drawn_again() -> None:
    house = House()
    house.rows.append(Row("orders", "counter", "of1-t-5000", house.now, {}))
    after = House.restart(house)
    after.wait(10_000)
    after.enter()
    assert {ticket.order.intent_id for ticket in after.floor.blotter.tickets.values()} == {"of1-t-5001"}


def test_after_a_restart_the_day_is_worth_what_the_newest_execution_makes_it_not_what_the_first_one_did() -> None:
    """The first trade of the day was bought far above where the second one was sold short; before any trade was heard again
    the position was marked at the first one's price, the breaker saw a loss that nobody had and flattened."""
    house = House(TradingParams(risk=replace(RICH, daily_loss_cents=10_000))).enter("BUY")
    house.trade(PRICE + 100)
    house.wait(2_000)
    house.trade(PRICE - 100)
    house.enter("SELL")
    assert house.floor.position("MES") == -1
    before, peak = house.floor.ledger.value_cents, house.floor.ledger.peak_cents
    again = House.restart(house)
    again.link(Link.READY, 2)
    again.wait(20)
    assert again.latched == set()
    assert abs(again.floor.ledger.value_cents - before) <= 2 * MES.tick_cents
    assert again.floor.ledger.peak_cents == peak


def test_a_trade_that_came_and_went_in_an_outage_leaves_no_peak_at_a_price_it_never_stood_at() -> None:
    """Sold and stopped out while the line was down; by the time a report told both, the market was far below. The entry was
    marked there for a moment, and the stop's loss then counted as a fall from that peak: drawdown, for the rest of the day."""
    ledger = Ledger({"MES": MES})
    ledger.begin_day(DAY)
    ledger.see(Mark("MES", None, None, PRICE - 50, 1))
    for name, side, price in (("in", Side.SELL, PRICE), ("out", Side.BUY, PRICE + 4)):
        fill = Fill(f"{name}.01", name, 1, None, 1, "MES", side, 1, price)
        ledger.book(Execution(fill, ExitReason.STOP, "", None))
    assert ledger.peak_cents == 0
    assert ledger.drawdown_cents == -ledger.value_cents == 4 * MES.tick_cents + 2 * MES.commission_cents


def test_a_stop_of_which_an_execution_was_busted_is_asked_about_when_it_fills_again() -> None:
    """The broker does not bring back the contract of a busted execution: the stop had ended, its last status was lost, and a
    contract was believed protected by it until the next report."""
    house = House().enter("BUY", 2)
    stop = house.ticket(Role.STOP).order
    assert stop.stop_ticks is not None

    def execution(name: str, revision: int, quantity: int) -> Fill:
        return Fill(f"{name}.0{revision}", name, revision, stop.id, house.now, "MES", Side.SELL, quantity, stop.stop_ticks or 0)

    house.tell(execution("x1", 1, 1))
    asked = len(house.all(AskAccountReport))
    house.tell(execution("x1", 2, 0))
    assert len(house.all(AskAccountReport)) > asked
    asked = len(house.all(AskAccountReport))
    house.tell(execution("x2", 1, 1))
    assert len(house.all(AskAccountReport)) > asked


def left_behind(house: House, quantity: int) -> Ticket:
    """A market exit that works at the broker although its campaign failed."""
    order = replace(
        house.ticket(Role.STOP).order,
        id="of1-t-9-F",
        purpose=Purpose.FLATTEN,
        role=Role.FLATTEN,
        oca_group="",
        parent_id=None,
        quantity=quantity,
        stop_ticks=None,
    )
    return Ticket(order, OrderState.ACKED, house.now)


def test_a_market_exit_that_a_failed_flatten_left_behind_is_called_off_when_somebody_else_closed_the_position() -> None:
    """No quote, no fill: three rounds failed. The trader closed by hand and resumed: the exit would have opened a position."""
    house = House().enter()
    guard, left = Guard(2_000, 3_000), left_behind(house, 1)
    assert guard.look(0, (left,), house.last, house.now).cancel == (left.order.id,)
    left.cancel_ns = house.now
    assert guard.look(0, (left,), house.last, house.now + 10_000 * MS_NS).flatten is not None, "and flattened when it does not go"


def test_a_market_exit_larger_than_what_is_still_held_is_called_off_not_made_smaller() -> None:
    house = House().enter()
    guard, left = Guard(2_000, 3_000), left_behind(house, 2)
    wish = guard.look(house.desk.position(), (left,), house.last, house.now)
    assert (wish.cancel, wish.shrink) == ((left.order.id,), ())


def test_a_stop_is_as_large_as_its_newest_revision_says_whatever_an_older_one_tells_late() -> None:
    """The echo of how the stop stood before it was made smaller came seconds late: believed, it called off the emergency stop
    that covered the second contract."""
    house = House(TradingParams(risk=RICH)).enter("BUY", 2)
    stop = house.ticket(Role.STOP)
    house.tell(Fill("x.01", "x", 1, None, house.now, "MES", Side.SELL, 1, PRICE))
    house.wait(1_000)
    assert (stop.order.quantity, stop.order.revision) == (1, 1)
    late = OrderUpdate(stop.order.id, house.now, BrokerStatus.WORKING, filled=0, remaining=2, revision=0, echoed_quantity=2)
    house.tell(late)
    assert stop.order.quantity == 1
    house.tell(replace(late, revision=None))
    assert (stop.order.quantity, stop.order.revision) == (1, 2), "of an unknown revision it is believed, and made smaller anew"


def test_an_entry_does_not_leave_when_the_price_ran_out_of_its_collar_while_the_journal_wrote() -> None:
    """The commit took a seventh of a second, and the market fell through where the stop was to stand."""
    house = House(journal="silent")
    house.bracket()
    ids = house.all(Commit)[-1].ids
    house.trade(house.last - 22)
    house.tell(Committed(house.now, ids, 1))
    assert house.sent() == []
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT


def test_an_entry_does_not_leave_when_its_window_closed_while_the_journal_wrote() -> None:
    house = House(journal="silent")
    house.bracket()
    ids = house.all(Commit)[-1].ids
    house.changes |= {"entries_open": False, "window_reason": "no entries after 15:54 ET"}
    house.tell(Committed(house.now, ids, 1))
    assert house.sent() == []
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT


def test_the_sleeping_children_of_an_entry_that_ended_do_not_make_the_guard_take_its_own_stop_away() -> None:
    """A manual trade met a working entry. The halt cancelled that, and nobody said that its children went with it: the guard
    placed an emergency stop, found it too much beside the sleeping one, called it off, and began again: 1,400 times."""
    house = House()
    house.broker.part = 0
    house.bracket("SELL", 1)
    stop, target = house.ticket(Role.STOP), house.ticket(Role.TARGET)
    house.ticket(Role.ENTRY).state = OrderState.CANCELLED
    assert (stop.live, stop.protecting) == (True, 0)
    emergency = Ticket(
        replace(stop.order, id="of1-t-9-X", role=Role.EMERGENCY, oca_group="", parent_id=None), OrderState.ACKED, house.now
    )
    wish = Guard(2_000, 3_000).look(-1, (stop, target, emergency), house.last, house.now)
    assert set(wish.cancel) == {stop.order.id, target.order.id}
    assert not wish.emergencies


def test_the_name_of_an_entry_whose_commit_failed_is_not_drawn_again() -> None:
    """Its order rows never were, the row that said NOT_SENT was. After a restart the name was drawn again; the next replay found
    that old row first, and believed the second order of this name, alive at the broker, never sent."""
    house = House(journal="failing")
    house.bracket()
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT
    first = house.ticket(Role.ENTRY).order.id
    assert any(row.kind == "state" and row.ref == first for row in house.rows)
    after = House.restart(house)
    after.wait(10_000)
    after.press(Command.RESUME, word="RESUME")
    after.enter()
    assert after.ticket(Role.ENTRY).order.id != first


def half_filled_without_its_stop() -> House:
    """A bracket of two whose stop the broker rejected, and of which one contract filled."""
    house = House(broker=TinyBroker(part=1, reject=lambda o: o.role is Role.STOP))
    house.bracket(quantity=2)
    house.trade(PRICE)
    assert house.broker.position == 1
    return house


def both_levels_while_nobody_is_awake(house: House, *levels: int) -> int:
    """What the broker holds after the market has been at each of these, and nobody here was told."""
    for level in levels:
        house.broker.match(level, level + 1, level, house.now)
    return house.broker.position


def test_the_emergency_stop_of_a_half_filled_bracket_joins_its_target() -> None:
    """The two stood apart: while the machine slept the price came to the one and then to the other, and the second reversed."""
    for first, then in ((PRICE - 60, PRICE + 200), (PRICE + 200, PRICE - 60)):
        house = half_filled_without_its_stop()
        assert house.ticket(Role.EMERGENCY).group == house.ticket(Role.TARGET).group
        house.wait(2_000)
        assert both_levels_while_nobody_is_awake(house, first, then) == 0


def test_where_the_second_contract_gets_a_stop_apart_the_target_is_made_as_small_as_the_stop_beside_it() -> None:
    for first, then in ((PRICE - 60, PRICE + 200), (PRICE + 200, PRICE - 60)):
        house = half_filled_without_its_stop()
        house.broker.part = 2
        house.trade(PRICE)
        house.wait(1_500)
        assert [o.quantity for o in house.sent() if o.role is Role.EMERGENCY] == [1, 1]
        assert (house.ticket(Role.TARGET).remaining, house.assured) == (1, 2)
        assert both_levels_while_nobody_is_awake(house, first, then) == 0


def test_a_target_beside_a_stop_of_another_group_is_called_off() -> None:
    house = House().enter()
    stop, target = house.ticket(Role.STOP), house.ticket(Role.TARGET)
    apart = Ticket(
        replace(stop.order, id="of1-t-9-X", role=Role.EMERGENCY, oca_group="", parent_id=None), OrderState.ACKED, house.now
    )
    wish = Guard(2_000, 3_000).look(1, (target, apart), house.last, house.now)
    assert (wish.cancel, wish.shrink) == ((target.order.id,), ())
    assert Guard(2_000, 3_000).look(1, (target, stop), house.last, house.now) == NOTHING


def test_a_parked_stop_that_is_left_over_is_called_off() -> None:
    """The broker had acknowledged the stop as pending and then closed the position itself. Pending is not working: nobody called
    the stop off, no report came, and it woke up with nothing to take out."""
    house = House().enter()
    stop = house.ticket(Role.STOP)
    stop.state = OrderState.SENT
    house.broker.mute_reports = True
    house.broker.position = 0
    house.tell(replace(fill_of_others(Side.SELL), liquidation=True))
    house.wait(1_000)
    assert stop.order.id in house.all(Cancel)[0].order_ids


def fill_of_others(side: Side) -> Fill:
    """One contract that nobody here ordered."""
    return Fill("liq.01", "liq", 1, None, START_NS + 60_000 * MS_NS, "MES", side, 1, PRICE)


def test_a_target_that_ends_by_itself_while_something_is_held_has_the_broker_asked_when_no_execution_follows() -> None:
    """The stop had filled, neither its execution nor its end was told, only that the target went with it: for seconds the screen
    said *at broker* of a position that was gone."""
    house = House().enter()
    asked = len(house.all(AskAccountReport))
    house.broker.mute = True
    stop = house.broker.orders[house.ticket(Role.STOP).order.id]
    house.broker.fill(stop, 1, PRICE - 16, house.now)
    house.broker.mute = False
    target = house.ticket(Role.TARGET).order.id
    house.tell(OrderUpdate(target, house.now, BrokerStatus.CANCELLED, filled=0, remaining=0))
    house.wait(499)
    assert len(house.all(AskAccountReport)) == asked
    house.wait(1)
    assert len(house.all(AskAccountReport)) == asked + 1
    house.wait(1)
    assert house.floor.position("MES") == 0


def test_an_ordinary_stop_out_asks_nothing() -> None:
    house = House().enter()
    target = house.ticket(Role.TARGET).order.id
    house.tell(OrderUpdate(target, house.now, BrokerStatus.CANCELLED, filled=0, remaining=0))
    stop = house.broker.orders[house.ticket(Role.STOP).order.id]
    asked = len(house.all(AskAccountReport))
    house.tell(house.broker.fill(stop, 1, PRICE - 16, house.now))
    assert house.floor.position("MES") == 0
    house.wait(1_000)
    assert len(house.all(AskAccountReport)) == asked
