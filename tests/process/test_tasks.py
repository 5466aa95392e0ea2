"""A task of the engine's loop that dies takes the house down in order: LOCKED, told, exit code 1. A clock that jumps does not."""

from __future__ import annotations

import threading

import pytest

from orderflow_tui.adapters.alert_queue import alert_id
from orderflow_tui.domain.action import Alert
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Fill, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.pulse import HouseClock, Pulse
from orderflow_tui.runtime import Runtime
from tests.process.runtime_house import Boom, Parts, started
from tests.simulation.house import setting

PATIENCE_S = 60.0
TASKS = ("feed", "clock", "commands", "view", "heartbeat", "journal", "stop file", "service")


def latched(parts: Parts) -> set[LatchKind]:
    assert parts.engine is not None
    return {latch.kind for latch in parts.engine.desk.latches}


def ended(runtime: Runtime) -> None:
    assert runtime.join(PATIENCE_S), "the runtime did not end"


@pytest.mark.parametrize("task", TASKS)
def test_an_exception_in_a_task_locks_and_ends_the_house(task: str) -> None:
    parts = Parts(task)
    runtime = started(parts)
    if task == "commands":
        runtime.seam.feed_command("pause")
    if task == "journal":
        runtime.seam.command(Command.HALT)
    ended(runtime)
    assert LatchKind.TASK_DEAD in latched(parts)
    assert runtime.exit_code == 1
    assert isinstance(runtime.failure, Boom)
    assert any(alert.kind == "task-dead" and f"task {task} ended" in alert.text for _, alert, _ in runtime.alerts)
    assert parts.feed.closed
    assert parts.journal.closed


def test_alerts_and_what_became_of_them_are_in_the_journal() -> None:
    parts = Parts("feed")
    runtime = started(parts)
    ended(runtime)
    (alert,) = [alert for _, alert, _ in runtime.alerts if alert.kind == "task-dead"]
    (row,) = [row for row in parts.journal.kept.orders if row.kind == "alert" and row.payload["kind"] == "task-dead"]
    assert (row.ref, row.payload["tier"], row.payload["messenger"]) == (alert_id(alert), "CRITICAL", False)
    runtime.alert_went(row.ref, "waiting")
    runtime.alert_went(row.ref, "sent")
    assert [r.payload for r in parts.journal.kept.orders if r.ref == row.ref][1:] == [{"what": "went", "state": "sent"}]


def test_no_task_of_the_runtime_is_left_out() -> None:
    parts = Parts()
    runtime = started(parts)
    assert runtime.ready.wait(PATIENCE_S)
    while not parts.tasks:
        assert not runtime.join(0.01)
    runtime.stop()
    ended(runtime)
    assert parts.tasks == {"engine", *TASKS}


def test_an_engine_that_cannot_even_latch_ends_the_house() -> None:
    parts = Parts()
    runtime = started(parts)
    assert runtime.ready.wait(PATIENCE_S)
    assert parts.engine is not None
    parts.engine.lost = True
    ended(runtime)
    assert runtime.exit_code == 1
    assert isinstance(runtime.failure, Boom)
    assert [alert.kind for _, alert, _ in runtime.alerts if alert.kind.endswith(("fault", "dead"))] == ["core-fault", "task-dead"]
    assert parts.journal.closed


def test_a_task_that_ends_in_peace_without_being_asked_to_is_a_fault_too() -> None:
    parts = Parts("service ends")
    runtime = started(parts)
    ended(runtime)
    assert LatchKind.TASK_DEAD in latched(parts)
    assert runtime.exit_code == 1


def test_an_orderly_stop_latches_nothing_and_leaves_with_zero() -> None:
    parts = Parts()
    runtime = started(parts)
    assert runtime.ready.wait(PATIENCE_S)
    runtime.stop()
    ended(runtime)
    assert latched(parts) == set()
    assert runtime.exit_code == 0


class Ears:
    """A notifier that keeps what it heard, in order with the end of the service that would send it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.texts: list[str] = []

    def tell(self, alert: Alert) -> None:
        self.heard.append(f"{alert.tier.name} {alert.kind}")
        self.texts.append(alert.text)


class Listening(Parts):
    """Its service is the one that sends what the notifier heard."""

    async def service(self) -> None:
        try:
            await super().service()
        finally:
            assert isinstance(self.notifier, Ears)
            self.notifier.heard.append("the messenger ends")


def test_an_orderly_stop_with_a_position_says_so_while_there_is_somebody_who_tells_it() -> None:
    ears = Ears()
    parts = Listening(notifier=ears)
    runtime = started(parts)
    assert runtime.ready.wait(PATIENCE_S)
    while not parts.tasks:
        assert not runtime.join(0.01)
    fill = Fill("m1.01", "m1", 1, None, setting(0).start_ns, "MES", Side.BUY, 1, 20_000)
    loop = runtime.seam._loop
    assert loop is not None
    loop.call_soon_threadsafe(runtime.post, fill)
    assert parts.engine is not None
    while not parts.engine.desk.position("MES"):
        assert not runtime.join(0.01)
    runtime.stop()
    ended(runtime)
    assert runtime.parted
    assert parts.beats[-1].seq == runtime.seq, "the last heartbeat is of the end"
    assert ears.heard[-2:] == ["CRITICAL left open", "the messenger ends"]
    assert runtime.farewell[-1] == ears.texts[-1]
    assert runtime.farewell[-1].startswith("a position is left open: +1 MES")
    assert any(row.kind == "alert" and row.payload["kind"] == "left open" for row in parts.journal.kept.orders)
    assert [row.payload["what"] for row in parts.journal.kept.orders if row.kind == "session"] == ["begin", "end"]


@pytest.mark.parametrize("disk", ["", "disk"])
def test_stop_is_written_while_the_engines_loop_stands_still_or_its_loss_is_told(disk: str) -> None:
    ears = Ears()
    parts = Listening(disk, notifier=ears)
    runtime = started(parts)
    assert runtime.ready.wait(PATIENCE_S)
    loop, goes_on, stands = runtime.seam._loop, threading.Event(), threading.Event()
    assert loop is not None
    loop.call_soon_threadsafe(stands.set)
    loop.call_soon_threadsafe(goes_on.wait, PATIENCE_S)
    assert stands.wait(PATIENCE_S)
    runtime.seam.command(Command.STOP)
    heard: list[str] = []
    while not (heard if disk else parts.words):
        heard += runtime.seam.heard()
        assert not runtime.join(0.01)
    if disk:
        assert heard == ["no room for halt"]
        while "CRITICAL stop-file" not in ears.heard:
            assert not runtime.join(0.01)
    goes_on.set()
    runtime.stop()
    ended(runtime)
    assert LatchKind.STOP_FILE in latched(parts)


def test_a_loop_that_stood_still_for_four_seconds_alarms_and_keeps_entries_waiting() -> None:
    steady = [0]
    parts = Parts(pulse=Pulse(HouseClock(lambda: setting(0).start_ns + steady[0], lambda: steady[0])))
    beats: list[int] = []

    def clocks(now_ns: int) -> int:
        beats.append(now_ns)
        if len(beats) == 40:
            steady[0] += 4_000 * MS_NS
        return now_ns + MS_NS

    parts.clocks = clocks
    runtime = started(parts)
    while not any(alert.kind == "loop" for _, alert, _ in runtime.alerts):
        assert not runtime.join(0.01)
    assert parts.engine is not None
    assert "settling" in {fence.name for fence in parts.engine.desk.fences(parts.engine.facts())}
    runtime.stop()
    ended(runtime)
    assert runtime.exit_code == 0


@pytest.mark.parametrize("step_ns", [3_600 * SECOND_NS, -3_600 * SECOND_NS])
def test_a_clock_that_steps_never_takes_the_engine_back(step_ns: int) -> None:
    parts = Parts()
    instants: list[int] = []

    def clocks(now_ns: int) -> int:
        instants.append(0 if parts.engine is None else parts.engine.now_ns)
        return now_ns + (step_ns if len(instants) == 5 else 50 * MS_NS)

    parts.clocks = clocks
    runtime = started(parts)
    assert runtime.ready.wait(PATIENCE_S)
    runtime.seam.command(Command.HALT)
    while len(instants) < 20:
        assert not runtime.join(0.01)
    runtime.stop()
    ended(runtime)
    assert runtime.exit_code == 0
    assert instants == sorted(instants)
    assert LatchKind.OPERATOR in latched(parts)


def test_a_stop_file_that_cannot_be_written_is_told_and_halts_all_the_same() -> None:
    parts = Parts("disk")
    runtime = started(parts)
    assert runtime.ready.wait(PATIENCE_S)
    runtime.seam.command(Command.STOP)
    while not any(alert.kind == "stop-file" for _, alert, _ in runtime.alerts):
        assert not runtime.join(0.01)
    assert LatchKind.STOP_FILE in latched(parts)
    assert parts.engine is not None
    assert parts.engine.desk.stop_file is None, "there is none"
    runtime.stop()
    ended(runtime)
    assert runtime.exit_code == 0
