"""Every rule of the gate: inside, on the line, outside. Then its two looks, its ids and its changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.domain.account import MarginFigure
from orderflow_tui.domain.action import Send, SendChange
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Exposure, Intent, Order, OrderState, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading import caps, gate, rows, rules
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.bracket import Levels, entry_levels
from orderflow_tui.trading.gate import EVERY, RULES, Answer, Fate, Gate, Proposal, Rule
from orderflow_tui.trading.limits import RiskLimits, TradingParams
from orderflow_tui.trading.look import Look, Refusal
from orderflow_tui.trading.rates import Rates
from tests.builders import ES, MES
from tests.trading.house import PRICE, START_NS, TODAY, facts

Build = Callable[[], Look]


def wish(purpose: Purpose = Purpose.ENTRY, **changes: Any) -> Intent:
    base = Intent("of1-t-1", START_NS, "MES", purpose, Side.BUY, 1, "cause", True, 16, 24)
    if purpose is not Purpose.ENTRY:
        base = replace(base, side=Side.SELL, stop_ticks=None, target_ticks=None)
    return replace(base, **changes)


def look(intent: Intent | None = None, /, **changes: Any) -> Look:
    """A look at a world in which everything is allowed."""
    intent = intent or wish()
    world = facts()
    entry = intent.purpose is Purpose.ENTRY
    levels = entry_levels(intent.side, world.mark("MES"), 2, intent.stop_ticks, intent.target_ticks)
    base = Look(
        intent=intent,
        facts=world,
        params=TradingParams(risk=RiskLimits(max_contracts=3)),
        instrument=MES,
        levels=levels if entry else Levels(PRICE - 1, None, PRICE - 16),
        state=TradingState.RUNNING,
        state_reason="",
        exposure=Exposure("MES", 0 if entry else 2, 0, 0),
        others=(),
        position=0 if entry else 2,
        armed=True,
        contracts_allowed=3,
        contracts_why="tier 7",
        worst_case_cents=0,
        day_floor_cents=-30_000,
        open_trades=0,
        live_entries=0,
        rate=None,
        cooldown_left_ms=0,
        cause_used=False,
        equity_cents=1_000_000,
        excess_cents=1_000_000,
        execution="MES",
    )
    return replace(base, **changes)


def risk(**limits: Any) -> TradingParams:
    return TradingParams(risk=RiskLimits(**({"max_contracts": 3} | limits)))


def verdict(seen: Look) -> str | None:
    """The rule that refuses this look, None when it passes."""
    result = Gate("t", "U1", 250, 5000).first_look(seen, {})
    return result.rule if isinstance(result, Refusal) else None


def many(quantity: int) -> Look:
    """As many contracts as every key allows."""
    rich = {"equity_cents": 10**9, "excess_cents": None, "day_floor_cents": -(10**9)}
    return look(wish(quantity=quantity), contracts_allowed=99, params=risk(max_contracts=max(10, quantity)), **rich)


def trades_open(count: int) -> Look:
    return look(params=risk(max_concurrent=3), open_trades=count)


def stop_of(ticks: int) -> Look:
    return look(wish(stop_ticks=ticks), day_floor_cents=-(10**9))


def reduce(quantity: int) -> Look:
    return look(wish(Purpose.REDUCE, quantity=quantity))


def locked(purpose: Purpose, manual: bool) -> Look:
    return look(wish(purpose, manual=manual), state=TradingState.LOCKED)


def collar(away: int) -> Look:
    mark = Mark("MES", PRICE - 1, PRICE + 1, PRICE + 3 - away, START_NS)
    return look(facts=facts(marks=(mark,)))


def margin(init_cents: int, age_ms: int, **changes: Any) -> Look:
    figure = MarginFigure(START_NS - age_ms * MS_NS, "MES", init_cents, 0)
    return look(facts=facts(margins=(figure,)), **changes)


def protect(stop: int | None) -> Look:
    return look(wish(Purpose.PROTECT), levels=Levels(None, None, stop))


def lasts(days: int) -> Look:
    return look(facts=facts(expiry=TODAY + timedelta(days=days)))


def after_entries(count: int) -> Look:
    """So many entry intents within the last ten seconds."""
    rates = Rates()
    for n in range(count):
        rates.entry(START_NS - n)
    return look(rate=rates.used_up(START_NS))


def leveraged(times: float) -> Look:
    return look(params=risk(max_leverage=times))


def worth(cents: int) -> Look:
    return look(params=risk(max_notional_cents=cents))


def exit_(**changes: Any) -> Look:
    """A person's flatten, which no rule of entries may bind."""
    return look(wish(Purpose.FLATTEN), **changes)


def quoted(age_ms: int, **changes: Any) -> Facts:
    """Facts in which the quotes of MES are so old."""
    mark = Mark("MES", PRICE - 1, PRICE + 1, PRICE, START_NS, quote_ns=START_NS - age_ms * MS_NS)
    return facts(marks=(mark,), **changes)


# For every rule of the table: allowed inside, allowed on the line, refused outside. Where a rule knows only yes and no, the
# line is what it must not bind: the exit in the same world.
ENTRY_LOSS = (2 + 16 + 2) * 125 + 2 * 62  # from the limit to the anchor, from there to the stop, and what it slips
HALTED = TradingState.HALTED
CASES: list[tuple[Rule, Look, Look, Look]] = [
    (rules.send_path, look(), exit_(), exit_(params=TradingParams(send_path=False))),
    (rules.known_instrument, look(), exit_(), exit_(instrument=None)),
    (rules.whole_quantity, look(wish(quantity=2)), look(wish(quantity=1)), look(wish(quantity=0))),
    (rules.hard_caps, many(9), many(10), many(11)),
    (rules.cause_unused, look(), exit_(cause_used=True), look(cause_used=True)),
    (rules.running, look(), exit_(state=HALTED), look(state=HALTED)),
    (rules.execution_instrument, look(), exit_(execution="ES"), look(execution="ES")),
    (rules.armed, look(), exit_(armed=False), look(armed=False)),
    (
        rules.inside_window,
        look(facts=facts(flat_at_ns=START_NS + 2)),
        look(facts=facts(flat_at_ns=START_NS + 1)),
        look(facts=facts(flat_at_ns=START_NS)),
    ),
    (rules.before_expiry, lasts(6), lasts(5), lasts(4)),
    (rules.carries_stop, look(wish(stop_ticks=2)), look(wish(stop_ticks=1)), look(wish(stop_ticks=0))),
    (
        rules.anchored,
        look(facts=facts(marks=(Mark("MES", PRICE - 1, PRICE + 1, PRICE, START_NS),))),
        look(facts=facts(marks=(Mark("MES", PRICE, PRICE + 1, PRICE, START_NS),))),
        look(facts=facts(marks=(Mark("MES", PRICE + 1, PRICE + 1, PRICE, START_NS),))),
    ),
    (
        rules.quoted_lately,
        look(facts=quoted(2_999)),
        look(facts=quoted(3_000)),
        look(facts=quoted(3_001)),
    ),
    (rules.price_collar, collar(19), collar(20), collar(21)),
    (rules.size_allowed, look(wish(quantity=2)), look(wish(quantity=3)), look(wish(quantity=4))),
    (rules.one_entry, look(live_entries=0), exit_(live_entries=1), look(live_entries=1)),
    (rules.concurrent_trades, trades_open(1), trades_open(2), trades_open(3)),
    (
        rules.not_against_position,
        look(exposure=Exposure("MES", 1, 0, 0)),
        look(exposure=Exposure("MES", 0, 0, 0)),
        look(exposure=Exposure("MES", -1, 0, 0)),
    ),
    (
        rules.worst_case_position,
        look(exposure=Exposure("MES", 1, 0, 0)),
        look(exposure=Exposure("MES", 1, 1, 0)),
        look(exposure=Exposure("MES", 2, 1, 0)),
    ),
    (
        rules.worst_case_day,
        look(worst_case_cents=-30_000 + ENTRY_LOSS + 1),
        look(worst_case_cents=-30_000 + ENTRY_LOSS),
        look(worst_case_cents=-30_000 + ENTRY_LOSS - 1),
    ),
    (rules.entry_rate, after_entries(2), after_entries(3), after_entries(4)),
    (rules.cooled_down, look(), look(cooldown_left_ms=0), look(cooldown_left_ms=1)),
    (rules.margin_share, look(equity_cents=250_000), look(equity_cents=200_000), look(equity_cents=199_999)),
    (
        rules.margin_ceiling,
        look(params=risk(margin_ceiling_cents=(("ES", 1), ("MES", 160_001)))),
        look(params=risk(margin_ceiling_cents=(("MES", 160_000),))),
        look(params=risk(margin_ceiling_cents=(("MES", 159_999),))),
    ),
    (rules.excess_liquidity, look(excess_cents=480_001), look(excess_cents=480_000), look(excess_cents=479_999)),
    (rules.notional_cap, worth(20_001 * 125 + 1), worth(20_001 * 125), worth(20_001 * 125 - 1)),
    (rules.leverage_cap, leveraged(2.6), leveraged(2.500125), leveraged(2.5)),
    (rules.unlocked_or_person, exit_(), locked(Purpose.FLATTEN, True), locked(Purpose.FLATTEN, False)),
    (rules.reduces, reduce(1), reduce(2), reduce(3)),
    (rules.stop_ahead, protect(PRICE - 3), protect(PRICE - 2), protect(PRICE - 1)),
]
# Further faces of the same rules.
MORE: list[tuple[Rule, Look, Look]] = [
    (rules.hard_caps, stop_of(caps.MAX_STOP_TICKS), stop_of(caps.MAX_STOP_TICKS + 1)),
    (rules.hard_caps, look(wish(target_ticks=caps.MAX_TARGET_TICKS)), look(wish(target_ticks=caps.MAX_TARGET_TICKS + 1))),
    *((rules.running, look(), look(state=state)) for state in TradingState if state is not TradingState.RUNNING),
    (rules.armed, look(wish(manual=False)), look(wish(manual=False), armed=False)),
    (rules.inside_window, look(), look(facts=facts(entries_open=False, window_reason="lunch"))),
    (rules.inside_window, look(), look(facts=facts(market_open=False))),
    (rules.before_expiry, look(facts=facts(expiry=None)), lasts(-1)),
    (rules.before_expiry, look(facts=facts(expiry=TODAY, trade_date=None)), lasts(0)),
    (rules.carries_stop, look(), look(wish(stop_ticks=None))),
    (rules.carries_stop, look(wish(target_ticks=1)), look(wish(target_ticks=0))),
    (rules.anchored, look(), look(levels=Levels(None))),
    (
        rules.worst_case_position,
        look(wish(side=Side.SELL), exposure=Exposure("MES", -1, 0, 1)),
        look(wish(side=Side.SELL), exposure=Exposure("MES", -1, 0, 2)),
    ),
    (rules.margin_share, look(), look(equity_cents=None)),
    (
        rules.margin_share,  # the broker's figure while it is young enough, else the table's
        margin(800_000, 1_800_000, excess_cents=None),
        margin(800_001, 1_800_000, excess_cents=None),
    ),
    (rules.margin_share, margin(900_000, 1_800_001), margin(900_000, 1_800_000, excess_cents=None)),
    (rules.unlocked_or_person, look(wish(Purpose.PROTECT)), locked(Purpose.PROTECT, True)),
    (rules.reduces, exit_(), look(wish(Purpose.FLATTEN, side=Side.BUY))),
    (rules.reduces, exit_(), exit_(position=0)),
    (rules.stop_ahead, protect(PRICE - 16), protect(None)),
]


def refusing(seen: Look) -> Rule | None:
    """The rule that refuses this look first, None when it passes the gate."""
    purpose = seen.intent.purpose
    return next((rule for rule, binds in RULES if purpose in binds and rule(seen) is not None), None)


@pytest.mark.parametrize(("rule", "inside", "line", "outside"), CASES, ids=[rule.__name__ for rule, *_ in CASES])
def test_a_rule_allows_inside_and_on_the_line_and_refuses_outside(rule: Rule, inside: Look, line: Look, outside: Look) -> None:
    assert refusing(inside) is None
    assert verdict(inside) is None
    assert refusing(line) is None
    assert verdict(line) is None
    assert refusing(outside) is rule
    assert verdict(outside) is not None


@pytest.mark.parametrize(("rule", "allowed", "refused"), MORE)
def test_a_rule_has_further_faces(rule: Rule, allowed: Look, refused: Look) -> None:
    assert verdict(allowed) is None
    assert refusing(refused) is rule


def test_every_rule_of_the_gate_has_its_three_tests_here() -> None:
    tested = [rule for rule, *_ in CASES]
    missing = [rule.__name__ for rule, _ in RULES if tested.count(rule) != 1]
    assert missing == [], "each rule of RULES has one line of CASES: inside, on the line, outside"
    assert len(tested) == len(RULES)
    for rule in tested:
        assert rule.__doc__, f"{rule.__name__} says what it protects from"


def test_a_rule_without_its_three_tests_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def new_rule(seen: Look) -> Refusal | None:
        raise AssertionError(seen)

    monkeypatch.setattr("tests.trading.test_gate.RULES", (*RULES, (new_rule, EVERY)))
    with pytest.raises(AssertionError, match="new_rule"):
        test_every_rule_of_the_gate_has_its_three_tests_here()


def test_what_binds_entries_never_blocks_protection_or_flatten() -> None:
    worst = {
        "armed": False,
        "rate": "used up",
        "cooldown_left_ms": 1,
        "equity_cents": None,
        "cause_used": True,
        "live_entries": 3,
        "contracts_allowed": 0,
        "worst_case_cents": -(10**9),
    }
    closed = facts(entries_open=False, market_open=False, data_age_ms=None)
    for state in (TradingState.HALTED, TradingState.FENCED, TradingState.REDUCE_ONLY, TradingState.FLATTENING):
        assert verdict(look(wish(Purpose.FLATTEN), facts=closed, state=state, **worst)) is None
        assert verdict(look(wish(Purpose.PROTECT), facts=closed, state=state, **worst)) is None


def test_an_exit_may_be_larger_than_the_hard_cap_when_the_position_is() -> None:
    many = caps.MAX_CONTRACTS + 5
    assert verdict(look(wish(Purpose.FLATTEN, quantity=many), position=many)) is None
    assert verdict(look(wish(Purpose.FLATTEN, quantity=many), position=1)) == "hard cap"


def test_without_a_trade_to_measure_against_nothing_passes_the_collar() -> None:
    """After a restart into a silent market a crossed quote stood thirty ticks away; the entry must wait for a trade."""
    quotes_only = Mark("MES", PRICE - 1, PRICE + 1, None, START_NS)
    assert verdict(look(facts=facts(marks=(quotes_only,)))) == "price collar"
    assert verdict(look(levels=Levels(PRICE, None, PRICE - 16))) == "price collar"


def test_the_collar_cannot_be_configured_beyond_the_hard_cap() -> None:
    mark = Mark("MES", PRICE - 1, PRICE + 1, PRICE + 3 - caps.MAX_COLLAR_TICKS - 1, START_NS)
    assert verdict(look(facts=facts(marks=(mark,)), params=risk(collar_ticks=10_000))) == "price collar"


def test_notional_counts_position_and_working_entries() -> None:
    held = Exposure("MES", 1, 1, 0)
    assert verdict(look(exposure=held, params=risk(max_notional_cents=3 * 20_001 * 125))) is None
    assert verdict(look(exposure=held, params=risk(max_notional_cents=3 * 20_001 * 125 - 1))) == "notional"


def test_margin_and_notional_count_every_instrument_that_is_held() -> None:
    """Two ES held took thirty-two thousand of margin, and MES was entered as if nothing were there."""
    marks = (*facts().marks, Mark("ES", None, None, PRICE, START_NS))
    beside: dict[str, Any] = {"others": ((ES, Exposure("ES", -2, 0, 1)),), "facts": facts(marks=marks)}
    needed = MES.margin_cents + 3 * ES.margin_cents
    assert verdict(look(**beside, equity_cents=needed * 5 // 4)) is None
    assert verdict(look(**beside, equity_cents=needed * 5 // 4 - 1)) == "margin"
    notional = 20_001 * MES.tick_cents + 3 * PRICE * ES.tick_cents
    assert verdict(look(**beside, equity_cents=10**9, params=risk(max_notional_cents=notional))) is None
    assert verdict(look(**beside, equity_cents=10**9, params=risk(max_notional_cents=notional - 1))) == "notional"
    assert verdict(look(**beside, equity_cents=10_000_000, params=risk(max_leverage=notional / 10_000_000))) is None
    assert verdict(look(**beside, equity_cents=10_000_000, params=risk(max_leverage=7.0))) == "leverage"


def test_a_margin_figure_of_another_instrument_is_not_used() -> None:
    figure = MarginFigure(START_NS, "ES", 10**9, 0)
    assert verdict(look(facts=facts(margins=(figure,)))) is None


def test_a_protective_stop_without_a_known_market_is_allowed() -> None:
    assert verdict(look(wish(Purpose.PROTECT), facts=facts(marks=()))) is None


def test_a_refusal_names_its_rule_and_its_numbers() -> None:
    result = Gate("t", "U1", 250, 5000).first_look(look(wish(quantity=4)), {})
    assert result == Refusal(START_NS, "of1-t-1", "cause", "size", "4 contracts, 3 allowed: tier 7")


# -- orders -------------------------------------------------------------------------------------------------------------


def proposal(seen: Look | None = None, oca_group: str = "") -> Proposal:
    result = Gate("t", "U1", 250, 5000).first_look(seen or look(), {"label": "x"}, oca_group)
    assert isinstance(result, Proposal)
    return result


def test_a_bracket_is_one_intent_with_absolute_prices_anchored_to_the_opposite_quote() -> None:
    made = proposal()
    entry, target, stop = made.orders
    assert [o.id for o in made.orders] == ["of1-t-1-E", "of1-t-1-T", "of1-t-1-S"] == list(made.ids)
    assert (entry.type, entry.limit_ticks, entry.tif) == (OrderType.LIMIT, PRICE + 3, "DAY")
    assert (target.limit_ticks, stop.stop_ticks) == (PRICE + 25, PRICE - 15)
    assert entry.expires_ns == START_NS + 5_000 * MS_NS
    assert {o.intent_id for o in made.orders} == {"of1-t-1"}
    assert [o.number for o in made.orders] == [1, 2, 3]


def test_both_legs_are_gtc_outside_rth_and_cancel_each_other() -> None:
    entry, *legs = proposal().orders
    for leg in legs:
        assert (leg.tif, leg.outside_rth, leg.parent_id, leg.oca_group, leg.purpose) == (
            "GTC",
            True,
            entry.id,
            "of1-t-1",
            Purpose.PROTECT,
        )
    assert all(o.account == "U1" for o in (entry, *legs))


def test_a_bracket_without_a_target_has_two_orders() -> None:
    assert [o.role for o in proposal(look(wish(target_ticks=None))).orders] == [Role.ENTRY, Role.STOP]


def test_an_emergency_stop_joins_the_group_it_is_given_or_its_own() -> None:
    assert proposal(look(wish(Purpose.PROTECT)), "of1-t-9").orders[0].oca_group == "of1-t-9"
    alone = proposal(look(wish(Purpose.PROTECT))).orders[0]
    assert (alone.oca_group, alone.role, alone.type, alone.tif) == ("of1-t-1", Role.EMERGENCY, OrderType.STOP, "GTC")


def test_a_flatten_is_one_market_order() -> None:
    (order,) = proposal(look(wish(Purpose.FLATTEN, quantity=2))).orders
    assert (order.role, order.type, order.quantity, order.side) == (Role.FLATTEN, OrderType.MARKET, 2, Side.SELL)


def test_the_commit_holds_intent_and_every_order_with_its_number() -> None:
    commit = proposal().commit
    assert [r.kind for r in commit.rows] == ["intent", "order", "order", "order"]
    assert commit.rows[0].payload["context"] == {"label": "x"}
    assert [gate.restored_order(r) for r in commit.rows[1:]] == list(proposal().orders)
    assert rows.intent_of(commit.rows[0]) == wish()


def test_ids_and_numbers_only_grow_and_follow_the_journal() -> None:
    keeper = Gate("t", "U1", 250, 5000)
    assert keeper.draw_id() == "of1-t-1"
    keeper.saw_id("of1-t-41")
    keeper.saw_id("of1-other-99")
    keeper.saw_id("of1-t-x")
    keeper.saw_id("of1-t-7")
    assert keeper.draw_id() == "of1-t-42"
    keeper.saw_number(1000)
    keeper.saw_number(3)
    made = keeper.first_look(look(), {})
    assert isinstance(made, Proposal)
    assert made.orders[0].number == 1001


# -- second look --------------------------------------------------------------------------------------------------------

WAIT = 250 * MS_NS


@pytest.mark.parametrize(
    ("purpose", "answer", "state", "age_ns", "fate"),
    [
        (Purpose.ENTRY, Answer.COMMITTED, TradingState.RUNNING, 0, Fate.SEND),
        (Purpose.ENTRY, Answer.COMMITTED, TradingState.RUNNING, WAIT, Fate.SEND),
        (Purpose.ENTRY, Answer.COMMITTED, TradingState.RUNNING, WAIT + 1, Fate.DROP),
        (Purpose.ENTRY, Answer.COMMITTED, TradingState.FENCED, 1, Fate.DROP),
        (Purpose.ENTRY, Answer.COMMITTED, TradingState.HALTED, 1, Fate.DROP),
        (Purpose.ENTRY, Answer.SILENT, TradingState.RUNNING, WAIT, Fate.WAIT),
        (Purpose.ENTRY, Answer.SILENT, TradingState.RUNNING, WAIT + 1, Fate.DROP),
        (Purpose.ENTRY, Answer.FAILED, TradingState.RUNNING, 1, Fate.DROP),
        (Purpose.PROTECT, Answer.COMMITTED, TradingState.HALTED, 1, Fate.SEND),
        (Purpose.PROTECT, Answer.SILENT, TradingState.HALTED, WAIT - 1, Fate.WAIT),
        (Purpose.PROTECT, Answer.SILENT, TradingState.HALTED, WAIT, Fate.SEND_UNCOMMITTED),
        (Purpose.FLATTEN, Answer.FAILED, TradingState.FLATTENING, 1, Fate.SEND_UNCOMMITTED),
    ],
)
def test_the_second_look(purpose: Purpose, answer: Answer, state: TradingState, age_ns: int, fate: Fate) -> None:
    keeper = Gate("t", "U1", 250, 5000)
    made = proposal(look() if purpose is Purpose.ENTRY else look(wish(purpose)))
    said, why = keeper.second_look(made, answer, state, START_NS + age_ns)
    assert said is fate
    assert bool(why) is (fate is Fate.DROP)


@given(st.sampled_from(list(Purpose)), st.integers(0, 10**9))
def test_a_proposal_the_journal_is_silent_about_never_waits_beyond_its_due_time(purpose: Purpose, late_ns: int) -> None:
    keeper = Gate("t", "U1", 250, 5000)
    made = proposal(look() if purpose is Purpose.ENTRY else look(wish(purpose)))
    due = keeper.due_ns(made)
    assert keeper.second_look(made, Answer.SILENT, TradingState.RUNNING, due - 1)[0] is Fate.WAIT
    assert keeper.second_look(made, Answer.SILENT, TradingState.RUNNING, due + late_ns)[0] is not Fate.WAIT


# -- changes ------------------------------------------------------------------------------------------------------------


def stop_ticket(quantity: int = 3, filled: int = 0, kind: OrderType = OrderType.STOP) -> Ticket:
    order = Order(
        "of1-t-1-S", "of1-t-1", 3, 0, "MES", Side.SELL, Role.STOP, Purpose.PROTECT, kind, quantity, PRICE + 9, PRICE - 9
    )
    return Ticket(order, OrderState.ACKED, START_NS, filled=filled)


def test_a_change_carries_the_next_revision_and_keeps_the_price() -> None:
    made = Gate("t", "U1", 250, 5000).shrink(stop_ticket(), 2, START_NS)
    assert isinstance(made, Proposal)
    assert made.change is not None
    assert (made.change.revision, made.change.quantity, made.change.price_ticks) == (1, 2, PRICE - 9)
    assert made.ids == ("of1-t-1-S#1",)
    assert made.send == SendChange(made.change, made.orders[0])
    limit = Gate("t", "U1", 250, 5000).shrink(stop_ticket(kind=OrderType.LIMIT), 2, START_NS)
    assert isinstance(limit, Proposal)
    assert limit.change is not None
    assert limit.change.price_ticks == PRICE + 9


def test_a_revision_is_never_drawn_twice() -> None:
    ticket = stop_ticket()
    ticket.drawn = 4
    made = Gate("t", "U1", 250, 5000).shrink(ticket, 2, START_NS)
    assert isinstance(made, Proposal)
    assert made.change is not None
    assert made.change.revision == 5


def test_growth_by_change_is_refused_and_so_is_a_change_of_what_is_over_or_unanswered() -> None:
    keeper = Gate("t", "U1", 250, 5000)
    ticket = stop_ticket()
    assert "additional protective order" in _reason(keeper.shrink(ticket, 3, START_NS))
    assert "cancel instead" in _reason(keeper.shrink(stop_ticket(filled=2), 2, START_NS))
    made = keeper.shrink(ticket, 2, START_NS)
    assert isinstance(made, Proposal)
    ticket.change = made.change
    assert "unanswered" in _reason(keeper.shrink(ticket, 1, START_NS))
    ticket.state = OrderState.CANCELLED
    assert "CANCELLED" in _reason(keeper.shrink(ticket, 1, START_NS))


def _reason(result: Proposal | Refusal) -> str:
    assert isinstance(result, Refusal)
    return result.reason


def test_an_order_is_restated_as_the_broker_says() -> None:
    stop, limit = stop_ticket().order, stop_ticket(kind=OrderType.LIMIT).order
    assert gate.restated(stop, 1, PRICE - 5, 2) == replace(stop, quantity=1, stop_ticks=PRICE - 5, revision=2)
    assert gate.restated(limit, 1, PRICE + 5) == replace(limit, quantity=1, limit_ticks=PRICE + 5)
    assert gate.restated(stop, 1, None) == replace(stop, quantity=1)


def test_an_entry_proposal_sends_its_orders_as_one_group() -> None:
    made = proposal()
    assert made.send == Send(made.orders)
    assert made.purpose in EVERY


def test_at_night_quotes_may_be_older_and_a_source_without_quotes_is_not_asked_for_them() -> None:
    assert rules.quoted_lately(look(facts=quoted(15_000, rth=False))) is None
    refusal = rules.quoted_lately(look(facts=quoted(15_001, rth=False)))
    assert refusal is not None
    assert refusal.reason == "quotes of MES are 15.001 s old, limit 15 s"
    assert rules.quoted_lately(look(facts=facts(marks=()))) is None
