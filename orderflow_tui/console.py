"""The main thread: takes the lock, starts the engine, owns the terminal and the signals, leaves in order.

SIGTERM and SIGINT stop everything in order and keep their exit codes. SIGHUP or a vanished terminal takes only the screen:
the engine goes on, latched UNATTENDED, until it is told to stop. The same when an exception ends the screen; the exit code
is then 1. Whatever happens to the terminal never delays the engine.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from orderflow_tui.adapters.faults import said
from orderflow_tui.adapters.heartbeat import boot_id
from orderflow_tui.adapters.instance_lock import InstanceLock, account_lock_path, instance_lock_path, make_room_for_account_locks
from orderflow_tui.adapters.log import standard_error_to, start_log, stop_log
from orderflow_tui.domain.event import Command
from orderflow_tui.runtime import Runtime
from orderflow_tui.seam import Seam
from orderflow_tui.wiring import Plan, Wish, builder, plan_of, prove_meant
from orderflow_tui.wiring.permission import enrol_key, prove_auto
from orderflow_tui.wiring.plan import keymap_fault, prove_fed, tour_mark

__all__ = ["Wish", "import_paths", "keep_private", "open_house"]

INTERRUPTED = 130
STOP_LIMIT_S = 8.0
SCREEN_LIMIT_S = 3.0
FAULT_CHARACTERS = 160
GONE = "the terminal is gone"
RESTORE = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m\r\n"


@dataclass(slots=True)
class Leaving:
    """Why the program leaves: exit code so far, whether the screen is gone for good, whether it never took the last writes."""

    code: int = 0
    unattended: bool = False
    stuck: bool = False


def open_house(wish: Wish, *, headless: bool) -> int:
    """Run the engine with or without a screen until it ends; returns the exit code."""
    keep_private()
    plan = plan_of(wish)
    prove_fed(plan)
    prove_meant(plan, wish.account_suffix, _ask if sys.stdin.isatty() else None)
    told = enrol_key(plan, brake_letters(plan.keymap))
    if told:
        sys.stderr.write(f"orderflow-tui: {told}\n")
    plan = prove_auto(plan, headless=headless, ask=getpass.getpass if sys.stdin.isatty() else None)
    if not headless:
        trouble = screen_trouble("replay … --headless" if plan.paths else "run --headless")
        if trouble:
            sys.stderr.write(f"orderflow-tui: {trouble}\n")
            return 2
        prove_keys(plan)
    with ExitStack() as locks:
        locks.enter_context(InstanceLock.take(instance_lock_path(plan.data_dir), plan.mode.name))
        if plan.proves_account:
            make_room_for_account_locks()
        account = plan.account_to_lock
        if account:
            locks.enter_context(InstanceLock.take(account_lock_path(account), plan.mode.name))
        start_log(plan.data_dir / "log", plan.secrets, level=plan.loaded.config.log.level)
        try:
            sys.stderr.write(f"orderflow-tui: mode {plan.mode.name}, data in {plan.data_dir}, STOP file {plan.stop_file}\n")
            return _run(plan, headless=headless)
        finally:
            stop_log()


def keep_private() -> None:
    """What is written at run time is ours alone, whichever verb comes first to a fresh folder."""
    os.umask(0o077)


def brake_letters(keymap: Mapping[str, tuple[str, ...]]) -> str:
    """The characters that brake on screen under this keymap (ids to keys), wherever they are typed."""
    from orderflow_tui.tui.keymap import brake_letters as letters

    return letters(keymap)


def _ask(question: str) -> str:
    """Put a question to the person at the terminal, on standard error."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def prove_keys(plan: Plan) -> None:
    """The keymap must be usable before anything starts. Raises ConfigFault naming its file."""
    from orderflow_tui.tui.keymap import KeymapError, resolve

    try:
        resolve(plan.keymap)
    except KeymapError as fault:
        raise keymap_fault(plan, str(fault).removeprefix("keymap: ")) from fault


def screen_trouble(instead: str) -> str:
    """Why there can be no screen here, empty when there can; `instead` is what to type where none is wanted."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return f"the console needs a terminal on standard input and output; `{instead}` works without one"
    if os.environ.get("TERM", "dumb") in {"", "dumb"}:
        return f"the terminal says TERM=dumb and cannot draw; set TERM or use `{instead}`"
    return ""


def _run(plan: Plan, *, headless: bool) -> int:
    seam = Seam(f"{boot_id()[:4]}{os.getpid()}")
    runtime = Runtime(builder(plan), seam, ends_with_feed=headless and bool(plan.paths))
    leaving = Leaving()
    close_screen: list[Callable[[], None]] = []
    _listen(seam, leaving, close_screen)
    runtime.start()
    if plan.seconds is not None:
        timer = threading.Timer(plan.seconds, seam.request_stop)
        timer.daemon = True
        timer.start()
    if headless:
        _wait(runtime, leaving)
    else:
        _show(plan, runtime, leaving, close_screen)
    for line in runtime.farewell:
        sys.stderr.write(f"orderflow-tui: {line}\n")
    if runtime.failure is not None:
        sys.stderr.write(f"orderflow-tui: the engine ended: {said(runtime.failure)}\n")
    code = leaving.code or runtime.exit_code
    if leaving.stuck:  # a thread still waits for the terminal; the interpreter would wait for it at a normal exit
        stop_log()
        os._exit(code)
    return code


def _listen(seam: Seam, leaving: Leaving, close_screen: list[Callable[[], None]]) -> None:
    def stop(number: int, _: FrameType | None) -> None:
        leaving.code = leaving.code or 128 + number
        seam.request_stop()
        for close in close_screen:
            close()

    def hang_up(number: int, _: FrameType | None) -> None:
        del number
        leaving.unattended = True
        seam.command(Command.UNATTENDED, {"reason": GONE})
        for close in close_screen:
            close()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, hang_up)


def _wait(runtime: Runtime, leaving: Leaving) -> None:
    """Wait for the engine in slices, so that signals are heard. One that does not stop is left, and what it said last is told."""
    while not runtime.join(0.2):
        if runtime.seam.stop_requested.is_set() and not runtime.join(STOP_LIMIT_S):
            for line in (*runtime.farewell, f"the engine did not stop in time; {runtime.last_word()}"):
                sys.stderr.write(f"orderflow-tui: {line}\n")
            sys.stderr.flush()
            os._exit(leaving.code or 1)


def _show(plan: Plan, runtime: Runtime, leaving: Leaving, close_screen: list[Callable[[], None]]) -> None:
    """Run the screen on this thread until it is closed; then, unless it just went away, stop the engine."""
    from orderflow_tui.tui.app import OrderflowApp
    from orderflow_tui.tui.seam import ConsoleOptions

    options = ConsoleOptions(
        mode=plan.mode.name,
        fps=plan.fps,
        theme=plan.theme,
        keymap=plan.keymap,
        no_color=bool(os.environ.get("NO_COLOR")),
        tour=plan.tour,
        stop_file=str(plan.stop_file),
        resume_word=plan.loaded.config.desk.resume_word,
        screenshot_folder=str(plan.data_dir / "screenshots"),
    )
    before = _terminal_state()
    for exported in ("COLUMNS", "LINES"):  # would be believed before the terminal, which knows its size and when it changes
        os.environ.pop(exported, None)
    # The screen draws on sys.__stderr__: give it the terminal, then let everything else that writes there go to a file.
    sys.__stderr__ = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")  # type: ignore[misc]
    undo = standard_error_to(plan.data_dir / "log" / "stderr.log")
    app = OrderflowApp(runtime.seam, options)
    if plan.tour:
        with suppress(OSError):  # then it opens once more
            tour_mark(plan.data_dir).parent.mkdir(parents=True, exist_ok=True)
            tour_mark(plan.data_dir).touch()
    closed = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def show() -> None:
        loops.append(asyncio.get_running_loop())
        await app.run_async()

    def close() -> None:
        for loop in loops:
            with suppress(RuntimeError):  # the loop is closed already: so is the screen
                loop.call_soon_threadsafe(app.exit)

    close_screen.append(close)
    guarding = (runtime, leaving, closed, before, close)
    threading.Thread(target=_guard_screen, args=guarding, daemon=True, name="screen guard").start()
    fault: Exception | None = None
    try:
        asyncio.run(show())
        if app.interrupted:
            leaving.code = leaving.code or INTERRUPTED
    except Exception as error:
        fault = error
    finally:
        closed.set()
        leaving.stuck = app.terminal_stuck
        _restore_terminal(before)
        with suppress(OSError):
            undo()
    if leaving.unattended or _terminal_gone():
        if not leaving.unattended:
            runtime.seam.command(Command.UNATTENDED, {"reason": GONE})
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
        _wait(runtime, leaving)
        return
    fault = fault or app.fault
    if fault is None or runtime.seam.stop_requested.is_set():
        runtime.stop()
    else:
        leaving.code = leaving.code or 1
        _go_on_without_screen(runtime, fault, plan.data_dir)
    _wait(runtime, leaving)


def _go_on_without_screen(runtime: Runtime, fault: Exception, data_dir: Path) -> None:
    """The screen broke, the engine did not: it goes on as when the terminal went away, and the terminal is told."""
    what = " ".join(f"{type(fault).__name__}: {fault}".split())[:FAULT_CHARACTERS]
    runtime.seam.command(Command.UNATTENDED, {"reason": f"the screen ended by an error, {what}"})
    sys.stderr.write(
        f"orderflow-tui: the screen ended by an error: {what}\n"
        "orderflow-tui: the engine goes on, latched UNATTENDED: no new entries; stops and targets stay at the broker. "
        f"`orderflow-tui status --data-dir {data_dir}` looks, `orderflow-tui flatten --data-dir {data_dir}` closes, "
        f"Ctrl-C stops the engine in order; the traceback is in {data_dir / 'log'}\n"
    )
    sys.stderr.flush()


def _guard_screen(
    runtime: Runtime, leaving: Leaving, closed: threading.Event, before: list[object] | None, close: Callable[[], None]
) -> None:
    """When the engine is over the screen must go too, even when a frozen terminal holds its thread."""
    runtime.join()
    close()
    if closed.wait(SCREEN_LIMIT_S):
        return
    _restore_terminal(before)
    stop_log()
    os._exit(leaving.code or runtime.exit_code)


def _terminal_state() -> list[object] | None:
    try:
        return list(termios.tcgetattr(sys.stdin.fileno()))
    except (termios.error, ValueError, OSError):
        return None


def _terminal_gone() -> bool:
    try:
        termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, ValueError, OSError):
        return True
    return False


def _restore_terminal(before: list[object] | None) -> None:
    """Cooked mode, normal screen, cursor; never blocks on a terminal that takes nothing."""
    with suppress(termios.error, ValueError, OSError):
        if before is not None:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, before)  # type: ignore[arg-type]
    with suppress(ValueError, OSError):
        fd = sys.stdout.fileno()
        os.set_blocking(fd, False)
        try:
            os.write(fd, RESTORE)
        finally:
            os.set_blocking(fd, True)


def import_paths(wish: Wish, tz: str | None, format_name: str | None) -> str:
    """Import recordings into the tape; returns what happened, one line a source and one a session."""
    from orderflow_tui.adapters.tape import import_events
    from orderflow_tui.wiring.days import opened

    keep_private()
    plan = plan_of(wish)
    sources, table = opened(plan.loaded, plan.paths, instrument=wish.instrument, tz=tz, format=format_name)
    made = import_events(sources.recording(), plan.data_dir / "tape", sources.instrument, table)
    lines = [f"{s.path}: {s.format}, {s.records:,} records, rejected {dict(s.rejected) or 'none'}" for s in sources.sources]
    lines += [f"{sources.instrument}: {len(made)} session(s) into {plan.data_dir / 'tape' / sources.instrument}"]
    return "\n".join(lines)
