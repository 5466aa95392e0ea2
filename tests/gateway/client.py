"""One connected client: its socket, its identity, what it has subscribed to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from tests.gateway.book import Rows
from tests.gateway.contracts import Listing
from tests.gateway.faults import Faults
from tests.gateway.wire import Field, Frames, Tell, frame


class Outlet(Protocol):
    """The way back to a client."""

    def write(self, data: bytes) -> None:
        """Send; the pieces of several writes may arrive as one or apart."""
        ...

    def close(self) -> None:
        """End the connection in order."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...


@dataclass(slots=True)
class DepthView:
    """A depth subscription and the rows the client holds by now."""

    listing: Listing
    rows: int
    bids: Rows = ()
    asks: Rows = ()


@dataclass(slots=True)
class Client:
    """A connection. `held` keeps messages back while a fault says so, in the order they were due."""

    outlet: Outlet
    faults: Faults
    frames: Frames = field(default_factory=Frames)
    greeted: bool = False
    ready: bool = False
    id: int = -1
    last: dict[int, Listing] = field(default_factory=dict)
    bid_ask: dict[int, Listing] = field(default_factory=dict)
    level1: dict[int, Listing] = field(default_factory=dict)
    depth: dict[int, DepthView] = field(default_factory=dict)
    quotes: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    pnl: dict[int, str] = field(default_factory=dict)
    pnl_single: dict[int, tuple[str, int]] = field(default_factory=dict)
    wants_positions: bool = False
    wants_account: bool = False
    held: list[tuple[Tell, bytes]] = field(default_factory=list)
    sent: int = 0

    def tell(self, *fields: Field) -> None:
        """Send one message, through whatever is wrong with the wire."""
        kind = Tell(int(fields[0] or 0))
        data = frame(*fields)
        copies = self.faults.copies(kind)
        if kind in self.faults.hold:
            self.held += [(kind, data)] * copies
            return
        for _ in range(copies):
            self.write(data)

    def answer(self, *fields: Field) -> None:
        """Send a row of an answer. News can get lost or be held on its way; an answer is whole or has no end."""
        self.write(frame(*fields))

    def write(self, data: bytes) -> None:
        """Bytes out, in small pieces if a fault says so."""
        self.sent += 1
        size = self.faults.split_bytes
        if size <= 0:
            self.outlet.write(data)
            return
        for start in range(0, len(data), size):
            self.outlet.write(data[start : start + size])

    def release(self, backwards: bool) -> None:
        """Send what was held, perhaps in reverse."""
        held, self.held = self.held, []
        for _, data in reversed(held) if backwards else held:
            self.write(data)

    def cut_mid_frame(self) -> None:
        """Half a frame, then the end of the connection."""
        whole = frame(Tell.CURRENT_TIME, 1, 1_700_000_000)
        self.outlet.write(whole[: len(whole) // 2])
        self.outlet.abort()

    def unsubscribe_all(self) -> None:
        """Forget every market-data subscription."""
        for book in (self.last, self.bid_ask, self.level1, self.depth, self.quotes):
            book.clear()
