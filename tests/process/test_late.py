"""A verb typed into an engine that stood still: what was told to have failed is not done once it goes on, a brake is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal_memory import read_events
from tests.process.headless import PATIENCE_S, ROOT, environment, running, status, until


def typed(data_dir: Path, *words: str) -> tuple[int, str]:
    """Exit code and what stands on standard error of a verb."""
    done = subprocess.run(
        [sys.executable, "-m", "orderflow_tui", *words, "--data-dir", str(data_dir)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stderr


def state(data_dir: Path) -> object:
    return status(data_dir).get("trading_state")


@pytest.mark.slow
def test_a_resume_that_nobody_answered_is_refused_later_and_a_halt_is_done(tmp_path: Path) -> None:
    with running(tmp_path) as house:
        until(lambda: state(tmp_path) == "RUNNING", "RUNNING")
        assert typed(tmp_path, "halt")[0] == 0
        house.send_signal(signal.SIGSTOP)
        code, told = typed(tmp_path, "resume", "--word", "RESUME")
        assert (code, "did not answer" in told, "resume is not done later" in told) == (1, True, True), told
        code, told = typed(tmp_path, "limit", "max_contracts", "1")
        assert (code, "limit is not done later" in told) == (1, True), told
        code, told = typed(tmp_path, "halt")
        assert (code, "halt is done as soon as it goes on" in told) == (1, True), told
        house.send_signal(signal.SIGCONT)
        until(lambda: state(tmp_path) == "HALTED", "HALTED")
        assert typed(tmp_path, "reconcile")[0] == 0, "the engine has come to what waited"
        assert state(tmp_path) == "HALTED"
        assert typed(tmp_path, "resume", "--word", "RESUME")[0] == 0
        until(lambda: state(tmp_path) == "RUNNING", "RUNNING again")
        house.terminate()
        assert house.wait(PATIENCE_S) == 143
    (journal,) = (tmp_path / "journal" / "demo").iterdir()
    rows = [entry.row for entry in read_events(journal, ("command", "refusal", "limit"))]
    done = [row.payload["command"] for row in rows if row.kind == "command"]
    assert [name for name in done if name not in {"open-session", "close-session"}] == [
        "halt", "resume", "limit", "halt", "reconcile", "resume",
    ]  # fmt: skip
    late = [row.payload["reason"] for row in rows if row.kind == "refusal" and row.payload["rule"] == "late"]
    assert len(late) == 2
    assert all("its caller was told that nobody answered" in str(reason) for reason in late)
    assert not [row for row in rows if row.kind == "limit"]
