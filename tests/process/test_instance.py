"""Two consoles at once, through the real command line: the second is refused with exit 75 and told who holds the lock."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 90.0


def command(data_dir: Path, seconds: float) -> list[str]:
    return [sys.executable, "-m", "orderflow_tui", "run", "--headless", "--for", str(seconds), "--data-dir", str(data_dir)]


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("ORDERFLOW_")}


@contextmanager
def running(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A house that has said that it is there: it holds the lock then."""
    child = subprocess.Popen(
        command(data_dir, 600), cwd=ROOT, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert child.stderr is not None
        said, deadline = "", time.monotonic() + PATIENCE_S
        while "data in" not in said:
            readable, _, _ = select.select([child.stderr], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, "the first instance did not start"
            said = child.stderr.readline()
            assert said, f"the first instance ended with {child.wait()}"
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stderr is not None:
            child.stderr.close()


def start(data_dir: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(data_dir, seconds),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_second_instance_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        second = start(tmp_path, 1)
        assert second.returncode == 75
        assert str(first.pid) in second.stderr
        first.send_signal(signal.SIGKILL)
        first.wait()
        third = start(tmp_path, 1)
    assert third.returncode == 0, third.stderr
