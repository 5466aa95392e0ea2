"""`python -m tests.tui.demo [--replay] [--halted] [--theme NAME] [--fps N]`: the console over a fake market, to look at it."""

from __future__ import annotations

import argparse
import time

from orderflow_tui.domain.event import Command
from orderflow_tui.tui.app import OrderflowApp
from orderflow_tui.tui.seam import ConsoleOptions
from orderflow_tui.view import ConsoleView
from tests.tui.views import FakeSeam, Scene, halted, replaying, unarmed

STEP_NS = 50_000_000


class MovingSeam(FakeSeam):
    """A fake engine that moves with the clock of whoever looks, and arms when asked."""

    def __init__(self, replay: bool, held: bool) -> None:
        self.scene = Scene(7)
        self.replay, self.held = replay, held
        self.armed_until_ns = 0
        self.begun_ns = self.moved_ns = time.monotonic_ns()
        super().__init__(None)

    def view(self) -> ConsoleView | None:
        """The newest view; a new one every 50 ms."""
        now_ns = time.monotonic_ns()
        if now_ns - self.moved_ns >= STEP_NS or self.shown is None:
            self.moved_ns = now_ns
            self.scene.advance(5)
            view = self.scene.view(now_ns)
            if self.armed_until_ns < now_ns:
                view = unarmed(view)
            if self.replay:
                view = replaying(view, paused=False)
            self.shown = halted(view) if self.held else view
        return self.shown

    def command(self, command: Command, args: dict[str, str]) -> str:
        """Arming works, halting holds, the rest is only remembered."""
        if command is Command.ARM:
            self.armed_until_ns = time.monotonic_ns() + 60_000_000_000
        elif command in (Command.HALT, Command.FLATTEN, Command.STOP):
            self.held = True
        elif command is Command.RESUME:
            self.held = False
        return super().command(command, args)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--halted", action="store_true")
    parser.add_argument("--tour", action="store_true")
    parser.add_argument("--theme", default="cb-dark")
    parser.add_argument("--fps", type=int, default=20)
    options = parser.parse_args()
    seam = MovingSeam(options.replay, options.halted)
    OrderflowApp(seam, ConsoleOptions(mode="paper", fps=options.fps, theme=options.theme, tour=options.tour)).run()


if __name__ == "__main__":
    main()
