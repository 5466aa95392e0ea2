"""A full disk: the engine lives, nothing is sent that was not written, and the journal reads back whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal_memory import read_events
from tests.adapters.small_disk import small_disk
from tests.e2e.terminal import PATIENCE_S, Terminal
from tests.e2e.test_console import beat, demo, wait_for_beat


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of twelve megabytes."""
    with small_disk(tmp_path / "disk", 12) as folder:
        yield folder


def test_a_full_disk_halts_entries_and_leaves_a_journal_that_reads_back(disk: Path) -> None:
    with Terminal(demo(disk), cwd=disk.parent) as terminal:
        terminal.shows("RUNNING")
        with (disk / "ballast").open("wb", buffering=0) as ballast:
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
        (disk / "ballast").unlink()
        wait_for_beat(disk, int(str(beat(disk)["sequence"])) + 2)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 143
        assert terminal.restored()
    (folder,) = (disk / "journal" / "demo").iterdir()
    rows = read_events(folder)
    assert "fill" not in [entry.row.kind for entry in rows]
    assert rows[-1].row.kind == "run_end"
