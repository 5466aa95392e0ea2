"""The seam between the engine thread and the screen: one slot for the newest view, one queue for commands.

Either side may hang, crash or go away; the other does not notice.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from orderflow_tui.domain.event import Command
from orderflow_tui.view.model import ConsoleView

COMMANDS_KEPT = 256  # unanswered; a person cannot press more before the engine's next turn


@dataclass(frozen=True, slots=True)
class Pressed:
    """A command as the screen gave it. `at_s`: when, by the monotonic clock."""

    command: Command
    id: str
    args: dict[str, str]
    at_s: float


class Seam:
    """Lives in both threads. The screen reads `view()` and calls the verbs; the engine owns `publish` and `take`."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._view: ConsoleView | None = None
        self._ids = count(1)
        self._commands: deque[Pressed] = deque()
        self._feed_commands: deque[tuple[str, float | None]] = deque(maxlen=COMMANDS_KEPT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._alive = threading.Event()
        self._heard: deque[str] = deque(maxlen=COMMANDS_KEPT)
        self.write_stop: Callable[[], None] | None = None  # what writes the STOP file even while the engine's loop stands still
        self.stop_requested = threading.Event()

    # -- the screen's side --------------------------------------------------------------------------------------------

    def view(self) -> ConsoleView | None:
        """The newest view, None before the first."""
        return self._view

    def command(self, command: Command, args: dict[str, str] | None = None) -> str:
        """Queue a command for the engine; returns its id. Never blocks, never drops.

        STOP does not wait for the engine: its file is written beside it too.
        """
        command_id = f"{self.run_id}-k{next(self._ids)}"
        self._commands.append(Pressed(command, command_id, dict(args or {}), time.monotonic()))
        self._nudge()
        if command is Command.STOP and self.write_stop is not None:
            self.write_stop()
        return command_id

    def feed_command(self, name: str, value: float | None = None) -> None:
        """Queue a command for the paced feed (pause, play, step, speed, seek)."""
        self._feed_commands.append((name, value))
        self._nudge()

    def engine_alive(self) -> bool:
        """Whether the engine thread is running its loop."""
        return self._alive.is_set()

    def heard(self) -> list[str]:
        """What a person must be told now although no view may ever come, oldest first; each once."""
        told = []
        while self._heard:
            told.append(self._heard.popleft())
        return told

    def request_stop(self) -> None:
        """Ask for an orderly stop."""
        self.stop_requested.set()
        self._nudge()

    # -- the engine's side --------------------------------------------------------------------------------------------

    def attach(self, loop: asyncio.AbstractEventLoop) -> asyncio.Event:
        """Called once inside the engine's loop; the event is set whenever the screen queued something."""
        self._loop, self._wake = loop, asyncio.Event()
        self._alive.set()
        return self._wake

    def detach(self) -> None:
        """The engine's loop is over."""
        self._alive.clear()
        self._loop = None

    def publish(self, view: ConsoleView) -> None:
        """Swap the newest view in."""
        self._view = view

    def say(self, text: str) -> None:
        """Tell whoever sits at the screen. Any thread."""
        self._heard.append(text)

    def take(self) -> list[Pressed]:
        """All queued commands, oldest first."""
        taken = []
        while self._commands:
            taken.append(self._commands.popleft())
        return taken

    def take_feed(self) -> list[tuple[str, float | None]]:
        """All queued feed commands, oldest first."""
        taken = []
        while self._feed_commands:
            taken.append(self._feed_commands.popleft())
        return taken

    def _nudge(self) -> None:
        loop, wake = self._loop, self._wake
        if loop is None or wake is None:
            return
        try:
            loop.call_soon_threadsafe(wake.set)
        except RuntimeError:  # the loop closed between the look and the call: nobody is left to wake
            self._alive.clear()
