"""The console under a pilot: every key at every size, pictures, and what must never happen."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from queue import Queue

import pytest
from textual import events
from textual.pilot import Pilot

from orderflow_tui.domain.event import Command
from orderflow_tui.tui import cells
from orderflow_tui.tui.app import OrderflowApp
from orderflow_tui.tui.desk import Overlay
from orderflow_tui.tui.keymap import KEYS, KeymapError
from orderflow_tui.tui.panels import CellMode, Panel, Sight
from orderflow_tui.tui.screens import SCREENS, TradeScreen
from orderflow_tui.tui.screens.console_screen import Glance
from orderflow_tui.tui.seam import ConsoleOptions
from orderflow_tui.view import ConsoleView
from tests.tui.views import FakeSeam, Scene, empty_view, halted, replaying

SIZES = [(60, 20), (80, 24), (120, 36), (170, 50)]
MS = 1_000_000


class Stage:
    """The app with a clock of its own: every key comes 400 ms after the last one, with a fresh beat."""

    def __init__(self, view: ConsoleView | None, options: ConsoleOptions) -> None:
        self.now_ns = 10**13
        self.seam = FakeSeam(view)
        self.app = OrderflowApp(self.seam, options, lambda: self.now_ns)
        self.pilot: Pilot[None] | None = None
        self.beat()

    def beat(self) -> None:
        if self.seam.shown is not None:
            self.seam.shown = replace(self.seam.shown, beat_mono_ns=self.now_ns - 40 * MS)

    async def press(self, *keys: str) -> None:
        assert self.pilot is not None
        for key in keys:
            self.now_ns += 400 * MS
            self.beat()
            await self.pilot.press(key)
            await self.draw(frames=2)

    async def draw(self, frames: int = 10) -> None:
        """Ten frames by default: every panel's turn comes within them."""
        assert self.pilot is not None
        for _ in range(frames):
            self.app.frames.frame += 1
            self.app.draw()
        await self.pilot.pause()

    @property
    def trade(self) -> TradeScreen:
        screen = self.app.screen
        assert isinstance(screen, TradeScreen)
        return screen

    def sight(self, panel: Panel) -> Sight:
        assert self.trade.placed is not None
        assert panel.box is not None
        base = self.trade._base_sight(Glance(self.seam.shown, self.now_ns, True), self.trade.placed)
        return self.trade.sight(panel.panel_id, panel.box, base)

    @property
    def sent(self) -> list[Command]:
        return [command for command, _ in self.seam.commands]

    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)


@asynccontextmanager
async def on_stage(
    view: ConsoleView | None, size: tuple[int, int] = (170, 50), options: ConsoleOptions | None = None
) -> AsyncIterator[Stage]:
    stage = Stage(view, options or ConsoleOptions(mode="paper"))
    async with stage.app.run_test(size=size) as pilot:
        stage.pilot = pilot
        await stage.draw()
        yield stage


@pytest.fixture(scope="module")
def view() -> ConsoleView:
    scene = Scene(7)
    for _ in range(30):
        scene.advance()
    return scene.view()


async def test_six_panels_are_alive_on_a_full_screen(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        shown = stage.text()
        for word in (
            "DOM · ES Z6",
            "FOOTPRINT · 5 min",
            "PROFILE · CVA 5d",
            "SIGNALS · 6",
            "REGIME",
            "P&L · PAPER",
            "FF flatten",
        ):
            assert word in shown
        assert all(len(line) == 170 for line in shown.split("\n"))


@pytest.mark.parametrize("size", SIZES)
async def test_truth_bar_money_and_brakes_are_there_at_every_size(view: ConsoleView, size: tuple[int, int]) -> None:
    async with on_stage(view, size) as stage:
        shown = stage.text()
        for word in ("·6789", "RUNNING", "stop ● at broker", "net", "worst", "FF flatten", "X cancel", "H halt", "K STOP"):
            assert word in shown, word


@pytest.mark.parametrize("size", SIZES)
async def test_every_key_at_every_size_leaves_a_working_console(view: ConsoleView, size: tuple[int, int], tmp_path: Path) -> None:
    options = ConsoleOptions(mode="paper", screenshot_folder=str(tmp_path))
    async with on_stage(replaying(view), size, options) as stage:
        for row in KEYS:
            for key in row.keys:
                if key not in ("ctrl+c", "F"):
                    await stage.press(key)
                    await stage.press("escape")
                    assert stage.app.desk.overlay is None
        assert len(list(tmp_path.glob("*.svg"))) == 1
        for command in (Command.CANCEL_ENTRIES, Command.HALT, Command.STOP, Command.DISARM, Command.ARM, Command.RECONCILE):
            assert command in stage.sent
        assert Command.BRACKET not in stage.sent
        await stage.press("F", "F")
        assert stage.sent[-1] is Command.FLATTEN
        assert [name for name, _ in stage.seam.feed] == ["play", "step_trade", "step_bar", "speed", "speed"]


@pytest.mark.parametrize("size", SIZES)
async def test_arm_preview_enter_sends_one_bracket(view: ConsoleView, size: tuple[int, int]) -> None:
    async with on_stage(view, size) as stage:
        await stage.press("B")
        assert "BUY 2 MES" in stage.text()
        assert "-40.00" in stage.text()
        await stage.press("enter")
        assert stage.seam.commands == [(Command.BRACKET, {"side": "BUY", "quantity": "2"})]
        assert "BUY 2 MES" not in stage.text()


async def test_brakes_work_while_every_overlay_is_open(view: ConsoleView) -> None:
    async with on_stage(halted(view)) as stage:
        for overlay in Overlay:
            stage.app.desk.open(overlay, stage.now_ns)
            await stage.draw()
            before = len(stage.sent)
            await stage.press("X", "F", "F")
            assert stage.sent[before:] == [Command.CANCEL_ENTRIES, Command.FLATTEN]
            await stage.press("escape")


async def test_panels_stay_alive_behind_an_overlay(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        await stage.press("?")
        assert "KEYS AND DEFINITIONS" in stage.text()
        stage.seam.shown = replace(view, truth=replace(view.truth, working_orders=77), beat_mono_ns=stage.now_ns)
        await stage.draw()
        assert "work 77" in stage.text()


async def test_space_centres_a_scrolled_ladder(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        top = stage.trade.ladder.top
        await stage.press("up", "pageup")
        assert stage.trade.ladder.top == (top or 0) + 11
        assert "SCROLLED" in stage.text()
        await stage.press("space")
        assert stage.trade.ladder.top == top
        assert "SCROLLED" not in stage.text()


async def test_m_walks_through_all_cell_modes(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        seen = []
        for _ in CellMode:
            seen.append(stage.trade.cell_mode)
            assert stage.trade.cell_mode.value in stage.text()
            await stage.press("m")
        assert seen == list(CellMode)


async def test_zoom_shows_one_panel_and_comes_back(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        await stage.press("tab", "z")
        assert stage.trade.placed is not None
        assert set(stage.trade.placed.boxes) == {"footprint"}
        await stage.press("z")
        assert len(stage.trade.placed.boxes) == 6


@pytest.mark.parametrize("size", SIZES)
async def test_tab_reaches_every_panel(view: ConsoleView, size: tuple[int, int]) -> None:
    async with on_stage(view, size) as stage:
        seen = set()
        for _ in range(8):
            seen.add(stage.trade.focus_on)
            await stage.press("tab")
        expected = set(stage.trade.panels)
        assert seen == (expected - {"tape"} if size == (170, 50) else expected)


async def test_enter_opens_the_chain_behind_the_selected_signal(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        while stage.trade.focus_on != "signals":
            await stage.press("tab")
        await stage.press("down", "down", "enter")
        assert stage.app.desk.overlay is Overlay.CHAIN
        assert "BUYING_EXHAUSTION" in stage.text()
        assert "gate: 14 rules passed" in stage.text()


async def test_themes_go_round(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        seen = []
        for _ in range(4):
            seen.append(stage.app.colours.name)
            await stage.press("t")
        assert seen == ["cb-dark", "classic", "light", "mono"]
        assert stage.app.colours.name == "cb-dark"


async def test_no_color_means_mono(view: ConsoleView) -> None:
    async with on_stage(view, options=ConsoleOptions(no_color=True)) as stage:
        assert stage.app.colours.name == "mono"


@pytest.mark.parametrize("theme", ["cb-dark", "classic", "light", "mono"])
async def test_a_picture_can_be_exported(view: ConsoleView, theme: str) -> None:
    async with on_stage(view, options=ConsoleOptions(theme=theme)) as stage:
        picture = stage.app.export_screenshot()
        assert picture.startswith("<svg")
        assert "FOOTPRINT" in picture


async def test_resizing_walks_through_all_layouts(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        assert stage.pilot is not None
        for size in [*SIZES, *reversed(SIZES)]:
            await stage.pilot.resize_terminal(*size)
            await stage.draw()
            lines = stage.text().split("\n")
            assert (len(lines[0]), len(lines)) == size
            assert "RUNNING" in lines[0]


@pytest.mark.parametrize("size", SIZES)
async def test_before_the_first_view_every_panel_waits(size: tuple[int, int]) -> None:
    async with on_stage(None, size) as stage:
        assert "waiting for the engine" in stage.text()
        await stage.press("B", "enter")
        assert stage.sent == []


@pytest.mark.parametrize("size", SIZES)
async def test_an_empty_view_says_what_it_waits_for(size: tuple[int, int]) -> None:
    async with on_stage(empty_view(), size) as stage:
        assert "no quote and no trade yet" in stage.text()
        assert "RECOVERING: waiting for the first account report" in stage.text()


async def test_stale_data_dims_and_shows_its_age(view: ConsoleView) -> None:
    stale = replace(view, truth=replace(view.truth, data_age_ms=12_300))
    async with on_stage(stale) as stage:
        assert "STALE 12s · DOM" in stage.text()
        strip = stage.trade.panels["dom"]._strips[12]
        inks = {str(segment.style.color.number) for segment in strip if segment.style and segment.style.color}
        assert "241" in inks
        assert stage.trade.panels["signals"]._strips[0].text.startswith("┌─ SIGNALS")


async def test_a_silent_engine_is_shown_without_its_help(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        stage.now_ns += 3_500 * MS
        await stage.draw()
        assert "beat 3.5s" in stage.text()
        assert "STALE" in stage.text()
        stage.seam.alive = False
        await stage.draw()
        assert "BEAT DEAD" in stage.text()


async def test_the_money_of_a_silent_engine_is_dim_and_says_how_old_it_is(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        stage.now_ns += 60_000 * MS
        await stage.draw()
        shown = stage.text()
        for word in ("STALE 60s · P&L", "STALE 60s · REGIME", "STALE 60s · SIGNALS", "STALE 60s · DOM", "RUNNING?", "disarmed"):
            assert word in shown, word
        inks = {ink for _, ink in stage.trade.panels["pnl"]._rows[1]}
        assert inks == {"stale"}


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_the_money_line_of_a_small_screen_says_how_old_a_silent_engines_word_is(
    view: ConsoleView, size: tuple[int, int]
) -> None:
    async with on_stage(view, size) as stage:
        stage.now_ns += 60_000 * MS
        await stage.draw()
        shown = stage.trade.money._strips[0].text
        assert "STALE 60s" in shown
        assert f"worst {cells.money(view.pnl.worst_case, 9)} " in shown


@pytest.mark.parametrize("way", [("q", "ctrl+q"), ("q", "enter"), ("ctrl+c",), ("ctrl+q", "enter")])
async def test_leaving_asks_the_engine_to_stop_and_ends_the_app(view: ConsoleView, way: tuple[str, ...]) -> None:
    async with on_stage(view) as stage:
        await stage.press(*way[:-1])
        stage.now_ns += 400 * MS
        stage.app.key(way[-1])
        assert stage.seam.stops == 1
        assert stage.app._exit


async def test_quit_says_what_stays_working_at_the_broker(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        await stage.press("q")
        shown = stage.text()
        assert "These keep working at the broker" in shown
        assert "STOP     SELL" in shown
        assert "Quitting closes nothing" in shown


async def test_quit_says_what_else_is_held(view: ConsoleView) -> None:
    truth = replace(view.truth, broker_position=0, local_position=0, elsewhere=(("ES", 2, 2),))
    async with on_stage(replace(view, truth=truth)) as stage:
        await stage.press("q")
        shown = stage.text()
        assert "+2 ES" in shown
        assert "Quitting closes nothing" in shown


async def test_quit_in_a_simulation_says_that_the_broker_is_simulated() -> None:
    async with on_stage(Scene(7, "demo").view()) as stage:
        await stage.press("q")
        assert "simulated" in stage.text()


async def test_a_paste_means_nothing(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        await stage.app.on_event(events.Paste("AB\nFFXHK"))
        await stage.draw()
        assert stage.sent == []


async def test_ctrl_z_does_nothing(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        await stage.press("ctrl+z")
        assert stage.sent == []
        assert stage.app.desk.overlay is None


async def test_the_tour_opens_once_when_asked(view: ConsoleView) -> None:
    async with on_stage(view, options=ConsoleOptions(tour=True)) as stage:
        assert "any key begins" in stage.text()
        await stage.press("A")
        assert "any key begins" not in stage.text()
        assert stage.sent == []


@pytest.mark.parametrize("size", [(80, 24), (170, 50)])
async def test_help_shows_all_keys_and_the_definitions_in_force(view: ConsoleView, size: tuple[int, int]) -> None:
    async with on_stage(view, size) as stage:
        await stage.press("?")
        shown = stage.text()
        for _ in range(20):
            await stage.press("pagedown")
            shown += stage.text()
        assert all(row.meaning[:26] in shown for row in KEYS)
        for chapter in view.definitions:
            assert chapter.title in shown
            assert all(meaning[:40] in shown for _, meaning in chapter.lines)
        assert stage.app.desk.overlay is Overlay.HELP


async def test_tab_walks_the_chapters_of_the_help_screen(view: ConsoleView) -> None:
    async with on_stage(view, (80, 24)) as stage:
        await stage.press("?", "tab")
        assert "▌ Increase risk" in stage.text()
        assert "▌ Reduce risk" not in stage.text()
        await stage.press("shift+tab")
        assert "▌ Reduce risk" in stage.text()


async def test_a_latch_stands_first_on_the_help_screen(view: ConsoleView) -> None:
    async with on_stage(halted(view), (80, 24)) as stage:
        await stage.press("?")
        shown = stage.text()
        assert shown.index("Holding trading now") < shown.index("Reduce risk")
        assert "to clear: U and the typed word" in shown


@pytest.mark.parametrize("key", ["2", "6", "R", "Y", "O", "[", "/"])
async def test_a_key_of_a_later_screen_says_that_it_is_not_here_yet(view: ConsoleView, key: str) -> None:
    async with on_stage(view) as stage:
        await stage.press(key)
        assert "is not in this console yet" in stage.text()
        assert stage.sent == []


async def test_the_wheel_scrolls_the_ladder(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        top = stage.trade.ladder.top or 0
        assert stage.pilot is not None
        stage.trade.post_message(events.MouseScrollUp(stage.trade, 5, 10, 0, -1, 0, shift=False, meta=False, ctrl=False))
        await stage.draw()
        assert stage.trade.ladder.top == top + 3


async def test_frames_are_dropped_while_the_terminal_is_behind(view: ConsoleView) -> None:
    async with on_stage(view) as stage:

        class Writer:
            _queue: Queue[str] = Queue()

        for _ in range(5):
            Writer._queue.put("frame")
        stage.app._driver._writer_thread = Writer()  # type: ignore[union-attr]
        assert stage.app._backlog() == 5
        assert not stage.app.frames.begin(stage.app._backlog())


async def test_unchanged_views_repaint_nothing(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        for panel in stage.trade.panels.values():
            if panel.box is not None:
                sight = stage.sight(panel)
                panel.paint(view, sight)
                assert panel.paint(view, sight) == 0


async def test_one_new_trade_repaints_a_few_rows_only(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        dom = stage.trade.panels["dom"]
        sight = stage.sight(dom)
        dom.paint(view, sight)
        price, size = view.dom.bids[3]
        bids = tuple((p, s + 1 if p == price else s) for p, s in view.dom.bids)
        assert size < max(s for _, s in view.dom.bids)
        assert 1 <= dom.paint(replace(view, dom=replace(view.dom, bids=bids)), sight) <= 3


async def test_closed_bars_are_not_made_again_until_one_closes(view: ConsoleView, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    from orderflow_tui.tui.panels import footprint

    original = footprint.history_rows

    def counted(shown: ConsoleView, sight: object) -> object:
        made.append(1)
        return original(shown, sight)  # type: ignore[arg-type]

    monkeypatch.setattr(footprint, "history_rows", counted)
    async with on_stage(view) as stage:
        made.clear()
        for _ in range(5):
            stage.seam.shown = replace(view, seq=view.seq + 1, beat_mono_ns=stage.now_ns)
            await stage.draw()
        assert made == []
        bars = (*view.footprint.bars[1:], view.footprint.bars[-1])
        stage.seam.shown = replace(view, footprint=replace(view.footprint, bars=bars), beat_mono_ns=stage.now_ns)
        await stage.draw()
        assert len(made) == 1


def test_a_bad_keymap_refuses_to_start(view: ConsoleView) -> None:
    with pytest.raises(KeymapError, match="'F' would mean both"):
        OrderflowApp(FakeSeam(view), ConsoleOptions(keymap={"centre": ("F",)}))


def test_screens_are_written_out_with_a_key_each() -> None:
    keys = [key for key, _, _ in SCREENS]
    assert len(keys) == len(set(keys))


async def test_leaving_does_not_wait_for_ever_for_a_terminal_that_does_not_read(
    view: ConsoleView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderflow_tui.tui.app.LEAVE_S", 0.01)
    async with on_stage(view) as stage:
        taken = threading.Event()
        writer = threading.Thread(target=taken.wait, daemon=True)
        writer.start()
        stage.app._driver._writer_thread = writer  # type: ignore[union-attr]
        stage.app._bound_the_writer()
        writer.join()
        assert stage.app.terminal_stuck
        taken.set()
        threading.Thread.join(writer)
        assert not stage.app.terminal_stuck


def _breaks(*_: object) -> object:
    raise ValueError("a reading nobody foresaw")


@pytest.mark.parametrize("name", ["dom", "footprint", "profile", "signals", "regime", "pnl"])
async def test_a_panel_that_cannot_be_drawn_says_so_and_the_rest_goes_on(
    view: ConsoleView, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with on_stage(view) as stage:
        panel = stage.trade.panels[name]
        grid = panel.grids()[-1]
        with monkeypatch.context() as broken:
            broken.setattr(grid, "content", _breaks)
            for n in range(5):
                stage.seam.shown = replace(view, seq=n, truth=replace(view.truth, working_orders=70 + n))
                await stage.draw()
            assert "cannot be drawn" in stage.text()
            assert "ValueError" in stage.text()
            assert "work 74" in stage.text()
            await stage.press("X")
            assert stage.sent == [Command.CANCEL_ENTRIES]
            assert len([record for record in caplog.records if "cannot be drawn" in record.message]) == 1
        await stage.draw()
        assert "cannot be drawn" not in stage.text()


@pytest.mark.parametrize("drawn", ["truth_rows", "lights_row", "notice_row", "money_row", "replay_row", "overlays.rows"])
async def test_a_line_that_cannot_be_drawn_says_so(view: ConsoleView, drawn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(replaying(view), (80, 24)) as stage:
        stage.app.desk.open(Overlay.QUIT, stage.now_ns)
        monkeypatch.setattr(f"orderflow_tui.tui.screens.console_screen.{drawn}", _breaks)
        await stage.draw()
        assert "cannot be drawn: ValueError: a reading nobody foresaw" in stage.text()
        assert "DOM" in stage.text()
        await stage.press("F", "F")
        assert stage.sent == [Command.FLATTEN]


async def test_a_frame_that_fails_as_a_whole_says_so_and_the_keys_work(
    view: ConsoleView, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_stage(view) as stage:
        monkeypatch.setattr(stage.app.desk, "check", _breaks)
        await stage.draw()
        assert "THE SCREEN cannot be drawn: ValueError" in stage.text()
        await stage.press("H")
        assert stage.sent == [Command.HALT]


async def test_a_key_that_fails_says_so_and_the_next_one_works(view: ConsoleView, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(view) as stage:
        monkeypatch.setattr(stage.app, "_picture", _breaks)
        await stage.press("s")
        assert "s failed: ValueError" in stage.text()
        await stage.press("X")
        assert stage.sent == [Command.CANCEL_ENTRIES]


async def test_an_exception_that_ends_the_screen_is_kept_and_nothing_of_it_is_printed(view: ConsoleView) -> None:
    stage = Stage(view, ConsoleOptions())

    async def broken() -> None:
        async with stage.app.run_test():
            stage.app._handle_exception(ValueError("a reading nobody foresaw"))

    with pytest.raises(ValueError, match="nobody foresaw"):
        await broken()
    assert stage.app._exit_renderables == []
    assert isinstance(stage.app.fault, ValueError)


async def test_what_the_engine_cannot_show_is_said_all_the_same(view: ConsoleView) -> None:
    async with on_stage(view) as stage:
        stage.seam.told = ["the STOP file STOP could not be written"]
        await stage.draw()
        assert stage.app.desk.said == "the STOP file STOP could not be written"
