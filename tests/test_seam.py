"""The seam: the newest view one way, commands the other, nothing blocks, nothing is lost."""

from __future__ import annotations

import asyncio
import threading

from orderflow_tui.domain.event import Command
from orderflow_tui.seam import Seam


def test_commands_keep_their_order_and_have_ids_of_their_own() -> None:
    seam = Seam("r1")
    ids = [seam.command(Command.ARM), seam.command(Command.BRACKET, {"side": "BUY"}), seam.command(Command.FLATTEN)]
    assert len(set(ids)) == 3
    assert [(p.command, p.args) for p in seam.take()] == [
        (Command.ARM, {}),
        (Command.BRACKET, {"side": "BUY"}),
        (Command.FLATTEN, {}),
    ]
    assert seam.take() == []


def test_a_command_before_the_engine_runs_waits_for_it() -> None:
    seam = Seam("r1")
    assert not seam.engine_alive()
    seam.command(Command.HALT)
    assert [p.command for p in seam.take()] == [Command.HALT]


async def test_a_command_from_another_thread_wakes_the_engine() -> None:
    seam = Seam("r1")
    wake = seam.attach(asyncio.get_running_loop())
    assert seam.engine_alive()
    thread = threading.Thread(target=seam.command, args=(Command.FLATTEN,))
    thread.start()
    await asyncio.wait_for(wake.wait(), 10)
    thread.join()
    assert [p.command for p in seam.take()] == [Command.FLATTEN]


async def test_a_stop_request_wakes_the_engine() -> None:
    seam = Seam("r1")
    wake = seam.attach(asyncio.get_running_loop())
    seam.request_stop()
    await asyncio.wait_for(wake.wait(), 10)
    assert seam.stop_requested.is_set()


def test_a_command_after_the_engine_ended_does_not_raise() -> None:
    seam = Seam("r1")

    async def life() -> None:
        seam.attach(asyncio.get_running_loop())

    asyncio.run(life())
    seam.command(Command.FLATTEN)
    assert not seam.engine_alive()


def test_stop_is_written_beside_the_engine_and_no_other_command_is() -> None:
    seam = Seam("r1")
    seam.command(Command.STOP)
    written: list[str] = []
    seam.write_stop = lambda: written.append("halt")
    for command in Command:
        seam.command(command)
    assert written == ["halt"]


def test_what_is_said_to_the_screen_is_heard_once() -> None:
    seam = Seam("r1")
    seam.say("first")
    seam.say("second")
    assert seam.heard() == ["first", "second"]
    assert seam.heard() == []
