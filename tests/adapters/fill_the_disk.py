"""Run inside a private mount of 6 MB by test_journal.py: fill the disk, then see what the journal still does."""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal import DiskFull, Journal, Run
from orderflow_tui.domain.action import Row


def say(word: str) -> None:
    sys.stdout.write(word + "\n")


async def fill(journal: Journal) -> None:
    """Commit rows of 20 kB until the disk refuses one."""
    for number in count():
        await journal.commit([Row("orders", "note", str(number), 0, {"text": "x" * 20_000})])


async def main(disk: Path) -> None:
    """Print one word per promise kept."""
    journal = await Journal.open(disk / "journal", Run("r1", "demo"))
    with pytest.raises(DiskFull, match="reserve was given up"):
        await fill(journal)
    say("refused")
    words = len(await journal.rows(("note",)))
    assert not (disk / "journal" / "reserve").exists()
    say("reserve-given-up")
    await journal.commit([Row("orders", "latch", "OPERATOR", 0, {"reason": "disk full"})])
    say("halt-written")
    journal.record(Row("market", "bar", "b", 0, {}))
    assert journal.lost_market_rows == 1
    say("market-stopped")
    await journal.close()
    again = await Journal.open(disk / "journal", Run("r2", "demo"))
    rows = await again.rows(("note", "latch"))
    assert len(rows) == words + 1
    await again.close()
    say("reads-back-whole")


asyncio.run(main(Path(sys.argv[1])))
