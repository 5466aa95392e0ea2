"""The IB adapters in front of the wire-level gateway, the real client library between them, all in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from orderflow_tui.adapters.ib_broker import IbBroker
from orderflow_tui.adapters.ib_codec import Proof
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.adapters.ib_settings import IbSettings
from orderflow_tui.domain.account import AccountReport, Link, LinkStatus
from orderflow_tui.domain.event import Event, MarketEvent, Trouble
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Change, Order, OrderUpdate
from tests.gateway.house import Settings
from tests.gateway.listening import LIBRARY
from tests.gateway.virtual import START_NS, Stage, VirtualLoop

ES = Instrument("ES", "E-mini S&P 500", "CME", 250_000_000, 1250, 50, 225, 1_500_000, 16, 24, 20, 150)
MES = Instrument("MES", "Micro E-mini S&P 500", "CME", 250_000_000, 125, 5, 62, 150_000, 16, 24, 5, 30)
INSTRUMENTS = {"ES": ES, "MES": MES}
PREFIX = "of1-test-"
ACCOUNT = "DU1234567"

Item = TypeVar("Item")


def ib_settings(**changes: Any) -> IbSettings:
    """Settings for the stage, with what a test changes."""
    base: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": Stage.PORT,
        "client_id": 11,
        "analysis": "ES",
        "execution": "MES",
        "proof": Proof.PAPER,
        "own_prefix": PREFIX,
        "library": LIBRARY,
    }
    return IbSettings(**{**base, **changes})


class InLoop:
    """The broker, its calls made inside the running loop as the engine does."""

    def __init__(self, world: IbWorld, broker: IbBroker) -> None:
        self._world = world
        self._broker = broker

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        self._world.call(lambda: self._broker.send(orders, now_ns))

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        self._world.call(lambda: self._broker.change(change, order, now_ns))

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        self._world.call(lambda: self._broker.cancel(order_ids, now_ns))

    def cancel_everything(self, now_ns: int) -> None:
        self._world.call(lambda: self._broker.cancel_everything(now_ns))

    def ask_report(self, now_ns: int) -> None:
        self._world.call(lambda: self._broker.ask_report(now_ns))

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        self._world.call(lambda: self._broker.ask_margin(instrument, now_ns))


class IbWorld:
    """A gateway, a session, a feed and a broker. Nothing runs unless `pass_ms` lets time pass; `close` when done.

    `days` moves the stage later than Wednesday 2026-11-18.
    """

    def __init__(
        self, gateway: Settings | None = None, settings: IbSettings | None = None, *, start: bool = True, days: float = 0
    ) -> None:
        self.loop = VirtualLoop()
        self.loop.now_s = days * 86_400.0
        asyncio.set_event_loop(self.loop)
        self.events: list[Event] = []
        self.market: list[MarketEvent] = []
        self._gateway = gateway
        self._settings = settings or ib_settings()
        self.stage = self._in_loop(self._build)
        self.broker = InLoop(self, self.inner)
        if start:
            self.start()

    async def _build(self) -> Stage:
        self._adapt()
        return Stage(self.loop, self._gateway)

    def _adapt(self) -> None:
        """New adapters, as a program just started has them."""
        self.session = IbSession(self._settings, INSTRUMENTS, self.events.append, lambda: self.loop.now_ns, rng=Random(1))
        self.feed = IbFeed(self.session, lambda: self.loop.now_ns)
        self.inner = IbBroker(self.session, self.events.append, lambda: self.loop.now_ns)

    def reborn(self, **changes: Any) -> IbWorld:
        """Our program ends and starts anew, at the same gateway, perhaps with other settings."""
        self.call(self.session.stop)
        self.pass_ms(200)
        self.events.clear()
        self._settings = replace(self._settings, **changes)
        self._adapt()
        self.broker = InLoop(self, self.inner)
        self.start()
        return self

    def start(self) -> None:
        """Run the supervisor and read the feed."""
        self._in_loop(self._begin)

    async def _begin(self) -> None:
        self._tasks = [self.loop.create_task(self.session.run()), self.loop.create_task(self._read())]

    async def _read(self) -> None:
        async for event in self.feed.events():
            self.market.append(event)

    def _in_loop(self, make: Callable[[], Any]) -> Any:
        return self.loop.run_until_complete(make())

    def call(self, action: Callable[[], Item]) -> Item:
        """Do something inside the loop."""

        async def inside() -> Item:
            return action()

        result: Item = self._in_loop(inside)
        return result

    def wait(self, work: Callable[[], Any]) -> Any:
        """Run a coroutine of the adapters to its end."""
        return self._in_loop(work)

    @property
    def now_ns(self) -> int:
        """The wall clock."""
        return self.loop.now_ns

    @property
    def now_s(self) -> float:
        """Seconds since the stage was set."""
        return (self.loop.now_ns - START_NS) / 1e9

    def pass_ms(self, ms: int) -> None:
        """Let time pass."""
        self._in_loop(lambda: asyncio.sleep(ms / 1000))

    def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> float:
        """Let time pass until something holds; the seconds it took."""
        begin = self.loop.now_s
        while not condition():
            assert self.loop.now_s - begin < limit_s, f"not within {limit_s} s; the link is {self.session.link}"
            self.pass_ms(10)
        return self.loop.now_s - begin

    def ready(self) -> IbWorld:
        """Wait for READY."""
        self.until(lambda: self.session.link is Link.READY)
        return self

    def still(self, price: float = 5000.0) -> IbWorld:
        """Stop the market by itself at a price."""
        self.stage.do("play", on=False)
        self.stage.do("jump", symbol="MES", price=price)
        self.pass_ms(100)
        return self

    def print_trade(self, price_ticks: int, size: int = 1) -> None:
        """The market jumps to a price and prints there."""
        self.stage.do("jump", symbol="MES", price=price_ticks * 0.25)

    def do(self, command: str, **arguments: Any) -> Any:
        """Tell the gateway something."""
        return self.stage.do(command, **arguments)

    def links(self) -> list[Link]:
        """States the engine was told, in order, repeats left out."""
        told = [e.link for e in self.events if isinstance(e, LinkStatus)]
        return [link for i, link in enumerate(told) if i == 0 or told[i - 1] is not link]

    def reports(self) -> list[AccountReport]:
        """Reports the engine was given."""
        return [e for e in self.events if isinstance(e, AccountReport)]

    def troubles(self) -> list[Trouble]:
        """Latches asked for."""
        return [e for e in self.events if isinstance(e, Trouble)]

    def updates(self, ref: str) -> list[OrderUpdate]:
        """News of an order whose reference ends so."""
        return [e for e in self.events if isinstance(e, OrderUpdate) and e.order_id.endswith(ref)]

    def orders(self) -> dict[str, dict[str, Any]]:
        """The gateway's orders by the last letter of their reference."""
        return {o["ref"][-1]: o for o in self.do("state")["orders"] if o["ref"]}

    def sent(self, what: str) -> list[dict[str, Any]]:
        """Requests of a kind that reached the gateway."""
        found: list[dict[str, Any]] = self.do("received", what=what)
        return found

    def close(self) -> None:
        """End everything. Idempotent."""
        if self.loop.is_closed():
            return

        async def end() -> None:
            self.session.stop()
            await self.feed.close()
            await asyncio.sleep(0.05)
            await self.stage.close()

        self._in_loop(end)
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self.loop.close()
        asyncio.set_event_loop(None)
