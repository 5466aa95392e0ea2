"""Market-data subscriptions on a line: each with a request id of its own, none twice, all through the slow lane.

What still arrives under an id that was cancelled is nobody's: stale ids are simply not known any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from orderflow_tui.adapters.ib_line import Line

ROWS = 10


class Kind(Enum):
    """What a subscription brings."""

    TRADES = "Last"
    QUOTES = "BidAsk"
    DEPTH = "depth"
    LEVEL1 = "level 1"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription by what it brings and for which instrument."""

    kind: Kind
    symbol: str

    def __str__(self) -> str:
        return f"{self.kind.value} of {self.symbol}"


class Subscriptions:
    """What is subscribed on the present line. `contract_of` gives the qualified contract of a symbol, None before there
    is one; `prints` is `Last` (outright) or `AllLast`."""

    def __init__(self, contract_of: Callable[[str], Any | None], prints: str = "Last") -> None:
        self._contract_of = contract_of
        self._ticks = {Kind.TRADES: prints, Kind.QUOTES: "BidAsk"}
        self._timers: list[asyncio.TimerHandle] = []
        self.line: Line | None = None
        self.by_request: dict[int, Subscription] = {}
        self._ticks_asked_s: dict[int, float] = {}  # by contract id, over lines: the broker counts on

    def __bool__(self) -> bool:
        return bool(self.by_request)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something in a while, unless the line goes first."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._timers = [timer for timer in self._timers if timer.when() > now_s]
        self._timers.append(loop.call_later(seconds, action))

    def wait_s(self, symbol: str, spacing_s: float) -> float:
        """Seconds until single ticks of what a symbol stands for may be asked for again."""
        contract = self._contract_of(symbol)
        asked_s = None if contract is None else self._ticks_asked_s.get(contract.conId)
        return 0.0 if asked_s is None else max(0.0, asked_s + spacing_s - asyncio.get_running_loop().time())

    def start(self, wanted: Subscription) -> None:
        """Ask for one stream with a fresh id, unless it runs."""
        line, contract = self.line, self._contract_of(wanted.symbol)
        if line is None or not line.alive or contract is None or wanted in self.by_request.values():
            return
        request, client = line.new_request(), line.client
        self.by_request[request] = wanted
        match wanted.kind:
            case Kind.TRADES | Kind.QUOTES:
                self._ticks_asked_s[contract.conId] = asyncio.get_running_loop().time()
                line.lane.call(lambda: client.reqTickByTickData(request, contract, self._ticks[wanted.kind], 0, False))
            case Kind.DEPTH:
                line.lane.call(lambda: client.reqMktDepth(request, contract, ROWS, False, []))
            case Kind.LEVEL1:
                line.lane.call(lambda: client.reqMktData(request, contract, "", False, False, []))

    def end(self, wanted: Subscription) -> None:
        """End a stream, if it runs."""
        for request in [r for r, s in self.by_request.items() if s == wanted]:
            self._cancel(request)

    def _cancel(self, request: int) -> None:
        subscription, line = self.by_request.pop(request), self.line
        if line is None or not line.alive:
            return
        match subscription.kind:
            case Kind.TRADES | Kind.QUOTES:
                line.lane.call(lambda: line.client.cancelTickByTickData(request))
            case Kind.DEPTH:
                line.lane.call(lambda: line.client.cancelMktDepth(request, False))
            case Kind.LEVEL1:
                line.lane.call(lambda: line.client.cancelMktData(request))

    def refused(self, request: int) -> Subscription | None:
        """The broker refused it: it does not run."""
        return self.by_request.pop(request, None)

    def cancel_all(self) -> None:
        """End every stream and what was to start later."""
        self._stop_timers()
        for request in list(self.by_request):
            self._cancel(request)

    def forget(self) -> None:
        """The line is gone and every stream with it."""
        self._stop_timers()
        self.by_request.clear()

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
