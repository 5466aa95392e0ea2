"""The control channel: a second loopback port, one JSON command a line in, one JSON answer a line out."""

from __future__ import annotations

import asyncio
import json

from tests.gateway import commands
from tests.gateway.gateway import Gateway
from tests.gateway.server import LOOPBACK

LONGEST_LINE = 1 << 20


async def listen(gateway: Gateway) -> tuple[asyncio.Server, int]:
    """Open the channel; the port is returned with it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(_answer(gateway, line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, LOOPBACK, 0, limit=LONGEST_LINE)
    port: int = server.sockets[0].getsockname()[1]
    return server, port


def _answer(gateway: Gateway, line: bytes) -> dict[str, object]:
    try:
        return {"ok": True, "value": commands.run(gateway, json.loads(line))}
    except (commands.UnknownCommand, KeyError, ValueError, AssertionError) as trouble:
        return {"ok": False, "error": f"{type(trouble).__name__}: {trouble}"}
