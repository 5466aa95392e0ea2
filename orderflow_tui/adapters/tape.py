"""The tape: what the engine saw, session by session, under `<root>/<symbol>/<trade date>/`.

While a session runs its events go to a log that survives a kill at any byte (tape_log); when it ends the log becomes
Parquet (tape_parquet). A reader takes both. The recorder runs on a thread of its own: `write` only appends to a bounded
queue. When that is full or the disk is, events are lost, counted, and the next one that gets through is preceded by a
GAP, so that a replay knows. Depth has its own byte budget a session; above it books are left out and trades go on.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from orderflow_tui.adapters.tape_log import MAGIC, Torn, first_stamp, frame, log_span, read_log
from orderflow_tui.adapters.tape_parquet import Manifest, SessionFiles, TapeFault, read_manifest, read_session
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import Bars, Depth, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import SessionDay, SessionTable

__all__ = [
    "TapeFault",
    "TapeRecorder",
    "by_session",
    "compact",
    "import_events",
    "is_session",
    "newest_log",
    "newest_ns",
    "read_folder",
    "read_tape",
    "sessions",
]

QUEUE_EVENTS = 262_144
FLUSH_S = 0.2
SYNC_S = 5.0
FRAME_EVENTS = 16_384
DEPTH_BUDGET_BYTES = 1_073_741_824  # of books before compression; about a fifth of it on disk
_BOOK_BYTES, _LEVEL_BYTES = 24, 16


def sessions(root: Path, symbol: str) -> list[date]:
    """Trade dates that have a tape, oldest first. Folders put aside (`<date>.1`) are not among them."""
    folder = root / symbol
    if not folder.is_dir():
        return []
    return sorted(date.fromisoformat(path.name) for path in folder.iterdir() if _is_date(path.name) and is_session(path))


def is_session(folder: Path) -> bool:
    """Whether a folder holds a session of the tape, finished or not."""
    return folder.is_dir() and ((folder / "session.json").exists() or bool(_logs(folder)))


def read_tape(root: Path, symbol: str, first: date, last: date) -> Iterator[MarketEvent]:
    """Every event of the sessions from `first` to `last`, both included, exactly as they were seen."""
    for day in sessions(root, symbol):
        if first <= day <= last:
            yield from read_folder(root / symbol / day.isoformat())


def read_folder(
    folder: Path, *, books: bool = True, before_log: int | None = None, torn: Torn | None = None
) -> Iterator[MarketEvent]:
    """Every event of one session folder: what is finished, then logs in the order they were begun. Raises TapeFault.

    Without `books` depth is left out; logs from number `before_log` on are not read; `torn` hears of damaged ends.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        try:
            yield from read_session(folder, manifest, books=books)
        except (OSError, pa.ArrowException) as error:
            raise TapeFault(f"{folder} is damaged: {error}") from error
    absorbed = () if manifest is None else manifest.absorbed
    for log in _logs(folder):
        if log.name not in absorbed and (before_log is None or _number(log.name) < before_log):
            yield from read_log(log, torn, books=books)


def compact(folder: Path, symbol: str) -> Manifest | None:
    """Turn a session's logs into Parquet in one step; None when there was nothing to do."""
    manifest = read_manifest(folder)
    absorbed = () if manifest is None else manifest.absorbed
    logs = [log for log in _logs(folder) if log.name not in absorbed]
    if not logs:
        return None
    files = SessionFiles(folder, symbol, date.fromisoformat(folder.name[:10]))
    some = False
    for event in read_folder(folder):
        files.add(event)
        some = True
    names = tuple(log.name for log in logs)
    if some:
        return files.finish(names)
    files.abandon()
    for log in logs:
        log.unlink()
    return None


def import_events(events: Iterable[MarketEvent], root: Path, symbol: str, table: SessionTable) -> list[Manifest]:
    """Write a recording to the tape, one finished session a trade date. All of it becomes visible at the end, or nothing.

    Raises TapeFault when one of its sessions is on the tape already.
    """
    written: list[SessionFiles] = []
    close_ns = -(2**62)
    try:
        for event in events:
            for part, day in by_session(event, table):
                if day.close_ns != close_ns:
                    folder = root / symbol / day.trade_date.isoformat()
                    if is_session(folder):
                        raise TapeFault(f"{folder} is on the tape already: move it away to import that session again")
                    if written:
                        written[-1].seal()
                    written.append(SessionFiles(folder, symbol, day.trade_date))
                    close_ns = day.close_ns
                written[-1].add(part)
    except BaseException:
        for files in written:
            files.abandon()
        raise
    return [files.finish() for files in written]


def by_session(event: MarketEvent, table: SessionTable) -> Iterator[tuple[MarketEvent, SessionDay]]:
    """An event cut at session closes, each part with its day. Raises TapeFault outside the calendar."""
    if not isinstance(event, Trades | Bars):
        yield event, _day(event.ts_ns, table)
        return
    stamps = event.ts_ns if isinstance(event, Trades) else event.start_ns
    start = 0
    while start < len(stamps):
        day = _day(int(stamps[start]), table)
        stop = int(stamps.searchsorted(day.close_ns, side="left"))
        yield event.cut(start, stop), day
        start = stop


def _day(stamp: int, table: SessionTable) -> SessionDay:
    day = table.day_at(stamp)
    if day is None:
        raise TapeFault(f"a stamp of {stamp} ns lies outside the trading calendar")
    return day


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("live-*.log"))


def _number(name: str) -> int:
    return int(name[len("live-") : -len(".log")])


def newest_log(folder: Path) -> int:
    """The highest number a log of this session ever had; logs that became Parquet keep theirs, or a new one would be
    taken for one of them."""
    manifest = read_manifest(folder)
    names = [log.name for log in _logs(folder)] + list(() if manifest is None else manifest.absorbed)
    return max(map(_number, names), default=0)


def _is_date(name: str) -> bool:
    try:
        date.fromisoformat(name)
    except ValueError:
        return False
    return True


class _SessionLog:
    """The open log of one session."""

    def __init__(self, folder: Path, first_ns: int) -> None:
        if is_session(folder) and newest_ns(folder) > first_ns:
            _put_aside(folder)  # time began again, as it does with a simulated market: another recording
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.book_bytes = 0
        self._file: BinaryIO = (folder / f"live-{newest_log(folder) + 1:04d}.log").open("xb")
        self._file.write(MAGIC)

    def write(self, events: list[MarketEvent]) -> None:
        self._file.write(frame(events))
        self._file.flush()

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def newest_ns(folder: Path) -> int:
    """Stamp of the newest whole event of a session folder, 0 when it has none."""
    manifest = read_manifest(folder)
    spans = [span[1] for log in _logs(folder) if (span := log_span(log)) is not None]
    return max([*spans, 0 if manifest is None else manifest.last_ns])


def _put_aside(folder: Path) -> None:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.rename(aside)


class TapeRecorder:
    """Records market events; implements the TapeWriter port. `write` never blocks and never raises."""

    def __init__(
        self,
        root: Path,
        symbol: str,
        table: SessionTable,
        *,
        depth_budget_bytes: int = DEPTH_BUDGET_BYTES,
        queue_events: int = QUEUE_EVENTS,
    ) -> None:
        self.read_by_others = False  # while somebody reads earlier sessions, their logs stay what they are
        self.lost = 0
        self.books_left_out = 0
        self.fault: str | None = None
        self._root, self._symbol, self._table = root, symbol, table
        self._depth_budget = depth_budget_bytes
        self._limit = queue_events
        self._queue: deque[MarketEvent] = deque()
        self._missed = 0
        self._closing = threading.Event()
        self._log: _SessionLog | None = None
        self._close_ns = 0
        self._thread = threading.Thread(target=self._run, name="tape", daemon=True)
        self._thread.start()

    def write(self, event: MarketEvent) -> None:
        """Queue an event. What does not fit is lost and counted; a GAP goes before the next event that fits."""
        if self.fault is not None or len(self._queue) >= self._limit:
            self.lost += 1
            self._missed += 1
            return
        if self._missed:
            reason = f"the recorder fell behind: {self._missed} events are missing"
            self._queue.append(FeedStatus(event.instrument, first_stamp(event), FeedState.GAP, reason))
            self._missed = 0
        self._queue.append(event)

    async def close(self) -> None:
        """Write what is queued and end the log. The session's Parquet is made when it is over, by whoever runs then."""
        self._closing.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        synced = time.monotonic()
        try:
            while True:
                ending = self._closing.wait(FLUSH_S)
                self._drain()
                if self._log is not None and (ending or time.monotonic() - synced > SYNC_S):
                    self._log.sync()
                    synced = time.monotonic()
                if ending:
                    break
        except OSError as error:
            self.fault = f"the tape stopped recording: {error}"
            self.lost += len(self._queue)
            self._queue.clear()
        finally:
            if self._log is not None:
                self._log.close()

    def _drain(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), FRAME_EVENTS))]
            if self._log is not None and stamp_of(batch[-1]) < self._close_ns:
                self._flush(batch)
            else:
                self._flush_by_session(batch)

    def _flush_by_session(self, batch: list[MarketEvent]) -> None:
        """A batch that may reach beyond the open session."""
        held: list[MarketEvent] = []
        for event in batch:
            for part, day in by_session(event, self._table):
                if self._log is None or day.close_ns != self._close_ns:
                    self._flush(held)
                    held = []
                    self._begin(day, first_stamp(part))
                held.append(part)
        self._flush(held)

    def _flush(self, batch: list[MarketEvent]) -> None:
        """Write the batch as one frame."""
        kept = [event for event in batch if not isinstance(event, Depth) or self._affords(event)]
        if kept:
            assert self._log is not None
            self._log.write(kept)

    def _affords(self, book: Depth) -> bool:
        """Whether the session's budget has room for one more book."""
        assert self._log is not None
        self._log.book_bytes += _BOOK_BYTES + _LEVEL_BYTES * (len(book.bids) + len(book.asks))
        if self._log.book_bytes <= self._depth_budget:
            return True
        self.books_left_out += 1
        return False

    def _begin(self, day: SessionDay, first_ns: int) -> None:
        """Finish every earlier session and open the log of this one."""
        if self._log is not None:
            self._log.close()
            self._log = None
        folder = self._root / self._symbol
        for earlier in sessions(self._root, self._symbol):
            if earlier < day.trade_date and not self.read_by_others:
                compact(folder / earlier.isoformat(), self._symbol)
        self._log = _SessionLog(folder / day.trade_date.isoformat(), first_ns)
        self._close_ns = day.close_ns
