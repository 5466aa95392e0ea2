"""Blotter, ledger and breaker: every execution once, every cent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Change, Fill, Order, OrderState, OrderType, Purpose, Role, Side
from orderflow_tui.domain.watch import Watch
from orderflow_tui.trading import breaker
from orderflow_tui.trading.blotter import Blotter, UnknownOrder, covered
from orderflow_tui.trading.ledger import Ledger, Resting
from orderflow_tui.trading.lifecycle import IllegalNews, News
from orderflow_tui.trading.limits import RiskLimits
from orderflow_tui.trading.protection import assured
from orderflow_tui.trading.scorecard import by_label, by_reason, by_regime, score, scorecard
from orderflow_tui.trading.trade import Execution, ExitReason, RoundTrip
from tests.builders import ES, MES
from tests.trading.house import START_NS, TODAY

TOMORROW = date(2026, 3, 6)
COMMISSION = 62
TICK = 125


def fill(
    base: str, side: int, quantity: int, price: int, revision: int = 1, order_id: str | None = "o", symbol: str = "MES"
) -> Fill:
    return Fill(f"{base}.{revision:02d}", base, revision, order_id, START_NS, symbol, Side(side), quantity, price)


def execution(source: Fill, reason: ExitReason = ExitReason.MANUAL, asked: int | None = None) -> Execution:
    return Execution(source, reason, "i", asked)


def ledger(*fills: Fill) -> Ledger:
    made = Ledger({"MES": MES, "ES": ES})
    made.begin_day(TODAY)
    for each in fills:
        made.book(execution(each))
    return made


def mark(last: int | None, high: int | None = None, low: int | None = None, symbol: str = "MES") -> Mark:
    return Mark(symbol, None, None, last, START_NS, high, low)


def order(order_id: str = "o", quantity: int = 2, role: Role = Role.ENTRY, group: str = "", side: Side = Side.BUY) -> Order:
    purpose = Purpose.ENTRY if role is Role.ENTRY else Purpose.PROTECT
    return Order(order_id, "i", 1, 0, "MES", side, role, purpose, OrderType.LIMIT, quantity, 100, oca_group=group)


def sent(*orders: Order) -> Blotter:
    made = Blotter()
    for each in orders:
        made.add(each, START_NS)
        made.tell(each.id, News.COMMIT_DONE, START_NS)
        made.tell(each.id, News.HANDED_OVER, START_NS)
    return made


# -- blotter ------------------------------------------------------------------------------------------------------------


def test_an_order_id_is_used_once() -> None:
    with pytest.raises(AssertionError, match="used twice"):
        sent(order(), order())


def test_an_order_enters_the_book_alive() -> None:
    with pytest.raises(AssertionError, match="enters the book"):
        Blotter().add(order(), START_NS, OrderState.CANCELLED)


def test_a_repeated_execution_changes_nothing() -> None:
    book = sent(order())
    assert book.book(fill("a", 1, 1, 100), START_NS) is not None
    assert book.book(fill("a", 1, 1, 100), START_NS) is None
    assert book.position("MES") == 1
    assert book.knows(fill("a", 1, 1, 100))
    assert not book.knows(fill("a", 1, 1, 100, revision=2))


def test_a_correction_counts_its_difference_and_an_older_revision_nothing() -> None:
    book = sent(order())
    book.book(fill("a", 1, 2, 100), START_NS)
    assert book.tickets["o"].state is OrderState.FILLED
    corrected = book.book(fill("a", 1, 1, 100, revision=2), START_NS)
    assert corrected is not None
    assert (corrected.signed, corrected.ticket, corrected.moved) == (-1, book.tickets["o"], None)
    assert book.book(fill("a", 1, 2, 100, revision=1), START_NS) is None
    assert book.position("MES") == 1
    bust = book.book(fill("a", 1, 0, 100, revision=3), START_NS)
    assert bust is not None
    assert book.position("MES") == 0


def test_a_correction_upwards_moves_the_order_on() -> None:
    book = sent(order())
    book.book(fill("a", 1, 1, 100), START_NS)
    more = book.book(fill("a", 1, 2, 100, revision=2), START_NS)
    assert more is not None
    assert book.tickets["o"].state is OrderState.FILLED


def test_a_fill_after_cancel_is_late_and_counts() -> None:
    book = sent(order())
    book.tell("o", News.SAID_CANCELLED, START_NS)
    booked = book.book(fill("a", 1, 1, 100), START_NS)
    assert booked is not None
    assert booked.late
    assert book.tickets["o"].state is OrderState.CANCELLED
    assert book.position("MES") == 1
    assert book.live == ()


def test_an_execution_of_nobodys_order_counts_too() -> None:
    book = Blotter()
    booked = book.book(fill("a", -1, 3, 100, order_id=None), START_NS)
    assert booked is not None
    assert booked.ticket is None
    assert book.position("MES") == -3
    book.adjust("MES", 5)
    assert book.position("MES") == 2


def test_an_order_that_was_given_up_comes_alive_again() -> None:
    book = sent(order())
    book.tell("o", News.SILENCE, START_NS)
    book.tell("o", News.GIVEN_UP, START_NS)
    assert not book.live
    book.tell("o", News.SEEN_WORKING, START_NS)
    assert [t.state for t in book.live] == [OrderState.ACKED]


def test_news_of_a_stranger_or_out_of_order_is_refused() -> None:
    book = Blotter()
    with pytest.raises(UnknownOrder):
        book.tell("nobody", News.WORKING, START_NS)
    with pytest.raises(UnknownOrder):
        book.force("nobody", OrderState.SENT, START_NS)
    book.add(order(), START_NS)
    with pytest.raises(IllegalNews):
        book.tell("o", News.WORKING, START_NS)
    assert book.tickets["o"].state is OrderState.PROPOSED


def test_exposure_counts_the_worse_of_old_and_new_until_a_change_is_answered() -> None:
    book = sent(order(), order("s", 2, Role.STOP, side=Side.SELL))
    stop = book.tickets["s"]
    book.tell("s", News.WORKING, START_NS)
    exposure = book.exposure("MES", 1)
    assert (exposure.working_buy_entries, exposure.working_sell_entries, assured(book.stops(Side.SELL))) == (2, 0, 2)
    stop.change = Change("s", 1, 1, 90, Purpose.PROTECT)
    assert assured(book.stops(Side.SELL)) == 1
    assert stop.remaining == 2, "it may still fill for two"
    book.tickets["o"].change = Change("o", 1, 3, 100, Purpose.ENTRY)
    assert book.exposure("MES", 1).working_buy_entries == 3
    book.tell("s", News.SILENCE, START_NS)
    assert (assured(book.stops(Side.SELL)), len(book.unresolved())) == (0, 1)


def test_in_a_group_one_fill_cancels_the_rest_so_only_the_largest_counts() -> None:
    book = sent(
        order("a", 2, Role.STOP, "g", Side.SELL),
        order("b", 1, Role.EMERGENCY, "g", Side.SELL),
        order("c", 1, Role.STOP, "", Side.SELL),
    )
    assert covered(book.live) == 3
    assert book.stops(Side.BUY) == (), "stops of the other side protect nothing"
    book.tell("a", News.SAID_CANCELLED, START_NS)
    assert book.tickets["a"].assured == 0


# -- ledger -------------------------------------------------------------------------------------------------------------


def test_a_long_and_a_short_trade_in_cents() -> None:
    made = ledger(fill("a", 1, 2, 100), fill("b", -1, 2, 124))
    (trip,) = made.trips
    assert (trip.gross_cents, trip.fees_cents, trip.net_cents) == (24 * TICK * 2, 4 * COMMISSION, 24 * TICK * 2 - 4 * COMMISSION)
    assert made.net_cents == made.value_cents == trip.net_cents
    assert (made.position("MES"), made.held, made.episode("MES")) == (0, (), None)
    short = ledger(fill("a", -1, 1, 100), fill("b", 1, 1, 116))
    assert short.realised_cents == -16 * TICK


def test_open_profit_is_net_of_what_it_costs_to_close() -> None:
    made = ledger(fill("a", 1, 2, 100))
    made.see(mark(110))
    assert (made.open_cents, made.fees_cents, made.closing_cents) == (10 * TICK * 2, 2 * COMMISSION, 2 * COMMISSION)
    assert made.value_cents == made.net_cents - made.closing_cents == 2500 - 4 * COMMISSION
    made.see(mark(None))
    assert made.open_cents == 2500, "no price is no news"


def test_round_trips_close_first_in_first_out() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", 1, 1, 110), fill("c", -1, 1, 120))
    assert made.realised_cents == 20 * TICK
    episode = made.episode("MES")
    assert episode is not None
    assert episode.average_ticks == 110.0
    made.book(execution(fill("d", -1, 1, 120), ExitReason.TARGET))
    (trip,) = made.trips
    assert (trip.quantity, trip.entry_ticks, trip.exit_ticks, trip.reason) == (2, 105.0, 120.0, ExitReason.TARGET)


def test_a_fill_through_zero_closes_one_trade_and_opens_the_next() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", -1, 3, 104))
    assert made.position("MES") == -2
    assert made.realised_cents == 4 * TICK
    assert made.trades_begun == 2
    assert made.fees_cents == 4 * COMMISSION
    assert made.trips[0].fees_cents == 2 * COMMISSION, "its share of the fill that closed it"


def test_actual_commissions_replace_expected_ones_whenever_they_come() -> None:
    made = ledger(fill("a", 1, 2, 100))
    made.commission("a.01", 300)
    assert made.fees_cents == 300
    made.commission("b.01", 77)
    made.book(execution(fill("b", -1, 2, 100)))
    assert made.fees_cents == 377
    assert made.trips[0].fees_cents == 377
    for _ in range(2):
        made.commission("b.01", 80)
        assert made.fees_cents == made.trips[0].fees_cents == 380


def test_a_corrected_execution_keeps_the_commission_that_was_told_until_its_own_is() -> None:
    made = ledger(fill("a", 1, 2, 100), fill("b", -1, 2, 110))
    made.commission("a.01", 300)
    made.book(execution(fill("a", 1, 2, 101, revision=2)), fill("a", 1, 2, 100))
    assert made.fees_cents == made.trips[0].fees_cents == 300 + 2 * COMMISSION
    made.book(execution(fill("a", 1, 1, 101, revision=3)), fill("a", 1, 2, 101, revision=2))
    assert made.fees_cents == 150 + 2 * COMMISSION, "in proportion to the contracts"
    made.commission("a.03", 149)
    assert made.fees_cents == 149 + 2 * COMMISSION
    made.book(execution(fill("a", 1, 0, 101, revision=4)), fill("a", 1, 1, 101, revision=3))
    assert made.fees_cents == 2 * COMMISSION
    made.commission("a.04", 7)
    assert made.fees_cents == 7 + 2 * COMMISSION
    made.book(execution(fill("a", 1, 2, 101, revision=5)), fill("a", 1, 0, 101, revision=4))
    assert made.fees_cents == 2 * 149 + 2 * COMMISSION, "what a bust cost says nothing of a contract"


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(-4, 4).filter(bool), st.integers(0, 999)), min_size=1, max_size=10))
def test_trades_add_up_to_the_day_to_the_cent_through_every_reversal(steps: list[tuple[int, int]]) -> None:
    made = ledger()
    for i, (signed, cents) in enumerate(steps):
        made.book(execution(fill(str(i), 1 if signed > 0 else -1, abs(signed), 100 + i)))
        made.commission(f"{i}.01", cents)
    left = made.position("MES")
    if left:
        made.book(execution(fill("end", -1 if left > 0 else 1, abs(left), 90)))
    assert sum(trip.net_cents for trip in made.trips) == made.net_cents


def test_a_corrected_price_and_a_bust_fold_the_day_again() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", -1, 1, 110))
    made.see(mark(110))
    first = fill("a", 1, 1, 100)
    made.book(execution(fill("a", 1, 1, 104, revision=2)), first)
    assert made.realised_cents == 6 * TICK
    made.book(execution(fill("b", -1, 0, 110, revision=2)), fill("b", -1, 1, 110))
    assert (made.position("MES"), made.trips, made.realised_cents) == (1, [], 0)


def test_a_bust_heard_first_books_nothing() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", -1, 0, 0, revision=2))
    assert made.position("MES") == 1


def test_excursions_survive_a_correction() -> None:
    made = ledger(fill("a", 1, 1, 100))
    made.see(mark(101, high=130, low=80))
    made.book(execution(fill("a", 1, 1, 102, revision=2)), fill("a", 1, 1, 100))
    made.book(execution(fill("b", -1, 1, 103)))
    assert (made.trips[0].mae_ticks, made.trips[0].mfe_ticks) == (22.0, 28.0)


def test_what_the_market_did_while_nothing_was_held_is_no_excursion() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", -1, 1, 103))
    made.saw("MES", 50, 150)
    made.see(mark(101, high=130, low=80))
    assert made.seen("MES") is None
    made.book(execution(fill("b", -1, 0, 103, revision=2)), fill("b", -1, 1, 103))
    made.see(mark(99))
    assert made.seen("MES") == (99, 99)
    made.book(execution(fill("b", -1, 1, 103, revision=3)), fill("b", -1, 0, 103, revision=2))
    assert made.seen("MES") is None
    assert (made.trips[0].mae_ticks, made.trips[0].mfe_ticks) == (0.0, 3.0), "it was over at b after all"


def test_excursions_of_a_short_and_of_a_trade_that_never_went_wrong() -> None:
    made = ledger(fill("a", -1, 1, 100))
    made.see(mark(95, high=104, low=90))
    made.book(execution(fill("b", 1, 1, 96)))
    assert (made.trips[0].mae_ticks, made.trips[0].mfe_ticks) == (4.0, 10.0)
    assert ledger(fill("a", 1, 1, 100), fill("b", -1, 1, 101)).trips[0].mae_ticks == 0.0


def test_slippage_is_what_entry_and_exit_were_worse_than_asked() -> None:
    made = Ledger({"MES": MES})
    made.begin_day(TODAY)
    made.book(execution(fill("a", 1, 2, 101), asked=100))
    made.book(execution(fill("b", -1, 2, 83), ExitReason.STOP, asked=85))
    assert made.trips[0].slippage_ticks == 3.0


@pytest.mark.parametrize("asked", [(None, 85), (100, None), (None, None)])
def test_slippage_is_unknown_where_nothing_was_asked(asked: tuple[int | None, int | None]) -> None:
    made = ledger()
    made.book(execution(fill("a", 1, 2, 101), asked=asked[0]))
    made.book(execution(fill("b", -1, 1, 83), ExitReason.STOP, asked=asked[1]))
    made.book(execution(fill("c", -1, 1, 83), ExitReason.STOP, asked=85))
    assert made.trips[0].slippage_ticks is None


def test_the_peak_takes_the_best_price_of_a_piece_and_drawdown_the_last() -> None:
    made = ledger(fill("a", 1, 1, 100))
    made.see(mark(105, high=120, low=99))
    assert made.peak_cents == 20 * TICK - 2 * COMMISSION
    assert made.drawdown_cents == 15 * TICK
    short = ledger(fill("a", -1, 1, 100))
    short.see(mark(95, high=101, low=80))
    assert short.peak_cents == 20 * TICK - 2 * COMMISSION


@settings(max_examples=60)
@given(st.lists(st.integers(80, 120), min_size=1, max_size=30), st.data())
def test_peak_and_excursions_do_not_depend_on_how_marks_are_cut(prices: list[int], data: st.DataObject) -> None:
    whole, pieces = ledger(fill("a", 1, 1, 100)), ledger(fill("a", 1, 1, 100))
    for price in prices:
        whole.see(mark(price))
    left = prices
    while left:
        cut = data.draw(st.integers(1, len(left)))
        piece, left = left[:cut], left[cut:]
        pieces.see(mark(piece[-1], max(piece), min(piece)))
    assert (whole.peak_cents, whole.drawdown_cents, whole.open_cents) == (
        pieces.peak_cents,
        pieces.drawdown_cents,
        pieces.open_cents,
    )
    a, b = whole.episode("MES"), pieces.episode("MES")
    assert a is not None
    assert b is not None
    assert a.seen == b.seen


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from([-1, 1]), st.integers(1, 3), st.integers(90, 110)), max_size=12), st.integers(90, 110))
def test_realised_and_open_always_add_up_to_the_cash_flow(steps: list[tuple[int, int, int]], last: int) -> None:
    fills = [fill(str(i), side, quantity, price) for i, (side, quantity, price) in enumerate(steps)]
    made = ledger(*fills)
    made.see(mark(last))
    position = sum(f.side * f.quantity for f in fills)
    flow = -sum(f.side * f.quantity * f.price_ticks for f in fills) + position * last
    assert made.position("MES") == position
    assert made.realised_cents + made.open_cents == flow * TICK
    assert sum(t.gross_cents for t in made.trips) <= made.realised_cents or position != 0
    assert made.fees_cents == COMMISSION * sum(f.quantity for f in fills)
    assert made.base_cents("MES") + position * TICK * last == made.value_cents


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([-1, 1]), st.integers(1, 3), st.integers(90, 110)), min_size=1, max_size=8), st.data())
def test_a_corrected_day_equals_a_day_that_was_right_at_once(steps: list[tuple[int, int, int]], data: st.DataObject) -> None:
    fills = [fill(str(i), side, quantity, price) for i, (side, quantity, price) in enumerate(steps)]
    wrong = data.draw(st.integers(0, len(fills) - 1))
    quantity, price = data.draw(st.integers(0, 3)), data.draw(st.integers(90, 110))
    right = replace(fills[wrong], quantity=quantity, price_ticks=price, revision=2, exec_id=f"{wrong}.02")
    corrected = ledger(*fills)
    corrected.book(execution(right), fills[wrong])
    at_once = ledger(*[right if i == wrong else f for i, f in enumerate(fills)])
    assert corrected.position("MES") == at_once.position("MES")
    assert corrected.realised_cents == at_once.realised_cents
    assert corrected.trips == at_once.trips


Step = tuple[int, int, int, list[tuple[int, int]]]  # side, contracts, price, and how the market went afterwards
STEPS = st.lists(
    st.tuples(
        st.sampled_from([-1, 1]),
        st.integers(1, 3),
        st.integers(90, 110),
        st.lists(st.tuples(st.integers(80, 120), st.integers(0, 5)), max_size=3),
    ),
    min_size=1,
    max_size=8,
)


def went(steps: list[Step], fills: list[Fill]) -> Ledger:
    made = ledger()
    for each, (*_, moves) in zip(fills, steps, strict=True):
        made.book(execution(each))
        for last, reach in moves:
            made.see(mark(last, last + reach, last - reach))
    return made


@settings(max_examples=150)
@given(STEPS, st.data())
def test_a_corrected_day_has_the_peak_of_one_that_was_right_at_once(steps: list[Step], data: st.DataObject) -> None:
    fills = [fill(str(i), side, quantity, price) for i, (side, quantity, price, _) in enumerate(steps)]
    first, second = (data.draw(st.integers(0, len(fills) - 1)) for _ in range(2))
    corrected, right = went(steps, fills), list(fills)
    for wrong in (first, second):
        before = right[wrong]
        revision = before.revision + 1
        price = data.draw(st.integers(90, 110))
        right[wrong] = replace(before, price_ticks=price, revision=revision, exec_id=f"{wrong}.{revision:02d}")
        corrected.book(execution(right[wrong]), before)
    at_once = went(steps, right)
    assert corrected.peak_cents == at_once.peak_cents
    quantity, side = data.draw(st.integers(0, 3)), Side(data.draw(st.sampled_from([-1, 1])))
    before = right[first]
    right[first] = replace(before, quantity=quantity, side=side, revision=9, exec_id=f"{first}.09")
    corrected.book(execution(right[first]), before)
    at_once = went(steps, right)
    assert corrected.peak_cents <= at_once.peak_cents, "of what was not held then, nobody looked at the market"
    assert corrected.peak_cents >= went(steps[:first], right[:first]).peak_cents, "what came before stays"


def test_a_busted_exit_leaves_no_peak_and_what_it_leaves_open_makes_the_next() -> None:
    made = ledger(fill("a", 1, 1, 100))
    made.see(mark(104))
    made.book(execution(fill("b", -1, 1, 200)))
    assert made.peak_cents == 100 * TICK - 2 * COMMISSION
    made.book(execution(fill("b", -1, 0, 200, revision=2)), fill("b", -1, 1, 200))
    assert made.peak_cents == 4 * TICK - 2 * COMMISSION
    made.see(mark(106))
    assert made.peak_cents == 6 * TICK - 2 * COMMISSION
    made.book(execution(fill("a", 1, 1, 101, revision=2)), fill("a", 1, 1, 100))
    assert made.peak_cents == 5 * TICK - 2 * COMMISSION


def test_a_peak_that_only_the_journal_knows_stays_where_it_was_before_the_corrected_execution() -> None:
    made = ledger(fill("a", 1, 1, 100))
    made.peak_cents = 5_000
    made.book(execution(fill("b", -1, 1, 200)))
    made.book(execution(fill("c", 1, 1, 100)))
    made.book(execution(fill("d", -1, 1, 100)))
    made.book(execution(fill("b", -1, 1, 102, revision=2)), fill("b", -1, 1, 200))
    assert made.peak_cents == 5_000
    made.book(execution(fill("d", -1, 1, 101, revision=2)), fill("d", -1, 1, 100))
    assert made.peak_cents == 5_000, "what stood when a later one came is without the phantom too"


def test_a_correction_of_an_earlier_day_counts_in_the_peak_from_when_it_came() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", -1, 1, 110))
    made.begin_day(TOMORROW)
    made.book(execution(fill("c", 1, 1, 100)))
    made.book(execution(fill("d", -1, 1, 110)))
    stood = 10 * TICK - 2 * COMMISSION
    made.book(execution(fill("a", 1, 1, 96, revision=2)), fill("a", 1, 1, 100))
    assert made.peak_cents == stood + 4 * TICK
    made.book(execution(fill("e", 1, 1, 100)))
    made.book(execution(fill("f", -1, 1, 80)))
    made.book(execution(fill("f", -1, 1, 90, revision=2)), fill("f", -1, 1, 80))
    assert made.peak_cents == stood + 4 * TICK
    made.book(execution(fill("d", -1, 1, 108, revision=2)), fill("d", -1, 1, 110))
    assert made.peak_cents == stood + 2 * TICK


def test_a_new_trade_date_starts_at_zero_and_open_lots_count_from_the_mark() -> None:
    made = ledger(fill("a", 1, 1, 100))
    made.see(mark(110))
    made.begin_day(TOMORROW)
    assert (made.net_cents, made.peak_cents, made.trips, made.trade_date) == (0, 0, [], TOMORROW)
    made.see(mark(112))
    assert made.open_cents == 2 * TICK
    made.book(execution(fill("b", -1, 1, 115)))
    assert made.realised_cents == 5 * TICK
    assert made.trips[0].gross_cents == 15 * TICK, "the trade itself counts from its entry"
    assert made.past_net_cents == 10 * TICK - COMMISSION
    assert made.trips[0].fees_cents == 2 * COMMISSION


def test_a_correction_of_an_earlier_day_is_money_of_today() -> None:
    made = ledger(fill("a", 1, 2, 100))
    made.see(mark(110))
    made.begin_day(TOMORROW)
    made.book(execution(fill("a", 1, 2, 104, revision=2)), fill("a", 1, 2, 100))
    assert (made.trips, made.restated) == ([], {})
    episode = made.episode("MES")
    assert episode is not None
    assert episode.average_ticks == 104.0
    assert made.closed_cents == -4 * 2 * TICK
    made.book(execution(fill("a", 1, 1, 104, revision=3)), fill("a", 1, 2, 104, revision=2))
    assert made.position("MES") == 1
    made.book(execution(fill("a", 1, 3, 104, revision=4)), fill("a", 1, 1, 104, revision=3))
    assert made.position("MES") == 3


def test_a_trade_held_over_the_turn_counts_from_its_corrected_entry_and_keeps_its_excursions() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", 1, 1, 102))
    made.see(mark(110, high=130))
    made.begin_day(TOMORROW)
    made.see(mark(108, low=90))
    made.book(execution(fill("a", 1, 1, 104, revision=2)), fill("a", 1, 1, 100))
    made.book(execution(fill("c", -1, 2, 112)))
    (trip,) = made.trips
    assert (trip.entry_ticks, trip.gross_cents, trip.trade_date) == (103.0, 18 * TICK, TOMORROW)
    assert (trip.mae_ticks, trip.mfe_ticks) == (13.0, 27.0)
    assert made.past_net_cents + made.closed_cents == trip.net_cents, "days and trade are the same money"


@pytest.mark.parametrize(
    ("side", "quantity", "price"), [(1, 2, 104), (1, 1, 104), (1, 0, 0), (1, 3, 98), (-1, 0, 0), (-1, 2, 100), (-1, 3, 98)]
)
def test_what_changes_in_an_execution_of_an_earlier_day_is_the_same_money(side: int, quantity: int, price: int) -> None:
    signed = side * quantity
    made = ledger(fill("a", 1, 2, 100), fill("b", -1, 2, 110))
    made.begin_day(TOMORROW)
    made.book(execution(fill("a", side, quantity, price, revision=2)), fill("a", 1, 2, 100))
    made.see(mark(120))
    fees = made.past_net_cents + made.net_cents - (2 * 110 - signed * price + (signed - 2) * 120) * TICK
    assert made.position("MES") == signed - 2
    assert -fees == COMMISSION * (4 + abs(signed - 2))


def test_a_correction_of_an_earlier_day_may_turn_the_side_and_be_corrected_again() -> None:
    made = ledger(fill("a", 1, 1, 100))
    made.begin_day(TOMORROW)
    made.book(execution(fill("a", -1, 1, 100, revision=2)), fill("a", 1, 1, 100))
    assert made.position("MES") == -1
    assert made.trips[0].gross_cents == 0, "what goes, goes at the price that was booked"
    made.commission("a.02", 50)
    assert made.fees_cents == COMMISSION + 50, "told once, paid once"
    made.book(execution(fill("a", 1, 2, 100, revision=3)), fill("a", -1, 1, 100, revision=2))
    assert made.position("MES") == 2


def test_what_a_commission_of_an_earlier_day_came_to_more_is_money_of_today() -> None:
    made = ledger(fill("a", 1, 2, 100), fill("b", -1, 2, 110))
    made.commission("a.01", 130)
    made.begin_day(TOMORROW)
    made.commission("a.02", 150)
    assert made.fees_cents == 0, "of an execution nobody told yet"
    made.book(execution(fill("a", 1, 2, 100, revision=2)), fill("a", 1, 2, 100))
    assert (made.fees_cents, made.closed_cents) == (20, -20)
    made.commission("b.01", 130)
    assert made.fees_cents == 20 + 130 - 2 * COMMISSION
    (trip,) = made.restated.values()
    assert made.past_net_cents + made.net_cents == trip.net_cents
    made.begin_day(TOMORROW)
    assert made.fees_cents == 0


def test_contracts_that_come_late_pay_their_share_of_what_is_told_for_all_of_them() -> None:
    made = ledger(fill("a", 1, 2, 100))
    made.begin_day(TOMORROW)
    made.book(execution(fill("a", 1, 3, 100, revision=2)), fill("a", 1, 2, 100))
    assert made.fees_cents == COMMISSION
    made.commission("a.02", 300)
    assert made.fees_cents == 300 - 2 * COMMISSION, "two thirds were paid at what was expected, yesterday"


def test_streaks_count_from_the_last_trade_and_a_scratch_leaves_them() -> None:
    made = Ledger({"MES": replace(MES, commission_cents=0)})
    made.begin_day(TODAY)
    assert (made.streak, made.wins, made.expectancy_cents) == (0, 0, None)
    for i, move in enumerate([-1, 1, 1, 0, 1]):
        made.book(execution(fill(f"a{i}", 1, 1, 100)))
        made.book(execution(fill(f"b{i}", -1, 1, 100 + move)))
    assert (made.streak, made.wins, made.expectancy_cents) == (3, 3, 2 * TICK // 5)
    made.book(execution(fill("x", 1, 1, 100)))
    made.book(execution(fill("y", -1, 1, 90)))
    assert made.streak == -1


def test_the_equity_curve_has_a_point_a_trade_and_a_bound() -> None:
    made = ledger(fill("a", 1, 1, 100), fill("b", -1, 1, 110))
    assert list(made.equity) == [0, 10 * TICK - 2 * COMMISSION]
    assert made.equity.maxlen == 500


def test_the_worst_case_fills_every_stop_with_slippage_the_worst_first() -> None:
    made = ledger(fill("a", 1, 2, 100))
    made.see(mark(110))
    stops = {"MES": [Resting(1, 96), Resting(1, 90)]}
    expected = ((96 - 2) + (90 - 2) - 200) * TICK - 4 * COMMISSION
    assert made.worst_case_cents(stops, 2) == expected
    bare = ((110 - 18) * 2 - 200) * TICK - 4 * COMMISSION
    assert made.worst_case_cents({}, 2) == bare
    too_many = made.worst_case_cents({"MES": [Resting(5, 90)]}, 0)
    assert too_many == (2 * 90 - 200) * TICK - 4 * COMMISSION
    short = ledger(fill("a", -1, 1, 100))
    assert short.worst_case_cents({"MES": [Resting(1, 110)]}, 2) == -12 * TICK - 2 * COMMISSION
    short.see(mark(115))
    assert short.worst_case_cents({"MES": [Resting(1, 110)]}, 2) == -17 * TICK - 2 * COMMISSION, "passed, and not told yet"


def test_a_contract_without_a_stop_is_taken_to_lose_the_stop_of_its_own_instrument() -> None:
    far = replace(ES, stop_ticks=40)
    made = Ledger({"MES": MES, "ES": far})
    made.book(execution(replace(fill("a", 1, 1, 100), instrument="ES")))
    assert made.worst_case_cents({}, 2) == -42 * ES.tick_cents - 2 * ES.commission_cents


def test_a_fill_in_an_unknown_instrument_is_our_bug() -> None:
    with pytest.raises(AssertionError):
        ledger(fill("a", 1, 1, 100, symbol="ZB"))


# -- breaker ------------------------------------------------------------------------------------------------------------

LIMITS = RiskLimits(
    daily_loss_cents=10_000, max_drawdown_cents=8_000, daily_profit_cents=5_000, max_trades_per_day=2, max_consecutive_losses=2
)


def kinds(made: Ledger, limits: RiskLimits = LIMITS) -> set[LatchKind]:
    return {trip.kind for trip in breaker.trips(made, limits, limits.daily_loss_cents)}


def at_value(cents: int) -> Ledger:
    """A flat ledger whose day closed at exactly this value."""
    made = Ledger({"X": replace(MES, symbol="X", tick_cents=1, commission_cents=0)})
    made.begin_day(TODAY)
    made.book(execution(fill("a", 1, 1, 0, symbol="X")))
    made.book(execution(fill("b", -1, 1, cents, symbol="X")))
    return made


@pytest.mark.parametrize(
    ("kind", "inside", "line"),
    [
        (LatchKind.DAILY_LOSS, -9_999, -10_000),
        (LatchKind.DRAWDOWN, -7_999, -8_000),
        (LatchKind.PROFIT_TARGET, 4_999, 5_000),
    ],
)
def test_money_limits_trip_on_the_line(kind: LatchKind, inside: int, line: int) -> None:
    assert kind not in kinds(at_value(inside))
    assert kind in kinds(at_value(line))


def test_counts_trip_when_they_are_reached() -> None:
    one = ledger(fill("a", 1, 1, 100), fill("b", -1, 1, 99))
    assert kinds(one) == set()
    one.book(execution(fill("c", 1, 1, 100)))
    assert kinds(one) == {LatchKind.TRADE_COUNT}
    one.book(execution(fill("d", -1, 1, 99)))
    assert kinds(one) == {LatchKind.TRADE_COUNT, LatchKind.CONSECUTIVE_LOSSES}


def day_of(losses: int, begun: int = 0) -> Ledger:
    """A ledger with so many losing trades, and so many more begun."""
    made = ledger()
    for n in range(losses):
        made.book(execution(fill(f"l{n}", 1, 1, 100)))
        made.book(execution(fill(f"m{n}", -1, 1, 99)))
    for n in range(begun):
        made.book(execution(fill(f"b{n}", 1, 1, 100)))
    return made


# For every limit of the day: well inside, the last that is allowed, and the line, which trips: a limit that is reached is over.
LIMIT_CASES: list[tuple[object, Ledger, Ledger, Ledger, bool]] = [
    (breaker.daily_loss, at_value(0), at_value(-9_999), at_value(-10_000), True),
    (breaker.drawdown, at_value(0), at_value(-7_999), at_value(-8_000), True),
    (breaker.profit_target, at_value(0), at_value(4_999), at_value(5_000), False),
    (breaker.consecutive_losses, day_of(0), day_of(1), day_of(2), True),
    (breaker.trades_a_day, day_of(0), day_of(0, begun=1), day_of(1, begun=1), False),
]


@pytest.mark.parametrize(("limit", "inside", "last", "line", "flattens"), LIMIT_CASES)
def test_a_limit_of_the_day_trips_when_it_is_reached(
    limit: Callable[[Ledger, RiskLimits, int], breaker.Trip | None], inside: Ledger, last: Ledger, line: Ledger, flattens: bool
) -> None:
    assert limit(inside, LIMITS, 10_000) is None
    assert limit(last, LIMITS, 10_000) is None
    trip = limit(line, LIMITS, 10_000)
    assert trip is not None
    assert trip.flatten is flattens
    assert trip in breaker.trips(line, LIMITS, 10_000)


def test_every_limit_of_the_day_has_its_three_tests_here() -> None:
    assert [limit for limit, *_ in LIMIT_CASES] == list(breaker.LIMITS)


def test_no_profit_target_is_no_limit() -> None:
    assert LatchKind.PROFIT_TARGET not in kinds(at_value(10**9), replace(LIMITS, daily_profit_cents=0))


def test_loss_and_drawdown_take_the_position_along() -> None:
    found = breaker.trips(at_value(-10_000), LIMITS, 10_000)
    assert {t.kind for t in found if t.flatten} == {LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN}
    assert "-100.00" in found[0].reason


def test_the_tighter_loss_limit_holds() -> None:
    assert breaker.daily_loss_cents(LIMITS, None) == 10_000
    assert breaker.daily_loss_cents(LIMITS, 4_000) == 4_000
    assert breaker.daily_loss_cents(LIMITS, 40_000) == 10_000
    assert breaker.money(-5) == "-0.05"


def test_a_flat_ledger_needs_no_price_watch() -> None:
    assert breaker.watch(ledger(), "MES", LIMITS, 10_000, True) == Watch()
    held = ledger(fill("a", 1, 1, 100))
    assert breaker.watch(held, "MES", LIMITS, None, False) == Watch()


@settings(max_examples=100)
@given(
    st.sampled_from([-1, 1]),
    st.integers(1, 3),
    st.lists(st.integers(60, 140), max_size=6),
    st.lists(st.integers(20, 180), min_size=1, max_size=60),
)
def test_the_watch_wakes_at_exactly_the_trade_that_trips(side: int, quantity: int, before: list[int], prices: list[int]) -> None:
    """Every limit is met at the first trade at which the watch wakes and the ledger agrees, and at none it slept through."""
    made = ledger(fill("a", side, quantity, 100))
    for price in before:
        made.see(mark(price))
        if kinds(made) & {LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN}:
            return
    watch = breaker.watch(made, "MES", LIMITS, LIMITS.daily_loss_cents, True)
    bests = [g.best for g in watch.give_back]
    for price in prices:
        woken = price <= watch.below or price >= watch.above
        for i, give in enumerate(watch.give_back):
            bests[i] = max(bests[i], give.sign * price)
            woken = woken or bests[i] - give.sign * price >= give.drop
        made.see(mark(price))
        tripped = bool(kinds(made) & {LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN})
        assert woken or not tripped, f"slept through {price}"
        if tripped:
            return


# -- scorecard ----------------------------------------------------------------------------------------------------------


def trip(net: int, label: str = "a", day: date = TODAY, reason: ExitReason = ExitReason.STOP) -> RoundTrip:
    context = {"label": label, "regime": "RANGING"} if label else {}
    return RoundTrip("t", day, "MES", Side.BUY, 1, 0, 0.0, 1, 0.0, net, 0, reason, "i", 0.0, 0.0, 0.0, dict(context))


def test_a_score_is_after_costs_and_honest_about_what_it_cannot_know() -> None:
    empty = score("none", [])
    assert (empty.win_share, empty.expectancy_cents, empty.interval_cents, empty.profit_factor) == (None, None, None, None)
    made = score("all", [trip(300), trip(-100), trip(-100, day=TOMORROW), trip(200, day=TOMORROW)])
    assert (made.trades, made.wins, made.net_cents, made.expectancy_cents) == (4, 2, 300, 75.0)
    assert (made.profit_factor, made.drawdown_cents, made.win_days, made.days) == (2.5, 200, 2, 2)
    assert made.win_share == 0.5
    assert made.small
    assert made.interval_cents == pytest.approx(1.96 * 206.15528128088303 / 2)
    assert score("one", [trip(1)]).interval_cents is None


def test_a_scorecard_groups_by_any_key() -> None:
    trips = [trip(1, "b"), trip(2, "a"), trip(3, "b"), trip(4, "", reason=ExitReason.TARGET)]
    assert [(line.name, line.trades) for line in scorecard(trips, by_label)] == [("b", 2), ("a", 1), ("unknown", 1)]
    assert {line.name for line in scorecard(trips, by_regime)} == {"RANGING", "unknown"}
    assert {line.name for line in scorecard(trips, by_reason)} == {"STOP", "TARGET"}
