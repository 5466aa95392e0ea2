"""The line to the simulated broker: it may hang, it may be a crash point, and it is where the oracle listens in.

While it hangs, requests wait in limbo and reports are withheld. If the hang ends, both go through; if the line is
dropped, reports are gone, and of the requests nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Protocol

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.domain.account import AccountReport
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import Depth, Quote, Trades
from orderflow_tui.domain.order import Change, Order
from orderflow_tui.domain.watch import Watch
from orderflow_tui.ports import NotSent


class Listener(Protocol):
    """Who wants to know what goes over the line."""

    def effect(self, name: str) -> None:
        """A crash point."""
        ...

    def leaving(self, orders: Sequence[Order], now_ns: int) -> None:
        """Orders are about to leave."""
        ...

    def refused(self, orders: Sequence[Order]) -> None:
        """The line refused them after all."""
        ...

    def changing(self, change: Change, order: Order) -> None:
        """A change is about to leave."""
        ...

    def cancelling(self, order_ids: Sequence[str]) -> None:
        """A cancel is about to leave."""
        ...

    def asking(self, now_ns: int) -> None:
        """A report is about to be asked for."""
        ...

    def matched(self) -> None:
        """The broker's books may have moved."""
        ...

    def count(self, kind: str) -> None:
        """A fault was injected."""
        ...

    def note(self, text: str) -> None:
        """Something for the trace."""
        ...


class Line:
    """Implements ports.MatchingBroker on top of a SimBroker."""

    def __init__(self, sim: SimBroker, streams: Callable[[str], Random]) -> None:
        self.sim = sim
        self.listener: Listener | None = None
        self.phantom = False  # what is on the tape now never traded: the broker does not see it
        self.hung = False
        self.torn = 0.0  # per complete report: its positions were read when it was asked for, the rest at its end
        self.omits = 0.0  # per complete report: an order that works is not in it, each order at most once
        self.silent_until_ns = 0  # until then no account report arrives
        self._limbo_rng, self._parts_rng = streams("limbo"), streams("report_incomplete on the line")
        self._torn_rng, self._omits_rng = streams("report_torn"), streams("report_omits")
        self._omitted: set[str] = set()
        self._asked_positions: tuple[tuple[str, int], ...] = ()
        self._held: list[Event] = []
        self._limbo: list[Callable[[int], None]] = []

    # -- the driver's side --------------------------------------------------------------------------------------------

    @property
    def watch(self) -> Watch:
        """When the broker wants to be woken."""
        return self.sim.watch

    def on_market(self, event: Trades | Quote | Depth) -> list[Event]:
        """Match, unless the market event is an illusion of the feed."""
        return [] if self.phantom else self._pass(self.sim.on_market(event))

    def on_time(self, now_ns: int) -> list[Event]:
        """Do what is due."""
        return self._pass(self.sim.on_time(now_ns))

    def _pass(self, reports: list[Event]) -> list[Event]:
        if self.listener is not None:
            self.listener.matched()
        told = [self._read(e) if isinstance(e, AccountReport) else e for e in reports if not self._silent(e)]
        if not self.hung:
            return told
        self._held += told
        return []

    def _silent(self, event: Event) -> bool:
        return isinstance(event, AccountReport) and event.ts_ns < self.silent_until_ns

    def _read(self, report: AccountReport) -> AccountReport:
        if not report.complete:
            return self._stripped(report)
        return self._torn(self._shortened(report))

    def _torn(self, report: AccountReport) -> AccountReport:
        if self._torn_rng.random() >= self.torn or report.positions == self._asked_positions:
            return report
        if self.listener is not None:
            self.listener.count("report_torn")
        return replace(report, positions=self._asked_positions)

    def _shortened(self, report: AccountReport) -> AccountReport:
        """Twice in a row would be given up, and rightly: so each order is left out once."""
        strikes, which = self._omits_rng.random() < self.omits, self._omits_rng.random()
        working = [o for o in report.orders if o.order_id is not None and o.order_id not in self._omitted]
        if not strikes or not working:
            return report
        left_out = working[int(which * len(working))]
        self._omitted.add(left_out.order_id or "")
        if self.listener is not None:
            self.listener.count("report_omits")
        return replace(report, orders=tuple(o for o in report.orders if o is not left_out))

    def _stripped(self, report: AccountReport) -> AccountReport:
        """A part of a report that never ended says nothing: neither positions nor orders."""
        if self._parts_rng.random() < 0.3:
            return report
        return replace(report, positions=(), orders=(), missing=("positions", "orders", *report.missing))

    # -- hanging ------------------------------------------------------------------------------------------------------

    def hang(self) -> None:
        """The gateway stops answering; the socket stays."""
        self.hung = True

    def wake(self, now_ns: int) -> list[Event]:
        """It goes on: late requests arrive, withheld reports come."""
        self.hung = False
        limbo, self._limbo = self._limbo, []
        for request in limbo:
            with suppress(NotSent):
                request(now_ns)
        held, self._held = self._held, []
        return held

    def drop(self, now_ns: int, reason: str) -> None:
        """The socket is gone. Requests in limbo may have been passed on."""
        limbo, self._limbo, self._held, self.hung = self._limbo, [], [], False
        for request in limbo:
            passed_on = self._limbo_rng.random() < 0.5
            if self.listener is not None:
                self.listener.note(f"limbo {'passed on' if passed_on else 'lost'}")
            if passed_on:
                with suppress(NotSent):
                    request(now_ns)
        self.sim.disconnect(now_ns, reason)

    # -- the outbox's side --------------------------------------------------------------------------------------------

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        """Place a group."""
        if self.listener is not None:
            self.listener.effect("before send")
            self.listener.leaving(orders, now_ns)
        try:
            self._ask(lambda at: self.sim.send(orders, at), now_ns)
        except NotSent:
            if self.listener is not None:
                self.listener.refused(orders)
            raise
        if self.listener is not None:
            self.listener.effect("after send")

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        """Modify a live order."""
        if self.listener is not None:
            self.listener.effect("before change")
            self.listener.changing(change, order)
        self._ask(lambda at: self.sim.change(change, order, at), now_ns)

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        """Ask to cancel."""
        if self.listener is not None:
            self.listener.effect("before cancel")
            self.listener.cancelling(order_ids)
        self._ask(lambda at: self.sim.cancel(order_ids, at), now_ns)

    def cancel_everything(self, now_ns: int) -> None:
        """Global cancel."""
        self._ask(self.sim.cancel_everything, now_ns)

    def ask_report(self, now_ns: int) -> None:
        """Ask for a report."""
        if self.listener is not None:
            self.listener.asking(now_ns)
        self._ask(self._ask_report, now_ns)

    def _ask_report(self, now_ns: int) -> None:
        if self.sim._report_began_ns is None:  # else it joins the one under way
            self._asked_positions = self.sim.truth().positions
        self.sim.ask_report(now_ns)

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        """Ask for a margin figure."""
        self._ask(lambda at: self.sim.ask_margin(instrument, at), now_ns)

    def _ask(self, request: Callable[[int], None], now_ns: int) -> None:
        if self.hung:
            self._limbo.append(request)
        else:
            request(now_ns)
