"""The only caller of the broker. Whatever leaves the house goes through this file.

It looks at the STOP file before an entry, passes each revision of an order once, and turns a broker's NotSent into a
SendFailed event. A second passing is our bug: it is stopped here and locks, and says nothing about the first, which may live.
It decides nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from orderflow_tui.domain.action import AskAccountReport, AskMargin, Cancel, CancelEverything, Send, SendChange
from orderflow_tui.domain.event import Event, SendFailed, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Purpose
from orderflow_tui.ports import Broker, NotSent

BrokerAction = Send | SendChange | Cancel | CancelEverything | AskAccountReport | AskMargin
NO_SEND_PATH = "this mode has no way to send orders"


class _Repeated(Exception):
    """A revision that went out already."""


class Outbox:
    """Carries out broker actions. `stop_seen` answers whether the STOP file stands right now, with what was found."""

    def __init__(self, broker: Broker | None, stop_seen: Callable[[], str | None]) -> None:
        self._broker = broker
        self._stop_seen = stop_seen
        self._passed: set[tuple[str, int]] = set()

    def carry_out(self, action: BrokerAction, now_ns: int) -> list[Event]:
        """Hand an action to the broker; returns SendFailed events for what did not go out, Trouble for what was a repetition."""
        broker = self._broker
        if broker is None:
            ids = tuple(o.id for o in action.orders) if isinstance(action, Send) else ()
            return [SendFailed(now_ns, ids, True, NO_SEND_PATH)] if isinstance(action, Send) else []
        try:
            match action:
                case Send():
                    return self._send(broker, action, now_ns)
                case SendChange():
                    self._once(action.order.id, action.change.revision)
                    broker.change(action.change, action.order, now_ns)
                case Cancel():
                    broker.cancel(action.order_ids, now_ns)
                case CancelEverything():
                    broker.cancel_everything(now_ns)
                case AskAccountReport():
                    broker.ask_report(now_ns)
                case AskMargin():
                    broker.ask_margin(action.instrument, now_ns)
        except NotSent as fault:
            return [SendFailed(now_ns, _unsent(action), True, str(fault))]
        except _Repeated as fault:
            return [Trouble(now_ns, LatchKind.INVARIANT, str(fault))]
        return []

    def _send(self, broker: Broker, action: Send, now_ns: int) -> list[Event]:
        if any(order.purpose is Purpose.ENTRY for order in action.orders):
            found = self._stop_seen()
            if found is not None:
                return [SendFailed(now_ns, tuple(o.id for o in action.orders), True, f"STOP file: {found}")]
        for order in action.orders:
            self._once(order.id, order.revision)
        broker.send(action.orders, now_ns)
        return []

    def _once(self, order_id: str, revision: int) -> None:
        key = (order_id, revision)
        if key in self._passed:
            raise _Repeated(f"order {order_id} revision {revision} was about to go out a second time")
        self._passed.add(key)


def _unsent(action: BrokerAction) -> tuple[str, ...]:
    """The orders and changes that did not go out. A cancel that did not go out proves nothing about its orders: they live."""
    match action:
        case Send():
            return tuple(o.id for o in action.orders)
        case SendChange():
            return (f"{action.order.id}#{action.change.revision}",)
        case _:
            return ()
