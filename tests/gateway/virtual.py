"""Virtual time for the real client library: an event loop whose clock jumps to the next timer, and connections in memory.

The library cannot tell: it calls `create_connection` on the running loop and gets a transport. The bytes of one
connection keep their order. A run of minutes takes milliseconds and is the same every time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from tests.gateway import commands
from tests.gateway.client import Client
from tests.gateway.gateway import Gateway
from tests.gateway.house import Settings
from tests.gateway.script import Script
from tests.gateway.server import Host

Result = TypeVar("Result")
START_NS = int(datetime(2026, 11, 18, 15, 0, tzinfo=UTC).timestamp()) * 1_000_000_000  # a Wednesday, 09:00 Chicago
TICK_S = 0.01
LATENCY_S = 0.0005


class Stalled(Exception):
    """Nothing is left to happen and the main coroutine still waits."""


class _Selector:
    """Stands where the loop asks the operating system to wait: time jumps instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        """Let `timeout` seconds pass at once."""
        if timeout is None:
            raise Stalled("the loop has no timer and nothing ready: something waits for ever")
        self._loop.now_s += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop in virtual time whose only network are the gateways registered by port."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._selector = _Selector(self)
        self.gateways: dict[int, Gateway] = {}
        self.frozen = False  # a hung gateway: bytes go in, nothing comes out
        self._travelling: deque[Callable[[], None]] = deque()
        self._kept: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now_s

    @property
    def now_ns(self) -> int:
        """The wall clock."""
        return START_NS + round(self.now_s * 1e9)

    def _process_events(self, events: object) -> None:
        """No operating system, no events."""

    def _write_to_self(self) -> None:
        """One thread: nobody needs waking."""

    async def create_connection(self, factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:  # type: ignore[override]
        gateway = self.gateways.get(int(port))
        if gateway is None or gateway.refuses:
            raise ConnectionRefusedError(f"nothing listens on port {port}")
        protocol = factory()
        transport = MemoryTransport(self, protocol, gateway)
        protocol.connection_made(transport)
        return transport, protocol

    def deliver(self, action: Callable[[], None]) -> None:
        """Let bytes travel: a little later, first come first served; while frozen they wait."""
        if self.frozen:
            self._kept.append(action)
        elif not self.is_closed():
            self._travelling.append(action)
            self.call_later(LATENCY_S, self._land)

    def _land(self) -> None:
        self._travelling.popleft()()

    def thaw(self) -> None:
        """The hung gateway goes on: everything that waited arrives."""
        self.frozen = False
        kept, self._kept = self._kept, []
        for action in kept:
            self.deliver(action)


class MemoryTransport(asyncio.Transport):
    """The client's end of a connection in memory; it is the gateway's outlet too."""

    def __init__(self, loop: VirtualLoop, protocol: asyncio.Protocol, gateway: Gateway) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._gateway = gateway
        self._server_side = _ServerSide(self)
        self._client: Client | None = gateway.attach(self._server_side)
        self._closed = False

    def write(self, data: Any) -> None:
        payload = bytes(data)
        self._loop.deliver(lambda: self._arrive(payload))

    def _arrive(self, data: bytes) -> None:
        if self._client is not None and not self._closed:
            self._gateway.receive(self._client, data)

    def from_gateway(self, data: bytes) -> None:
        """Bytes towards the client."""
        self._loop.deliver(lambda: None if self._closed else self._protocol.data_received(data))

    def end_from_gateway(self) -> None:
        """The gateway closes: the client learns it after the bytes before."""
        self._loop.deliver(self._lost)

    def _lost(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._client is not None:
            self._gateway.detach(self._client)
            self._client = None
        self._protocol.connection_lost(None)

    def write_eof(self) -> None:
        """Part of closing."""

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon(self._lost)

    def abort(self) -> None:
        self.close()


class _ServerSide:
    """What the gateway writes to."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        self._transport.from_gateway(data)

    def close(self) -> None:
        self._transport.end_from_gateway()

    def abort(self) -> None:
        self._transport.end_from_gateway()


class Stage:
    """A gateway in virtual time, as a test holds it inside its loop."""

    PORT = 4002

    def __init__(self, loop: VirtualLoop, settings: Settings | None = None, script: list[dict[str, Any]] | None = None) -> None:
        self.loop = loop
        self.gateway = Gateway(settings or Settings(), loop.now_ns)
        loop.gateways[self.PORT] = self.gateway
        self._host = Host(self.gateway, Script(script, loop.now_ns) if script else None, lambda: loop.now_ns)
        self._host.start_clock(TICK_S)

    def do(self, command: str, **arguments: Any) -> Any:
        """One command, at once."""
        return commands.run(self.gateway, {"do": command, **arguments})

    async def close(self) -> None:
        """Stop its clock and cut its clients."""
        await self._host.stop()


def run(scenario: Callable[[VirtualLoop], Coroutine[Any, Any, Result]], limit_s: float = 86_400.0) -> Result:
    """Run a scenario to its end in virtual time; `limit_s` virtual seconds end it with TimeoutError."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(asyncio.wait_for(scenario(loop), limit_s))
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()
        asyncio.set_event_loop(None)
