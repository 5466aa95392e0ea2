"""`python -m tests.gateway`: the gateway as a process of its own. Prints one JSON line with its two ports."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from decimal import Decimal
from pathlib import Path

from tests.gateway import control
from tests.gateway.clock import SharedClock
from tests.gateway.gateway import Gateway
from tests.gateway.house import Settings
from tests.gateway.script import Script
from tests.gateway.server import Host


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port for clients, 0 picks one")
    parser.add_argument("--script", type=Path, help="file with a JSON list of timed commands")
    parser.add_argument("--json", help="the same list on the command line")
    parser.add_argument("--seed", type=int, default=1, help="seed of the market")
    parser.add_argument("--pace", type=float, default=20.0, help="steps of every market a second")
    parser.add_argument("--recording", type=Path, help="CSV of price_ticks,size,bid_ticks,ask_ticks to play as ES and MES")
    parser.add_argument("--accounts", default="DU1234567", help="account ids, comma separated")
    parser.add_argument("--carry", type=int, default=0, help="ticks between the prices of two expiries")
    parser.add_argument("--cash", type=Decimal, default=Decimal(100_000), help="cash in dollars")
    parser.add_argument("--ahead-ns", type=int, default=0, help="the gateway's clock minus this machine's")
    parser.add_argument("--clock", type=Path, help="file of a clock that others read too (tests.gateway.clock)")
    return parser.parse_args(argv)


async def _serve(options: argparse.Namespace) -> None:
    shared = SharedClock(options.clock) if options.clock is not None else time.time_ns

    def clock_ns() -> int:
        return shared() + int(options.ahead_ns)

    now = clock_ns()
    settings = Settings(
        accounts=tuple(options.accounts.split(",")),
        cash=options.cash,
        carry=options.carry,
        seed=options.seed,
        steps_per_second=options.pace,
        recording=options.recording,
    )
    text = options.script.read_text() if options.script else options.json
    host = Host(Gateway(settings, now), Script.read(text, now) if text else None, clock_ns)
    port = await host.start(options.port)
    server, control_port = await control.listen(host.gateway)
    sys.stdout.write(json.dumps({"port": port, "control": control_port}) + "\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main(argv: list[str] | None = None) -> None:
    """Serve until killed."""
    try:
        asyncio.run(_serve(_arguments(argv)))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
