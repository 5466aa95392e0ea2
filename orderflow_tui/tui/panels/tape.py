"""Time and sales, newest first, with the pressure gauges under it."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.tui.panels.pressure import pressure_row
from orderflow_tui.view import ConsoleView, TapeRow

LARGE = 50  # contracts: a print of this size or more stands out


def tape_heading(_view: ConsoleView, _sight: Sight) -> str:
    """What the frame says."""
    return "TIME & SALES"


def tape_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """Prints newest first, gauges in the last two lines."""
    if not view.tape:
        return cells.sentence("no trade yet", sight.width, sight.height)
    room = max(sight.height - 2, 1)
    rows = [_print(view, row) for row in view.tape[:room]]
    rows.extend(cells.blank(sight.width) for _ in range(room - len(rows)))
    rows.append(pressure_row("60 s", view.signals.pressure_60, sight.width))
    rows.append(pressure_row(" 5 m", view.signals.pressure_300, sight.width))
    return cells.fill(rows, sight.width, sight.height)


def _print(view: ConsoleView, row: TapeRow) -> Row:
    side = "bid" if row.side > 0 else "ask" if row.side < 0 else "dim"
    glyph = "▲" if row.side > 0 else "▼" if row.side < 0 else "?"
    weight = "bold " if row.size >= LARGE else ""
    return (
        (f" {row.et_clock[:8]} ", "dim"),
        (cells.right(view.instrument.text(row.price), 9), f"{weight}{side}"),
        (cells.right(str(row.size), 6), f"{weight}{side}"),
        (f" {glyph}", f"bold {side}"),
    )


class TapePanel(Panel):
    """The tape on the screen, every frame."""

    panel_id = "tape"
    word = "TAPE"
    every = 1

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        return tape_heading(view, sight)

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """The prints."""
        return tape_rows(view, sight)
