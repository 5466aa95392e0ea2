"""One connection: a new client object of the library, its callbacks tapped before anything is asked.

The taps replace the library's own handlers, so its state is never filled and never read: what arrives goes, decoded but
raw, to whoever registered for it. The time of an execution is read here: the library would take one without a zone for the
machine's own, and drop the execution where it does not know the zone. Every attempt to connect gets a line of its own with a
generation number; a line that is closed swallows everything that still arrives.

Requests that end with a marker are awaited here, one at a time for each kind, and fail with `NoAnswer` when the marker
does not come in time: silence is never an empty answer. Answers about the account carry no number; only their order tells
whose they are. What still comes of one that was given up is therefore owed to it, and never taken for the next one's: its
end marker would make half an answer look whole, and a position flat. So it is with one that was interrupted before its end
came: it was asked all the same. Two in a row without an answer end the line. The time is told without a number too: a late
answer to one probe says nothing about the next. What two missed probes mean, the session decides.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from loguru import logger

from orderflow_tui.adapters.ib_codec import WARNING_CODES, instant_s
from orderflow_tui.adapters.ib_lane import Lane
from orderflow_tui.adapters.ib_library import Library

FIRST_REQUEST = 1_000_000_000  # request ids live far above order ids, or beyond them: errors name both by one number
ROOM = 100_000_000  # numbers kept for orders, and behind them for requests
LAST_NUMBER = 2**31 - 1
PIECE_BYTES = 2_048
READ_ONLY = 321
MOST_ROWS = 200_000  # rows kept of one answer
UNNUMBERED = frozenset({"positions", "open orders", "completed orders"})
OWED = UNNUMBERED | {"time"}
SILENT_TWICE = 2
EXECUTION, EXECUTION_TIME = 11, 15  # a message of the wire, and the field of it
UNDATED = "0"  # seconds since the epoch that no execution has


Notice = Callable[[int, str], None]


class NoAnswer(Exception):
    """The end marker of a request did not come in time."""


class Refused(Exception):
    """The gateway answered a request with an error. `code` is the broker's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"error {code}: {text}")
        self.code = code


class DataTaps(Protocol):
    """Who hears market data."""

    def on_trade(self, request: int, exchange_s: int, price: float, size: float, unreported: bool) -> None:
        """A print of a tick-by-tick subscription."""
        ...

    def on_quote(self, request: int, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
        """Best bid and ask of a tick-by-tick subscription."""
        ...

    def on_depth(self, request: int, position: int, operation: int, side: int, price: float, size: float) -> None:
        """One row of a depth subscription; side 1 is the bid."""
        ...

    def on_level1(self, request: int, kind: int, price: float | None, size: float) -> None:
        """A field of the 250 ms aggregate."""
        ...

    def on_data_type(self, request: int, kind: int) -> None:
        """1 live, everything else frozen or delayed."""
        ...

    def on_data_error(self, request: int, code: int, text: str) -> None:
        """An error on a market-data request."""
        ...


class OrderTaps(Protocol):
    """Who hears of orders."""

    def on_open_order(self, number: int, contract: Any, order: Any, state: Any) -> None:
        """The fields of an order, or a what-if answer."""
        ...

    def on_status(self, number: int, word: str, filled: float, remaining: float, perm_id: int, client_id: int) -> None:
        """The status of an order."""
        ...

    def on_execution(self, contract: Any, execution: Any, live: bool) -> None:
        """A fill; not live when it answers a request."""
        ...

    def on_commission(self, report: Any) -> None:
        """The commission of a fill."""
        ...

    def on_order_error(self, number: int, code: int, text: str) -> None:
        """An error that names an order."""
        ...


@dataclass(slots=True)
class _Pending:
    """A request on its way: what came so far and the future of its end."""

    end: asyncio.Future[list[Any]]
    rows: list[Any] = field(default_factory=list)


class Line:
    """One attempt to be connected. Callbacks: `on_notice(code, text)` about the connection, `on_lost(reason)` once."""

    def __init__(
        self, library: Library, generation: int, on_notice: Callable[[int, str], None], on_lost: Callable[[str], None]
    ) -> None:
        self.library = library
        self.generation = generation
        self.lane = Lane()
        self.accounts: list[str] = []
        self.next_number = 0
        self.day_profit: float | None = None
        self.undated = ""  # a time of an execution that nobody can place
        self.data: DataTaps | None = None
        self.orders: OrderTaps | None = None
        self._on_notice = on_notice
        self._on_lost = on_lost
        self._alive = False
        self._closed = False
        self._first_request = self._next_request = FIRST_REQUEST
        self._pending: dict[object, _Pending] = {}
        self._turns: dict[object, asyncio.Lock] = {}
        self._owed: Counter[object] = Counter()  # answers given up whose end marker has not come
        self._silent: Counter[object] = Counter()  # answers of a kind that did not come, in a row
        self._ib = library.client()
        self.client: Any = self._ib.client
        self._tap(self._ib.wrapper)
        self._date_executions(self.client.decoder.handlers)
        self._receive = self.client.conn.data_received
        self.client.conn.data_received = self._in_pieces

    @property
    def alive(self) -> bool:
        """Whether the socket is up. Says nothing about what is behind it."""
        return self._alive and not self._closed

    @property
    def client_id(self) -> int:
        """The id we connected with."""
        number: int = self.client.clientId
        return number

    async def open(self, host: str, port: int, client_id: int, limit_s: float) -> None:
        """Connect; raises OSError or TimeoutError. A gateway that closes during the greeting ends the attempt at once:
        the library would wait for it until the limit."""
        dropped: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def give_up(reason: str) -> None:
            if not dropped.done():
                dropped.set_result(reason)

        self.client.apiError.connect(give_up)
        opening = asyncio.ensure_future(self.client.connectAsync(host, port, client_id, limit_s))
        try:
            await asyncio.wait({opening, dropped}, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise ConnectionError(dropped.result())
            opening.result()
        finally:
            self.client.apiError.disconnect(give_up)
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        self._alive = True
        self.accounts = list(self.client.getAccounts())
        if self.next_number + ROOM > FIRST_REQUEST:
            self._first_request = self._next_request = self.next_number + ROOM

    @property
    def has_room(self) -> bool:
        """Whether there are numbers for orders and for requests that cannot be taken for each other."""
        return self._first_request + ROOM <= LAST_NUMBER

    def close(self) -> None:
        """Cut the line; nothing is heard or sent on it any more."""
        if self._closed:
            return
        self._closed, self._alive = True, False
        self.lane.close()
        for pending in self._pending.values():
            if not pending.end.done():
                pending.end.set_exception(ConnectionError("the line was closed"))
        self._pending.clear()
        self.client.disconnect()

    # -- asking ------------------------------------------------------------------------------------------------------------

    def new_request(self) -> int:
        """A request id of this line."""
        self._next_request += 1
        return self._next_request

    async def ask(self, kind: object, request: Callable[[], None], limit_s: float) -> list[Any]:
        """Make a request whose answer ends with a marker; its rows are returned. One of a kind at a time.

        Raises NoAnswer, Refused or ConnectionError.
        """
        turn = self._turns.setdefault(kind, asyncio.Lock())
        async with turn:
            if not self.alive:
                raise ConnectionError("the line is not up")
            pending = _Pending(asyncio.get_running_loop().create_future())
            self._pending[kind] = pending
            try:
                self.lane.call(request)
                rows = await asyncio.wait_for(pending.end, limit_s)
                self._silent.pop(kind, None)
                return rows
            except asyncio.CancelledError:
                self._owe(kind, pending)
                raise
            except TimeoutError as fault:
                self._give_up(kind, pending)
                raise NoAnswer(f"no end of {kind} within {limit_s:g} s, {len(pending.rows)} rows came") from fault
            finally:
                self._pending.pop(kind, None)
                if isinstance(kind, int):
                    self._turns.pop(kind, None)

    async def ask_numbered(self, make: Callable[[int], None], limit_s: float) -> list[Any]:
        """Like `ask`, for requests that carry an id of their own."""
        request = self.new_request()
        return await self.ask(request, lambda: make(request), limit_s)

    def _owe(self, kind: object, pending: _Pending) -> None:
        """Nobody waits for this answer any more, and what is left of it may still come: also of a question still in the lane.
        An end that came in the same turn of the loop is not waited for again."""
        if kind in OWED and pending.end.cancelled():
            self._owed[kind] += 1

    def _give_up(self, kind: object, pending: _Pending) -> None:
        """An answer did not come in time. Its rest may still come, or never: after the second the line is worth nothing."""
        self._owe(kind, pending)
        if kind not in UNNUMBERED:
            return
        self._silent[kind] += 1
        if self._silent[kind] >= SILENT_TWICE:
            self._lost(f"two questions about {kind} in a row without an answer")

    def asking(self, kind: object) -> bool:
        """Whether a request of this kind waits for its end marker."""
        return kind in self._pending

    def _row(self, kind: object, row: Any) -> None:
        pending = self._pending.get(kind)
        if pending is not None and not pending.end.done() and len(pending.rows) < MOST_ROWS and not self._owed[kind]:
            pending.rows.append(row)

    def _end(self, kind: object) -> None:
        if self._owed[kind]:
            self._owed[kind] -= 1
            return
        pending = self._pending.get(kind)
        if pending is not None and not pending.end.done():
            pending.end.set_result(pending.rows)

    # -- hearing -------------------------------------------------------------------------------------------------------------

    def _tap(self, wrapper: Any) -> None:
        """Put our handlers in place of the library's."""
        for name, handler in self._handlers().items():
            setattr(wrapper, name, self._guarded(handler))

    def _date_executions(self, decoders: dict[int, Callable[[list[str]], None]]) -> None:
        """Have the library read the times of executions as seconds since the epoch, which it cannot misread."""
        decode = decoders[EXECUTION]

        def dated(fields: list[str]) -> None:
            instant = instant_s(fields[EXECUTION_TIME])
            if instant is None:
                self._undated(fields[EXECUTION_TIME])
            decode([*fields[:EXECUTION_TIME], UNDATED if instant is None else str(instant), *fields[EXECUTION_TIME + 1 :]])

        decoders[EXECUTION] = dated

    def _undated(self, text: str) -> None:
        if not self.undated:
            logger.warning(
                "an execution is dated {!r}, which names no zone that is known: it counts as done when it is told. Let the "
                "gateway's API settings send attributes in UTC format",
                text,
            )
        self.undated = text or "nothing"

    def _in_pieces(self, data: bytes) -> None:
        """Bytes for the library a little at a time: it copies all it holds for every message it takes out."""
        for start in range(0, len(data), PIECE_BYTES):
            self._receive(data[start : start + PIECE_BYTES])

    def _guarded(self, handler: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            if not self._closed:
                handler(*arguments)

        return call

    def _handlers(self) -> dict[str, Callable[..., None]]:
        return {
            "nextValidId": self._next_valid_id,
            "connectionClosed": lambda: self._lost("the gateway closed the connection"),
            "error": self._error,
            "currentTime": self._time,
            "position": lambda account, contract, size, cost: self._row("positions", (account, contract, size, cost)),
            "positionEnd": lambda: self._end("positions"),
            "openOrder": self._open_order,
            "openOrderEnd": lambda: self._end("open orders"),
            "orderStatus": self._status,
            "completedOrder": lambda contract, order, state: self._row("completed orders", (contract, order, state)),
            "completedOrdersEnd": lambda: self._end("completed orders"),
            "execDetails": self._execution,
            "execDetailsEnd": self._end,
            "commissionReport": lambda report: self.orders.on_commission(report) if self.orders else None,
            "contractDetails": self._row,
            "contractDetailsEnd": self._end,
            "historicalData": self._row,
            "historicalDataEnd": lambda request, *_: self._end(request),
            "accountSummary": lambda request, *row: self._row(request, row),  # account, tag, value, currency
            "accountSummaryEnd": self._end,
            "pnl": self._profit,
            **self._data_handlers(),
        }

    def _data_handlers(self) -> dict[str, Callable[..., None]]:
        def trade(request: int, _kind: int, at_s: int, price: float, size: float, attributes: Any, *_: Any) -> None:
            if self.data is not None:
                self.data.on_trade(request, at_s, price, size, bool(attributes.unreported))

        def quote(request: int, _at_s: int, bid: float, ask: float, bid_size: float, ask_size: float, _attributes: Any) -> None:
            if self.data is not None:
                self.data.on_quote(request, bid, ask, bid_size, ask_size)

        def depth(request: int, position: int, operation: int, side: int, price: float, size: float) -> None:
            if self.data is not None:
                self.data.on_depth(request, position, operation, side, price, size)

        def depth_with_maker(request: int, position: int, _maker: str, *rest: Any) -> None:
            depth(request, position, *rest[:4])

        return {
            "tickByTickAllLast": trade,
            "tickByTickBidAsk": quote,
            "updateMktDepth": depth,
            "updateMktDepthL2": depth_with_maker,
            "priceSizeTick": self._level1,
            "tickSize": lambda request, kind, size: self._level1(request, kind, None, size),
            "marketDataType": lambda request, kind: self.data.on_data_type(request, kind) if self.data else None,
        }

    def _level1(self, request: int, kind: int, price: float | None, size: float) -> None:
        if self.data is not None:
            self.data.on_level1(request, kind, price, size)

    def _next_valid_id(self, number: int) -> None:
        self.next_number = max(self.next_number, number)

    def _time(self, seconds: int) -> None:
        self._row("time", seconds)
        self._end("time")

    def _profit(self, _request: int, daily: float, *_: float) -> None:
        self.day_profit = daily

    def _lost(self, reason: str) -> None:
        self._alive = False
        self._on_lost(reason)

    def _open_order(self, number: int, contract: Any, order: Any, state: Any) -> None:
        if not order.whatIf:
            self._row("open orders", (contract, order, state))
        if self.orders is not None:
            self.orders.on_open_order(number, contract, order, state)

    def _status(self, number: int, word: str, filled: float, remaining: float, _average: float, perm_id: int, *rest: Any) -> None:
        client_id = rest[2]  # after parent id and last fill price
        self._row("open orders", (perm_id, word, filled))
        if self.orders is not None:
            self.orders.on_status(number, word, filled, remaining, perm_id, client_id)

    def _execution(self, request: int, contract: Any, execution: Any) -> None:
        asked = request in self._pending
        if asked:
            self._row(request, (contract, execution))
        if self.orders is not None:
            self.orders.on_execution(contract, execution, live=not asked)

    def _error(self, request: int, code: int, text: str, *_: Any) -> None:
        if request in self._pending:
            if code not in WARNING_CODES and not self._pending[request].end.done():
                self._pending[request].end.set_exception(Refused(code, text))
        elif self._first_request < request <= self._next_request:
            if self.data is not None:
                self.data.on_data_error(request, code, text)
        elif request > 0 and self.orders is not None:
            self.orders.on_order_error(request, code, text)
        else:
            if code == READ_ONLY:
                self._refuse_orders(code, text)
            self._on_notice(code, text)

    def _refuse_orders(self, code: int, text: str) -> None:
        """A read-only gateway refuses questions about orders without naming them."""
        for kind in ("open orders", "completed orders"):
            pending = self._pending.get(kind)
            if pending is not None and not pending.end.done():
                pending.end.set_exception(Refused(code, text))
