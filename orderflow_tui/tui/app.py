"""The console application: one frame clock, one key desk, one seam. It owns the terminal and nothing else.

Promises: it never waits for the engine, never sends what the desk did not decide, drops frames the terminal cannot take,
and leaves the terminal as it found it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from textual import events
from textual.app import App, ScreenStackError
from textual.worker import WorkerFailed

from orderflow_tui.domain.event import Command
from orderflow_tui.tui.desk import Deed, Desk, Feed, Leave, Look, Overlay, Send
from orderflow_tui.tui.faults import Faults
from orderflow_tui.tui.frame_clock import FrameClock
from orderflow_tui.tui.keymap import KeyId, resolve
from orderflow_tui.tui.palette import THEMES, Palette
from orderflow_tui.tui.picture import aged
from orderflow_tui.tui.screens import SCREENS, ConsoleScreen
from orderflow_tui.tui.screens.console_screen import Glance
from orderflow_tui.tui.seam import ConsoleOptions, Seam

LEAVE_S = 2.0  # how long leaving waits for a terminal that does not read
_SAID = {
    Command.FLATTEN: "FLATTEN asked: cancel all, exit at market, HALT",
    Command.HALT: "halt asked: no new entries",
    Command.CANCEL_ENTRIES: "cancel of entry orders asked",
    Command.STOP: "STOP file asked for",
    Command.ARM: "arming asked",
    Command.DISARM: "disarm asked",
    Command.BRACKET: "bracket asked",
    Command.RESUME: "unlatch asked",
    Command.RECONCILE: "reconcile asked",
}


class OrderflowApp(App[None]):
    """The screen of the console. Raises KeymapError for a keymap that cannot be used, UnknownInk for a theme."""

    CSS_PATH = "app.tcss"
    TITLE = "orderflow"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    AUTO_FOCUS = None

    def __init__(self, seam: Seam, options: ConsoleOptions, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.seam = seam
        self.options = options
        self.now_ns = now_ns
        self.desk = Desk(resolve(options.keymap), Overlay.TOUR if options.tour else None, options.resume_word)
        self.colours = Palette("mono" if options.no_color else options.theme)
        self.frames = FrameClock(options.fps)
        self.interrupted = False
        self.fault: Exception | None = None  # what ended the screen, if an exception did
        self._faults = Faults()
        super().__init__()

    def get_default_screen(self) -> ConsoleScreen:
        """The first of the written-out screens."""
        return SCREENS[0][2](self.desk, self.colours)

    @property
    def console_screen(self) -> ConsoleScreen:
        """The screen shown."""
        shown = self.screen
        assert isinstance(shown, ConsoleScreen)
        return shown

    def on_mount(self) -> None:
        """Ctrl-Z must not stop a trading console; then the frames begin."""
        if not self.is_headless:
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)
            self._bound_the_writer()
        self.draw()
        self.run_worker(self._draw_for_ever(), name="frames", exit_on_error=True)

    async def _draw_for_ever(self) -> None:
        """The one frame clock."""
        while True:
            begun = time.perf_counter()
            if self.frames.begin(self._backlog()):
                try:
                    self.draw()
                except ScreenStackError:  # the app is closing and has given up its screens
                    return
            self.frames.end(time.perf_counter() - begun)
            await asyncio.sleep(max(self.frames.period - (time.perf_counter() - begun), 0.001))

    def draw(self) -> None:
        """Paint one frame from the newest view."""
        now_ns = self.now_ns()
        view = aged(self.seam.view(), now_ns)
        for told in self.seam.heard():
            self.desk.say(told, now_ns)
        try:
            self.desk.check(now_ns, view)
            self.console_screen.paint(Glance(view, now_ns, self.seam.engine_alive()), self.frames)
        except ScreenStackError:
            raise
        except Exception as error:
            self.console_screen.paint_fault(self._faults.tell("a frame", error))

    def _handle_exception(self, error: Exception) -> None:
        """An exception ends the screen, and whoever runs it decides what becomes of the engine. Textual would print a
        traceback with every local on the terminal; ours goes to the log, which is cleaned."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        logging.getLogger(__name__).critical("the screen ended", exc_info=error)
        self.fault = self.fault or error
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    @property
    def _writer(self) -> threading.Thread | None:
        """The thread that writes to the terminal; none in tests."""
        return getattr(self._driver, "_writer_thread", None)

    def _backlog(self) -> int:
        """Writes the terminal has not taken yet. Textual's writer blocks its caller when 30 are waiting."""
        queue = getattr(self._writer, "_queue", None)
        return queue.qsize() if queue is not None else 0

    def _bound_the_writer(self) -> None:
        """On leaving, Textual waits for its writer without end; a terminal that stopped reading would hold us for ever."""
        writer = self._writer
        if writer is not None:
            writer.join = partial(threading.Thread.join, writer, LEAVE_S)  # type: ignore[method-assign]

    @property
    def terminal_stuck(self) -> bool:
        """After `run`: the terminal never took the last writes. Then leave with `os._exit`, a normal exit would hang."""
        writer = self._writer
        return writer is not None and writer.is_alive()

    async def on_event(self, event: events.Event) -> None:
        """Keys go to the desk and nowhere else, so no widget can ever swallow a brake. Pastes mean nothing here."""
        if isinstance(event, events.Key):
            event.stop()
            self.key(token(event))
        elif not isinstance(event, events.Paste):
            await super().on_event(event)

    def key(self, key: str) -> None:
        """What a key does."""
        now_ns = self.now_ns()
        try:
            deed = self.desk.press(key, now_ns, aged(self.seam.view(), now_ns))
            if deed is not None:
                self._do(deed, now_ns)
        except ScreenStackError:
            raise
        except Exception as error:
            self.desk.close()
            self.desk.say(f"{key} failed: {self._faults.tell(f'what {key} does', error)}", now_ns)

    def _do(self, deed: Deed, now_ns: int) -> None:
        match deed:
            case Send():
                command_id = self.seam.command(deed.command, deed.args)
                self.desk.say(f"{_SAID.get(deed.command, deed.command.value)} · {command_id}", now_ns)
            case Feed():
                self.seam.feed_command(deed.name, deed.value)
                value = "" if deed.value is None else f" {deed.value:g}×"
                self.desk.say(f"replay: {deed.name.replace('_', ' ')}{value}", now_ns)
            case Look():
                self._look(deed.id, now_ns)
            case Leave(interrupted):
                self.interrupted = interrupted
                self.seam.request_stop()
                self.exit()

    def _look(self, key_id: KeyId, now_ns: int) -> None:
        if key_id is KeyId.THEME:
            names = list(THEMES)
            self.wear(names[(names.index(self.colours.name) + 1) % len(names)])
            self.desk.say(f"theme {self.colours.name}", now_ns)
        elif key_id is KeyId.SCREENSHOT:
            self.desk.say(f"saved {self._picture()}", now_ns)
        else:
            self._to_screen(key_id)
            self.console_screen.look(key_id, self.seam.view(), now_ns)

    def _to_screen(self, key_id: KeyId) -> None:
        for screen_key, _, kind in SCREENS:
            if key_id is screen_key and not isinstance(self.screen, kind):
                self.switch_screen(kind(self.desk, self.colours))

    def wear(self, theme: str) -> None:
        """Change the theme."""
        self.colours = Palette(theme)
        self.console_screen.wear(self.colours)

    def _picture(self) -> str:
        name = f"orderflow_{datetime.now():%Y%m%d_%H%M%S}.svg"
        folder = Path(self.options.screenshot_folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return self.save_screenshot(name, str(folder))
        except OSError as error:
            return f"nothing: {error}"


def token(event: events.Key) -> str:
    """The key as the keymap writes it: the character, or the name of a key without one."""
    if event.character is not None and event.is_printable and event.character != " ":
        return event.character
    return event.key
