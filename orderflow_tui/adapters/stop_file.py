"""The STOP file: anybody who can create a file can stop the trading.

One absolute path. The file is absent only when that is proven: `lstat` finds nothing *and* the folder can be listed.
Everything else is STOP, because `exists()` says False for a dangling link and for a folder we may not read.

What is found, and what it asks for (`bare` is the configured action, normally "flatten"):

    absent ............................ nothing
    empty file ........................ bare
    first line "halt" or "flatten" .... that word
    first line anything else .......... bare
    link to a file .................... as that file says
    unreadable file ................... halt
    directory, device, pipe ........... halt
    dangling link, loop of links ...... halt
    unreadable or missing folder ...... halt

Where nothing can be read a person may not have meant it, so the position keeps its stop at the broker: halt, not flatten.
Taking the file away never re-arms anything: it only makes resuming possible.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from orderflow_tui.domain.event import StopFileGone, StopFileSeen
from orderflow_tui.ports import Post

Word = Literal["halt", "flatten"]
POLL_MS = 250
READ_BYTES = 256  # more than any first line we know
SLOW_S = 2.0  # a write that takes longer is told


class StopFileFault(OSError):
    """The STOP file could not be written."""


def look(path: Path, bare: Word = "flatten", *, now_ns: int = 0) -> StopFileSeen | None:
    """What stands at the path now; None only when nothing provably does. Never raises, never blocks on a pipe."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        trouble = _folder_trouble(path.parent)
        return None if trouble is None else StopFileSeen(now_ns, "halt", f"{path}: {trouble}, so its absence is not proven")
    except (OSError, ValueError) as fault:
        return StopFileSeen(now_ns, "halt", f"{path}: {_why(fault)}")
    kind = "link" if stat.S_ISLNK(found.st_mode) else "file"
    try:
        line = _first_line(path)
    except _NotAFileError as fault:
        return StopFileSeen(now_ns, "halt", f"{path} is a {fault}")
    except OSError as fault:
        return StopFileSeen(now_ns, "halt", f"{path}: {kind} cannot be read, {_why(fault)}")
    word = line.strip().lower()
    if word == "halt":
        return StopFileSeen(now_ns, "halt", f"{path}: {kind} says halt")
    if word == "flatten":
        return StopFileSeen(now_ns, "flatten", f"{path}: {kind} says flatten")
    said = f"says {line.strip()[:40]!r}, which is no word of ours" if word else "is empty"
    return StopFileSeen(now_ns, bare, f"{path}: {kind} {said}")


class _NotAFileError(Exception):
    """What stands there has no first line."""


def _folder_trouble(folder: Path) -> str | None:
    try:
        os.close(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as fault:
        return f"folder {folder} {_why(fault)}"
    return None


def _first_line(path: Path) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise _NotAFileError("directory" if stat.S_ISDIR(mode) else "device or pipe")
        return os.read(fd, READ_BYTES).decode("utf-8", "replace").partition("\n")[0]
    finally:
        os.close(fd)


def _why(fault: Exception) -> str:
    return str(getattr(fault, "strerror", None) or fault).lower()


async def watch(
    path: Path,
    post: Post,
    *,
    bare: Word = "flatten",
    poll_ms: int = POLL_MS,
    clock: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], object] | None = None,
) -> None:
    """Look for ever, posting StopFileSeen or StopFileGone at the first look and whenever what is found changes."""
    last: tuple[str, str] | None = None
    first = True
    while True:
        seen = look(path, bare, now_ns=clock())
        now = None if seen is None else (seen.action, seen.detail)
        if first or now != last:
            post(StopFileGone(clock()) if seen is None else seen)
        first, last = False, now
        pause = asyncio.sleep(poll_ms / 1000) if sleep is None else sleep(poll_ms / 1000)
        if asyncio.iscoroutine(pause):
            await pause


def write_stop(path: Path, word: Word) -> None:
    """Create the STOP file with this first line, whole or not at all. A file that already says more is left alone.

    Raises StopFileFault when the disk does not let us; what stands at the path then is whatever stood there.
    """
    if word == "halt" and os.path.lexists(path):
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, f"{word}\n".encode("ascii"))
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
    except OSError as fault:
        with suppress(OSError):
            temporary.unlink()
        raise StopFileFault(f"the STOP file {path} could not be written: {_why(fault)}; create it by hand") from fault


class StopWriter:
    """Writes the STOP file on a thread of its own, one after the other: a disk that hangs holds nobody up. Use it from one loop.

    `lost` is told, in a sentence, of a write that failed or does not come to an end. That the file is there is for `watch` to
    find, and for nobody to claim.
    """

    def __init__(self, write: Callable[[str], None], lost: Callable[[str], None]) -> None:
        self._write, self._lost = write, lost
        self._turn = threading.Lock()
        self._writing: set[asyncio.Task[None]] = set()

    def begin(self, word: str) -> None:
        """Begin to write this first line; returns at once."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()
        task = loop.create_task(self._told(done), name="STOP file")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        threading.Thread(target=self._run, args=(word, loop, done), name="STOP file", daemon=True).start()

    async def finish(self, limit_s: float) -> None:
        """Wait for what is being written, for so long."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=limit_s)

    def _run(self, word: str, loop: asyncio.AbstractEventLoop, done: asyncio.Future[str]) -> None:
        fault = ""
        try:
            with self._turn:
                self._write(word)
        except Exception as refused:  # whatever it was, a person must know that there is no file
            fault = str(refused) or repr(refused)
        with suppress(RuntimeError):  # the loop did not wait for us
            loop.call_soon_threadsafe(_answer, done, fault)

    async def _told(self, done: asyncio.Future[str]) -> None:
        written, _ = await asyncio.wait({done}, timeout=SLOW_S)
        if not written:
            self._lost(
                f"the STOP file is not written after {SLOW_S:g} s, the disk does not answer; trading is halted all the same"
            )
        fault = await done
        if fault:
            self._lost(fault)


class StopBeside:
    """Writes the STOP file for a person while no loop can be relied on: each time on a daemon thread that lives as long as it
    writes. Any thread may use it. `lost` is told, on another thread, of a write that failed or does not come to an end.
    """

    def __init__(self, write: Callable[[], None], lost: Callable[[str], None]) -> None:
        self._write, self._lost = write, lost

    def begin(self) -> None:
        """Begin to write; returns at once."""
        threading.Thread(target=self._run, name="STOP file, beside", daemon=True).start()

    def _run(self) -> None:
        slow = threading.Timer(
            SLOW_S, self._lost, (f"the STOP file is not written after {SLOW_S:g} s, the disk does not answer",)
        )
        slow.daemon = True
        slow.start()
        try:
            self._write()
        except Exception as refused:  # whatever it was, a person must know that there is no file
            self._lost(str(refused) or repr(refused))
        finally:
            slow.cancel()


def _answer(done: asyncio.Future[str], fault: str) -> None:
    if not done.done():
        done.set_result(fault)
