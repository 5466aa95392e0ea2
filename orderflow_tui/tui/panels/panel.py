"""A framed panel: heading, content rows from a pure function, focus, arming and staleness shown on the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple

from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row
from orderflow_tui.tui.live_grid import LiveGrid
from orderflow_tui.tui.palette import Palette
from orderflow_tui.view import ConsoleView

STALE_MS = 5_000  # market data older than this is dimmed and its age shown
WAITING = "waiting for the engine's first view"


class Box(NamedTuple):
    """A place on the screen in cells, frame included."""

    x: int
    y: int
    width: int
    height: int


class CellMode(Enum):
    """What a footprint cell says; `m` cycles."""

    BID_ASK = "bid×ask"
    DELTA = "delta"
    VOLUME = "volume"
    IMBALANCE = "imbalance"
    HEAT = "heat"

    @property
    def following(self) -> CellMode:
        """The next mode."""
        modes = list(CellMode)
        return modes[(modes.index(self) + 1) % len(modes)]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a panel knows besides the view. `width` × `height` is the room inside the frame, in cells; `top` the price
    of the first ladder row in ticks (None before any price); `price_rows` how many rows carry prices where ladder and
    footprint share them; `stale_ms` the age of the market data once it is too old, else None; `silent_ms` the age of the
    picture once the engine is silent, else None."""

    width: int
    height: int
    top: int | None = None
    price_rows: int = 0
    cell_mode: CellMode = CellMode.BID_ASK
    scrolled: bool = False
    flashing: bool = False
    selected: int = 0
    focused: bool = False
    armed: bool = False
    stale_ms: int | None = None
    silent_ms: int | None = None


class Panel(LiveGrid):
    """A panel draws every `every`-th frame. `market` panels dim when the market data is stale, all of them when the
    engine is silent.

    Subclasses give `heading` and `content`; both are pure and return rows as wide as the room or less.
    """

    panel_id: ClassVar[str] = ""
    word: ClassVar[str] = ""
    every: ClassVar[int] = 1
    market: ClassVar[bool] = True
    left_edge: ClassVar[bool] = True
    right_edge: ClassVar[bool] = True

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, self.panel_id)
        self.box: Box | None = None

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        raise NotImplementedError

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """The rows inside the frame."""
        raise NotImplementedError

    def grids(self) -> tuple[LiveGrid, ...]:
        """The widgets this panel consists of."""
        return (self,)

    def place(self, box: Box | None) -> None:
        """Stand here; None hides."""
        self.box = box
        put(self, box)

    def paint(self, view: ConsoleView | None, sight: Sight) -> int:
        """Show the view; returns how many lines changed."""
        if self.box is None:
            return 0
        return self._paint_into(self.box, view, sight)

    def _paint_into(self, box: Box, view: ConsoleView | None, sight: Sight) -> int:
        inside = box.width - self.left_edge - self.right_edge
        height = box.height - 2
        if inside <= 0 or height <= 0:
            return 0
        if view is None:
            rows: Sequence[Row] = cells.sentence(WAITING, inside, height)
            heading = self.word
        else:
            rows = self.content(view, sight)
            heading = self.heading(view, sight)
        old_ms = sight.stale_ms if self.market else sight.silent_ms
        if old_ms is not None and view is not None:
            rows = cells.faded(rows)
            heading = f"STALE {cells.age(old_ms).strip()} · {heading}" if self.word else heading
        ink = "armed" if sight.armed else "focus" if sight.focused else "frame"
        return self._framed(rows, heading, inside, height, ink, "bold focus" if sight.focused else "bold title")

    def paint_fault(self, reason: str) -> None:
        """Say that the picture cannot be drawn, and why; the next paint that succeeds takes the place again."""
        if self.box is not None:
            self._fault_into(self.box, reason)

    def _fault_into(self, box: Box, reason: str) -> None:
        inside = box.width - self.left_edge - self.right_edge
        height = box.height - 2
        if inside <= 0 or height <= 0:
            return
        self.forget()  # a paint that broke off may have left lines that are not what they are kept as
        rows = cells.sentence(f"cannot be drawn: {reason}", inside, height, "bold alarm")
        self._framed(rows, self.word, inside, height, "alarm", "bold alarm")

    def _framed(self, rows: Sequence[Row], heading: str, inside: int, height: int, ink: str, title_ink: str) -> int:
        edge: Row = (("│", ink),)
        left, right = edge if self.left_edge else (), edge if self.right_edge else ()
        body = list(rows[:height])
        body.extend(() for _ in range(height - len(body)))
        top = self._top(heading, inside, ink, title_ink)
        bottom: Row = ((f"{'└' if left else ''}{'─' * inside}{'┘' if right else ''}", ink),)
        return self.show([top, *body, bottom], inside, left, right, capped=True)

    def _top(self, heading: str, inside: int, ink: str, title_ink: str) -> Row:
        corner_left, corner_right = "┌" if self.left_edge else "", "┐" if self.right_edge else ""
        if not heading:
            return ((f"{corner_left}{'─' * inside}{corner_right}", ink),)
        said = f" {heading[: max(inside - 4, 0)]} "
        return ((f"{corner_left}─", ink), (said, title_ink), (f"{'─' * (inside - len(said) - 1)}{corner_right}", ink))


def put(grid: LiveGrid, box: Box | None) -> None:
    """Place a widget on the screen, or hide it. A placed widget makes every line again at its next `show`."""
    grid.display = box is not None
    if box is None:
        return
    grid.styles.offset = (box.x, box.y)
    grid.styles.width = box.width
    grid.styles.height = box.height
    grid.forget()
