"""From a key or a decision to a filled bracket: two looks, commit before send, what revokes an entry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Alert, AskMargin, Cancel, Commit, Send, Tier
from orderflow_tui.domain.event import Automation, Command, Committed, JournalFailed, SendFailed
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import BrokerStatus, Fill, OrderState, OrderUpdate, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.domain.signal import Direction, Regime
from orderflow_tui.trading.desk import Desk
from orderflow_tui.trading.limits import RiskLimits, TierRow, TradingParams
from tests.builders import ES, MES
from tests.trading.house import PRICE, RICH, SLOW, Held, House, TinyBroker, decision


def test_a_bracket_is_committed_before_it_is_sent_and_ends_with_its_stop_at_the_broker() -> None:
    house = House().enter()
    kinds = [type(a).__name__ for a in house.done if isinstance(a, Commit | Send) and not _is_latch(a)]
    assert kinds == ["Commit", "Send"]
    assert house.desk.protection.value == "at broker"
    assert house.desk.position() == house.desk.broker_position == 1 or house.desk.broker_position is not None
    assert house.desk.average_ticks() == PRICE + 1


def _is_latch(action: Commit | Send) -> bool:
    return isinstance(action, Commit) and action.rows[0].kind != "intent"


def test_nothing_is_sent_without_arming() -> None:
    house = House()
    house.wait(1)
    house.press(Command.BRACKET, side="BUY")
    assert house.refusal == "armed"
    assert house.sent() == []


def test_a_bracket_needs_a_side_and_a_whole_quantity() -> None:
    house = House().arm()
    for side, quantity in (("LONG", "1"), ("BUY", "-1"), ("BUY", "1.5"), ("BUY", "²")):
        house.press(Command.BRACKET, side=side, quantity=quantity)
        assert house.refusal == "bracket"
    house.press(Command.BRACKET, side="BUY", quantity="0")
    assert house.refusal == "size zero"


def test_one_key_press_makes_one_entry_even_when_it_arrives_twice() -> None:
    house = House().arm()
    house.press(Command.BRACKET, side="BUY")
    house.key -= 1
    house.press(Command.BRACKET, side="BUY")
    assert house.refusal == "duplicate"
    assert len(house.sent(Purpose.ENTRY)) == 1


def test_an_entry_never_leaves_without_its_commit() -> None:
    house = House(journal="silent")
    house.bracket()
    house.wait(10_000)
    assert house.all(Send) == []
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT


def test_a_commit_that_took_too_long_kills_the_entry_and_one_on_the_line_does_not() -> None:
    for late_ms, sent in ((250, True), (251, False)):
        house = House(journal="silent")
        house.bracket()
        ids = house.all(Commit)[-1].ids
        house.wait(late_ms - 1)
        house.now += MS_NS
        house.tell(Committed(house.now, ids, late_ms))
        assert bool(house.sent()) is sent


def test_a_failed_commit_kills_the_entry_and_halts() -> None:
    house = House(journal="silent")
    house.bracket()
    house.tell(JournalFailed(house.now, house.all(Commit)[-1].ids, "disk full"))
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT
    assert house.latched == {"JOURNAL_FAILED"}
    assert house.state == "HALTED"


@pytest.mark.parametrize("brake", [Command.HALT, Command.FLATTEN, Command.STOP, Command.CANCEL_ENTRIES, Command.UNATTENDED])
def test_every_brake_revokes_an_entry_between_its_looks(brake: Command) -> None:
    house = House(journal="silent")
    house.bracket()
    ids = next(c.ids for c in house.all(Commit) if c.rows[0].kind == "intent")
    house.press(brake)
    house.tell(Committed(house.now, ids, 1))
    assert house.sent(Purpose.ENTRY) == []
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT


def test_a_disconnect_revokes_an_entry_between_its_looks() -> None:
    house = House(journal="silent")
    house.bracket()
    ids = house.all(Commit)[-1].ids
    house.link(Link.BACKOFF)
    house.tell(Committed(house.now, ids, 1))
    assert house.sent() == []


def test_the_second_look_sees_a_fence_that_rose_meanwhile() -> None:
    house = House(journal="silent")
    house.bracket()
    ids = house.all(Commit)[-1].ids
    house.changes["data_age_ms"] = 3_001
    house.tell(Committed(house.now, ids, 1))
    assert house.sent() == []
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT


@pytest.mark.parametrize("brake", [Command.HALT, Command.STOP, Command.CANCEL_ENTRIES])
def test_brakes_cancel_an_entry_that_has_not_filled(brake: Command) -> None:
    house = House()
    house.bracket()
    house.press(brake)
    assert house.all(Cancel)[-1].order_ids == ("of1-t-1-E",)
    assert house.desk.working == ()


def test_an_unfilled_entry_is_cancelled_after_five_seconds() -> None:
    house = House()
    house.bracket()
    house.wait(4_999)
    assert house.all(Cancel) == []
    house.wait(1)
    assert house.state_of(Role.ENTRY) is OrderState.CANCELLED
    assert house.desk.working == (), "its children go with it"


def test_the_rest_of_a_partly_filled_entry_is_cancelled_and_the_stop_shrunk_to_what_is_held() -> None:
    house = House(broker=TinyBroker(part=1))
    house.bracket(quantity=3)
    house.trade(PRICE)
    assert house.desk.position() == 1
    house.wait(2_000)
    assert house.state_of(Role.ENTRY) is OrderState.CANCELLED
    assert house.ticket(Role.STOP).order.quantity == 1
    assert house.ticket(Role.TARGET).order.quantity == 1
    assert house.assured == 1
    assert house.all(Cancel)[-1].order_ids == ("of1-t-1-E",), "shrunk by a change, never cancelled and placed again"


def test_a_rejected_entry_cools_entries_down_for_half_an_hour_and_asks_for_margin() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.ENTRY))
    house.bracket()
    assert house.state_of(Role.ENTRY) is OrderState.REJECTED
    assert house.all(AskMargin) != []
    assert house.state == "FENCED"
    house.wait(1_800_000 - 1)
    assert [f.name for f in house.desk.fences(house.facts)] == ["cooldown"]
    house.wait(1)
    assert house.state == "RUNNING"


def test_a_rejection_that_only_a_report_tells_cools_entries_down_with_the_brokers_last_words() -> None:
    house = House(broker=TinyBroker(mute_reports=True))
    house.tell(house.broker.report(house.now, 1))
    house.bracket()
    entry = house.broker.orders["of1-t-1-E"]
    house.tell(OrderUpdate("of1-t-1-E", house.now, BrokerStatus.SUSPECT, code=201, text="201 margin"))
    assert house.state_of(Role.ENTRY) is OrderState.UNKNOWN
    assert house.floor.cooldown.until_ns is None, "an error that names an order rejects nothing"
    for held in house.broker.orders.values():
        held.alive, held.status = False, BrokerStatus.CANCELLED
    entry.status = BrokerStatus.REJECTED
    house.broker.mute_reports = False
    house.wait(1_000)
    assert house.state_of(Role.ENTRY) is OrderState.REJECTED
    assert "cooldown" in {f.name for f in house.desk.fences(house.facts)}
    assert house.alerts("rejected") == ["entry of1-t-1-E rejected: 201 margin"]
    assert house.all(AskMargin) != []


def test_a_rejection_told_of_an_entry_in_doubt_cools_down_and_a_report_that_says_so_too_is_no_second_one() -> None:
    house = House(broker=TinyBroker(deaf=True, mute_reports=True))
    house.tell(house.broker.report(house.now, 1))
    house.bracket()
    house.wait(3_000)
    rejected = OrderUpdate("of1-t-1-E", house.now, BrokerStatus.REJECTED, code=201)
    house.tell(rejected)
    until_ns = house.floor.cooldown.until_ns
    assert (house.state_of(Role.ENTRY), until_ns) == (OrderState.UNKNOWN, house.now + 1_800_000 * MS_NS)
    house.wait(1_000)
    house.tell(replace(rejected, ts_ns=house.now))
    house.broker.orders = {o.id: Held(o, alive=False, status=BrokerStatus.REJECTED) for o in house.sent()}
    house.broker.mute_reports = False
    house.wait(1_000)
    assert house.state_of(Role.ENTRY) is OrderState.REJECTED
    assert house.floor.cooldown.until_ns == until_ns
    assert house.alerts("rejected")[0] == "entry of1-t-1-E rejected: code 201"
    assert len([r for r in house.rows if r.kind == "cooldown"]) == 1


def test_a_rejection_learnt_before_a_restart_is_no_news_after_it() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.ENTRY))
    house.bracket()
    until_ns = house.floor.cooldown.until_ns
    house.rows = [r for r in house.rows if r.payload.get("state") != "REJECTED"]  # written in the background, it died
    again = house.restart()
    again.wait(5_000)
    assert again.state_of(Role.ENTRY) is OrderState.REJECTED
    assert (again.floor.cooldown.until_ns, again.alerts("rejected")) == (until_ns, [])


@pytest.mark.parametrize(("role", "tier"), [(Role.STOP, Tier.CRITICAL), (Role.TARGET, Tier.WARNING)])
def test_a_rejected_exit_order_is_told_with_its_role_and_the_brokers_reason(role: Role, tier: Tier) -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is role)).enter()
    told = [a for a in house.all(Alert) if a.kind == "rejected"]
    assert [(a.text, a.tier) for a in told] == [(f"{role.name.lower()} of1-t-1-{role.value} rejected: no", tier)]
    assert house.floor.cooldown.until_ns is None


def test_children_of_a_rejected_entry_are_told_without_alarm() -> None:
    house = House(broker=TinyBroker(deaf=True))
    house.bracket()
    for order in house.sent():
        house.tell(OrderUpdate(order.id, house.now, BrokerStatus.REJECTED))
    told = [a for a in house.all(Alert) if a.kind == "rejected"]
    assert [a.tier for a in told] == [Tier.WARNING] * 3
    assert told[-1].text == "stop of1-t-1-S rejected: the broker gave no reason"


def test_a_send_that_was_proven_not_to_have_happened_is_not_sent() -> None:
    house = House(broker=TinyBroker(deaf=True))
    house.bracket()
    house.tell(SendFailed(house.now, tuple(o.id for o in house.sent()), True, "STOP"))
    assert house.state_of(Role.STOP) is OrderState.NOT_SENT
    assert house.desk.working == ()


def test_a_send_that_may_have_happened_is_unknown_and_fences() -> None:
    house = House(broker=TinyBroker(deaf=True, mute_reports=True))
    house.tell(house.broker.report(house.now, 1))
    house.bracket()
    house.tell(SendFailed(house.now, tuple(o.id for o in house.sent()), False, "line broke"))
    assert house.state_of(Role.ENTRY) is OrderState.UNKNOWN
    assert house.state == "FENCED"
    house.tell(SendFailed(house.now, ("nobody", "of1-t-1-S#3"), True, "x"))
    assert house.state_of(Role.STOP) is OrderState.UNKNOWN


def test_silence_makes_an_order_unknown_after_three_seconds_and_nothing_is_sent_again() -> None:
    house = House(broker=TinyBroker(deaf=True, mute_reports=True))
    house.tell(house.broker.report(house.now, 1))
    house.bracket()
    house.wait(2_999)
    assert house.state_of(Role.ENTRY) is OrderState.SENT
    house.wait(1)
    assert house.state_of(Role.ENTRY) is OrderState.UNKNOWN
    house.wait(120_000)
    assert len(house.all(Send)) == 1
    assert "UNRECONCILED" in house.latched, "an outcome unknown for a minute halts"


def test_the_fifth_entry_intent_in_ten_seconds_halts() -> None:
    house = House()
    for _ in range(4):
        house.bracket()
        house.press(Command.CANCEL_ENTRIES)
    assert house.latched == set()
    house.bracket()
    assert house.refusal == "rate"
    assert house.latched == {"RATE_LIMIT"}


def test_a_second_entry_waits_for_the_first_ones_outcome() -> None:
    house = House()
    house.bracket()
    house.press(Command.BRACKET, side="BUY")
    assert house.refusal == "unresolved entry"


def test_the_worst_case_of_the_day_counts_an_entry_that_still_works() -> None:
    house = House()
    house.bracket(quantity=2)
    assert house.desk.worst_case_cents == -2 * (20 * 125 + 2 * 62), "it may fill at its limit, two ticks beyond the anchor"
    house.trade(PRICE)
    assert house.desk.worst_case_cents == -2 * (18 * 125 + 2 * 62), "it filled at the anchor"


def test_an_entry_is_refused_that_could_end_the_day_beyond_its_limit_by_filling_at_its_own() -> None:
    worst = 20 * 125 + 2 * 62
    house = House(TradingParams(risk=replace(RICH, daily_loss_cents=worst - 1)))
    house.bracket()
    assert house.refusal == "worst-case day"
    house = House(TradingParams(risk=replace(RICH, daily_loss_cents=worst)))
    house.bracket()
    entry, stop = house.ticket(Role.ENTRY).order, house.ticket(Role.STOP).order
    assert entry.limit_ticks is not None
    assert stop.stop_ticks is not None
    house.broker.fill(house.broker.orders[entry.id], 1, entry.limit_ticks, house.now)
    house.broker.fill(house.broker.orders[stop.id], 1, stop.stop_ticks - 2, house.now)
    house._deliver()
    assert house.desk.ledger.net_cents == -worst
    assert "DAILY_LOSS" in house.latched


def test_a_monitor_has_no_send_path() -> None:
    house = House(TradingParams(risk=RICH, send_path=False))
    house.bracket()
    assert house.refusal == "no send path"
    house.wait(60_000)
    assert house.sent() == []


def test_without_a_known_equity_no_entry_passes() -> None:
    house = House(TradingParams())
    house.bracket()
    assert house.refusal == "margin"


def test_an_execution_instrument_that_is_not_configured_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="ZB"):
        Desk(TradingParams(), {"MES": MES}, "ZB", "U1", "t")


def test_the_price_collar_reads_the_execution_instruments_mark() -> None:
    house = House()
    house.changes["marks"] = (Mark("MES", PRICE - 1, PRICE + 30, PRICE, house.now),)
    house.bracket()
    assert house.refusal == "price collar"


# -- decisions ----------------------------------------------------------------------------------------------------------


def auto(params: TradingParams | None = None) -> House:
    house = House(params).arm()
    house.press(Command.AUTOMATION, mode="auto", key_ok="1")
    return house


def offer(house: House, **changes: object) -> None:
    made = decision(ts_ns=house.now, **changes)  # type: ignore[arg-type]
    house._carry(house.desk.on_decision(made, house.facts))


def test_off_forgets_alert_tells_and_neither_trades() -> None:
    house = House()
    offer(house)
    assert house.alerts("setup") == ["VA_BREAKOUT LONG at 5000.00"]
    house.press(Command.AUTOMATION, mode="OFF")
    offer(house, name="d2")
    assert [d.id for d in house.desk.offers] == ["d1"]
    assert house.sent() == []


def test_refused_and_directionless_decisions_are_nothing() -> None:
    house = auto()
    offer(house, accepted=False)
    offer(house, name="d2", direction=Direction.NONE)
    assert house.desk.offers == ()
    assert house.sent() == []


def test_auto_trades_a_decision_once_at_its_size() -> None:
    house = auto()
    offer(house, regime=Regime.TRENDING_UP, distinct_patterns=2)
    assert house.sent(Purpose.ENTRY)[0].quantity == 3
    offer(house, regime=Regime.TRENDING_UP, distinct_patterns=2)
    assert house.refusal == "duplicate"
    house.trade(PRICE)
    house.wait(70_000)
    assert house.desk.automation is Automation.AUTO, "a grant does not time out with the hand on the key"


def test_a_size_of_zero_is_an_answer() -> None:
    house = auto()
    offer(house, size_factor=0.0)
    assert (house.refusal, house.desk.refusals[-1].reason) == ("size zero", "the size for this is 0: the regime's factor is 0")


def test_a_size_that_the_tier_makes_zero_or_too_small_names_the_tier() -> None:
    params = TradingParams(risk=RICH, tiers_enabled=True)
    desk = Desk(params, {"MES": MES, "ES": ES}, "ES", "U1", "t")
    house = House(params, desk=desk, broker=TinyBroker(equity_cents=300_000)).arm()
    house.changes["marks"] = (Mark("ES", PRICE - 1, PRICE + 1, PRICE, house.now),)
    too_large = "tier 1 trades MES, ES is larger"
    house.press(Command.BRACKET, side="BUY")
    assert house.desk.refusals[-1].reason == f"1 contracts, 0 allowed: {too_large}"
    house.press(Command.AUTOMATION, mode="auto", key_ok="1")
    offer(house)
    assert house.desk.refusals[-1].reason == f"the size for this is 0: no contract is allowed: {too_large}"


def test_the_tiers_contracts_bind_the_position_and_not_the_single_order() -> None:
    """With two trades at once, one contract was entered three times in a tier of one contract."""
    risk = replace(RICH, max_concurrent=2, max_contracts=3)
    house = House(TradingParams(risk=risk, tiers_enabled=True, tiers=(TierRow(1, 0, "MES", 1, 40_000),))).enter()
    house.bracket()
    reason = "could become 2 contracts, 1 allowed: tier 1"
    assert (house.refusal, house.desk.refusals[-1].reason) == ("worst-case position", reason)
    assert len(house.sent(Purpose.ENTRY)) == 1


def concurrent(trades: int) -> House:
    params = TradingParams(risk=replace(RICH, max_concurrent=trades, max_contracts=9), timing=SLOW)
    return House(params)


def more(house: House, quantity: int = 1) -> str:
    """One more bracket, filled where it may be; the rule that refuses it else."""
    house.wait(11_000)
    house.trade(house.last)
    refused, sent = len(house.desk.refusals), len(house.sent(Purpose.ENTRY))
    house.bracket("BUY", quantity)
    house.trade(house.last)
    assert (len(house.desk.refusals) > refused) is (len(house.sent(Purpose.ENTRY)) == sent)
    return house.refusal if len(house.desk.refusals) > refused else ""


def test_every_entry_that_still_holds_something_is_a_trade_of_its_own_and_its_own_exits_end_it() -> None:
    house = concurrent(2)
    assert [more(house, 2), more(house), more(house)] == ["", "", "concurrent trades"]
    assert house.desk.refusals[-1].reason == "2 open, 2 allowed"
    first = house.broker.orders["of1-t-1-S"]
    house.broker.fill(first, 1, house.last, house.now)
    house._deliver()
    assert more(house) == "concurrent trades", "one of two contracts is left of the first trade"
    house.broker.fill(first, 1, house.last, house.now)
    house._deliver()
    assert (house.desk.position(), more(house)) == (1, "")


def test_a_trades_own_exits_end_it_and_take_nothing_from_a_larger_one() -> None:
    house = concurrent(2)
    assert [more(house), more(house, 3), more(house)] == ["", "", "concurrent trades"]
    house.broker.fill(house.broker.orders["of1-t-1-S"], 1, house.last, house.now)
    house._deliver()
    assert (house.desk.position(), more(house)) == (3, "")


def test_the_last_trades_exits_do_not_end_the_ones_before_it() -> None:
    """First in first out they would have: two of three trades were forgotten."""
    house = concurrent(3)
    assert [more(house), more(house), more(house, 2)] == ["", "", ""]
    last = house.broker.orders[house.sent(Purpose.ENTRY)[-1].intent_id + "-S"]
    house.broker.fill(last, 2, house.last, house.now)
    house._deliver()
    assert house.desk.position() == 2
    assert [more(house), more(house)] == ["", "concurrent trades"]


def test_what_others_opened_is_a_trade_and_what_they_took_ends_as_few_as_it_can() -> None:
    house = concurrent(2)
    assert more(house, 3) == ""

    def by_hand(side: Side, quantity: int) -> None:
        house.broker.position += side * quantity
        base = f"hand{len(house.broker.fills)}-{house.now}"
        fill = Fill(f"{base}.01", base, 1, None, house.now, "MES", side, quantity, house.last)
        house.broker.fills.append(fill)
        house.tell(fill)
        house.wait(8_000)
        house.press(Command.RESUME, word="RESUME")
        house.wait(8_000)

    by_hand(Side.BUY, 1)
    assert more(house) == "concurrent trades", "a hand's and ours"
    by_hand(Side.SELL, 1)
    assert more(house) == "concurrent trades", "whose it was nobody can say"
    by_hand(Side.SELL, 2)
    assert (house.desk.position(), more(house)) == (1, ""), "one contract is one trade"


def test_auto_is_refused_while_not_armed_under_a_latch_or_without_the_key() -> None:
    house = House()
    house.press(Command.AUTOMATION, mode="AUTO")
    assert house.desk.automation is Automation.ALERT
    assert house.refusal == "automation"
    house.press(Command.AUTOMATION, mode="MAYBE")
    assert "expected one of" in house.desk.refusals[-1].reason
    keyed = House(TradingParams(risk=RICH, auto_needs_key=True)).arm()
    keyed.press(Command.AUTOMATION, mode="AUTO")
    assert "safety key" in keyed.desk.refusals[-1].reason
    keyed.press(Command.AUTOMATION, mode="AUTO", key_ok="true")
    assert keyed.desk.automation is Automation.AUTO


def test_a_latch_ends_the_grant_and_disarms() -> None:
    house = auto()
    house.press(Command.HALT)
    assert house.desk.automation is Automation.ALERT
    assert house.desk.armed_left_ms(house.now) == 0
    house.press(Command.ARM)
    assert house.refusal == "armed"


def test_the_grant_ends_with_the_session_by_hand_and_after_a_long_disconnect() -> None:
    flat = auto()
    flat.changes["flat_at_ns"] = flat.now + 5_000 * MS_NS
    flat.wait(5_000)
    assert flat.desk.automation is Automation.ALERT
    by_hand = auto()
    by_hand.press(Command.AUTOMATION, mode="CONFIRM")
    assert by_hand.desk.automation is Automation.CONFIRM
    lost = auto()
    lost.link(Link.BACKOFF)
    lost.wait(119_999)
    assert lost.desk.automation.value == "AUTO"
    lost.wait(1)
    assert lost.desk.automation.value == "ALERT"
    next_day = auto()
    next_day.changes["trade_date"] = replace(next_day.facts, trade_date=None).trade_date
    next_day.wait(20_000)
    assert next_day.desk.automation is Automation.AUTO, "no trade date known is not a new one"


def test_a_person_takes_an_offer_while_it_is_fresh_and_only_armed() -> None:
    house = House()
    house.press(Command.AUTOMATION, mode="CONFIRM")
    offer(house)
    house.press(Command.TAKE_SETUP, id="d1")
    assert house.refusal == "armed"
    house.arm().press(Command.TAKE_SETUP, id="nothing")
    assert house.refusal == "setup"
    house.press(Command.TAKE_SETUP, id="s-d1")
    assert house.sent(Purpose.ENTRY) != []
    house.trade(PRICE)
    house.trade(PRICE + 40)
    assert house.desk.last_trade is not None
    assert house.desk.last_trade.context["label"] == "VA_BREAKOUT"


def test_an_old_offer_cannot_be_taken() -> None:
    house = House()
    offer(house)
    house.wait(60_001)
    house.arm().press(Command.TAKE_SETUP, id="d1")
    assert "ms old" in house.desk.refusals[-1].reason


def test_offers_are_bounded() -> None:
    house = House()
    for i in range(60):
        offer(house, name=f"d{i}")
    assert len(house.desk.offers) == 50
    assert house.desk.offers[-1].id == "d59"


def test_tiers_decide_contracts_instrument_and_loss() -> None:
    params = TradingParams(risk=replace(RICH, starting_balance_cents=400_000), tiers_enabled=True)
    house = House(params)
    assert house.desk.tier is not None
    assert house.desk.tier.number == 1, "the lowest until a balance is known"
    house.wait(1)
    assert house.desk.tier.number == 2 or house.desk.watch().due_ns > 0
    house.press(Command.RECONCILE)
    assert house.desk.tier.number == 2
    assert (house.desk.contracts_allowed, house.desk.loss_limit_cents) == (1, 30_000)
    es = Desk(params, {"MES": MES, "ES": ES}, "ES", "U1", "t")
    assert es.contracts_allowed == 0, "tier 1 does not trade as large a contract"
    assert Desk(TradingParams(risk=RiskLimits()), {"ES": ES}, "ES", "U1", "t").tier is None


def test_a_fallen_balance_lowers_the_tier_once_flat() -> None:
    house = House(TradingParams(risk=replace(RICH, starting_balance_cents=350_200), tiers_enabled=True))
    house.press(Command.RECONCILE)
    assert house.desk.tier is not None
    assert house.desk.tier.number == 2
    house.enter()
    house.trade(PRICE - 30)
    house.press(Command.RECONCILE)
    assert house.desk.tier.number == 1
    assert house.alerts("tier") != []


def test_fills_trades_and_their_alerts_are_told() -> None:
    house = House().enter()
    house.trade(PRICE + 40)
    assert len(house.alerts("fill")) == 2
    assert house.alerts("trade") == ["BUY 1 MES TARGET 28.76"]
    assert all(a.tier is Tier.INFO for a in house.all(Alert) if a.kind in ("fill", "trade"))
    assert any(n.text.startswith("filled") for n in house.desk.news)


def test_old_quotes_of_what_is_traded_keep_an_entry_out_and_an_exit_in() -> None:
    house = House(TradingParams(risk=replace(RICH, max_concurrent=2))).enter()
    fresh = house.facts.marks[0]
    house.changes["marks"] = (replace(fresh, quote_ns=house.now - 3_001 * MS_NS),)
    house.press(Command.BRACKET, side="BUY")
    assert house.refusal == "quotes"
    assert house.desk.refusals[-1].reason == "quotes of MES are 3.001 s old, limit 3 s"
    house.press(Command.FLATTEN)
    house.wait(3_000)
    house.trade(PRICE)
    assert house.broker.position == 0
