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
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
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
