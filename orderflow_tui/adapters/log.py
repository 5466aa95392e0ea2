"""The log: loguru into files of ours alone, redacted in the last step before the disk.

Cleaning the message is not enough, because exception texts are formatted later; so the finished line is cleaned: known
secrets, Twilio sids, phone numbers, account ids. Nothing is ever logged to the screen. A full disk silences the log and
nothing else.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message

FILE = "orderflow.log"
ROTATE_BYTES = 10_000_000
FILES_KEPT = 8
FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSSSSS!UTC}Z {level: <8} {name}:{line} {message}\n{exception}"
SHORTEST_SECRET = 4  # a shorter one would redact half the log and protect nothing
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(AC|SK|HX|MM|SM)[0-9a-fA-F]{32}\b"), r"[\1 sid]"),
    (re.compile(r"\+\d[\d \-]{6,16}\d"), "[phone]"),
    (re.compile(r"\bD?[UFI]\d{5,9}\b"), "[account]"),
)


class Redaction:
    """Cleans text of what must not be written down."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(s) for s in known)) if known else None

    def __call__(self, text: str) -> str:
        """The text without secrets, sids, phone numbers and account ids."""
        if self._known is not None:
            text = self._known.sub("[secret]", text)
        for pattern, word in PATTERNS:
            text = pattern.sub(word, text)
        return text


class RedactedFile:
    """A loguru sink: cleaned lines into a 0600 file; at 10 MB it is packed away, the newest eight packs are kept."""

    def __init__(self, path: Path, clean: Callable[[str], str], rotate_bytes: int = ROTATE_BYTES) -> None:
        self.path = path
        self._clean = clean
        self._rotate_bytes = rotate_bytes
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = self._open()

    def write(self, message: Message | str) -> None:
        """Write one finished line."""
        content = self._clean(str(message)).encode("utf-8", "backslashreplace")
        os.write(self._fd, content)
        if os.fstat(self._fd).st_size >= self._rotate_bytes:
            self._rotate()

    def stop(self) -> None:
        """Close the file; loguru calls it when the sink is removed."""
        os.close(self._fd)

    def _open(self) -> int:
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.fchmod(fd, 0o600)
        return fd

    def _rotate(self) -> None:
        os.close(self._fd)
        for number in range(FILES_KEPT - 1, 0, -1):
            with suppress(OSError):
                self._packed(number).replace(self._packed(number + 1))
        with suppress(OSError):
            target = os.open(self._packed(1), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with self.path.open("rb") as plain, os.fdopen(target, "wb") as raw, gzip.open(raw, "wb") as packed:
                shutil.copyfileobj(plain, packed)
            self.path.unlink()
        self._fd = self._open()

    def _packed(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}.gz")


class _FromLogging(logging.Handler):
    """Brings the libraries' own log records into ours. Their text is an argument, never a format."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        level: str | int = record.levelname if record.levelname in {"WARNING", "ERROR", "CRITICAL", "INFO"} else record.levelno
        logger.opt(exception=record.exc_info).log(level, "{}: {}", record.name, record.getMessage())


def start_log(folder: Path, secrets: Iterable[str] = (), *, level: str = "INFO", background: bool = True) -> Path:
    """Begin logging into a folder; returns the file. Whatever was configured before is removed, the screen included.

    `background` writes from a thread, so a slow disk never delays the engine.
    """
    path = folder / FILE
    sink = RedactedFile(path, Redaction(secrets))
    logger.remove()
    logger.add(
        sink,
        level=level,
        format=lambda _: FORMAT,
        backtrace=False,
        diagnose=False,
        enqueue=background,
        catch=True,
        colorize=False,
    )
    logging.basicConfig(handlers=[_FromLogging()], level=logging.WARNING, force=True)
    return path


def stop_log() -> None:
    """Write out what waits and close the files."""
    logger.complete()
    logger.remove()
    logging.basicConfig(handlers=[logging.NullHandler()], level=logging.WARNING, force=True)


def standard_error_to(path: Path) -> Callable[[], None]:
    """Send file descriptor 2 into a 0600 file while the screen is ours; returns how to undo it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(fd, 2)
    os.close(fd)

    def undo() -> None:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)

    return undo
