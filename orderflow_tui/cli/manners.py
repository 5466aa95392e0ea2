"""What all verbs share: options, exit codes, and how a fault becomes one sentence.

Exit codes: 0 done, 1 the job failed, 2 wrong usage, 3 refused for safety, 75 another instance holds the lock,
78 configuration, 130 and 143 interrupted: after an orderly stop, or told that the engine stood still. Documents go to
standard output, everything else to standard error or the log.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer

from orderflow_tui.adapters.faults import said
from orderflow_tui.modes import UnknownMode

T = TypeVar("T")
OK, FAILED, USAGE, REFUSED, LOCKED, CONFIGURATION = 0, 1, 2, 3, 75, 78
LONGEST_S = 366 * 86_400.0

Sets = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a configuration key.")]
DataDir = Annotated[  # `readable=False`: whether it can be used is said in our words, with our exit code
    Path | None,
    typer.Option("--data-dir", envvar="ORDERFLOW_DATA", readable=False, help="Where journal, tape, log, state and STOP live."),
]
Symbol = Annotated[str | None, typer.Option("--instrument", help="The instrument to analyse, such as ES.")]
Seconds = Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="Stop in order after this long.")]
Paths = Annotated[list[Path], typer.Argument(help="Files or folders of market data.", readable=False, show_default=False)]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone of files that do not say it.")]
Format = Annotated[str | None, typer.Option("--format", help="Name the format instead of detecting it.")]
FramesPerSecond = Annotated[int | None, typer.Option("--fps", min=5, max=30, help="Frames a second.")]


class Quit(Exception):
    """Ends a verb with a sentence on standard error and an exit code."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def lasting(seconds: float | None) -> float | None:
    """The time of `--for`."""
    if seconds is None or 0 < seconds <= LONGEST_S:
        return seconds
    raise Quit(USAGE, f"--for takes seconds, more than 0 and at most a year of them, not {seconds:g}")


def prove_writable(path: Path, option: str) -> None:
    """Whether a file can be written there, asked before the work and not after it."""
    folder = path.absolute().parent
    if path.is_dir():
        raise Quit(FAILED, f"{option} {path} is a folder: name a file in it")
    if not folder.is_dir():
        raise Quit(FAILED, f"{option} {path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise Quit(FAILED, f"{option} {path} cannot be written: permission denied")


def write(path: Path, filling: Callable[[TextIO], None]) -> None:
    """Make a text file and let it be filled."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        filling(stream)


def guarded(job: Callable[[], T]) -> T:
    """Do a job; the faults people meet become a sentence and an exit code."""
    try:
        return job()
    except Exception as fault:
        code = _exit_code(fault)
        if code is None:
            raise
        raise Quit(code, said(fault)) from fault


def _exit_code(fault: Exception) -> int | None:
    """The exit code of a fault people meet, None for ours. The families are looked up when one was met, not at every start."""
    from orderflow_tui.adapters.heartbeat import HeartbeatFault
    from orderflow_tui.adapters.importers.source import ImportFault
    from orderflow_tui.adapters.instance_lock import LockHeld
    from orderflow_tui.adapters.journal import JournalError
    from orderflow_tui.config import ConfigFault
    from orderflow_tui.wiring.plan import Refused, WrongUsage

    match fault:
        case UnknownMode() | WrongUsage():
            return USAGE
        case ConfigFault():
            return CONFIGURATION
        case LockHeld():
            return LOCKED
        case Refused():
            return REFUSED
        case ImportFault() | HeartbeatFault() | JournalError() | OSError():
            return FAILED
        case _:
            return None


def leave(code: int) -> None:
    """End the process with this code, unless all is well."""
    if code:
        raise typer.Exit(code)
