"""The Trade screen: ladder, footprint, profile, signals, regime, P&L, and the tape where there is room."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from textual import events

from orderflow_tui.tui.arrange import ALL, SHARED, Arrangement, arrange
from orderflow_tui.tui.desk import Desk, Overlay
from orderflow_tui.tui.frame_clock import FrameClock
from orderflow_tui.tui.keymap import KeyId
from orderflow_tui.tui.ladder import Ladder
from orderflow_tui.tui.live_grid import LiveGrid
from orderflow_tui.tui.palette import Palette
from orderflow_tui.tui.panels import PANELS, Box, CellMode, Panel, Sight
from orderflow_tui.tui.panels.footprint import FOOTERS
from orderflow_tui.tui.panels.panel import STALE_MS
from orderflow_tui.tui.screens.console_screen import ConsoleScreen, Glance
from orderflow_tui.view import ConsoleView, SignalRow

WHEEL_TICKS = 3
PAGE = 10
ROOMY = 26  # rows from which a footprint alone on the screen shows its whole footer
SHORT_FOOTER = 3


class TradeScreen(ConsoleScreen):
    """The product's face."""

    def __init__(self, desk: Desk, palette: Palette) -> None:
        super().__init__(desk, palette)
        self.panels: dict[str, Panel] = {panel.panel_id: panel(palette) for panel in PANELS}
        self.ladder = Ladder()
        self.focus_on = "dom"
        self.zoomed = False
        self.cell_mode = CellMode.BID_ASK
        self.selected = 0

    def panel_grids(self) -> Iterable[LiveGrid]:
        """All panels; those without a place are hidden."""
        return tuple(grid for panel in self.panels.values() for grid in panel.grids())

    def arrangement(self, view: ConsoleView | None, width: int, height: int, truth_rows_wanted: int) -> Arrangement:
        """By size, zoom and focus."""
        replay = view is not None and view.replay is not None
        return arrange(width, height, truth_rows_wanted, self.focus_on, self.zoomed, replay)

    def place_panels(self, placed: Arrangement) -> None:
        """Show the panels that have a place."""
        self.focus_on = placed.focus
        for name, panel in self.panels.items():
            panel.place(placed.boxes.get(name))

    def tab_words(self) -> list[tuple[str, bool]]:
        """All panels; the shown one marked."""
        return [(self.panels[name].word, name == self.focus_on) for name in ALL]

    def paint_panels(self, glance: Glance, clock: FrameClock, force: bool) -> None:
        """Every panel at its own beat; hidden ones cost nothing."""
        placed = self.placed
        assert placed is not None
        base = self._base_sight(glance, placed)
        for phase, (name, panel) in enumerate(self.panels.items()):
            box = placed.boxes.get(name)
            if box is not None and (force or clock.due(panel.every, phase)):
                try:
                    panel.paint(glance.view, self.sight(name, box, base))
                except Exception as error:
                    panel.paint_fault(self.faults.tell(f"panel {name}", error))

    def _base_sight(self, glance: Glance, placed: Arrangement) -> Sight:
        view = glance.view
        rows = placed.price_rows or self._own_price_rows(placed)
        top = self.ladder.follow(_inside(view), rows, glance.now_ns // 1_000_000) if view else None
        return Sight(
            0,
            0,
            top=top,
            price_rows=rows,
            cell_mode=self.cell_mode,
            scrolled=self.ladder.scrolled,
            flashing=self.ladder.flashing,
            selected=self.selected,
            armed=view is not None and view.truth.armed_left_ms > 0,
            stale_ms=_stale_ms(glance),
            silent_ms=glance.silent_ms,
        )

    def sight(self, name: str, box: Box, base: Sight) -> Sight:
        """What one panel knows besides the view."""
        return replace(base, width=box.width - 2, height=box.height - 2, focused=name == self.focus_on)

    def _own_price_rows(self, placed: Arrangement) -> int:
        """Alone on the screen a ladder keeps a line for totals, a footprint as much of its footer as leaves prices."""
        for name in ("dom", "footprint"):
            if name in placed.boxes:
                height = placed.boxes[name].height
                foot = 1 if name == "dom" else FOOTERS if height >= ROOMY else SHORT_FOOTER
                return max(height - 3 - foot, 1)
        return 1

    def look(self, key_id: KeyId, view: ConsoleView | None, now_ns: int) -> None:
        """Focus, zoom, cells, centring and scrolling."""
        match key_id:
            case KeyId.CENTRE:
                self.ladder.centre()
            case KeyId.CELL_MODE:
                self.cell_mode = self.cell_mode.following
            case KeyId.ZOOM:
                self.zoomed = not self.zoomed
            case KeyId.NEXT_PANEL:
                self._walk(1)
            case KeyId.PREVIOUS_PANEL:
                self._walk(-1)
            case KeyId.UP | KeyId.DOWN | KeyId.PAGE_UP | KeyId.PAGE_DOWN:
                step = PAGE if key_id in (KeyId.PAGE_UP, KeyId.PAGE_DOWN) else 1
                self._scroll(step if key_id in (KeyId.UP, KeyId.PAGE_UP) else -step, view)
            case KeyId.OPEN:
                if self.focus_on == "signals" and self.chosen_signal(view) is not None:
                    self.desk.open(Overlay.CHAIN, now_ns)
            case _:
                return

    def _walk(self, step: int) -> None:
        if self.placed is None:
            return
        order = self.placed.order
        here = order.index(self.focus_on) if self.focus_on in order else 0
        self.focus_on = order[(here + step) % len(order)]
        if self.focus_on not in self.placed.boxes and len(self.placed.boxes) > 1 and self.focus_on not in SHARED:
            self.focus_on = order[0]
        self._shape = ()

    def _scroll(self, ticks: int, view: ConsoleView | None) -> None:
        if self.focus_on == "signals":
            count = len(view.signals.rows) if view else 0
            self.selected = min(max(self.selected - ticks, 0), max(count - 1, 0))
        else:
            self.ladder.scroll(ticks)

    def chosen_signal(self, _view: ConsoleView | None) -> SignalRow | None:
        """The selected line of the signal list."""
        rows = _view.signals.rows if _view else ()
        return rows[min(self.selected, len(rows) - 1)] if rows else None

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the ladder towards higher prices."""
        event.stop()
        self.ladder.scroll(WHEEL_TICKS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the ladder towards lower prices."""
        event.stop()
        self.ladder.scroll(-WHEEL_TICKS)


def _inside(view: ConsoleView | None) -> int | None:
    """The price the ladder follows: the middle of the book, the last trade without one."""
    if view is None:
        return None
    dom = view.dom
    if dom.bids and dom.asks:
        return (dom.bids[0][0] + dom.asks[0][0] + 1) // 2
    return dom.last


def _stale_ms(glance: Glance) -> int | None:
    """Age in whole seconds of market data too old to trust, or of a silent engine; None when fresh."""
    view = glance.view
    if view is None:
        return None
    data_ms = view.truth.data_age_ms
    if data_ms is None or (data_ms <= STALE_MS and glance.silent_ms is None):
        return glance.silent_ms
    return data_ms // 1000 * 1000
