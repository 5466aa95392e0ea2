"""The client library, chosen by one key: `ib_insync` or its continuation `ib_async`.

Imported lazily and inside the running loop: from Python 3.14 on its import needs one. Only the low-level client is used
(connection, encoding, decoding); what the library believes about orders, positions and books is not read. Both bring a
module `eventkit`, so an environment holds one of the two.
"""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass
from typing import Any

LIBRARIES = ("ib_insync", "ib_async")


class LibraryMissing(Exception):
    """The configured client library cannot be used."""


@dataclass(frozen=True, slots=True)
class Library:
    """The few names the adapters use of the library, untyped as it is."""

    name: str
    _module: Any

    def client(self) -> Any:
        """A new, unconnected IB object."""
        return self._module.IB()

    def future(self, symbol: str, exchange: str, month: str = "", con_id: int = 0) -> Any:
        """A description of futures contracts; empty parts fit anything."""
        return self._module.Contract(
            secType="FUT", symbol=symbol, exchange=exchange, currency="USD", lastTradeDateOrContractMonth=month, conId=con_id
        )

    def order(self, **fields: Any) -> Any:
        """An order."""
        return self._module.Order(**fields)

    def execution_filter(self, account: str) -> Any:
        """Executions of one account."""
        return self._module.ExecutionFilter(acctCode=account)


def load(name: str) -> Library:
    """Import the library. Must run inside the loop that will use it. Raises LibraryMissing."""
    if name not in LIBRARIES:
        raise LibraryMissing(f"expected ib.library to be one of {', '.join(LIBRARIES)}, got {name!r}")
    asyncio.get_running_loop()
    try:
        return Library(name, importlib.import_module(name))
    except ImportError as fault:
        raise LibraryMissing(
            f"ib.library = {name!r} is not installed here ({fault}): pip install {name}, or set the key"
        ) from fault
