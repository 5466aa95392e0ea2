"""What every screen has: truth bar, lights, notice, replay bar, keys, and the overlay above them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from orderflow_tui.domain.order import Side
from orderflow_tui.tui import overlays
from orderflow_tui.tui.arrange import Arrangement
from orderflow_tui.tui.cells import Row, fit
from orderflow_tui.tui.desk import Desk, Overlay
from orderflow_tui.tui.faults import Faults
from orderflow_tui.tui.frame_clock import FrameClock
from orderflow_tui.tui.keymap import KeyId
from orderflow_tui.tui.live_grid import LiveGrid
from orderflow_tui.tui.palette import Palette
from orderflow_tui.tui.panels.footer import key_row, notice_row, replay_row, tabs_row
from orderflow_tui.tui.panels.panel import Box, put
from orderflow_tui.tui.panels.pnl import money_row
from orderflow_tui.tui.panels.truth import lights_row, truth_rows
from orderflow_tui.tui.picture import SILENT_ENGINE_MS, beat_age_ms
from orderflow_tui.view import ConsoleView, SignalRow

PULSE_FRAMES = 10
OVERLAY_WIDTH = 88
WIDTHS = {Overlay.PREVIEW: 70, Overlay.QUIT: 70, Overlay.RESUME: 78, Overlay.HELP: 118}


@dataclass(frozen=True, slots=True)
class Glance:
    """One frame's facts. `view` is aged to `now_ns`, the monotonic clock; `alive`: whether the engine thread runs."""

    view: ConsoleView | None
    now_ns: int
    alive: bool

    @property
    def beat_ms(self) -> int | None:
        """Age of the engine's beat by the screen's clock."""
        return None if self.view is None else beat_age_ms(self.view, self.now_ns)

    @property
    def silent_ms(self) -> int | None:
        """Age of the picture in whole seconds once the engine is silent, else None."""
        beat = self.beat_ms
        return None if beat is None or beat <= SILENT_ENGINE_MS else beat // 1000 * 1000


class ConsoleScreen(Screen[None]):
    """The bars and the overlay. A subclass adds what stands between them."""

    def __init__(self, desk: Desk, palette: Palette) -> None:
        super().__init__()
        self.desk = desk
        self.palette = palette
        self.faults = Faults()
        self.truth = LiveGrid(palette, "truth")
        self.lights = LiveGrid(palette, "lights")
        self.tab_line = LiveGrid(palette, "tabs")
        self.money = LiveGrid(palette, "money")
        self.notice = LiveGrid(palette, "notice")
        self.replay_bar = LiveGrid(palette, "replay")
        self.key_bar = LiveGrid(palette, "keys")
        self.box = LiveGrid(palette, "overlay")
        self._blank = Strip.blank(0)
        self.placed: Arrangement | None = None
        self._shape: tuple[object, ...] = ()
        self._overlay_box: Box | None = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """The empty space behind everything: one blank strip for all lines, so cutting it up is done once."""
        if self._blank.cell_length != crop.width:
            self._blank = Strip.blank(crop.width, self.palette.base)
        return [self._blank] * crop.height

    def compose(self) -> ComposeResult:
        """Panels first, bars and overlay above."""
        yield from self.panel_grids()
        yield from self.bars()

    def bars(self) -> tuple[LiveGrid, ...]:
        """The lines that every screen has, and the overlay."""
        return (self.truth, self.lights, self.tab_line, self.money, self.notice, self.replay_bar, self.key_bar, self.box)

    def panel_grids(self) -> Iterable[LiveGrid]:
        """The widgets between the bars."""
        return ()

    def arrangement(self, view: ConsoleView | None, width: int, height: int, truth_rows_wanted: int) -> Arrangement:
        """Where everything stands now."""
        raise NotImplementedError

    def place_panels(self, placed: Arrangement) -> None:
        """Put the panels at their places."""

    def paint_panels(self, glance: Glance, clock: FrameClock, force: bool) -> None:
        """Show the view in the panels whose frame it is; `force`: in all of them."""

    def tab_words(self) -> list[tuple[str, bool]]:
        """Names for the tab line."""
        return []

    def look(self, key_id: KeyId, view: ConsoleView | None, now_ns: int) -> None:
        """A key that only changes what this screen shows."""

    def chosen_signal(self, _view: ConsoleView | None) -> SignalRow | None:
        """The signal whose chain is opened."""
        return None

    def wear(self, palette: Palette) -> None:
        """Another theme."""
        self.palette = palette
        for grid in (*self.bars(), *self.panel_grids()):
            grid.repaint_with(palette)
        self._shape = ()
        self._blank = Strip.blank(0)

    def paint(self, glance: Glance, clock: FrameClock) -> None:
        """One frame."""
        width, height = self.app.size
        if width <= 0 or height <= 0:
            return
        truth = self._drawn("truth bar", lambda: truth_rows(glance.view, glance.beat_ms, glance.alive, width), width)
        force = self._arrange(glance.view, width, height, len(truth))
        placed = self.placed
        assert placed is not None
        self.truth.show(truth, width)
        if force or clock.due(2):
            bright = clock.frame % (2 * PULSE_FRAMES) < PULSE_FRAMES
            silent = glance.silent_ms is not None
            self._show_line(self.lights, "lights", lambda: lights_row(glance.view, bright, width, silent), width)
            said = self.desk.said if glance.now_ns < self.desk.said_until_ns else ""
            self._show_line(self.notice, "notice", lambda: notice_row(glance.view, said, width), width)
            self.key_bar.show([key_row(self.desk.keymap, width)], width)
            if placed.tab_row is not None:
                self.tab_line.show([tabs_row(self.tab_words(), width)], width)
            if placed.money is not None:
                self._show_line(self.money, "money", lambda: money_row(glance.view, width, glance.silent_ms), width)
            if placed.replay is not None and glance.view is not None and (replay := glance.view.replay) is not None:
                mode = glance.view.truth.mode
                self._show_line(self.replay_bar, "replay bar", lambda: replay_row(replay, mode, self.desk.keymap, width), width)
        self.paint_panels(glance, clock, force)
        self._paint_overlay(glance, width, height)

    def paint_fault(self, reason: str) -> None:
        """A frame that failed as a whole: everything below may be old, and the first line says so."""
        width = self.app.size.width
        self.truth.forget()
        self.truth.show([_fault_row("THE SCREEN", f"{reason} · keys work · q quits", width)], width)

    def _drawn(self, where: str, make: Callable[[], Sequence[Row]], width: int) -> Sequence[Row]:
        """What `make` draws, or the line that says why it cannot."""
        try:
            return make()
        except Exception as error:
            return [_fault_row(where, self.faults.tell(where, error), width)]

    def _show_line(self, grid: LiveGrid, where: str, make: Callable[[], Row], width: int) -> None:
        grid.show(self._drawn(where, lambda: [make()], width), width)

    def _arrange(self, view: ConsoleView | None, width: int, height: int, wanted_rows: int) -> bool:
        """Place everything again when size, zoom, focus or the bars changed; True when it did."""
        rows = min(wanted_rows, max(height - 6, 1))
        wanted = self.arrangement(view, width, height, rows)
        shape = (wanted, self.palette.name)
        if shape == self._shape:
            return False
        self._shape = shape
        self.placed = wanted
        for grid, box in (
            (self.truth, wanted.truth),
            (self.lights, wanted.lights),
            (self.tab_line, wanted.tab_row),
            (self.money, wanted.money),
            (self.notice, wanted.notice),
            (self.replay_bar, wanted.replay),
            (self.key_bar, wanted.keys),
        ):
            put(grid, box)
        self.place_panels(wanted)
        return True

    def _paint_overlay(self, glance: Glance, width: int, height: int) -> None:
        overlay = self.desk.overlay
        if overlay is None:
            if self._overlay_box is not None:
                self._overlay_box = None
                put(self.box, None)
            return
        assert self.placed is not None
        top = self.placed.truth.height + 1
        inside = min(WIDTHS.get(overlay, OVERLAY_WIDTH), width - 6)
        room = max(height - top - 4, 1)
        signal = self.chosen_signal(glance.view)
        made = self._drawn(overlay.value, lambda: overlays.rows(overlay, self.desk, glance.view, signal, inside, room), inside)
        rows = list(made[:room])
        box = Box((width - inside - 4) // 2, top + max((height - top - 4 - len(rows)) // 2, 0), inside + 4, len(rows) + 2)
        if box != self._overlay_box:
            self._overlay_box = box
            put(self.box, box)
        self.box.show(_boxed(rows, overlays.title(overlay, self.desk), box.width, _overlay_ink(overlay, self.desk)), box.width)


def _fault_row(where: str, reason: str, width: int) -> Row:
    return fit(((f" {where} cannot be drawn: {reason} ", "bold bright on live"),), width)


def _overlay_ink(overlay: Overlay, desk: Desk) -> str:
    match overlay:
        case Overlay.PREVIEW:
            return "bold bid" if desk.preview and desk.preview.side is Side.BUY else "bold ask"
        case Overlay.QUIT | Overlay.RESUME:
            return "bold warn"
        case _:
            return "bold focus"


def _boxed(rows: list[Row], title: str, width: int, ink: str) -> list[Row]:
    """A double frame around rows, `width` cells in all."""
    inside = width - 4
    name = f" {title[: max(width - 6, 0)]} "
    boxed: list[Row] = [(("╔═", ink), (name, f"reverse {ink}"), ("═" * (width - 3 - len(name)) + "╗", ink))]
    boxed.extend((("║ ", ink), *fit(row, inside), (" ║", ink)) for row in rows)
    boxed.append((("╚" + "═" * (width - 2) + "╝", ink),))
    return boxed
