"""`python -m tests.gateway.bench_feed`: how many messages a second the feed takes through the real client over TCP.

First what decoding costs without sockets. Then the gateway in its own process at a given number of steps a second; each
step is a print, mostly a quote of two instruments and a few depth rows. Printed: messages and trades a second, trades
lost (must be 0), the longest pause of the loop, the CPU share of the reading process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import Trades
from tests.adapters.ib_world import INSTRUMENTS, IbWorld, ib_settings
from tests.gateway.process import GatewayProcess

BEAT_S = 0.01


async def _measure(process: GatewayProcess, steps_per_second: float, seconds: float) -> str:
    events: list[Event] = []
    session = IbSession(ib_settings(port=process.port), INSTRUMENTS, events.append, time.time_ns)
    feed = IbFeed(session, time.time_ns)
    counted = {"trades": 0, "blocks": 0}
    longest = 0.0

    async def read() -> None:
        async for event in feed.events():
            if isinstance(event, Trades):
                counted["trades"] += len(event)
                counted["blocks"] += 1

    async def beat() -> None:
        nonlocal longest
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            longest = max(longest, time.perf_counter() - begin - BEAT_S)

    tasks = [asyncio.ensure_future(work) for work in (session.run(), read(), beat())]
    while session.link is not Link.READY:
        await asyncio.sleep(0.01)
    process.do("play", on=False)
    await asyncio.sleep(0.5)
    line = session.line
    assert line is not None, "READY has a line"
    first_trades, first_messages, first_prints = counted["trades"], line.client.connectionStats().numMsgRecv, _prints(process)
    begin, cpu = time.perf_counter(), time.process_time()
    longest = 0.0
    process.do("pace", steps_per_second=steps_per_second, families=["SPX"])
    process.do("play", on=True)
    await asyncio.sleep(seconds)
    process.do("play", on=False)
    await asyncio.sleep(1.0)
    took = time.perf_counter() - begin
    trades = counted["trades"] - first_trades
    lost = _prints(process) - first_prints - trades
    if not line.alive:
        return (
            f"asked for {steps_per_second:g} steps/s: the link went down, a probe stayed without an answer (is the machine busy?)"
        )
    messages = line.client.connectionStats().numMsgRecv - first_messages
    busy = (time.process_time() - cpu) / took
    session.stop()
    await asyncio.gather(tasks[0], return_exceptions=True)
    for task in tasks:
        task.cancel()
    return (
        f"over TCP: {messages / seconds:,.0f} messages/s ({trades / seconds:,.0f} trades/s in {counted['blocks']:,} blocks) "
        f"for {seconds:g} s: lost {lost}, longest pause {1000 * longest:.0f} ms, CPU {100 * busy:.0f} %, "
        f"pictures skipped {feed.queue.skipped:,}"
    )


class _Collector:
    """An outlet that keeps what the gateway writes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.parts.append(data)

    def close(self) -> None:
        """Nothing to close."""

    def abort(self) -> None:
        """Nothing to cut."""


def decoder(steps: int, chunk_bytes: int = 65_536) -> str:
    """What decoding and the feed cost alone: the bytes of `steps` steps handed to the real client in one go."""
    world = IbWorld().ready()
    world.do("play", on=False)
    world.pass_ms(100)
    collector = _Collector()
    client = world.stage.gateway.house.ready_clients()[0]
    outlet, client.outlet = client.outlet, collector
    world.do("pace", steps_per_second=0, families=["SPX"])
    world.do("step", count=steps)
    client.outlet = outlet
    whole = b"".join(collector.parts)
    line = world.session.line
    assert line is not None, "READY has a line"
    before = sum(len(e) for e in world.market if isinstance(e, Trades))
    begin = time.process_time()

    def receive() -> None:
        for start in range(0, len(whole), chunk_bytes):
            line.client.conn.data_received(whole[start : start + chunk_bytes])

    world.call(receive)
    took = time.process_time() - begin
    world.pass_ms(100)
    lost = steps - (sum(len(e) for e in world.market if isinstance(e, Trades)) - before)
    world.close()
    count = len(collector.parts)
    return f"decoder and feed alone: {count:,} messages in {took:.2f} s of CPU, {count / took:,.0f} messages/s, lost {lost}"


def _prints(process: GatewayProcess) -> int:
    """Prints of the SPX market so far."""
    count: int = process.do("prints", symbol="ES")
    return count


def main(argv: list[str] | None = None) -> int:
    """Print one line a pace."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.bench_feed", description=__doc__)
    parser.add_argument("--paces", default="1000,4000", help="steps a second, comma separated")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each")
    options = parser.parse_args(argv)
    sys.stdout.write(decoder(20_000) + "\n")
    for pace in options.paces.split(","):
        with GatewayProcess("--pace", "50") as process:
            sys.stdout.write(asyncio.run(_measure(process, float(pace), options.seconds)) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
