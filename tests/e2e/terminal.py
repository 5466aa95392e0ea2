"""A real terminal for the real command: a pty whose output is drawn into a screen that a test can read."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

COMMAND = [sys.executable, "-m", "orderflow_tui"]
PATIENCE_S = 60.0  # how long a busy machine may take; a test that passes never waits for it


class Terminal:
    """Starts a command on a pty of the given size and keeps drawing what it writes. Use as a context manager."""

    def __init__(
        self,
        args: list[str],
        *,
        columns: int = 170,
        rows: int = 50,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = bytearray()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "", "LC_ALL": "C.UTF-8", **(env or {})}
        self.process = subprocess.Popen(
            [*command, *args],
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=variables,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - the only way to a controlling terminal
        )
        self._open = True

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()
        os.close(self._slave)

    def pump(self, seconds: float = 0.05) -> None:
        """Draw what the command has written within this time."""
        until = time.monotonic() + seconds
        while self._open and (left := until - time.monotonic()) > 0:
            if not select.select([self._master], [], [], left)[0]:
                return
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self.raw += data
            self._stream.feed(data)

    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(self._screen.display)

    def until(self, seen: Callable[[str], bool], what: str, patience_s: float = PATIENCE_S) -> str:
        """Draw until the screen satisfies a condition; fails with the screen when it never does."""
        limit = time.monotonic() + patience_s
        while time.monotonic() < limit:
            self.pump(0.1)
            text = self.text()
            if seen(text):
                return text
            if self.process.poll() is not None:
                break
        error = b"" if self.process.stderr is None or self.process.poll() is None else self.process.stderr.read()
        raise AssertionError(f"never saw {what}; exit {self.process.poll()}; stderr {error.decode()[-2000:]}\n{self.text()}")

    def shows(self, *words: str) -> str:
        """Wait until all these words are on the screen."""
        return self.until(lambda text: all(word in text for word in words), f"{words!r}")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send the command a signal."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """The terminal is gone, as when a connection drops."""
        if self._open:
            self._open = False
            os.close(self._master)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Exit code, drawing meanwhile."""
        limit = time.monotonic() + patience_s
        while self.process.poll() is None and time.monotonic() < limit:
            self.pump(0.1) if self._open else time.sleep(0.05)
        if self.process.poll() is None:
            raise AssertionError(f"the command did not end; screen:\n{self.text()}")
        self.pump(0.5)  # its last words may still lie in the terminal
        return int(self.process.returncode)

    def restored(self) -> bool:
        """Whether the terminal is as it was: cooked mode, cursor shown, normal screen."""
        now = termios.tcgetattr(self._slave)
        tail = bytes(self.raw)
        normal = tail.rfind(b"\x1b[?1049l") > tail.rfind(b"\x1b[?1049h")
        return now[3] & (termios.ECHO | termios.ICANON) == self.before[3] & (termios.ECHO | termios.ICANON) and normal
