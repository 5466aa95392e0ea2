"""The protocols between the engine's shell and the outside world, with their promises. Adapters implement them.

Every adapter tells the engine what happened by posting events; none is ever asked to decide anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Protocol

from orderflow_tui.domain.action import Alert, Row
from orderflow_tui.domain.event import Event, MarketEvent
from orderflow_tui.domain.market import Depth, Quote, Trades
from orderflow_tui.domain.order import Change, Order
from orderflow_tui.domain.watch import Watch

Post = Callable[[Event], None]


class NotSent(Exception):
    """Raised by a broker adapter that can prove nothing left the house. Any other exception is our bug."""


class JournalError(Exception):
    """The journal could not write. The message names what stood in the way."""


class Feed(Protocol):
    """A source of market events, in order of their stamps.

    Promises: stamps never decrease; prices are on the grid; sizes positive; a lost stretch is announced by
    FeedStatus GAP before the first event after it; the end of a recording by FeedStatus ENDED.
    """

    def events(self) -> AsyncIterator[MarketEvent]:
        """The events, paced by the feed itself. Ends when the recording does; cancelling it releases everything."""
        ...

    async def close(self) -> None:
        """Release files, sockets, tasks. Idempotent."""
        ...


class Broker(Protocol):
    """The way out. Calls return at once; what happened arrives as events. `NotSent` means proven not sent.

    Promises: an order handed over twice with the same id and revision is refused by raising; every fill is reported
    exactly once per (exec_id), or again with the same id; a request that gets no answer never produces a made-up one.
    """

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        """Place the orders as one group: children live only after their parent."""
        ...

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        """Modify a live order to what `order` says."""
        ...

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        """Ask to cancel."""
        ...

    def cancel_everything(self, now_ns: int) -> None:
        """Global cancel."""
        ...

    def ask_report(self, now_ns: int) -> None:
        """Ask for a complete AccountReport; single-flight: a second request while one is open joins it."""
        ...

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        """Ask for a MarginFigure."""
        ...


class MatchingBroker(Broker, Protocol):
    """A broker that lives inside the driver's loop (`SimBroker`): it matches against market data and says when to wake it.

    `on_market` sees a piece that its `watch` allowed: only the last trade of a piece can touch an order.
    Reports are returned in order of (order number); times inside never exceed the piece's last stamp.
    """

    @property
    def watch(self) -> Watch:
        """When the next thing can happen, from state before the piece."""
        ...

    def on_market(self, event: Trades | Quote | Depth) -> list[Event]:
        """Match orders older than the piece."""
        ...

    def on_time(self, now_ns: int) -> list[Event]:
        """Do what is due at `now_ns`."""
        ...


class Journal(Protocol):
    """Our memory. `commit` is durable when it returns; `record` is batched; both raise JournalError on failure."""

    def commit(self, rows: Sequence[Row]) -> Coroutine[object, object, None]:
        """One durable transaction (FULL). The rows take their place in the order at the call; awaiting waits for the disk."""
        ...

    def commit_now(self, rows: Sequence[Row]) -> None:
        """The same, done when it returns; for simulated time."""
        ...

    def record(self, row: Row) -> None:
        """Queue a row; bounded queue, oldest market rows dropped and counted when full, order rows never."""
        ...

    async def flush(self) -> None:
        """Write what is queued."""
        ...

    async def close(self) -> None:
        """Flush and close. Idempotent."""
        ...


class Notifier(Protocol):
    """Tells a person. Never blocks, never raises."""

    def tell(self, alert: Alert) -> None:
        """Queue an alert for delivery."""
        ...


class TapeWriter(Protocol):
    """Records the market events the engine saw, crash-safe."""

    def write(self, event: MarketEvent) -> None:
        """Queue an event; never blocks."""
        ...

    async def close(self) -> None:
        """Finish the file. Idempotent."""
        ...
