from __future__ import annotations

from rich.console import Console
from textual.app import App, ComposeResult
from textual.geometry import Region

from orderflow_tui.tui.cells import Row
from orderflow_tui.tui.live_grid import LeanStrip, LiveGrid
from orderflow_tui.tui.palette import Palette

PALETTE = Palette("cb-dark")
ROWS: list[Row] = [(("one  ", "text"),), (("two  ", "bold ask"),), (("three", "dim"),)]


class Watched(LiveGrid):
    """Remembers which regions were refreshed."""

    def __init__(self) -> None:
        super().__init__(PALETTE)
        self.regions: list[tuple[Region, ...]] = []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Watched:
        self.regions.append(regions)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class Host(App[None]):
    """An app with one grid."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = Watched()

    def compose(self) -> ComposeResult:
        yield self.grid


async def test_only_changed_rows_are_refreshed() -> None:
    app = Host()
    async with app.run_test(size=(20, 5)):
        grid = app.grid
        assert grid.show(ROWS, 5) == 3
        grid.regions.clear()
        kept = grid.render_lines(Region(0, 0, 5, 3))[0]
        assert grid.show([ROWS[0], (("2    ", "bold ask"),), ROWS[2]], 5) == 1
        assert grid.regions == [(Region(0, 1, 5, 1),)]
        assert grid.render_lines(Region(0, 0, 5, 3))[0] is kept
        grid.regions.clear()
        assert grid.show(list(grid._rows), 5) == 0
        assert grid.regions == []


async def test_another_theme_repaints_everything() -> None:
    app = Host()
    async with app.run_test(size=(20, 5)):
        app.grid.show(ROWS, 5)
        app.grid.repaint_with(Palette("light"))
        assert app.grid.show(ROWS, 5) == 3


async def test_edges_go_around_every_row_but_the_caps() -> None:
    app = Host()
    async with app.run_test(size=(20, 5)):
        edge: Row = (("|", "frame"),)
        app.grid.show([(("=======", "frame"),), *ROWS, (("=======", "frame"),)], 5, edge, edge, capped=True)
        shown = [strip.text for strip in app.grid.render_lines(Region(0, 0, 7, 5))]
        assert shown == ["=======", "|one  |", "|two  |", "|three|", "======="]


async def test_lines_never_shown_are_blank_and_a_wider_place_is_padded() -> None:
    app = Host()
    async with app.run_test(size=(20, 5)):
        app.grid.show(ROWS, 5)
        strips = app.grid.render_lines(Region(0, 0, 8, 5))
        assert [strip.text for strip in strips] == ["one     ", "two     ", "three   ", "        ", "        "]


def strip_of(*spans: tuple[str, str]) -> LeanStrip:
    return LeanStrip(spans, sum(len(text) for text, _ in spans), PALETTE)


def test_a_strip_says_a_colour_once_and_resets_once() -> None:
    console = Console(color_system="256", force_terminal=True)
    written = strip_of(("ab", "text"), ("cd", "text"), ("ef", "dim")).render(console)
    assert written == "\x1b[38;5;252;48;5;233mabcd\x1b[38;5;245mef\x1b[0m"


def test_a_strip_can_still_be_cut_for_what_lies_over_it() -> None:
    strip = strip_of(("abcd", "text"), ("efgh", "bold ask"))
    pieces = strip.divide([3, 6, 8])
    assert [piece.text for piece in pieces] == ["abc", "def", "gh"]
    assert strip.divide([8]) == [strip]
    assert strip.crop(2, 5).text == "cde"
    assert strip.crop(0, 0).text == ""
    assert strip.text == "abcdefgh"
