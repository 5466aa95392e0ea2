from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from rich.cells import cell_len

from orderflow_tui.domain.bar import BarSource
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.value import ZoneState
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row
from orderflow_tui.tui.keymap import resolve
from orderflow_tui.tui.palette import Palette
from orderflow_tui.tui.panels import CellMode, Sight
from orderflow_tui.tui.panels.dom import dom_columns, dom_heading, dom_rows
from orderflow_tui.tui.panels.footer import key_row, notice_row, replay_row
from orderflow_tui.tui.panels.footprint import COLUMN, history_rows, live_rows
from orderflow_tui.tui.panels.pnl import limit_meter, money_row, pnl_rows
from orderflow_tui.tui.panels.pressure import pressure_row
from orderflow_tui.tui.panels.profile import profile_axis, profile_heading, profile_rows
from orderflow_tui.tui.panels.regime import regime_rows
from orderflow_tui.tui.panels.signals import signals_rows
from orderflow_tui.tui.panels.tape import tape_rows
from orderflow_tui.view import ConsoleView, OrderRow, Protection
from tests.tui.views import Scene, empty_view, halted, replaying

Rows = Callable[[ConsoleView, Sight], Sequence[Row]]
ALL_ROWS: tuple[Rows, ...] = (
    dom_rows,
    history_rows,
    live_rows,
    profile_rows,
    signals_rows,
    regime_rows,
    pnl_rows,
    tape_rows,
)


@pytest.fixture(scope="module")
def scene() -> Scene:
    scene = Scene(7)
    for _ in range(60):
        scene.advance()
    return scene


@pytest.fixture(scope="module")
def view(scene: Scene) -> ConsoleView:
    return scene.view()


def sight_of(view: ConsoleView, width: int = 66, height: int = 31, **more: object) -> Sight:
    top = None if view.dom.last is None else view.dom.last + 12
    return replace(Sight(width, height, top=top, price_rows=24), **more)  # type: ignore[arg-type]


def text(row: Row) -> str:
    return "".join(part for part, _ in row)


def ink_at(row: Row, column: int) -> str:
    for part, ink in row:
        if column < len(part):
            return ink
        column -= len(part)
    raise AssertionError("past the end of the row")


def row_of(rows: Sequence[Row], price: str) -> Row:
    return next(row for row in rows if f"│{price}" in text(row))


@pytest.mark.parametrize("rows", ALL_ROWS)
@pytest.mark.parametrize("size", [(120, 40), (66, 31), (44, 12), (34, 31), (30, 9), (20, 5), (12, 3)])
@pytest.mark.parametrize("source", ["full", "empty"])
def test_rows_of_every_size_fit_and_use_known_inks(rows: Rows, size: tuple[int, int], source: str, view: ConsoleView) -> None:
    shown = view if source == "full" else empty_view()
    palette = Palette("cb-dark")
    made = rows(shown, sight_of(shown, *size))
    assert len(made) <= max(size[1], 26)
    for row in made:
        for part, ink in row:
            palette.style(ink)
            assert cell_len(part) == len(part), part
    fitted = cells.fill(made, *size)
    assert all(cells.width(row) == size[0] for row in fitted)


@pytest.mark.parametrize("mode", list(CellMode))
def test_footprint_columns_keep_their_width_in_every_mode(view: ConsoleView, mode: CellMode) -> None:
    for row in history_rows(view, sight_of(view, width=3 * COLUMN, cell_mode=mode)):
        assert cells.width(row) == 3 * COLUMN


def test_rows_are_the_same_width_from_frame_to_frame(view: ConsoleView) -> None:
    scene = Scene(11)
    widths = set()
    for _ in range(30):
        scene.advance(9)
        shown = scene.view()
        widths |= {cells.width(row) for row in dom_rows(shown, sight_of(shown))[1:25]}
    assert widths == {66}


# -- ladder


def test_bids_stand_left_of_the_price_and_asks_right(view: ConsoleView) -> None:
    rows = dom_rows(view, sight_of(view))
    bid_price, bid_size = view.dom.bids[0]
    ask_price, ask_size = view.dom.asks[0]
    bid_row = text(row_of(rows, view.instrument.text(bid_price)))
    ask_row = text(row_of(rows, view.instrument.text(ask_price)))
    assert str(bid_size) in bid_row.split("│")[0].split()
    assert ask_row.split("│")[2].split()[0] == str(ask_size)


def test_the_last_trade_is_marked_with_its_direction_and_size(view: ConsoleView) -> None:
    assert view.dom.last is not None
    row = row_of(dom_rows(view, sight_of(view)), view.instrument.text(view.dom.last))
    glyph = "▲" if view.dom.last_side > 0 else "▼"
    assert f"{view.instrument.text(view.dom.last)}{glyph}" in text(row)
    assert f"last {view.instrument.text(view.dom.last)} {glyph} {view.dom.last_size}" in dom_heading(view, sight_of(view))


def test_position_stop_and_target_rows_are_labelled(view: ConsoleView) -> None:
    entry = round(view.dom.avg_price_ticks or 0)
    rows = dom_rows(view, sight_of(view, top=entry + 26, price_rows=48, height=60))
    for price, label in ((entry, "P +2"), (entry - 16, "S −2"), (entry + 24, "T −2")):
        assert text(row_of(rows, view.instrument.text(price))).startswith(label)


def test_profit_at_a_price_counts_the_instrument_held(view: ConsoleView) -> None:
    entry = round(view.dom.avg_price_ticks or 0)
    row = row_of(dom_rows(view, sight_of(view, top=entry + 12)), view.instrument.text(entry + 8))
    assert text(row).split()[-1] == f"{8 * 2 * 125 // 100:+d}"


def test_a_flat_ladder_shows_no_profit(view: ConsoleView) -> None:
    flat = replace(view, dom=replace(view.dom, position=0, avg_price_ticks=None, own=()))
    rows = dom_rows(flat, sight_of(flat))
    assert all(text(row)[-6:].strip() == "" for row in rows[1:25])


def test_narrow_ladders_give_up_columns_but_never_price_sizes_or_own_orders_first() -> None:
    names = {width: [name for name, _ in dom_columns(width)] for width in (70, 62, 56, 50, 44)}
    assert names[70] == ["own", "delta", "pull", "sold", "bid", "price", "ask", "bought", "vol", "tag", "pnl"]
    assert "pull" not in names[62]
    for columns in names.values():
        assert {"own", "bid", "price", "ask", "sold", "bought"} <= set(columns)
    assert all(sum(width for _, width in dom_columns(room)) == room for room in range(32, 120))


def test_an_invalid_book_says_so(view: ConsoleView) -> None:
    broken = replace(view, dom=replace(view.dom, book_valid=False, bids=(), asks=()))
    assert "NO BOOK" in dom_heading(broken, sight_of(broken))


def test_a_scrolled_ladder_says_so(view: ConsoleView) -> None:
    assert "SCROLLED: Space centres" in dom_heading(view, sight_of(view, scrolled=True))


def test_a_book_that_leans_is_coloured_and_one_side_alone_says_nothing(view: ConsoleView) -> None:
    def share(bid: int, ask: int) -> tuple[str, str]:
        price = view.dom.last or 0
        dom = replace(view.dom, bids=((price, bid),) if bid else (), asks=((price + 1, ask),) if ask else ())
        row = dom_rows(replace(view, dom=dom), sight_of(view))[25]
        return next((part.strip(), ink) for part, ink in row if part.strip().endswith("%"))

    assert share(660, 340) == ("66 %", "bold up")
    assert share(340, 660) == ("34 %", "bold down")
    assert share(650, 350) == ("65 %", "text")
    assert share(0, 350) == ("? %", "text")


def test_pressure_is_the_buyers_share_and_must_exceed_sixty_to_be_bullish() -> None:
    assert pressure_row("p", 60.0, 40)[-1] == ("  60 %", "text")
    assert pressure_row("p", 60.5, 40)[-1][1] == "bold up"
    assert pressure_row("p", 12.0, 40)[-1] == ("  12 %", "bold down")
    assert "?" in text(pressure_row("p", None, 40))


# -- footprint


def test_a_cell_shows_what_hit_the_bid_left_and_what_lifted_the_ask_right(view: ConsoleView) -> None:
    cell = view.footprint.bars[-1]
    one = replace(view, footprint=replace(view.footprint, bars=(cell,), zones=(), rays=()))
    rows = history_rows(one, sight_of(one, width=COLUMN, top=cell.bar.high, price_rows=cell.bar.range_ticks + 1, height=60))
    for index, row in enumerate(rows[1 : cell.bar.range_ticks + 2]):
        level = cell.bar.range_ticks - index
        shown = text(row).replace("[", " ").replace("]", " ")[2:]
        bid, ask = shown.split("×")
        assert (int(bid), int(ask)) == (cell.bar.bid[level], cell.bar.ask[level])


def test_imbalances_are_bold_on_their_own_side(view: ConsoleView) -> None:
    bought = next(cell for cell in view.footprint.bars if cell.buys)
    one = replace(view, footprint=replace(view.footprint, bars=(bought,), zones=(), rays=()))
    row = history_rows(one, sight_of(one, width=COLUMN, top=bought.buys[0]))[1]
    assert ink_at(row, 8).startswith("bold bid")
    assert not ink_at(row, 4).startswith("bold")


def test_the_poc_is_boxed(view: ConsoleView) -> None:
    cell = view.footprint.bars[-1]
    assert cell.bar.poc is not None
    row = history_rows(view, sight_of(view, width=COLUMN, top=cell.bar.poc))[1]
    assert text(row)[2] == "["
    assert text(row)[12] == "]"


def test_a_zone_has_a_bracket_where_it_was_born_and_tints_what_follows(view: ConsoleView) -> None:
    zone = view.footprint.zones[0]
    rows = history_rows(view, sight_of(view, width=3 * COLUMN, top=zone.high))
    assert [text(rows[n])[COLUMN - 1] for n in (1, 2, 3)] in (["┐", "┃", "┘"], ["┐", "]", "┘"], ["]", "┃", "┘"], ["┐", "┃", "]"])
    broken = replace(view, footprint=replace(view.footprint, zones=(replace(zone, state=ZoneState.BROKEN),)))
    assert "┃" not in "".join(text(row) for row in history_rows(broken, sight_of(view, width=3 * COLUMN, top=zone.high)))


def test_an_unfinished_extreme_sends_a_ray_to_the_right_until_revisited(view: ConsoleView) -> None:
    ray = view.footprint.rays[0]
    live = text(live_rows(view, sight_of(view, width=COLUMN + 9, top=ray.price))[1])
    assert "┄┄┄" in live
    gone = replace(view, footprint=replace(view.footprint, rays=()))
    assert "┄" not in text(live_rows(gone, sight_of(view, width=COLUMN + 9, top=ray.price))[1])


def test_signals_stand_as_letter_and_arrow_at_their_price(view: ConsoleView) -> None:
    cell = replace(view.footprint.bars[-1], marks=((view.footprint.bars[-1].bar.high, "X", -1),))
    one = replace(view, footprint=replace(view.footprint, bars=(cell,)))
    assert text(history_rows(one, sight_of(one, width=COLUMN, top=cell.bar.high))[1]).startswith("X▼")


def test_the_footer_shows_unknown_where_the_source_cannot_know(view: ConsoleView) -> None:
    cell = view.footprint.bars[-1]
    bar = replace(
        cell.bar, delta=None, min_delta=None, max_delta=None, cvd_rth=None, cvd_globex=None, trades=None,
        bid=[], ask=[], unknown=[],
        source=BarSource.BARS,
    )  # fmt: skip
    blind = replace(view, footprint=replace(view.footprint, bars=(replace(cell, bar=bar),)))
    foot = [text(row) for row in history_rows(blind, sight_of(blind, width=COLUMN))[25:]]
    assert [line.split()[-1] for line in foot[1:6]] == ["?", "?", "?/?", "?", "?"]


def test_unknown_sides_are_shown_above_five_per_cent(view: ConsoleView) -> None:
    cell = view.footprint.bars[-1]
    half = replace(cell, bar=replace(cell.bar, unknown_volume=cell.bar.volume // 2))
    one = replace(view, footprint=replace(view.footprint, bars=(half,)))
    assert "side?" in text(history_rows(one, sight_of(one, width=COLUMN, height=32))[-1])
    assert "side?" not in text(history_rows(view, sight_of(view, width=COLUMN, height=32))[-1])


def test_a_disabled_footprint_says_why(view: ConsoleView) -> None:
    off = replace(view, footprint=replace(view.footprint, disabled_reason="feed delivers snapshots: no footprint"))
    joined = " ".join(" ".join(text(row).split()) for row in history_rows(off, sight_of(off)))
    assert "feed delivers snapshots: no footprint" in joined


# -- profile


def test_both_value_areas_and_their_labels_are_on_the_axis(view: ConsoleView) -> None:
    joined = "\n".join(text(row) for row in profile_rows(view, sight_of(view, width=34)))
    for label in ("VAH", "dPOC", "cPOC", "VAL"):
        assert label in joined
    assert "OVERLAPPING_HIGHER · 3 aligned" in joined
    assert "two-row 70 %" in joined


def test_the_axis_is_the_finest_that_shows_today_and_the_composite_area(view: ConsoleView) -> None:
    for rows in (12, 28, 60, 200):
        axis = profile_axis(view.profile, rows)
        assert axis is not None
        assert view.profile.cva is not None
        assert view.profile.cva.value is not None
        assert 0 <= axis.row(view.profile.cva.value.vah) < rows
        assert 0 <= axis.row(view.profile.cva.value.val) < rows


def test_an_empty_profile_says_what_it_waits_for() -> None:
    joined = " ".join(" ".join(text(row).split()) for row in profile_rows(empty_view(), sight_of(empty_view(), width=34)))
    assert "CVA: 3 of 5 sessions, needs 2 more" in joined
    assert "waits for the first trade" in joined


# -- lists and figures


def test_a_refused_signal_shows_the_rule_and_its_numbers(view: ConsoleView) -> None:
    rows = [text(row) for row in signals_rows(view, sight_of(view, width=100, height=10))]
    assert any("✗ confidence 0.62 < 0.70" in row for row in rows)
    assert any("✓ VA_BREAKOUT ▲" in row and "84.1 = 0.90·83.5 + 0.10·90" in row for row in rows)


def test_the_selected_signal_stays_visible_in_a_long_list(view: ConsoleView) -> None:
    many = tuple(replace(view.signals.rows[0], id=f"n{n}", et_clock=f"09:{n:02d}:00") for n in range(50))
    long = replace(view, signals=replace(view.signals, rows=many))
    for selected in (0, 7, 25, 49):
        rows = signals_rows(long, sight_of(long, height=8, selected=selected, focused=True))
        marked = [text(row) for row in rows if any("cursor" in ink for _, ink in row)]
        assert len(marked) == 1
        assert f"09:{selected:02d}:00" in marked[0]


def test_an_unknown_regime_input_is_a_question_mark(view: ConsoleView) -> None:
    reading = view.regime.reading
    assert reading is not None
    blind = replace(view, regime=replace(view.regime, reading=replace(reading, inputs={"adx": None})))
    joined = "\n".join(text(row) for row in regime_rows(blind, sight_of(blind, width=41, height=12)))
    assert "ADX ?" in joined
    assert "0.81" in joined


def test_the_meter_runs_from_loss_limit_to_target_and_shows_the_worst_case(view: ConsoleView) -> None:
    line = text(limit_meter(replace(view.pnl, net=0, worst_case=-10_000), 60))
    assert line.startswith(" -300 ▕")
    assert line.endswith("▏ +500 ")
    assert line.index("▓") < line.index("█")


def test_wins_are_of_the_closed_trades_and_the_day_counts_the_open_one_too(view: ConsoleView) -> None:
    held = replace(view, pnl=replace(view.pnl, wins=1, trades=1, begun=2, trades_allowed=20))
    rows = [text(row) for row in pnl_rows(held, Sight(60, 10))]
    assert any(" wins 1/1 " in row for row in rows)
    assert any("  today 2/20" in row for row in rows)


@pytest.mark.parametrize(("broker", "said"), [(2, "ES +2"), (None, "ES ?≠+2"), (0, "ES +0≠+2")])
def test_what_is_held_beside_the_execution_instrument_is_not_called_flat(
    view: ConsoleView, broker: int | None, said: str
) -> None:
    truth = replace(view.truth, execution="MES", local_position=0, broker_position=0)
    assert any(text(row).startswith(" flat · bracket stop 16t") for row in pnl_rows(replace(view, truth=truth), Sight(60, 10)))
    beside = replace(view, truth=replace(truth, elsewhere=(("ES", broker, 2),)))
    rows = [text(row) for row in pnl_rows(beside, Sight(60, 10))]
    assert any(row.startswith(f" MES flat · held {said} ") for row in rows)
    assert not any(row.startswith(" flat") for row in rows)


UNPRICED = {"net": None, "open": None, "worst_case": None, "drawdown": None, "unpriced": "ES"}


def test_without_a_price_of_what_is_held_what_hangs_on_it_is_a_question_mark_with_the_reason(view: ConsoleView) -> None:
    blind = replace(view, pnl=replace(view.pnl, **UNPRICED))  # type: ignore[arg-type]
    rows = [text(row) for row in pnl_rows(blind, Sight(60, 10))]
    assert rows[0].split() == ["net", "?", "worst", "stopped", "?"]
    assert rows[1].split()[-2:] == ["open", "?"]
    assert rows[2].split()[-2:] == ["dd", "?"]
    assert rows[3].strip() == "no price of ES is known"
    line = money_row(blind, 100)
    assert cells.width(line) == 100
    assert text(line).count("?") == 3
    assert "no price of ES is known" in text(line)


def test_the_money_line_fits_sixty_columns(view: ConsoleView) -> None:
    row = money_row(view, 60)
    assert cells.width(row) == 60
    assert all(word in text(row) for word in ("net", "real", "open", "worst"))


def test_tape_prints_are_newest_first_with_side_by_glyph(view: ConsoleView) -> None:
    rows = tape_rows(view, sight_of(view, width=28, height=20))
    newest = view.tape[0]
    assert text(rows[0]).split()[:3] == [newest.et_clock, view.instrument.text(newest.price), str(newest.size)]
    assert ("▲" if newest.side > 0 else "▼") in text(rows[0])


# -- bars


def test_all_brakes_are_in_the_key_bar_at_sixty_columns() -> None:
    shown = text(key_row(resolve({}), 60))
    assert all(word in shown for word in ("FF flatten", "X cancel", "H halt", "K STOP"))


def test_the_notice_says_what_holds_trading(view: ConsoleView) -> None:
    assert "HALTED: OPERATOR: H at 10:04:12" in text(notice_row(halted(view), "", 120))


REFUSED = OrderRow(0, "10:06:02", "of1-x-9", "refused", "", 0, "", "concurrent trades", "1 trade is open, 1 is allowed")


def test_the_notice_shows_what_happened_last(view: ConsoleView) -> None:
    assert "10:06:02 refused, concurrent trades: 1 trade is open, 1 is allowed" in text(
        notice_row(replace(view, latest=REFUSED), "", 120)
    )
    alert = replace(REFUSED, kind="alert", state="the safety key does not match", note="waiting")
    assert "10:06:02 the safety key does not match (waiting)" in text(notice_row(replace(view, latest=alert), "", 120))
    news = replace(REFUSED, kind="news", state="", note="cancelled")
    assert "10:06:02 news cancelled" in text(notice_row(replace(view, latest=news), "", 120))


def test_a_fresh_refusal_stands_beside_what_holds_trading(view: ConsoleView) -> None:
    held = halted(view)
    fresh = replace(REFUSED, ts_ns=held.truth.now_ns - 14_000_000_000)
    shown = text(notice_row(replace(held, latest=fresh), "", 170))
    assert shown.index("HALTED: OPERATOR") < shown.index("refused, concurrent trades") < shown.index("U and the typed word")
    old = replace(fresh, ts_ns=held.truth.now_ns - 15_000_000_000)
    for silent in (old, replace(fresh, kind="news"), replace(fresh, kind="alert", state="OPERATOR: H at 10:04:12")):
        assert "10:06:02" not in text(notice_row(replace(held, latest=silent), "", 170))


def test_the_notice_shows_what_the_last_key_did(view: ConsoleView) -> None:
    assert text(notice_row(view, "halt asked", 120)).rstrip().endswith("halt asked")


def test_the_replay_bar_shows_state_speed_and_keys(view: ConsoleView) -> None:
    shown = replaying(view).replay
    assert shown is not None
    line = text(replay_row(shown, "replay", resolve({}), 170))
    assert all(word in line for word in ("REPLAY", "paused", "10×", "25%", "p play/pause"))
    assert len(line) == 170


def test_every_state_and_protection_has_a_look(view: ConsoleView) -> None:
    from orderflow_tui.tui.panels.truth import truth_rows

    for state in TradingState:
        for protection in Protection:
            shown = replace(view, truth=replace(view.truth, state=state, protection=protection))
            assert state.value in text(truth_rows(shown, 0, True, 170)[0])


def test_a_stop_latch_says_that_the_file_must_go_first(view: ConsoleView) -> None:
    stopped = halted(view, "STOP_FILE: STOP by a person")
    stopped = replace(stopped, latches=(("STOP_FILE", "10:05 STOP by a person", "remove the STOP file, then resume"),))
    assert "remove the STOP file, then resume: U" in text(notice_row(stopped, "", 120))
    assert "U unlatches" in text(notice_row(replace(stopped, latches=(("OPERATOR", "halt", "resume"),)), "", 120))


def test_every_score_of_the_regime_carries_the_terms_that_fed_it(view: ConsoleView) -> None:
    small = "\n".join(text(row) for row in regime_rows(view, sight_of(view, width=40, height=10)))
    assert "UP   8.5 ADX2 HH2 EMA1.5 CD1.5" in small
    large = "\n".join(text(row) for row in regime_rows(view, sight_of(view, width=60, height=30)))
    assert "+1.5  CD +2410 and delta slope +35.0 > 0" in large
    assert "STACKED_BUY, BUYING_ABSORPTION" in large
    assert "last readings RNG UP" in large


def test_a_composite_of_too_few_sessions_is_called_partial_and_says_what_it_waits_for() -> None:
    shown = "\n".join(text(row) for row in profile_rows(empty_view(), sight_of(empty_view(), width=34, height=20)))
    assert "CVA: 3 of 5 sessions, needs 2 more: import or wait" in " ".join(shown.split())
    assert "PARTIAL" in profile_heading(empty_view(), sight_of(empty_view()))


def test_both_value_areas_stand_in_figures_under_the_histograms(view: ConsoleView) -> None:
    rows = [text(row) for row in profile_rows(view, sight_of(view, width=34, height=31))]
    for name, hist in (("CVA", view.profile.cva), ("DVA", view.profile.dva)):
        assert hist is not None
        assert hist.value is not None
        edges = f"{name} {view.instrument.text(hist.value.val)}–{view.instrument.text(hist.value.vah)}"
        assert any(edges in row for row in rows)


def test_a_setup_shows_its_score_its_parts_and_what_forbids_it(view: ConsoleView) -> None:
    setup = replace(view.signals.setups[0], tradable=False, reason="confidence 67.5 < 75.0")
    refused = replace(view, signals=replace(view.signals, setups=(setup,)))
    rows = [text(row) for row in signals_rows(refused, sight_of(refused, width=84, height=10))]
    assert "✗ VA_BREAKOUT ▲" in rows[-2]
    assert "confidence 67.5 < 75.0" in rows[-2]
    assert "loc 30 val 20 reg 16 aln 15 hyp 3 = 83.5 of 100" in rows[-1]


@pytest.mark.parametrize("width", range(34, 60))
def test_worst_stopped_keeps_all_its_digits_at_every_width(view: ConsoleView, width: int) -> None:
    bad = replace(view, pnl=replace(view.pnl, net=-1_234_567, worst_case=-2_244_438))
    assert "-22,444.38" in text(pnl_rows(bad, Sight(width, 10))[0])
