"""The exchange inside the simulated broker: arrivals, matching, brackets, OCA groups, cancels and changes.

Theory. The exchange sees one tape. Between two of its watches nothing can happen, so it looks only at the last trade
of a piece. At a trade or quote it walks the orders that were live *before* it, stops first, then by number: a child
awakened by this very trade meets the next one at the earliest. A child is live for what its parent has filled and ends
when nothing of it can fill any more. The first fill in an OCA group, a partial one too, cancels the others; with rules
that say so it only makes them smaller. With faults configured the exchange stays truthful in its books and lies, delays
or forgets only in what it tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from orderflow_tui.adapters.sim_broker_account import Books
from orderflow_tui.adapters.sim_broker_faults import Fault, Mischief
from orderflow_tui.adapters.sim_broker_orders import (
    FillRules,
    Resting,
    Stage,
    resting_price,
    taker_price,
    takes_liquidity,
    touch_band,
)
from orderflow_tui.adapters.sim_broker_reports import ACCOUNT, Reports, Timers
from orderflow_tui.adapters.sim_broker_teller import Teller
from orderflow_tui.domain.order import BrokerStatus, Commission, Fill, Order, OrderType, OrderUpdate, Role, Side, closing
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.domain.watch import NO_ABOVE, NO_BELOW, Watch

QUOTE_LIFE_NS = 5 * SECOND_NS  # a source silent about quotes for longer is treated as one without

NOT_FOUND, NOT_CANCELLABLE, REJECTED, NOT_CHANGEABLE = 10147, 10148, 201, 104  # the real broker's codes
THIN_NS = 2 * SECOND_NS  # the least that a thin book keeps the rest of an exit waiting
PARKED_NS = 2 * SECOND_NS  # the least that a parked order that wakes stays parked
EXITS = frozenset({Role.STOP, Role.TARGET, Role.EMERGENCY})
LIVE = frozenset({Stage.HELD, Stage.WORKING})
_REJECTS = {Role.STOP: Fault.REJECT_STOP, Role.EMERGENCY: Fault.REJECT_STOP, Role.TARGET: Fault.REJECT_TARGET}


class Exchange:
    """Holds the orders and the truth about them. Reports go to `reports`, later effects to `timers`."""

    __slots__ = (
        "_band",
        "_foreign",
        "_mischief",
        "_open",
        "_orders",
        "_reports",
        "_rules",
        "_teller",
        "_timers",
        "ask",
        "bid",
        "books",
        "last",
        "locked",
        "quote_ns",
    )

    def __init__(
        self, books: Books, rules: FillRules, account: str, mischief: Mischief, timers: Timers, reports: Reports
    ) -> None:
        self.books = books
        self.last: int | None = None
        self.bid: int | None = None
        self.ask: int | None = None
        self.quote_ns: int | None = None
        self.locked: Side | None = None  # at its limit the market has nobody for orders of this side
        self._rules = rules
        self._mischief = mischief
        self._timers = timers
        self._reports = reports
        self._teller = Teller(books, account, mischief, timers, reports)
        self._orders: dict[str, Resting] = {}  # of the day, by id
        self._open: list[Resting] = []  # HELD and WORKING, stops first, then by number
        self._band: Watch | None = None
        self._foreign = 0

    # --- what can be asked -------------------------------------------------------------------------------------------

    @property
    def mark(self) -> int | None:
        """What a contract is worth: the last trade, before the first one the bid or else the ask."""
        if self.last is not None:
            return self.last
        return self.bid if self.bid is not None else self.ask

    @property
    def band(self) -> Watch:
        """Touch prices of live orders; `every` while a taker waits for the next quote or trade."""
        if self._band is None:
            below, above, every = NO_BELOW, NO_ABOVE, False
            for resting in self._open:
                if not resting.live_quantity():
                    continue
                every = every or resting.waits_for_next
                low, high = touch_band(resting, self._rules)
                below, above = max(below, low), min(above, high)
            self._band = Watch(below=below, above=above, every=every)
        return self._band

    def orders(self) -> Iterator[Resting]:
        """Every order the exchange has seen today, in order of arrival."""
        return (r for r in self._orders.values() if r.stage not in {Stage.TRANSIT, Stage.LOST})

    def find(self, order_id: str) -> Resting | None:
        """An order of the day, whatever became of it."""
        return self._orders.get(order_id)

    def forget_done(self) -> None:
        """The day is over: finished orders leave the completed list."""
        self._orders = {i: r for i, r in self._orders.items() if r.stage not in {Stage.DONE, Stage.LOST}}

    # --- requests taking effect --------------------------------------------------------------------------------------

    def enter(self, resting: Resting) -> None:
        """An order leaves for the exchange."""
        self._orders[resting.order.id] = resting
        if resting.order.parent_id is not None:
            resting.parent = self._orders.get(resting.order.parent_id)

    def lose(self, order_ids: tuple[str, ...]) -> None:
        """These orders will never arrive."""
        for order_id in order_ids:
            self._orders[order_id].stage = Stage.LOST

    def arrive(self, order_ids: tuple[str, ...], now_ns: int) -> None:
        """A group reaches the exchange: each order is accepted or rejected, parents before their children."""
        for order_id in order_ids:
            self._arrive(self._orders[order_id], now_ns)

    def _arrive(self, resting: Resting, now_ns: int) -> None:
        order, parent = resting.order, resting.parent
        if self._mischief.strikes(_REJECTS.get(order.role, Fault.REJECT_ENTRY)):
            self._finish(resting, BrokerStatus.REJECTED, now_ns, REJECTED, "rejected by the simulated exchange")
            return
        if order.parent_id is not None and (parent is None or (parent.stage is Stage.DONE and not parent.filled)):
            self._finish(resting, BrokerStatus.CANCELLED, now_ns, text="its parent is gone")
            return
        resting.oversize = parent is not None and self._mischief.strikes(Fault.OVERSIZE_CHILDREN)
        resting.stage = Stage.HELD if parent is not None and not parent.filled else Stage.WORKING
        resting.fresh = takes_liquidity(order)
        self._open.append(resting)
        self._open.sort(key=lambda r: (r.order.type is not OrderType.STOP, r.order.number))
        self._band = None
        if order.role in EXITS and self._mischief.strikes(Fault.ORDER_PARKED):
            self._park(resting, now_ns)
        self._teller.acknowledge(resting, now_ns)

    def _park(self, resting: Resting, now_ns: int) -> None:
        """It was sent and is listed, and cannot fill: one in three never wakes."""
        resting.parked = True
        delay = self._mischief.delay(Fault.ORDER_PARKED)
        if delay % 3:
            self._timers.at(now_ns + PARKED_NS + 2 * delay, partial(self._wake, resting))

    def wake_parked(self, now_ns: int) -> None:
        """Every parked order wakes."""
        for resting in [resting for resting in self._open if resting.parked]:
            self._wake(resting, now_ns)

    def _wake(self, resting: Resting, now_ns: int) -> None:
        if resting.stage in LIVE:
            resting.parked, self._band = False, None
            self._teller.acknowledge(resting, now_ns)

    def change(self, order: Order, now_ns: int) -> None:
        """A change reaches the exchange: from here on the order is what `order` says."""
        resting = self._orders.get(order.id)
        alive = resting is not None and resting.stage in LIVE
        refused = self._mischief.strikes(Fault.CHANGE_REFUSED, acts=alive)
        if resting is None or refused or not alive:
            update = OrderUpdate(order.id, now_ns, BrokerStatus.CHANGE_REFUSED, revision=order.revision, code=NOT_CHANGEABLE)
            self._reports.say(order.number, update)
            return
        moved = (order.limit_ticks, order.stop_ticks) != (resting.order.limit_ticks, resting.order.stop_ticks)
        resting.order, resting.revision, resting.reduced = order, order.revision, 0
        resting.fresh = resting.fresh or (moved and takes_liquidity(order))
        resting.stuck_ticks = None
        self._band = None
        self._teller.acknowledge(resting, now_ns)
        if not resting.open_quantity():
            self._finish(resting, BrokerStatus.FILLED if resting.filled else BrokerStatus.CANCELLED, now_ns)

    def cancel(self, order_id: str, number: int, now_ns: int) -> None:
        """A cancel reaches the exchange."""
        resting = self._orders.get(order_id)
        alive = resting is not None and resting.stage in LIVE
        refused = self._mischief.strikes(Fault.CANCEL_REFUSED, acts=alive)
        quantity = 0
        if resting is not None and not refused and self.last is not None and resting.order.side is not self.locked:
            quantity = resting.live_quantity()
        filled_instead = self._mischief.strikes(Fault.FILL_AFTER_CANCEL, acts=quantity > 0)
        if resting is None or refused or not alive:
            lost = resting is None or resting.stage in {Stage.LOST, Stage.TRANSIT}
            code = NOT_FOUND if lost else NOT_CANCELLABLE
            self._reports.say(number, OrderUpdate(order_id, now_ns, BrokerStatus.CANCEL_REFUSED, code=code))
            return
        self._finish(resting, BrokerStatus.CANCELLED, now_ns)
        if filled_instead and self.last is not None:
            delay = self._mischief.delay(Fault.FILL_AFTER_CANCEL)
            self._execute(resting, quantity, self.last, now_ns, told_ns=now_ns + delay)

    def cancel_everything(self, now_ns: int) -> None:
        """The global cancel reaches the exchange. It is the broker's own act, so no fault refuses it."""
        for resting in list(self._open):
            if resting.stage is not Stage.DONE:
                self._finish(resting, BrokerStatus.CANCELLED, now_ns, text="global cancel")

    # --- matching ----------------------------------------------------------------------------------------------------

    def on_trade(self, price: int, now_ns: int) -> None:
        """Match against one trade. The quote as of it has been told before (`on_quote` with match=False)."""
        self.last = price
        if not self._open:
            return
        for resting, quantity in self._older():
            if now_ns < resting.rests_until_ns:
                continue
            locked, fill_ticks = resting.order.side is self.locked, None
            if resting.fresh:
                fill_ticks = None if locked else self._taker_at_trade(resting, price, now_ns)
            if not resting.fresh:
                fill_ticks = self._resting_at_trade(resting, price)  # a stop is triggered in a locked market too
            if fill_ticks is not None and not locked:
                self._execute(resting, min(quantity, resting.live_quantity()), fill_ticks, now_ns)

    def on_quote(self, bid: int | None, ask: int | None, now_ns: int, *, match: bool) -> None:
        """Take a new quote; with `match` takers waiting for one fill against it."""
        self.bid, self.ask, self.quote_ns = bid, ask, now_ns
        if not match or not self._open:
            return
        for resting, quantity in self._older():
            opposite = ask if resting.order.side is Side.BUY else bid
            if resting.fresh and opposite is not None and resting.order.side is not self.locked:
                fill_ticks = self._take(resting, opposite)
                if fill_ticks is not None:
                    self._execute(resting, min(quantity, resting.live_quantity()), fill_ticks, now_ns)

    def _older(self) -> list[tuple[Resting, int]]:
        """Orders live before this instant's event, with what could fill of each."""
        return [(r, quantity) for r in self._open if (quantity := r.live_quantity())]

    def _taker_at_trade(self, resting: Resting, price: int, now_ns: int) -> int | None:
        if self.quote_ns is not None and now_ns - self.quote_ns <= QUOTE_LIFE_NS:
            opposite = self.ask if resting.order.side is Side.BUY else self.bid
            if opposite is None or self.quote_ns < now_ns:
                return None  # a source with quotes: wait for the next one
            return self._take(resting, opposite)
        return self._take(resting, price)

    def _take(self, resting: Resting, opposite_ticks: int) -> int | None:
        fill_ticks = taker_price(resting.order, opposite_ticks, self._rules)
        if fill_ticks is None:
            resting.fresh = False  # its limit forbids it: from now on it queues
            self._band = None
        return fill_ticks

    def _resting_at_trade(self, resting: Resting, price: int) -> int | None:
        if not resting.live_quantity():
            return None
        fill_ticks = resting_price(resting, price, self._rules)
        if fill_ticks is not None and resting.order.type is OrderType.STOP and not resting.triggered:
            resting.triggered = True
            self._band = None
            if self._mischief.strikes(Fault.STOP_STUCK):
                resting.stuck_ticks = price
                return None
        return fill_ticks

    def _execute(self, resting: Resting, quantity: int, price: int, now_ns: int, told_ns: int | None = None) -> None:
        """Book an execution, tell it, shrink siblings, wake children. `told_ns`: the telling comes later."""
        if quantity <= 0:
            return
        order = resting.order
        if quantity >= 2 and self._mischief.strikes(Fault.PARTIAL_FILL):
            quantity //= 2
        if quantity >= 2 and order.role in EXITS and self._mischief.strikes(Fault.EXIT_RESTS):
            quantity //= 2
            resting.rests_until_ns = now_ns + THIN_NS + self._mischief.delay(Fault.EXIT_RESTS)
        resting.executions += 1
        base = f"{order.id}#{resting.executions}"
        fill = Fill(f"{base}.01", base, 1, order.id, now_ns, order.instrument, order.side, quantity, price)
        commission = self.books.book(fill)
        resting.filled += quantity
        self._band = None
        self._teller.tell_fill(order.number, fill, commission, now_ns if told_ns is None else told_ns)
        if resting.stage is not Stage.DONE:
            done = resting.open_quantity() == 0
            if done:
                self._finish(resting, BrokerStatus.FILLED, now_ns, silent=self._mischief.strikes(Fault.STATUS_LOST))
            elif not self._mischief.strikes(Fault.STATUS_LOST):
                self._teller.tell_status(resting, BrokerStatus.WORKING, now_ns)
        self._wake_children(resting)  # also those of a parent that filled after it was told cancelled
        self._touch_siblings(resting, quantity, now_ns)
        self._draw_outsiders(order, now_ns)

    def _wake_children(self, parent: Resting) -> None:
        for child in self._open:
            if child.parent is parent and child.stage is Stage.HELD:
                child.stage = Stage.WORKING

    def _touch_siblings(self, resting: Resting, quantity: int, now_ns: int) -> None:
        if not resting.order.oca_group:
            return
        others = any(self._siblings(resting))
        if self._mischief.strikes(Fault.OCA_LOST, acts=others):
            return
        if self._mischief.strikes(Fault.OCA_DELAYED, acts=others):
            due_ns = now_ns + self._mischief.delay(Fault.OCA_DELAYED)
            self._timers.at(due_ns, partial(self._reach_siblings, resting, quantity))
        else:
            self._reach_siblings(resting, quantity, now_ns)

    def _siblings(self, resting: Resting) -> Iterator[Resting]:
        """The others of its OCA group that are not over."""
        return (r for r in self._open if r is not resting and r.order.oca_group == resting.order.oca_group)

    def _reach_siblings(self, resting: Resting, quantity: int, now_ns: int) -> None:
        for sibling in list(self._siblings(resting)):
            if sibling.stage is Stage.DONE:
                continue  # it went with the one before it
            sibling.reduced += quantity
            self._band = None
            if self._rules.groups_shrink and sibling.open_quantity():
                self._teller.tell_status(sibling, sibling.status, now_ns)
            else:
                self._finish(sibling, BrokerStatus.CANCELLED, now_ns, text="one cancels the other")

    def _finish(
        self,
        resting: Resting,
        status: BrokerStatus,
        now_ns: int,
        code: int | None = None,
        text: str = "",
        *,
        silent: bool = False,
    ) -> None:
        """An order is over; children that can no longer fill go with it."""
        resting.stage, resting.final, resting.done_ns = Stage.DONE, status, now_ns
        self._open = [r for r in self._open if r is not resting]
        self._band = None
        if not silent:
            self._teller.tell_status(resting, status, now_ns, code, text)
        for child in [r for r in self._open if r.parent is resting]:
            if not child.open_quantity():
                ended = BrokerStatus.FILLED if child.filled else BrokerStatus.CANCELLED
                self._finish(child, ended, now_ns, text="its parent is gone")

    # --- others on the same account ----------------------------------------------------------------------------------

    def _draw_outsiders(self, order: Order, now_ns: int) -> None:
        if order.role is not Role.ENTRY:
            return
        if self._mischief.strikes(Fault.MANUAL_TRADE):
            delay = self._mischief.delay(Fault.MANUAL_TRADE)
            side = Side.BUY if delay % 2 else Side.SELL
            self._timers.at(now_ns + delay, partial(self.trade_by_hand, order.instrument, side, 1))
        if self._mischief.strikes(Fault.LIQUIDATION):
            delay = self._mischief.delay(Fault.LIQUIDATION)
            self._timers.at(now_ns + delay, partial(self.liquidate, order.instrument))

    def trade_by_hand(self, instrument: str, side: Side, quantity: int, now_ns: int, *, liquidation: bool = False) -> None:
        """Somebody else trades on the account at the last price; needs one to exist."""
        price = self.mark
        if price is None or quantity <= 0:
            return
        self._foreign += 1
        base = f"foreign-{now_ns}-{self._foreign}"
        fill = Fill(f"{base}.01", base, 1, None, now_ns, instrument, side, quantity, price, liquidation)
        commission = self.books.book(fill)
        self._reports.say(ACCOUNT, fill)
        self._reports.say(ACCOUNT, Commission(fill.exec_id, now_ns, commission))

    def liquidate(self, instrument: str, now_ns: int) -> None:
        """The broker closes the position in one instrument; working orders stay, as they do in reality."""
        position = self.books.position(instrument)
        self.trade_by_hand(instrument, closing(position), abs(position), now_ns, liquidation=True)
