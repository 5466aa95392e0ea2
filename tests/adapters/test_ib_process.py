"""The adapters against a gateway that is a process of its own, over TCP, in real time."""

import asyncio
import time
from collections.abc import Callable

import pytest

from orderflow_tui.adapters.ib_broker import IbBroker
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.order import Fill
from tests.adapters.ib_world import INSTRUMENTS, ib_settings
from tests.contract.broker_contract import bracket
from tests.gateway.process import GatewayProcess


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the outside world, twenty seconds at most."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.slow
def test_a_session_over_tcp_trades_survives_a_frozen_process_and_a_cut() -> None:
    async def scenario(process: GatewayProcess) -> None:
        events: list[Event] = []
        quick = ib_settings(port=process.port, probe_every_s=0.2, probe_limit_s=0.5)
        session = IbSession(quick, INSTRUMENTS, events.append, time.time_ns)
        feed = IbFeed(session, time.time_ns)
        broker = IbBroker(session, events.append, time.time_ns)
        supervisor = asyncio.ensure_future(session.run())
        await until(lambda: session.link is Link.READY)
        process.do("play", on=False)
        last = round(process.do("quote", symbol="MES")["last"] * 4)
        broker.send(bracket(entry=last + 8, stop=last - 400, target=last + 400), time.time_ns())
        await until(lambda: any(isinstance(e, Fill) for e in events))
        process.do("play", on=True)
        await until(lambda: session.link is Link.READY)
        process.freeze()
        await until(lambda: session.link is not Link.READY)
        process.thaw()
        await until(lambda: session.link is Link.READY and session.generation > 1)
        process.do("cut")
        await until(lambda: session.link is not Link.READY)
        await until(lambda: session.link is Link.READY)
        assert process.do("state")["positions"] == {"MESZ6": 1}
        assert session.held[0].quantity == 1
        session.stop()
        await asyncio.wait_for(supervisor, 5)
        await feed.close()

    with GatewayProcess("--pace", "100") as process:
        asyncio.run(scenario(process))
