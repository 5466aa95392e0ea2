"""A widget that keeps its lines and repaints only those that changed.

The cheapest way measured to paint a ladder at 20 frames a second: rows are compared as tuples, a changed row becomes a
strip once, only its region is refreshed, and a strip writes colour changes instead of a full style for each span.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from orderflow_tui.tui.cells import Row, blank, fit
from orderflow_tui.tui.palette import Palette

_Key = tuple[Style | None, Style, int]
_CHANGES: dict[_Key, str] = {}
_CHANGES_BOUND = 20_000  # themes × pairs of inks stay far below; emptied when reached


class LeanStrip(Strip):
    """A strip whose terminal text says only what changes from span to span, and resets once at its end."""

    __slots__ = ()

    def render(self, console: Console) -> str:
        """The terminal sequence, kept after the first time."""
        if self._render_cache is None:
            system = ColorSystem.TRUECOLOR if console._color_system is None else console._color_system
            parts: list[str] = []
            before: Style | None = None
            for text, style, _ in self._segments:
                if style is None:
                    parts.append(text)
                    continue
                if style is not before:
                    parts.append(change(before, style, system))
                    before = style
                parts.append(text)
            self._render_cache = "".join(parts) + ("\x1b[0m" if before is not None else "")
        return self._render_cache


def change(before: Style | None, after: Style, system: ColorSystem) -> str:
    """The shortest SGR sequence from one style to another (`before` None: from reset)."""
    key = (before, after, int(system))
    known = _CHANGES.get(key)
    if known is None:
        if len(_CHANGES) >= _CHANGES_BOUND:
            _CHANGES.clear()
        known = _CHANGES[key] = _change(before, after, system)
    return known


def _change(before: Style | None, after: Style, system: ColorSystem) -> str:
    full = Strip.render_ansi(after, system)
    if before is None:
        return f"\x1b[{full}m" if full else ""
    was, now = _flags(before), _flags(after)
    if was - now:
        return f"\x1b[0;{full}m" if full else "\x1b[0m"
    codes = sorted(now - was)
    if after.color is not None and after.color != before.color:
        codes.extend(after.color.downgrade(system).get_ansi_codes())
    elif after.color is None and before.color is not None:
        codes.append("39")
    if after.bgcolor is not None and after.bgcolor != before.bgcolor:
        codes.extend(after.bgcolor.downgrade(system).get_ansi_codes(foreground=False))
    elif after.bgcolor is None and before.bgcolor is not None:
        codes.append("49")
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def _flags(style: Style) -> set[str]:
    wanted = ((style.bold, "1"), (style.dim, "2"), (style.italic, "3"), (style.underline, "4"), (style.reverse, "7"))
    return {code for on, code in wanted if on}


class LiveGrid(Widget):
    """Rows of spans on the screen. `show` is the only way in; it returns how many lines it had to repaint."""

    can_focus = False
    ALLOW_SELECT = False

    def __init__(self, palette: Palette, name: str = "") -> None:
        super().__init__(id=name or None)
        self._palette = palette
        self._rows: list[Row] = []
        self._strips: list[Strip] = []
        self._cells = 0

    def repaint_with(self, palette: Palette) -> None:
        """Another theme: every line is made again."""
        self._palette = palette
        self.forget()

    def forget(self) -> None:
        """Make every line again at the next `show`."""
        self._rows = []
        self._strips = []

    def show(self, rows: Sequence[Row], cells: int) -> int:
        """Take these rows, each `cells` wide; refresh the lines that differ from what is shown."""
        kept = self._rows
        if len(kept) != len(rows) or cells != self._cells:
            self._rows = list(rows)
            self._strips = [self._strip(row, cells) for row in rows]
            self._cells = cells
            self.refresh()
            return len(rows)
        dirty: list[Region] = []
        for y, row in enumerate(rows):
            if row != kept[y]:
                kept[y] = row
                self._strips[y] = self._strip(row, cells)
                dirty.append(Region(0, y, cells, 1))
        if dirty:
            self.refresh(*dirty)
        return len(dirty)

    def _strip(self, row: Row, cells: int) -> Strip:
        style = self._palette.style
        return LeanStrip([Segment(text, style(ink)) for text, ink in fit(row, cells)], cells)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The kept strips of the wanted lines; blank where nothing was shown yet."""
        strips = self._strips
        wanted = []
        for y in crop.line_range:
            strip = strips[y] if y < len(strips) else self._strip(blank(crop.right), crop.right)
            if strip.cell_length < crop.right:
                strip = self._strip((*self._rows[y], *blank(crop.right - strip.cell_length)), crop.right)
            wanted.append(strip if crop.x == 0 and crop.right == strip.cell_length else strip.crop(crop.x, crop.right))
        return wanted
