"""A widget that keeps its lines and repaints only those that changed.

The cheapest way measured to paint a ladder at 20 frames a second: rows are compared as tuples, a changed row becomes a
strip once, only its region is refreshed, and a strip writes colour changes instead of a full style for each span.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from orderflow_tui.tui.cells import Row, blank, fit
from orderflow_tui.tui.palette import Palette

_NOTHING = Strip([], 0)


class LeanStrip(Strip):
    """A strip made of spans, that says only what changes from span to span and resets once at its end.

    Nearly every strip is written to the terminal once, whole. So the segments and caches of a Textual strip are made
    only when a picture or an overlapping box asks for them (`__getattr__` runs for slots that are still empty).
    """

    __slots__ = ("_palette", "_spans")

    def __init__(self, spans: Row, cells: int, palette: Palette) -> None:
        self._spans = spans
        self._palette = palette
        self._cell_length = cells
        self._render_cache = None

    def __getattr__(self, name: str) -> Any:
        rendered = self._render_cache
        style = self._palette.style
        super().__init__([Segment(text, style(ink)) for text, ink in self._spans], self._cell_length)
        self._render_cache = rendered
        return object.__getattribute__(self, name)

    def render(self, console: Console) -> str:
        """The terminal sequence, kept after the first time."""
        if self._render_cache is None:
            system = ColorSystem.TRUECOLOR if console._color_system is None else console._color_system
            change = self._palette.changes(system)
            parts: list[str] = []
            before = ""
            for text, ink in self._spans:
                if ink != before:
                    parts.append(change[before, ink])
                    before = ink
                parts.append(text)
            self._render_cache = "".join(parts) + "\x1b[0m"
        return self._render_cache

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Cut into pieces; a strip that nothing overlaps stays itself."""
        wanted = [cut for cut in cuts if cut <= self.cell_length]
        return [self] if wanted == [self.cell_length] else super().divide(wanted)

    def crop(self, start: int, end: int | None = None) -> Strip:
        """A part. The compositor asks every neighbour of a changed line for nothing at all; that costs nothing here."""
        return _NOTHING if end == 0 else super().crop(start, end)


class LiveGrid(Widget):
    """Rows of spans on the screen. `show` is the only way in; it returns how many lines it had to repaint."""

    can_focus = False
    ALLOW_SELECT = False

    def __init__(self, palette: Palette, name: str = "") -> None:
        super().__init__(id=name or None)
        self._palette = palette
        self._rows: list[Row] = []
        self._strips: list[Strip] = []
        self._look: tuple[object, ...] = ()

    def repaint_with(self, palette: Palette) -> None:
        """Another theme: every line is made again."""
        self._palette = palette
        self.forget()

    def forget(self) -> None:
        """Make every line again at the next `show`."""
        self._look = ()

    def show(self, rows: Sequence[Row], cells: int, left: Row = (), right: Row = (), capped: bool = False) -> int:
        """Take these rows, each drawn `cells` wide between the edges `left` and `right` (spans of one cell); refresh the
        lines that differ. `capped`: the first and the last row go over the edges."""
        width = cells + len(left) + len(right)
        ends = (0, len(rows) - 1) if capped else ()
        look = (len(rows), cells, left, right, capped)
        kept = self._rows
        if look != self._look:
            self._look = look
            self._rows = list(rows)
            self._strips = [
                self._strip(row, width) if y in ends else self._strip(row, cells, left, right) for y, row in enumerate(rows)
            ]
            self.refresh()
            return len(rows)
        dirty: list[Region] = []
        for y, row in enumerate(rows):
            if row != kept[y]:
                kept[y] = row
                self._strips[y] = self._strip(row, width) if y in ends else self._strip(row, cells, left, right)
                dirty.append(Region(0, y, width, 1))
        if dirty:
            self.refresh(*dirty)
        return len(dirty)

    def _strip(self, row: Row, cells: int, left: Row = (), right: Row = ()) -> Strip:
        spans = (*left, *fit(row, cells), *right) if left or right else fit(row, cells)
        return LeanStrip(spans, cells + len(left) + len(right), self._palette)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The kept strips of the wanted lines; blank where nothing was shown yet."""
        strips = self._strips
        if crop.x == 0 and crop.y == 0 and crop.height == len(strips) and strips and strips[0].cell_length == crop.width:
            return strips
        wanted = strips[crop.y : crop.bottom]
        wanted += [self._strip(blank(crop.right), crop.right)] * (crop.height - len(wanted))
        return [strip.crop_extend(crop.x, crop.right, self._palette.base) for strip in wanted]
