"""Two consoles at once, through the real command line: the second is refused with exit 75 and told who holds the lock."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.process.headless import PATIENCE_S, ROOT, command, environment, running


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
