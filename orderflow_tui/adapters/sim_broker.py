"""A broker that lives inside the driver's loop: fills pessimistically against recorded or simulated market data.

Promises: pure and synchronous, no clock; the same events give the same reports however the stream was cut; nothing is
better than reality would allow (see `sim_broker_orders`). A request takes effect `latency_ns` after it was made and is
answered at that instant. Orders of any configured instrument execute on one tape, so MES can trade on an ES recording.

With `SimFaults` it becomes a hostile broker: its books stay true, its words and deeds towards us do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random

import numpy as np

from orderflow_tui.adapters.sim_broker_account import Books
from orderflow_tui.adapters.sim_broker_exchange import Exchange
from orderflow_tui.adapters.sim_broker_faults import HONEST, Fault, Mischief, SimFaults
from orderflow_tui.adapters.sim_broker_orders import FillRules, Resting
from orderflow_tui.adapters.sim_broker_reports import ACCOUNT, Reports, Timers
from orderflow_tui.adapters.sim_broker_snapshot import snapshot
from orderflow_tui.domain.account import AccountReport, Link, LinkStatus, MarginFigure
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import NO_PRICE, Depth, Quote, Trades
from orderflow_tui.domain.order import Change, Order, OrderType, Side
from orderflow_tui.domain.session import SessionTable
from orderflow_tui.domain.watch import Watch
from orderflow_tui.ports import NotSent

DEFAULT_RULES = FillRules()
DEFAULT_BALANCE_CENTS = 1_000_000


class SimBroker:
    """Implements `ports.MatchingBroker`. `table` ends the day of executions, completed orders and day profit.

    Requests raise `NotSent` when the line is down, for a duplicate (id, revision), an unknown instrument, an order
    without a price or quantity, or a change of an order never sent.
    """

    __slots__ = (
        "_account",
        "_day_known",
        "_epoch",
        "_exchange",
        "_instruments",
        "_margin_pct",
        "_mischief",
        "_newest_number",
        "_now_ns",
        "_report_began_ns",
        "_reports",
        "_revisions",
        "_rules",
        "_table",
        "_tape",
        "_timers",
        "_watch",
    )

    def __init__(
        self,
        instruments: Sequence[Instrument],
        tape_instrument: str,
        *,
        rules: FillRules = DEFAULT_RULES,
        balance_cents: int = DEFAULT_BALANCE_CENTS,
        account: str = "SIM",
        table: SessionTable | None = None,
        faults: SimFaults = HONEST,
        rng: Random | None = None,
    ) -> None:
        self._instruments = {i.symbol: i for i in instruments}
        _same_grid(self._instruments, tape_instrument)
        self._tape = tape_instrument
        self._account = account
        self._rules = rules
        self._table = table
        self._margin_pct = 100
        self._mischief = Mischief(faults, rng)
        self._timers, self._reports = Timers(), Reports()
        books = Books(self._instruments, balance_cents)
        self._exchange = Exchange(books, rules, account, self._mischief, self._timers, self._reports)
        self._revisions: dict[str, int] = {}
        self._epoch = 1
        self._newest_number = 0
        self._now_ns = 0
        self._report_began_ns: int | None = None
        self._day_known = table is None
        self._watch: Watch | None = None

    # --- requests ----------------------------------------------------------------------------------------------------

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        """Place the orders as one group; all arrive together or, when this raises, none does."""
        self._need_line()
        for order in orders:
            self._check(order)
            if order.id in self._revisions:
                raise NotSent(f"order {order.id} revision {order.revision} was sent before; each order is sent once")
        if self._mischief.strikes(Fault.SEND_REFUSED):
            raise NotSent(f"simulated fault: the line refused {', '.join(o.id for o in orders)}")
        for order in orders:
            self._revisions[order.id] = order.revision
            self._newest_number = max(self._newest_number, order.number)
            self._exchange.enter(Resting(order, order.revision))
        ids = tuple(o.id for o in orders)
        if self._mischief.strikes(Fault.SEND_LOST):
            self._exchange.lose(ids)
        else:
            self._later(now_ns, partial(self._exchange.arrive, ids))

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        """Modify a live order to what `order` says."""
        self._need_line()
        self._check(order)
        known = self._revisions.get(order.id)
        if known is None:
            raise NotSent(f"cannot change order {order.id}: it was never sent")
        if change.revision <= known:
            raise NotSent(f"order {order.id} revision {change.revision} was sent before; the newest is {known}")
        self._revisions[order.id] = change.revision
        if not self._mischief.strikes(Fault.CHANGE_LOST):
            self._later(now_ns, partial(self._exchange.change, replace(order, revision=change.revision)))

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        """Ask to cancel; each id is answered by its own CANCELLED or CANCEL_REFUSED."""
        self._need_line()
        for order_id in order_ids:
            if self._mischief.strikes(Fault.CANCEL_LOST):
                continue
            held = self._exchange.find(order_id)
            number = ACCOUNT if held is None else held.order.number
            self._later(now_ns, partial(self._exchange.cancel, order_id, number))

    def cancel_everything(self, now_ns: int) -> None:
        """Global cancel of whatever works when it arrives."""
        self._need_line()
        self._later(now_ns, self._exchange.cancel_everything)

    def ask_report(self, now_ns: int) -> None:
        """Ask for an AccountReport; while one is on its way a second request joins it."""
        self._need_line()
        if self._report_began_ns is not None:
            return
        strikes = self._mischief.strikes
        lost, late, stale, part = (
            strikes(Fault.REPORT_LOST),
            strikes(Fault.REPORT_LATE),
            strikes(Fault.REPORT_STALE),
            strikes(Fault.REPORT_INCOMPLETE),
        )
        if lost:
            return
        began_ns = max(now_ns, self._now_ns)
        self._report_began_ns = began_ns
        missing = ("executions",) if part else ()
        drawn = self._draw_up(began_ns, began_ns, missing) if stale else None
        delay = self._mischief.delay(Fault.REPORT_LATE) if late else 0
        self._later(now_ns, partial(self._deliver_report, self._epoch, missing, drawn), delay)

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        """Ask for a MarginFigure; the configured margin is the answer, unless `ask_for_margin` said otherwise."""
        self._need_line()
        if instrument not in self._instruments:
            raise NotSent(f"no margin for {instrument!r}: the account trades {', '.join(self._instruments)}")
        self._later(now_ns, partial(self._deliver_margin, instrument))

    # --- the driver's side -------------------------------------------------------------------------------------------

    @property
    def watch(self) -> Watch:
        """When the next thing can happen, from state before the piece."""
        if self._watch is None:
            band = self._exchange.band
            every = band.every or not self._day_known
            self._watch = Watch(self._timers.due_ns, band.below, band.above, band.give_back, band.volume, every)
        return self._watch

    def on_market(self, event: Trades | Quote | Depth) -> list[Event]:
        """Match orders older than the piece against its last trade, or takers against a quote."""
        if event.instrument != self._tape:
            return []
        if isinstance(event, Trades):
            self._on_trades(event)
        elif isinstance(event, Quote):
            self._on_quote(event.ts_ns, _side(event.bid), _side(event.ask))
        else:
            bid = event.bids[0][0] if event.bids else None
            ask = event.asks[0][0] if event.asks else None
            self._on_quote(event.ts_ns, bid, ask)
        self._watch = None
        return self._reports.drain()

    def on_time(self, now_ns: int) -> list[Event]:
        """Do what is due at `now_ns`."""
        self._now_ns = max(self._now_ns, now_ns)
        self._timers.fire(now_ns)
        self._watch = None
        return self._reports.drain()

    def _on_trades(self, piece: Trades) -> None:
        ts_ns = int(piece.ts_ns[-1])
        assert ts_ns < self._timers.due_ns, "the driver fires what is due before it hands over later trades"
        self._moved_to(ts_ns)
        quoted = _last_quote(piece)
        if quoted is not None:
            row, bid, ask = quoted
            self._exchange.on_quote(bid, ask, int(piece.ts_ns[row]), match=False)
        self._exchange.on_trade(int(piece.price[-1]), ts_ns)

    def _on_quote(self, ts_ns: int, bid: int | None, ask: int | None) -> None:
        self._moved_to(ts_ns)
        self._exchange.on_quote(bid, ask, ts_ns, match=True)

    # --- scenarios ---------------------------------------------------------------------------------------------------

    @property
    def injected(self) -> dict[str, int]:
        """How often each kind of fault struck."""
        return {kind.value: count for kind, count in self._mischief.injected.items()}

    @property
    def epoch(self) -> int:
        """The current connection, counted from 1."""
        return self._epoch

    def behave(self, faults: SimFaults = HONEST) -> None:
        """Other probabilities from now on; without arguments the broker turns honest, and parks nothing any more."""
        self._mischief.faults = faults
        if not faults.order_parked:
            self._exchange.wake_parked(self._now_ns)

    def connect(self, now_ns: int) -> None:
        """The line comes up: a new epoch if it was down, and a LinkStatus READY either way."""
        if not self._reports.connected:
            self._epoch += 1
            self._reports.connected = True
        self._announce(now_ns, Link.READY, "simulated broker")

    def disconnect(self, now_ns: int, reason: str = "simulated disconnect") -> None:
        """The line goes down: reports are lost, requests raise, orders at the exchange live on."""
        self._reports.connected = False
        self._report_began_ns = None
        self._announce(now_ns, Link.BACKOFF, reason)

    def trade_by_hand(self, instrument: str, side: Side, quantity: int, now_ns: int) -> None:
        """A person trades on the same account; told after the latency like everything else."""
        self._later(now_ns, partial(self._exchange.trade_by_hand, instrument, side, quantity))

    def lock(self, side: Side | None) -> None:
        """The market is locked at its limit: orders of this side find nobody until it is told otherwise (None)."""
        self._exchange.locked = side

    def ask_for_margin(self, percent: int) -> None:
        """From now on the broker asks for this share of the configured margins; told when asked, and in account reports."""
        self._margin_pct = percent

    def liquidate(self, instrument: str, now_ns: int) -> None:
        """The broker closes the position in one instrument."""
        self._later(now_ns, partial(self._exchange.liquidate, instrument))

    def truth(self) -> AccountReport:
        """The account as it really is now, whatever has been told. For invariants of a simulation."""
        return self._draw_up(self._now_ns, self._now_ns, ())

    # --- inside ------------------------------------------------------------------------------------------------------

    def _later(self, now_ns: int, effect: Callable[[int], None], delay_ns: int = 0) -> None:
        if self._mischief.strikes(Fault.LATENCY_JITTER):
            delay_ns += self._mischief.delay(Fault.LATENCY_JITTER)
        self._timers.at(max(now_ns, self._now_ns) + self._rules.latency_ns + delay_ns, effect)
        self._watch = None

    def _announce(self, now_ns: int, link: Link, reason: str) -> None:
        epoch, due_ns = self._epoch, max(now_ns, self._now_ns)
        number = 1 + self._newest_number

        def tell(at_ns: int) -> None:
            self._reports.shout(LinkStatus(at_ns, link, epoch, reason, next_number=number))

        self._timers.at(due_ns, tell)
        self._watch = None

    def _need_line(self) -> None:
        if not self._reports.connected:
            raise NotSent("the simulated line is down")

    def _check(self, order: Order) -> None:
        if order.instrument not in self._instruments:
            known = ", ".join(self._instruments)
            raise NotSent(f"order {order.id} is for {order.instrument!r}, which does not trade here; known: {known}")
        if order.quantity <= 0:
            raise NotSent(f"order {order.id} wants {order.quantity} contracts; at least 1 is needed")
        missing = (order.type is OrderType.LIMIT and order.limit_ticks is None) or (
            order.type is OrderType.STOP and order.stop_ticks is None
        )
        if missing:
            raise NotSent(f"order {order.id} of type {order.type.value} has no price")

    def _moved_to(self, now_ns: int) -> None:
        self._now_ns = max(self._now_ns, now_ns)
        if not self._day_known:
            self._day_known = True
            self._wait_for_day_end(now_ns)

    def _wait_for_day_end(self, now_ns: int) -> None:
        day = self._table.day_at(now_ns) if self._table is not None else None
        if day is not None:
            self._timers.at(day.close_ns, self._end_day)

    def _end_day(self, now_ns: int) -> None:
        self._exchange.books.start_day(self._exchange.mark)
        self._exchange.forget_done()
        self._wait_for_day_end(now_ns)

    def _deliver_report(self, epoch: int, missing: tuple[str, ...], drawn: AccountReport | None, now_ns: int) -> None:
        if epoch != self._epoch or self._report_began_ns is None:
            return  # asked on a line that has been lost since
        began_ns, self._report_began_ns = self._report_began_ns, None
        report = self._draw_up(began_ns, now_ns, missing) if drawn is None else replace(drawn, ts_ns=now_ns)
        self._reports.say(ACCOUNT, report)

    def _deliver_margin(self, instrument: str, now_ns: int) -> None:
        equity = self._exchange.books.equity_cents(self._exchange.mark)
        margin = self._margins[instrument]
        self._reports.say(ACCOUNT, MarginFigure(now_ns, instrument, margin, equity))

    def _draw_up(self, began_ns: int, now_ns: int, missing: tuple[str, ...]) -> AccountReport:
        return snapshot(self._exchange, self._margins, self._account, self._epoch, (began_ns, now_ns), missing)

    @property
    def _margins(self) -> dict[str, int]:
        """Cents a contract."""
        return {name: spec.margin_cents * self._margin_pct // 100 for name, spec in self._instruments.items()}


def _same_grid(instruments: dict[str, Instrument], tape: str) -> None:
    if tape not in instruments:
        raise ValueError(f"the tape's instrument {tape!r} must be one of the instruments: {', '.join(instruments)}")
    for spec in instruments.values():
        if spec.tick_e9 != instruments[tape].tick_e9:
            raise ValueError(f"{spec.symbol} cannot execute on a tape of {tape}: their price grids differ")


def _side(ticks: int) -> int | None:
    return None if ticks == NO_PRICE else ticks


def _last_quote(piece: Trades) -> tuple[int, int | None, int | None] | None:
    """(row, bid, ask) of the newest row that knows either side; None for a piece without quotes."""
    if piece.bid is None or piece.ask is None:
        return None
    row = len(piece) - 1
    if piece.bid[row] == NO_PRICE and piece.ask[row] == NO_PRICE:
        known = np.flatnonzero((piece.bid != NO_PRICE) | (piece.ask != NO_PRICE))
        if not len(known):
            return None
        row = int(known[-1])
    return row, _side(int(piece.bid[row])), _side(int(piece.ask[row]))
