"""An exception in a task of the engine, in the process that really runs: exit code 1, told, LOCKED in the journal, stops stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.faulty import TASKS
from tests.process.paper_process import PaperProcess

pytestmark = pytest.mark.slow
UNWRITTEN = {"engine", "journal"}  # what should write it is what failed


def broken(house: PaperProcess, task: str) -> str:
    """Let a task raise; what is told when the process has ended with 1."""
    house.break_(task)
    if task == "journal":
        house.press("halt")
    code, told = house.ended()
    assert code == 1, told
    return told


@pytest.mark.parametrize("task", TASKS)
def test_an_exception_in_a_task_ends_the_process_with_1_and_leaves_it_in_the_journal(tmp_path: Path, task: str) -> None:
    with PaperProcess(tmp_path) as house:
        house.running()
        told = broken(house, task)
        assert "the engine ended: nobody expected it" in told
        latches = [row for row in house.rows("latch") if row.ref == "TASK_DEAD"]
        assert [row.payload["open"] for row in latches] == [] if task in UNWRITTEN else [True]
        if task not in UNWRITTEN:
            assert f"task {task} ended: Boom" in str(latches[0].payload["reason"])
            assert house.payloads("session")[-1]["what"] == "end"
        assert [p["tier"] for p in house.payloads("alert") if p.get("kind") == "task-dead"] == ["CRITICAL"]


def test_the_stop_stays_at_the_broker_and_the_next_start_is_locked(tmp_path: Path) -> None:
    with PaperProcess(tmp_path) as house:
        house.bracket()
        told = broken(house, "service")
        assert "a position is left open: +1 MES" in told
        assert "its stop is at the broker" in told
        house.again()
        seen = house.until(lambda s: s["trading_state"] == "LOCKED", "LOCKED")
        assert [latch[0] for latch in seen["latches"]] == ["TASK_DEAD"]
        seen = house.until(lambda s: s["protective_stop"] == "at broker", "the stop found again")
        assert seen["position"] == {"broker": 1, "local": 1}
        assert house.gateway is not None
        working = [o["type"] for o in house.gateway.do("state")["orders"] if o["status"] not in {"Filled", "Cancelled"}]
        assert sorted(working) == ["LMT", "STP"], "one bracket, and nothing beside it"
        house.process.terminate()
        assert house.ended()[0] == 143
