"""The client library in a test: connected to a stage in virtual time, and its log watched."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.gateway.house import Settings
from tests.gateway.virtual import Stage, VirtualLoop, run

LIBRARY = os.environ.get("ORDERFLOW_IB_LIBRARY", "ib_insync")  # the other one in an environment that has it instead
WATCHED = ("ib_insync.Decoder", "ib_async.Decoder", "ib_insync.wrapper", "ib_async.wrapper", "eventkit", "ib_insync.event")
CLIENT_ID = 7


def library_faults(records: Sequence[logging.LogRecord]) -> list[str]:
    """Messages that mean the library choked. Its wrapper also logs every error the gateway reports as `Error <code>`:
    those are traffic, not faults."""
    return [
        record.getMessage()
        for record in records
        if record.levelno >= logging.ERROR and record.name.startswith(WATCHED) and not record.getMessage().startswith("Error ")
    ]


def library() -> Any:
    """The client library under test. Imported here: it wants a running loop."""
    return importlib.import_module(LIBRARY)


def new_client() -> Any:
    """A client of the library, not connected."""
    return library().IB()


async def connected(client_id: int = CLIENT_ID, port: int = Stage.PORT, host: str = "127.0.0.1") -> Any:
    """A real, unmodified client, connected and synchronised."""
    ib = new_client()
    await ib.connectAsync(host, port, clientId=client_id, timeout=4)
    return ib


def play(scenario: Callable[[Stage, Any], Awaitable[None]], settings: Settings | None = None) -> None:
    """Run a scenario with a stage and a connected client, in virtual time."""

    async def whole(loop: VirtualLoop) -> None:
        stage = Stage(loop, settings)
        ib = await connected()
        await scenario(stage, ib)
        ib.disconnect()
        await asyncio.sleep(0.1)
        await stage.close()

    run(whole)


def future(symbol: str = "ES", expiry: str = "202612", exchange: str = "CME") -> Any:
    """A contract as a client describes it."""
    return library().Future(symbol, expiry, exchange, currency="USD")


async def qualified(ib: Any, symbol: str = "ES") -> Any:
    """The front contract of a symbol, qualified."""
    contract = future(symbol)
    await ib.qualifyContractsAsync(contract)
    return contract
