"""What the simulated broker tells about orders and executions, and how it may lose, delay, repeat or correct it."""

from __future__ import annotations

from dataclasses import replace

from orderflow_tui.adapters.sim_broker_account import Books
from orderflow_tui.adapters.sim_broker_faults import Fault, Mischief
from orderflow_tui.adapters.sim_broker_orders import Resting, Stage
from orderflow_tui.adapters.sim_broker_reports import Reports, Timers
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.order import BrokerStatus, Commission, Fill, OrderType, OrderUpdate

PERM_BASE = 1_000_000_000


class Teller:
    """Turns what happened into reports. Corrections it tells are booked first: the books stay the truth."""

    __slots__ = ("_account", "_books", "_mischief", "_reports", "_timers")

    def __init__(self, books: Books, account: str, mischief: Mischief, timers: Timers, reports: Reports) -> None:
        self._books = books
        self._account = account
        self._mischief = mischief
        self._timers = timers
        self._reports = reports

    def acknowledge(self, resting: Resting, now_ns: int) -> None:
        """Accepted, or parked: the echo of what the exchange understood."""
        strikes, order = self._mischief.strikes, resting.order
        update = OrderUpdate(
            order.id,
            now_ns,
            resting.status,
            filled=resting.filled,
            remaining=resting.open_quantity(),
            revision=resting.revision,
            perm_id=PERM_BASE + order.number,
            echoed_quantity=order.quantity,
            echoed_price_ticks=order.stop_ticks if order.type is OrderType.STOP else order.limit_ticks,
            echoed_tif="DAY" if strikes(Fault.TIF_CHANGED) else order.tif,
            echoed_outside_rth=not strikes(Fault.OUTSIDE_RTH_CHANGED) and order.outside_rth,
            echoed_account="OTHER" if strikes(Fault.ACCOUNT_SWAPPED) else order.account or self._account,
        )
        lost, late, twice = strikes(Fault.ACK_LOST), strikes(Fault.ACK_LATE), strikes(Fault.ACK_DUPLICATED)
        if lost:
            return
        if late:
            self._say_later(order.number, update, now_ns + self._mischief.delay(Fault.ACK_LATE))
        else:
            self._reports.say(order.number, update)
        if twice:
            self._say_later(order.number, update, now_ns + self._mischief.delay(Fault.ACK_DUPLICATED))

    def tell_status(self, resting: Resting, status: BrokerStatus, now_ns: int, code: int | None = None, text: str = "") -> None:
        """Where the order stands: filled, remaining, and why if it ended."""
        order, left = resting.order, 0 if resting.stage is Stage.DONE else resting.open_quantity()
        perm_id = PERM_BASE + order.number
        update = OrderUpdate(order.id, now_ns, status, resting.filled, left, resting.revision, perm_id, code, text)
        self._reports.say(order.number, update)

    def tell_fill(self, number: int, fill: Fill, commission: int, told_ns: int) -> None:
        """An execution at `told_ns`, its commission after it, and whatever lies about it were drawn."""
        strikes = self._mischief.strikes
        lost, late, twice = strikes(Fault.EXEC_LOST), strikes(Fault.EXEC_LATE), strikes(Fault.EXEC_DUPLICATED)
        corrected, busted, slow = (
            strikes(Fault.EXEC_CORRECTED),
            strikes(Fault.EXEC_BUSTED),
            strikes(Fault.COMMISSION_LATE),
        )
        if late:
            told_ns += self._mischief.delay(Fault.EXEC_LATE)
        cost_ns = told_ns + (self._mischief.delay(Fault.COMMISSION_LATE) if slow else 0)
        if not lost:
            self._say_at(number, fill, told_ns, fill.ts_ns)
            self._say_at(number, Commission(fill.exec_id, cost_ns, commission), cost_ns, fill.ts_ns)
        if twice:
            self._say_later(number, fill, told_ns + self._mischief.delay(Fault.EXEC_DUPLICATED))
        if corrected:
            worse = fill.price_ticks + fill.side
            due_ns = told_ns + self._mischief.delay(Fault.EXEC_CORRECTED)
            self._timers.at(due_ns, lambda now_ns: self._revise(number, fill.base_id, now_ns, price_ticks=worse))
        if busted:
            due_ns = told_ns + self._mischief.delay(Fault.EXEC_BUSTED)
            self._timers.at(due_ns, lambda now_ns: self._revise(number, fill.base_id, now_ns, quantity=0))

    def _revise(
        self, number: int, base_id: str, now_ns: int, *, price_ticks: int | None = None, quantity: int | None = None
    ) -> None:
        revised = self._books.corrected(base_id, price_ticks=price_ticks, quantity=quantity)
        if revised is not None:
            commission = self._books.book(revised)
            self._reports.say(number, revised)
            self._reports.say(number, Commission(revised.exec_id, now_ns, commission))

    def _say_at(self, number: int, event: Event, due_ns: int, now_ns: int) -> None:
        if due_ns <= now_ns:
            self._reports.say(number, event)
        else:
            self._say_later(number, event, due_ns)

    def _say_later(self, number: int, event: Event, due_ns: int) -> None:
        """An execution keeps its time; a status is stamped when it is told."""

        def tell(now_ns: int) -> None:
            self._reports.say(number, replace(event, ts_ns=now_ns) if isinstance(event, OrderUpdate) else event)

        self._timers.at(due_ns, tell)
