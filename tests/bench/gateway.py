"""`python -m tests.bench.gateway [--quick]`: how fast the house finds out, how long orders wait, how soon it is back.

Everything over TCP, the gateway in a process of its own. Printed, each with the goal it belongs to:

* from the instant the gateway closes the socket, or is frozen, until the engine has taken in that the link is not READY;
* how long a bracket takes from the broker adapter to the socket while the slow lane is never empty;
* from the start of the command (`tests.e2e.operated`: interpreter, journal, gateway, reports) until its terminal shows
  the position that a killed run left and its stop at the broker.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loguru import logger

from orderflow_tui.adapters import ib_attempts
from orderflow_tui.adapters.ib_broker import IbBroker
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Action
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.order import Order
from orderflow_tui.house import House
from orderflow_tui.runtime import Runtime
from tests.adapters.ib_world import INSTRUMENTS, ib_settings
from tests.contract.broker_contract import bracket
from tests.e2e.paper_desk import Build, PaperDesk
from tests.e2e.session import Session
from tests.gateway.process import GatewayProcess

LOOK_S = 0.0005
STEADY_NS = 1_000_000_000  # READY for so long before the next accident
PLACE_ORDER, REFERENCE_AT = "3", 26  # fields of the wire
PLACED_EVERY_S = 0.4
NEVER_EMPTY = 60  # requests waiting in the slow lane
PATIENCE_S = 120.0


def say(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def shares(values: Sequence[float], unit: str = "s") -> str:
    """Median, p99 and most of some figures."""
    ordered = sorted(values)
    scale = 1000.0 if unit == "ms" else 1.0
    median, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return (
        f"p50 {scale * median:.2f} {unit}, p99 {scale * p99:.2f} {unit}, most {scale * ordered[-1]:.2f} {unit} of {len(ordered)}"
    )


@dataclass
class Fences:
    """When the engine took in each change of its link, by the machine's clock."""

    at_ns: list[tuple[int, Link]] = field(default_factory=list)

    def around(self, build: Build) -> Build:
        """An ear at the engine."""

        async def listening(runtime: Runtime) -> House:
            house = await build(runtime)
            on = house.engine.on

            def hearing(event: Event) -> list[Action]:
                actions = on(event)
                if isinstance(event, LinkStatus):
                    self.at_ns.append((time.time_ns(), event.link))
                return actions

            house.engine.on = hearing  # type: ignore[method-assign]
            return house

        return listening

    def steady(self) -> None:
        """Wait until the link has been READY for a while."""
        while not self.at_ns or self.at_ns[-1][1] is not Link.READY or time.time_ns() - self.at_ns[-1][0] < STEADY_NS:
            time.sleep(LOOK_S)

    def after(self, accident_ns: int) -> float:
        """Seconds from an accident to the fence."""
        while self.at_ns[-1][1] is Link.READY and self.at_ns[-1][0] < accident_ns:
            time.sleep(LOOK_S)
        fenced_ns = next(at_ns for at_ns, link in self.at_ns if at_ns >= accident_ns and link is not Link.READY)
        return (fenced_ns - accident_ns) / 1e9


def fences(folder: Path, cuts: int, freezes: int) -> None:
    """Cut and freeze a house in mode paper, again and again; a line counts as stable at once, so that waits do not grow."""
    ib_attempts.STABLE_S = 0.0
    heard = Fences()
    with PaperDesk(folder, around=heard.around) as desk:
        lost, hung = [], []
        for _ in range(cuts):
            heard.steady()
            lost.append(heard.after(desk.gateway.do("cut")))
        say(f"socket lost until fenced: {shares(lost, 'ms')} (goal 100 ms)")
        for _ in range(freezes):
            heard.steady()
            frozen_ns = time.time_ns()
            desk.gateway.freeze()
            hung.append(heard.after(frozen_ns))
            desk.gateway.thaw()
        say(f"gateway frozen until fenced: {shares(hung)} (goal 5 s)")


async def _orders(gateway: GatewayProcess, brackets: int) -> list[float]:
    events: list[Event] = []
    session = IbSession(ib_settings(port=gateway.port), INSTRUMENTS, events.append, time.time_ns)
    feed, broker = IbFeed(session, time.time_ns), IbBroker(session, events.append, time.time_ns)

    async def read() -> None:
        async for _ in feed.events():
            pass

    tasks = [asyncio.ensure_future(session.run()), asyncio.ensure_future(read())]
    while session.link is not Link.READY:
        await asyncio.sleep(0.01)
    line = session.line
    assert line is not None, "READY has a line"
    gateway.do("play", on=False)
    last = round(gateway.do("quote", symbol="MES")["last"] * 4)
    gateway.do("play", on=True)
    sent: dict[str, float] = {}
    left: dict[str, float] = {}
    send_out = line.client.conn.sendMsg

    def heard(message: bytes) -> None:
        fields = message[4:].decode().split("\0")
        if fields[0] == PLACE_ORDER:
            left[fields[REFERENCE_AT]] = time.perf_counter()
        send_out(message)

    line.client.conn.sendMsg = heard
    for number in range(1, brackets + 1):
        for _ in range(NEVER_EMPTY - len(line.lane)):
            line.lane.call(line.client.reqCurrentTime)
        orders: tuple[Order, ...] = bracket(10 * number, entry=last - 400, stop=last - 450, target=last)
        sent[orders[-1].id] = time.perf_counter()  # nothing of a bracket lives before its last leg has left
        broker.send(orders, time.time_ns())
        await asyncio.sleep(PLACED_EVERY_S)
    session.stop()
    await asyncio.gather(tasks[0], return_exceptions=True)
    for task in tasks:
        task.cancel()
    return [left[ref] - begun for ref, begun in sent.items()]


def orders(brackets: int) -> None:
    """Brackets behind a slow lane that is never empty."""
    with GatewayProcess("--pace", "50") as gateway:
        waits = asyncio.run(_orders(gateway, brackets))
    what = f"bracket handed over until its last leg is written to the socket, {NEVER_EMPTY} requests waiting"
    say(f"{what}: {shares(waits, 'ms')} (goal p99 50 ms)")


def boots(folder: Path, times: int) -> None:
    """Kill the command with a position open, start it again, watch its terminal."""
    took = []
    for number in range(times):
        place = folder / f"boot{number}"
        place.mkdir()
        with Session(place, screen=True) as session:
            session.until(lambda s: s["link_state"] == "READY", "READY")
            session.leap(9, 35, 1)
            session.enter()
            took.append(session.killed_and_started())
    say(f"start of the command until its screen shows position and stop at the broker: {shares(took)} (goal 10 s)")


def main(argv: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args(argv)
    logger.remove()
    say(f"{os.cpu_count()} processors, load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder  # locks of accounts lie there: others may run benches too
        (Path(folder) / "fences").mkdir()
        fences(Path(folder) / "fences", *((3, 1) if options.quick else (12, 4)))
        orders(20 if options.quick else 100)
        boots(Path(folder), 1 if options.quick else 4)
    say(f"load average at the end {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
