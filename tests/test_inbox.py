"""The inbox: a fault of the engine latches; one that cannot be latched is the end of the engine, and somebody is told."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from orderflow_tui.domain.action import Alert, Cancel
from orderflow_tui.domain.event import ClockTick, Event, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.inbox import Inbox
from orderflow_tui.stream import TradeStream


class Engine:
    """Fails on the events of these numbers."""

    def __init__(self, *fails: int) -> None:
        self.fails = fails
        self.heard: list[Event] = []

    def __len__(self) -> int:
        return 0

    def step(self, event: Event) -> None:
        self.heard.append(event)
        if len(self.heard) in self.fails:
            raise RuntimeError(f"bug {len(self.heard)}")


def served(engine: Engine, alerts: list[Alert]) -> Inbox:
    inbox = Inbox(alerts.append)
    inbox.open(asyncio.get_running_loop())
    inbox.serve(cast(TradeStream, engine), lambda: 10**18, None, None)
    return inbox


async def test_a_fault_of_the_engine_latches_and_what_waits_is_processed() -> None:
    engine, alerts = Engine(1), list[Alert]()
    inbox = served(engine, alerts)
    inbox.post(ClockTick(5))
    inbox.post(ClockTick(6))
    inbox.drain()
    assert [type(event) for event in engine.heard] == [ClockTick, Trouble, ClockTick]
    assert [alert.kind for alert in alerts] == ["core-fault"]
    assert inbox.serving


async def test_a_fault_that_cannot_be_latched_ends_the_engine_and_nothing_reaches_it_any_more() -> None:
    engine = Engine(1, 2)
    inbox = served(engine, [])
    waits = asyncio.create_task(inbox.died())
    inbox.post(ClockTick(5))
    inbox.post(ClockTick(6))
    with pytest.raises(RuntimeError, match="bug 2"):
        await asyncio.wait_for(waits, 1.0)
    inbox.post(ClockTick(7))
    inbox.drain()
    assert len(engine.heard) == 2
    assert not inbox.serving


async def test_an_action_that_was_not_carried_out_latches_by_itself() -> None:
    engine = Engine()
    inbox = served(engine, [])
    inbox.not_carried_out(ValueError("no such order"), Cancel(("a",)))
    await asyncio.sleep(0)
    assert engine.heard == [Trouble(0, LatchKind.CORE_FAULT, "ValueError to Cancel: no such order")]
