"""`python -m tests.process.faulty CLOCK ARGUMENTS…`: the real command without a screen, a hand that types and one that breaks.

The time of day comes from the file CLOCK (`tests.gateway.clock`). Lines of JSON on standard input: `{"command": "bracket",
"side": "BUY"}` becomes what a key becomes; `{"break": "feed"}` makes that task of the engine raise at its next step, in the
house that was really built; `{"break": "loop"}` lets the engine's loop stand still.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tests.gateway.clock import SharedClock

if TYPE_CHECKING:
    from orderflow_tui.domain.action import Alert, Row
    from orderflow_tui.domain.event import MarketEvent
    from orderflow_tui.house import House
    from orderflow_tui.ports import Feed, Journal, Post
    from orderflow_tui.view.model import ConsoleView

TASKS = ("engine", "feed", "clock", "commands", "view", "heartbeat", "journal", "stop file", "service")
STANDS_STILL_S = 60.0


class Boom(Exception):
    """A part fails in a way nobody expected."""


def _boom(*_: object) -> NoReturn:
    raise Boom("nobody expected it")


@dataclass
class Hand:
    """What breaks a house: put around its parts when it is built, told from outside when to."""

    events: dict[str, asyncio.Event] = field(default_factory=dict)
    house: Any = None

    def around(self, house: House) -> House:
        """The same house, breakable."""
        self.house = house
        self.events = {name: asyncio.Event() for name in ("feed", "stop file", "service")}
        house.feed = BreakableFeed(house.feed, self.events["feed"])
        watch = house.watch_stop

        async def watch_stop(post: Post) -> None:
            await _first(watch(post), self.events["stop file"])

        async def service() -> None:
            await self.events["service"].wait()
            _boom()

        house.watch_stop, house.services = watch_stop, (*house.services, service)
        return house

    def break_(self, task: str) -> None:
        """Inside the engine's loop."""
        match task:
            case "engine":
                self.house.engine.on = _boom
            case "clock":
                self.house.pulse.beat = _boom
            case "commands":
                self.house.steer = _boom
            case "view":
                self.house.view = _broken_view
            case "heartbeat":
                self.house.beat = _broken_beat
            case "journal":
                type(self.house.journal).commit = _broken_commit
            case "loop":
                time.sleep(STANDS_STILL_S)
            case _:
                self.events[task].set()


async def _broken_commit(journal: Journal, rows: Sequence[Row]) -> None:
    _boom(journal, rows)


def _broken_view(seq: int, alerts: Sequence[tuple[int, Alert, str]]) -> ConsoleView:
    _boom(seq, alerts)


def _broken_beat(view: ConsoleView) -> None:
    _boom(view)


class BreakableFeed:
    """A feed until it is told to fail."""

    def __init__(self, feed: Feed, told: asyncio.Event) -> None:
        self._feed, self._told = feed, told

    async def events(self) -> AsyncIterator[MarketEvent]:
        """What the feed tells."""
        async for event in self._feed.events():
            if self._told.is_set():
                _boom()
            yield event

    async def close(self) -> None:
        """Close the feed."""
        await self._feed.close()


async def _first(work: Any, told: asyncio.Event) -> None:
    """Do some work until told to fail."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        _boom() if told.is_set() else await working
    finally:
        working.cancel()
        waiting.cancel()


def main() -> None:
    """Run the command."""
    clock = SharedClock(Path(sys.argv[1]))
    time.time_ns = clock
    time.time = lambda: clock() / 1e9
    sys.argv = ["orderflow-tui", *sys.argv[2:]]
    from orderflow_tui import console
    from orderflow_tui.cli import main as command
    from orderflow_tui.domain.event import Command
    from orderflow_tui.runtime import Runtime
    from orderflow_tui.seam import Seam
    from orderflow_tui.wiring import builder, interactive
    from orderflow_tui.wiring.plan import Plan

    hand = Hand()

    class OperatedSeam(Seam):
        """A seam with somebody at it."""

        def __init__(self, run_id: str) -> None:
            super().__init__(run_id)
            threading.Thread(target=self._listen, daemon=True, name="operator").start()

        def _listen(self) -> None:
            for line in sys.stdin:
                words = json.loads(line)
                if "break" in words:
                    assert self._loop is not None, "nothing runs that could break"
                    self._loop.call_soon_threadsafe(hand.break_, words["break"])
                    self._loop.call_soon_threadsafe(self.feed_command, "pause")
                else:
                    self.command(Command(words.pop("command")), words)

    def breakable(plan: Plan) -> Any:
        build = builder(plan)

        async def built(runtime: Runtime) -> House:
            return hand.around(await build(runtime))

        return built

    console.Seam = OperatedSeam  # type: ignore[attr-defined]
    console.builder = breakable  # type: ignore[attr-defined,assignment]
    interactive.SESSIONS = 1  # type: ignore[attr-defined]
    command()


if __name__ == "__main__":
    main()
