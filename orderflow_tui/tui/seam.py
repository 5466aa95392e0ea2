"""What crosses between screen and engine: the newest view one way, commands the other way. Nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orderflow_tui.domain.event import Command
from orderflow_tui.view import ConsoleView


class Seam(Protocol):
    """The engine as the screen sees it. Every call returns at once and may come from the screen's thread only."""

    def view(self) -> ConsoleView | None:
        """The newest view, one reference read; None before the first."""

    def command(self, command: Command, args: dict[str, str]) -> str:
        """Queue an operator command; returns its id."""

    def feed_command(self, name: str, value: float | None = None) -> None:
        """Replay and demo only: pause, play, step_trade, step_bar, speed (value ×), seek (value UTC ns)."""

    def heard(self) -> list[str]:
        """What a person must be told now although no view may ever come, oldest first; each once."""

    def engine_alive(self) -> bool:
        """Whether the engine thread still runs."""

    def request_stop(self) -> None:
        """Begin the orderly stop of the engine."""


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """How the console looks and answers. `fps` is the frame rate to begin with, `keymap` maps key ids to keys;
    `resume_word` is what unlatching asks to be typed, in either case."""

    mode: str = "demo"
    fps: int = 20
    theme: str = "cb-dark"
    keymap: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    no_color: bool = False
    tour: bool = False
    stop_file: str = "STOP"
    screenshot_folder: str = "."
    resume_word: str = "RESUME"
