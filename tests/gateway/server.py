"""Sockets for the gateway: TCP on loopback, and the clock that drives it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.gateway.client import Client
from tests.gateway.gateway import Gateway
from tests.gateway.script import Script
from tests.gateway.wire import WireError

TICK_S = 0.002
LOOPBACK = "127.0.0.1"


class _Socket(asyncio.Protocol):
    """One TCP connection of a client. Pieces of a split frame go out in separate turns of the loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._client: Client | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._gateway.refuses:
            transport.abort()
            return
        self._transport = transport
        self._client = self._gateway.attach(self)

    def data_received(self, data: bytes) -> None:
        if self._client is None:
            return
        try:
            self._gateway.receive(self._client, data)
        except WireError:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._client is not None:
            self._gateway.detach(self._client)
        self._client = self._transport = None

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut: what was written still goes out, then the connection ends."""
        self.close()


class Host:
    """Runs a gateway on the loop it is started in: its clock, its script and its TCP port."""

    def __init__(self, gateway: Gateway, script: Script | None = None, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.gateway = gateway
        self._script = script
        self._clock_ns = clock_ns
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; the port is returned."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Socket(self.gateway), LOOPBACK, port)
        self.start_clock()
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    def start_clock(self, tick_s: float = TICK_S) -> None:
        """Let time pass for the gateway."""
        self._ticking = asyncio.get_running_loop().create_task(self._tick(tick_s))

    async def _tick(self, tick_s: float) -> None:
        seen = 0
        while True:
            self.gateway.advance(self._clock_ns())
            if self._script is not None:
                self._script.play(self.gateway, seen)
            seen = len(self.gateway.received)
            await asyncio.sleep(tick_s)

    async def stop(self) -> None:
        """Close every connection and the port."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        for client in list(self.gateway.house.clients):
            client.outlet.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
