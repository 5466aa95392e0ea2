"""Halt, STOP, flatten, the breaker, resume: everything that takes risk away, in every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Cancel, CancelEverything, Commit, WriteStopFile
from orderflow_tui.domain.event import Command, StopFileGone
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Fill, OrderState, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.commands import BRAKES
from orderflow_tui.trading.flatten import Campaign, CampaignWish, Scene, Stage
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.trading.trade import ExitReason
from tests.trading.house import PRICE, RICH, START_NS, House, TinyBroker


def flat(house: House, ms: int = 6_000) -> House:
    """Time and quiet trades until a campaign is over."""
    for _ in range(ms // 100):
        house.wait(99)
        house.trade(house.last)
    return house


# -- halt and STOP ------------------------------------------------------------------------------------------------------


def test_halt_stops_entries_and_leaves_the_bracket_at_the_broker() -> None:
    house = House().enter()
    house.press(Command.HALT)
    assert house.state == "HALTED"
    assert house.desk.protection.value == "at broker"
    house.press(Command.BRACKET, side="BUY")
    assert house.refusal == "trading state"
    house.trade(PRICE - 20)
    assert house.desk.position() == 0, "the stop still works"


def test_the_stop_key_writes_the_file_and_latches_at_once() -> None:
    house = House()
    house.press(Command.STOP)
    assert house.all(WriteStopFile) == [WriteStopFile("halt")]
    assert house.latched == {"STOP_FILE"}


def test_the_stop_key_cancels_an_entry_before_it_asks_for_the_file() -> None:
    house = House()
    house.wait(10)
    house.bracket()
    kinds = [type(action) for action in house.press(Command.STOP) if isinstance(action, Cancel | Commit | WriteStopFile)]
    assert kinds[-1] is WriteStopFile
    assert Cancel in kinds


def test_a_stop_key_whose_file_was_never_written_can_be_resumed() -> None:
    house = House()
    house.press(Command.STOP)
    assert house.desk.stop_file is None, "the file is there when it is found there"
    house.press(Command.RESUME, word="RESUME")
    assert house.latched == set()


def test_a_stop_file_that_says_halt_halts_and_one_that_says_flatten_flattens() -> None:
    house = House().enter()
    house.stop_file("halt")
    assert (house.state, house.desk.flattening, house.desk.stop_file) == ("HALTED", None, "halt")
    house.stop_file("flatten")
    assert house.state == "FLATTENING"
    flat(house)
    assert house.desk.position() == house.broker.position == 0
    house.stop_file("flatten")
    assert house.desk.flattening is None, "the same file flattens once"
    assert house.desk.trades[-1].reason is ExitReason.HALTED


def test_removing_the_stop_file_clears_nothing_and_resume_waits_for_its_removal() -> None:
    house = House()
    house.stop_file("halt")
    house.press(Command.RESUME, word="RESUME")
    assert "still there" in house.desk.refusals[-1].reason
    house.tell(StopFileGone(house.now))
    house.tell(StopFileGone(house.now))
    assert house.state == "HALTED"
    assert house.alerts("stop") == ["STOP removed, still HALTED until a person resumes"]
    house.press(Command.RESUME, word="RESUME")
    assert house.state == "RUNNING"


def test_resume_needs_the_word_and_where_it_is_asked_for_the_key() -> None:
    house = House(TradingParams(risk=RICH, resume_needs_key=True))
    house.press(Command.HALT)
    house.press(Command.RESUME, word="resume")
    assert house.desk.refusals[-1].reason == "the word does not match"
    house.press(Command.RESUME, word="RESUME")
    assert "safety key" in house.desk.refusals[-1].reason
    house.press(Command.RESUME, word="RESUME", key_ok="yes")
    assert house.state == "RUNNING"
    assert all("word" not in str(r.payload) and "key_ok" not in str(r.payload) for r in house.rows if r.kind == "command")


def test_a_lock_needs_the_key_in_every_mode() -> None:
    house = House()
    house.wait(1)
    house.done += house.desk.open_latch(LatchKind.BROKEN_CHAIN, "row 7", house.facts)
    assert house.state == "LOCKED"
    house.press(Command.RESUME, word="RESUME")
    assert house.state == "LOCKED"
    house.press(Command.RESUME, word="RESUME", key_ok="1")
    assert house.state == "RUNNING"


def test_a_halt_pressed_while_the_key_was_being_proven_is_not_cleared_by_it() -> None:
    house = House()
    house.press(Command.HALT)
    before = house.now
    house.wait(100)
    house.press(Command.HALT)
    house.press(Command.RESUME, word="RESUME", key_ok="yes", pressed_ns=str(before))
    assert house.latched == {"OPERATOR"}
    assert "came after resume" in house.desk.refusals[-1].reason
    house.press(Command.RESUME, word="RESUME", key_ok="yes", pressed_ns=str(house.now))
    assert house.latched == set()


@pytest.mark.parametrize("command", [command for command in Command if command not in BRAKES])
def test_what_was_told_to_have_failed_is_refused_and_journalled(command: Command) -> None:
    house = House()
    house.press(Command.HALT)
    told = len(house.rows)
    house.press(command, stale="asked for 6000 ms ago", word="RESUME", key_ok="yes")
    assert (house.desk.refusals[-1].rule, house.desk.refusals[-1].reason) == ("late", "asked for 6000 ms ago")
    assert [row.kind for row in house.rows[told:]] == ["command", "refusal"]
    assert house.latched == {"OPERATOR"}


@pytest.mark.parametrize("command", [Command.FLATTEN, Command.HALT, Command.STOP, Command.CANCEL_ENTRIES])
def test_a_brake_is_done_however_late_it_comes(command: Command) -> None:
    house = House()
    house.wait(10)
    house.bracket()
    house.press(command, stale="asked for 6000 ms ago")
    assert any(isinstance(action, Cancel | CancelEverything) for action in house.done)
    assert len(house.desk.refusals) == 0


def test_the_terminal_that_vanished_leaves_reduce_only() -> None:
    house = House().enter()
    house.press(Command.UNATTENDED)
    assert house.state == "REDUCE_ONLY"
    assert house.desk.protection.value == "at broker"


def test_arming_times_out_and_can_be_taken_back() -> None:
    house = House().arm()
    house.wait(59_999)
    assert house.desk.armed_left_ms(house.now) == 1
    house.wait(1)
    assert house.desk.armed_left_ms(house.now) == 0
    house.arm().press(Command.DISARM)
    assert house.desk.armed_left_ms(house.now) == 0


# -- flatten ------------------------------------------------------------------------------------------------------------


def test_flatten_is_allowed_while_halted_and_ends_flat_and_halted() -> None:
    house = House().enter(quantity=2)
    house.press(Command.HALT)
    house.press(Command.FLATTEN)
    assert house.state == "FLATTENING"
    flat(house)
    assert (house.desk.position(), house.broker.position, house.state) == (0, 0, "HALTED")
    assert house.desk.trades[-1].reason is ExitReason.MANUAL
    assert house.desk.working == ()


def test_flatten_is_allowed_in_locked_for_a_person_only() -> None:
    house = House().enter()
    house.desk.open_latch(LatchKind.INVARIANT, "test", house.facts)
    house.press(Command.FLATTEN)
    assert house.state == "LOCKED"
    flat(house)
    assert house.broker.position == 0


def test_targets_go_first_stops_last_and_the_exit_only_when_nothing_lives() -> None:
    house = House().enter()
    house.press(Command.FLATTEN)
    order = [r.ref for r in house.rows if r.kind in ("cancel", "intent")]
    assert order[-3:] == ["of1-t-1-T", "of1-t-1-S", "of1-t-3"]
    exits = house.sent(Purpose.FLATTEN)
    assert [(o.type, o.quantity) for o in exits] == [(OrderType.MARKET, 1)]


def test_a_flatten_begin_is_journalled_before_anything_is_cancelled() -> None:
    house = House().enter()
    house.done.clear()
    house.press(Command.FLATTEN)
    begin = next(i for i, a in enumerate(house.done) if isinstance(a, Commit) and a.rows[0].kind == "campaign")
    assert not any(type(a).__name__ == "Cancel" for a in house.done[:begin])


def test_flatten_waits_with_the_stops_in_place_while_the_market_is_closed() -> None:
    house = House().enter()
    house.changes["market_open"] = False
    house.press(Command.FLATTEN)
    house.wait(30_000)
    assert house.desk.flattening == "PENDING"
    assert house.ticket(Role.STOP).state is OrderState.ACKED
    waits = [a for a in house.alerts("flatten") if "flatten waits" in a]
    assert waits == ["flatten waits, the market is closed: the stops stay at the broker"]
    house.changes["market_open"] = True
    flat(house)
    assert house.broker.position == 0


def test_flatten_waits_for_the_broker_and_is_the_first_thing_on_reconnect() -> None:
    house = House().enter()
    house.link(Link.BROKER_LOST)
    house.press(Command.FLATTEN)
    house.wait(20_000)
    assert house.desk.flattening == "PENDING"
    house.link(Link.READY, 2)
    flat(house)
    assert house.broker.position == 0
    assert house.state == "HALTED"


@pytest.mark.parametrize("deaf", [False, True])
def test_a_flatten_that_must_wait_after_it_took_the_stops_away_says_so(deaf: bool) -> None:
    house = House().enter()
    house.broker.deaf = deaf  # the stop has ended by now, or nobody has answered to its cancel
    house.press(Command.FLATTEN)
    house.wait(4_000 if deaf else 0)
    assert (house.state_of(Role.STOP) is OrderState.ACKED) is deaf
    house.link(Link.BROKER_LOST)
    waits = house.alerts("flatten")[-1]
    assert waits.startswith("flatten waits, the broker is out of reach: +1 MES may stand WITHOUT A STOP")


def test_a_flatten_that_waits_with_nothing_held_promises_no_stops() -> None:
    house = House()
    house.changes["market_open"] = False
    house.press(Command.FLATTEN)
    assert house.alerts("flatten")[-1] == "flatten waits, the market is closed: nothing is held"


def test_flatten_without_anything_to_flatten_ends_after_two_flat_reports() -> None:
    house = House()
    house.press(Command.FLATTEN)
    house.wait(999)
    assert house.state == "FLATTENING"
    house.wait(2_000)
    assert house.state == "HALTED"
    assert house.sent() == []


def test_a_second_flatten_joins_the_first_and_makes_it_a_persons() -> None:
    house = House().enter()
    house.stop_file("flatten")
    before = house.floor.campaign
    house.press(Command.FLATTEN)
    assert house.floor.campaign is before


def test_deaf_cancels_end_in_cancelling_everything_and_then_in_a_lock() -> None:
    house = House().enter()
    house.broker.deaf = True
    house.press(Command.FLATTEN)
    house.wait(9_000)
    assert house.all(CancelEverything) == []
    house.wait(2_000)
    assert len(house.all(CancelEverything)) == 1
    house.wait(60_000)
    assert house.latched >= {"FLATTEN_FAILED"}
    assert house.state == "LOCKED"
    assert house.desk.flattening is None


def test_an_exit_that_rests_is_cancelled_and_tried_again() -> None:
    house = House().enter()
    house.press(Command.FLATTEN)
    house.wait(3_100)
    assert len(house.sent(Purpose.FLATTEN)) == 2
    flat(house)
    assert house.broker.position == 0


def test_a_rejected_exit_is_a_failed_round() -> None:
    house = House().enter()
    house.broker.reject = lambda o: o.role is Role.FLATTEN
    house.press(Command.FLATTEN)
    house.wait(10_000)
    assert "FLATTEN_FAILED" in house.latched
    assert len(house.sent(Purpose.FLATTEN)) == 3


def test_flatten_leaves_without_its_commit_after_250_ms() -> None:
    house = House().enter()
    house.journal = "silent"
    house.press(Command.FLATTEN)
    house.wait(249)
    assert house.sent(Purpose.FLATTEN) == []
    house.wait(1)
    assert len(house.sent(Purpose.FLATTEN)) == 1
    assert "JOURNAL_FAILED" in house.latched


def test_protection_leaves_at_once_when_the_journal_says_it_cannot() -> None:
    house = House().enter()
    house.journal = "failing"
    rows_before = len(house.rows)
    house.press(Command.FLATTEN)
    assert len(house.sent(Purpose.FLATTEN)) == 1
    late = [r.kind for r in house.rows[rows_before:]]
    assert "intent" in late, "the rows follow in the background"


def test_a_reversal_flattens_first_and_enters_the_other_way_after() -> None:
    house = House().enter()
    house.wait(1_000)
    house.press(Command.REVERSE)
    assert house.state == "FLATTENING"
    flat(house)
    assert house.desk.position() == -1
    assert house.desk.trades[-1].reason is ExitReason.REVERSED
    assert house.latched == set()


@pytest.mark.parametrize("stop", ["X", "disarm", "halt", "STOP file", "link", "time", "flatten"])
def test_whatever_takes_entries_back_takes_a_planned_reversal_along(stop: str) -> None:
    house = House().enter()
    house.wait(8_000)
    house.arm()
    house.press(Command.REVERSE)
    match stop:
        case "X":
            house.press(Command.CANCEL_ENTRIES)
        case "disarm":
            house.press(Command.DISARM)
        case "halt":
            house.press(Command.HALT)
        case "STOP file":
            house.stop_file("halt")
        case "link":
            house.link(Link.BROKER_LOST)
            house.link(Link.READY)
        case "time":
            house.changes["market_open"] = False
            house.wait(house.params.timing.arm_ms)
            house.changes["market_open"] = True
        case _:
            house.press(Command.FLATTEN)
    assert [n.text for n in house.desk.news if "no reversal after the flatten" in n.text]
    house.press(Command.ARM)
    flat(house, 9_000)
    assert (house.desk.flattening, house.desk.position()) == (None, 0), "the flatten goes on"
    assert [o.side for o in house.sent(Purpose.ENTRY) if o.role is Role.ENTRY] == [Side.BUY]


def test_a_reversal_needs_arming_a_position_and_a_running_desk() -> None:
    house = House()
    house.press(Command.REVERSE)
    assert house.refusal == "armed"
    house.arm().press(Command.REVERSE)
    assert house.refusal == "reverse"
    house.enter()
    house.changes["data_age_ms"] = 9_999
    house.press(Command.REVERSE)
    assert house.refusal == "trading state"


def test_everything_goes_flat_at_the_sessions_flat_time() -> None:
    house = House()
    house.changes["flat_at_ns"] = house.now + 10_000 * MS_NS
    house.enter()
    house.wait(9_998)
    assert house.desk.flattening is None
    house.wait(1)
    assert house.state == "FLATTENING"
    flat(house)
    assert house.desk.trades[-1].reason is ExitReason.FLAT
    assert house.state == "RUNNING", "no latch: tomorrow is another session"
    house.bracket()
    assert house.refusal == "window"


def by_hand(house: House, side: Side = Side.BUY) -> House:
    """A person trades one contract elsewhere in the account."""
    broker = house.broker
    name = f"m{len(broker.fills) + 1}"
    broker.position += side
    broker.fills.append(Fill(f"{name}.01", name, 1, None, house.now, "MES", side, 1, house.last))
    house.tell(broker.fills[-1])
    return house


def test_what_a_person_opened_elsewhere_is_told_at_the_flat_time_and_stays_theirs() -> None:
    house = House()
    house.wait(10)
    house.changes["flat_at_ns"] = house.now + 10_000 * MS_NS
    by_hand(house)
    house.wait(9_000)
    assert house.alerts("external held") == []
    flat(house)
    assert house.desk.position() == 1
    assert house.alerts("flatten") == []
    assert [o.type for o in house.sent()] == [OrderType.STOP], "it has a stop"
    (told,) = house.alerts("external held")
    assert "+1 MES is held, which is not ours to close" in told
    house.changes["flat_at_ns"] = house.now + 1_000 * MS_NS
    house.trade(house.last)
    house.wait(1_000)
    assert len(house.alerts("external held")) == 2, "the next session's flat time tells it again"


def test_an_entry_that_may_fill_beside_a_persons_position_brings_no_flatten_of_it() -> None:
    house = House()
    house.bracket()
    house.broker.deaf = True
    by_hand(house)
    assert house.floor.blotter.entries(), "its cancel is on the way"
    house.changes["flat_at_ns"] = house.now + MS_NS
    house.wait(1)
    assert house.desk.flattening is None
    assert len(house.alerts("external held")) == 1


def test_a_house_that_cannot_send_does_not_tell_of_a_flatten_again_and_again_after_the_flat_time() -> None:
    house = House(TradingParams(risk=RICH, send_path=False))
    house.broker.position = 1
    house.tell(Fill("m1.01", "m1", 1, None, house.now, "MES", Side.BUY, 1, PRICE))
    house.changes["flat_at_ns"] = house.now + 10_000 * MS_NS
    house.wait(60_000)
    assert house.alerts("flatten") == []


# -- breaker ------------------------------------------------------------------------------------------------------------


def test_the_daily_loss_on_open_profit_flattens_and_halts_until_the_next_trade_date() -> None:
    house = House(TradingParams(risk=replace(RICH, daily_loss_cents=2_700))).enter()
    house.broker.orders["of1-t-1-S"].alive = False
    band = PRICE + 1 - 21  # twenty-one ticks and two commissions are the first loss over 27.00
    assert house.desk.watch().below >= band
    house.trade(band + 1)
    assert house.latched == set()
    house.trade(band)
    assert house.latched == {"DAILY_LOSS"}
    flat(house)
    assert house.broker.position == 0
    house.press(Command.RESUME, word="RESUME", key_ok="1")
    assert house.state == "HALTED"
    house.changes["trade_date"] = date(2026, 3, 6)
    house.wait(15_000)
    assert house.latched == set()
    assert house.desk.ledger.net_cents == 0
    assert any(r.kind == "day" for r in house.rows)


def test_a_drawdown_stays_latched_while_it_lasts() -> None:
    house = House(TradingParams(risk=replace(RICH, max_drawdown_cents=2_700))).enter()
    house.broker.orders["of1-t-1-S"].alive = False
    house.trade(*range(PRICE, PRICE - 22, -1))
    flat(house)
    assert "DRAWDOWN" in house.latched
    house.press(Command.RESUME, word="RESUME")
    assert "under the day's peak" in house.desk.refusals[-1].reason


@pytest.mark.parametrize(
    ("limits", "moves", "kind"),
    [
        ({"daily_profit_cents": 2_800}, [40], "PROFIT_TARGET"),
        ({"max_trades_per_day": 1}, [40], "TRADE_COUNT"),
    ],
)
def test_counts_and_targets_halt_entries_without_flattening(limits: dict[str, int], moves: list[int], kind: str) -> None:
    house = House(TradingParams(risk=replace(RICH, **limits)))  # type: ignore[arg-type]
    for move in moves:
        house.enter()
        house.trade(house.last + move)
        house.wait(5_000)
    assert house.latched == {kind}
    assert house.all(CancelEverything) == []
    assert not house.alerts("flatten")


def test_a_run_of_losses_flattens_and_halts_for_the_day() -> None:
    house = House(TradingParams(risk=replace(RICH, max_consecutive_losses=2)))
    for move in (-20, -40):
        house.enter()
        house.trade(house.last + move)
        flat(house)
    assert house.latched == {"CONSECUTIVE_LOSSES"}
    assert house.state == "HALTED"
    assert any("flat" in text for text in house.alerts("flatten"))
    house.press(Command.RESUME, word="RESUME", key_ok="yes")
    assert house.latched == {"CONSECUTIVE_LOSSES"}, "it ends with its trade date, not before"


def test_the_last_trade_of_the_day_keeps_its_bracket() -> None:
    house = House(TradingParams(risk=replace(RICH, max_trades_per_day=1))).enter()
    assert house.latched == {"TRADE_COUNT"}
    assert house.desk.position() == 1
    assert house.desk.protection.value == "at broker"


# -- the machine by itself ----------------------------------------------------------------------------------------------


def scene(now: int, house: House, **changes: object) -> Scene:
    base = Scene(now, None, house.floor.blotter.live, None, frozenset({"MES"}))
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_campaign_asks_again_every_second_while_no_report_comes() -> None:
    house = House().enter()
    house.broker.mute_reports = True
    campaign = Campaign("c", "test", ExitReason.MANUAL, True)
    first = campaign.step(scene(START_NS, house))
    assert first.cancel == ("of1-t-1-T",)
    assert first.ask
    assert campaign.step(scene(START_NS + 1, house)).ask is False
    assert campaign.due_ns == START_NS + 1_000 * MS_NS
    assert campaign.step(scene(START_NS + 1_000 * MS_NS, house)).ask
    assert campaign.stage is Stage.OPENING, "the stop stays until the broker has proven that it listens"


def test_the_stop_stays_while_a_target_is_still_being_cancelled_but_not_for_ever() -> None:
    house = House().enter()
    stop, target = house.ticket(Role.STOP), house.ticket(Role.TARGET)
    campaign = Campaign("c", "test", ExitReason.MANUAL, True)

    def step(milliseconds: int, *live: Ticket) -> CampaignWish:
        now = START_NS + milliseconds * MS_NS
        return campaign.step(scene(now, house, live=live, report=house.broker.report(now, 1)))

    assert step(0, stop, target).cancel == (target.order.id,)
    assert step(1_000, stop, target).cancel == ()
    assert step(2_000, stop, target).cancel == (target.order.id,), "the cancel may have been lost"
    assert step(3_999, stop, target).cancel == ()
    assert campaign.stage is Stage.OPENING
    assert step(4_000, stop, target).cancel == (stop.order.id, target.order.id)


def test_the_stop_goes_as_soon_as_the_target_has_ended() -> None:
    house = House().enter()
    stop, target = house.ticket(Role.STOP), house.ticket(Role.TARGET)
    campaign = Campaign("c", "test", ExitReason.MANUAL, True)
    campaign.step(scene(START_NS, house, live=(stop, target)))
    now = START_NS + MS_NS
    wish = campaign.step(scene(now, house, live=(stop,), report=house.broker.report(now, 1)))
    assert wish.cancel == (stop.order.id,)


def test_a_report_older_than_the_last_cancel_proves_nothing() -> None:
    house = House()
    campaign = Campaign("c", "test", ExitReason.MANUAL, True)
    old = house.broker.report(START_NS - 1, 1)
    campaign.step(scene(START_NS, house, report=old))
    assert campaign.step(scene(START_NS + 1, house, report=old)).exit is None
    assert campaign.stage is Stage.OPENING


def test_a_finished_campaign_wants_nothing() -> None:
    campaign = Campaign("c", "test", ExitReason.MANUAL, True)
    campaign.stage = Stage.DONE
    assert campaign.step(scene(START_NS, House())).exit is None
    campaign.exit_failed(START_NS)
    assert campaign.rounds == 0


def test_orders_of_ours_that_only_the_broker_knows_are_waited_for() -> None:
    house = House().enter()
    report = house.broker.report(START_NS + 5, 1)
    campaign = Campaign("c", "test", ExitReason.MANUAL, True)
    nothing = scene(START_NS, house, live=())
    campaign.step(nothing)
    campaign.step(replace(nothing, now_ns=START_NS + 5, report=report))
    assert campaign.stage is Stage.CLEARING
    wish = campaign.step(replace(nothing, now_ns=START_NS + 3_000 * MS_NS, report=report))
    assert wish.ask
    assert wish.exit is None


def test_a_position_that_comes_back_between_two_flat_reports_is_closed_too() -> None:
    house = House()
    house.press(Command.FLATTEN)
    house.broker.position = 2
    house.broker.fills.clear()
    flat(house, 12_000)
    assert house.sent(Purpose.FLATTEN)[0].quantity == 2
    assert house.broker.position == 0


def test_partial_exits_are_followed_by_the_remainder() -> None:
    class Half(TinyBroker):
        def match(self, bid: int, ask: int, last: int, now: int) -> None:
            for held in list(self.orders.values()):
                if held.order.role is Role.FLATTEN and held.left:
                    self.fill(held, 1, bid, now)
                    if held.alive:
                        self.end(held, now)
                    return
            super().match(bid, ask, last, now)

    house = House(broker=Half()).enter(quantity=3)
    house.press(Command.FLATTEN)
    flat(house, 10_000)
    assert house.broker.position == 0
    assert [o.quantity for o in house.sent(Purpose.FLATTEN)] == [3, 2, 1]


# -- before the broker has said what is held ----------------------------------------------------------------------------


def stopped_unheard(house: House) -> House:
    """The stop fills while nobody listens, and the market falls on: the day is worth far more than our books believe."""
    house.broker.out.clear()
    house.broker.match(PRICE - 16, PRICE - 14, PRICE - 15, house.now)
    house.broker.out.clear()
    assert house.broker.position == 0
    house.broker.mute_reports = True
    return house


def fall(house: House, price: int = PRICE - 200) -> House:
    house.last = price
    house._carry(house.desk.on_mark(house.facts))
    return house


def test_a_restart_does_not_trip_on_a_position_the_broker_has_not_confirmed() -> None:
    house = stopped_unheard(House().enter(quantity=2))
    again = house.restart()
    again.wait(300)
    fall(again)
    assert -again.desk.ledger.value_cents > again.desk.loss_limit_cents
    assert (again.latched, again.desk.flattening) == (set(), None)
    again.broker.mute_reports = False
    again.wait(3_000)
    assert (again.latched, again.state) == (set(), "FENCED")
    assert 0 < -again.desk.ledger.value_cents < 6_000


def test_a_restart_trips_when_the_broker_has_agreed_to_what_is_held() -> None:
    house = House().enter(quantity=2)
    stop = house.ticket(Role.STOP).order.id
    house.broker.orders[stop].order = replace(house.broker.orders[stop].order, stop_ticks=1)
    again = house.restart()
    again.wait(300)
    fall(again)
    assert again.latched == set()
    again.wait(1_500)
    assert {"DAILY_LOSS", "DRAWDOWN"} <= again.latched
    assert again.desk.flattening is not None


def test_after_a_reconnect_the_first_report_comes_before_the_limits() -> None:
    house = House().enter(quantity=2)
    house.wait(3_000)
    house.link(Link.BROKER_LOST)
    stopped_unheard(house)
    house.link(Link.READY)
    fall(house)
    house.wait(1_000)
    assert -house.desk.ledger.value_cents > house.desk.loss_limit_cents
    assert house.latched == set()
    house.broker.mute_reports = False
    house.press(Command.RECONCILE)
    house.wait(6_000)
    assert (house.latched, house.desk.position()) == (set(), 0)


def test_after_a_reconnect_without_a_report_the_limits_wait_ten_seconds_and_no_longer() -> None:
    house = House().enter(quantity=2)
    ticket = house.ticket(Role.STOP)
    ticket.order = replace(ticket.order, stop_ticks=1)  # no stop is passed meanwhile
    house.wait(3_000)
    house.link(Link.BROKER_LOST)
    house.broker.mute_reports = True
    house.link(Link.READY)
    fall(house)
    house.wait(9_999)
    assert house.latched == set()
    house.wait(1)
    assert "DAILY_LOSS" in house.latched


def test_money_that_is_lost_latches_also_before_the_first_report() -> None:
    house = House(TradingParams(risk=replace(RICH, daily_loss_cents=2_700))).enter()
    house.journal = "silent"  # the latch dies with the process
    house.broker.match(PRICE - 22, PRICE - 20, PRICE - 21, house.now)
    house._deliver()
    assert (house.desk.position(), house.latched) == (0, {"DAILY_LOSS"})
    again = house.restart()
    assert again.latched == set()
    again.broker.mute_reports = True
    again.wait(100)
    assert again.latched == {"DAILY_LOSS"}
