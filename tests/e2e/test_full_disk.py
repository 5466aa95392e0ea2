"""A full disk: the engine lives, nothing is sent that was not written, and the journal reads back whole."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal_memory import read_events
from tests.e2e.terminal import PATIENCE_S, Terminal
from tests.e2e.test_console import beat, demo, wait_for_beat


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of twelve megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_halts_entries_and_leaves_a_journal_that_reads_back(small_disk: Path) -> None:
    with Terminal(demo(small_disk), cwd=small_disk.parent) as terminal:
        terminal.shows("RUNNING")
        with (small_disk / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(os.urandom(65536))
            except OSError:
                filled = True
        assert filled
        terminal.type("A")
        terminal.type("B")
        limit = time.monotonic() + PATIENCE_S
        text = ""
        while time.monotonic() < limit and "JOURNAL" not in text and "BUY BRACKET" not in text:
            terminal.pump(0.2)
            text = terminal.text()
        time.sleep(0.4)
        terminal.type("\r")
        terminal.shows("JOURNAL_FAILED")
        assert "pos flat" in terminal.text()
        (small_disk / "ballast").unlink()
        wait_for_beat(small_disk, int(str(beat(small_disk)["sequence"])) + 2)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 143
        assert terminal.restored()
    (folder,) = (small_disk / "journal" / "demo").iterdir()
    rows = read_events(folder)
    assert "fill" not in [entry.row.kind for entry in rows]
    assert rows[-1].row.kind == "run_end"
