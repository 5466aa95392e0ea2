from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from orderflow_tui.tui import cells

ROWS = st.lists(st.tuples(st.text("abc█▏×", max_size=9), st.sampled_from(["text", "bold ask"])), max_size=6)


@given(ROWS, st.integers(0, 40))
def test_a_fitted_row_has_exactly_the_width_asked_for(row: list[tuple[str, str]], wanted: int) -> None:
    fitted = cells.fit(row, wanted)
    assert cells.width(fitted) == wanted
    whole = "".join(text for text, _ in row)
    shown = f"{whole[: wanted - 1]}…" if wanted and len(whole) > wanted else whole[:wanted].ljust(wanted)
    assert "".join(text for text, _ in fitted) == shown


@given(st.text("ab cdefgh", max_size=80), st.integers(4, 20))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, width: int) -> None:
    lines = cells.wrap(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "   ?"),
        (0, "0.0s"),
        (9_940, "9.9s"),
        (12_000, " 12s"),
        (599_000, "599s"),
        (3_000_000, " 50m"),
        (40_000_000, " 11h"),
    ],
)
def test_ages_never_change_width(ms: int | None, text: str) -> None:
    assert cells.age(ms) == text
    assert len(cells.age(ms)) == 4


@pytest.mark.parametrize(("cents", "text"), [(None, "?"), (0, "+0.00"), (-188, "-1.88"), (125_800, "+1,258.00"), (-5, "-0.05")])
def test_money_is_signed_with_two_decimals_and_unknown_is_a_question_mark(cents: int | None, text: str) -> None:
    assert cells.money(cents) == text


def test_a_number_too_long_shows_that_it_was_cut() -> None:
    assert cells.right("123456", 4) == "…456"
    assert cells.left("pattern", 4) == "pat…"


def test_bars_fill_by_eighths() -> None:
    assert cells.bar(0.5, 4) == "██  "
    assert cells.bar(0.55, 4) == "██▎ "
    assert cells.bar(2.0, 2) == "██"
    assert cells.bar(-1.0, 2) == "  "


def test_a_sparkline_shows_the_newest_values() -> None:
    assert cells.spark([0, 1, 2, 3, 4, 5, 6, 7], 4) == "▁▃▅█"
    assert cells.spark([], 3) == "   "
    assert cells.spark([5, 5], 3) == "▄▄ "


@pytest.mark.parametrize(("value", "step"), [(0, 0), (1, 1), (20, 1), (50, 3), (100, 5)])
def test_heat_has_steps_and_zero_is_cold(value: int, step: int) -> None:
    assert cells.step(value, 100, 5) == step


def test_exchange_time_knows_winter_and_summer() -> None:
    assert cells.et_minute(1_768_487_400_000_000_000) == "09:30"  # 2026-01-15 14:30 UTC
    assert cells.et_minute(1_784_122_200_000_000_000) == "09:30"  # 2026-07-15 13:30 UTC


def test_every_glyph_is_one_cell_wide() -> None:
    glyphs = cells.EIGHTHS + cells.SPARKS + "▲▼●◐○■◆·×Σ±Δ↕│┌┐└┘─╔╗╚╝═║┃┄▐▕░▓►‖◄…✓✗→≠◦σ–−"
    assert all(cell_len(glyph) == 1 for glyph in glyphs)


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ((("worst ", "dim"), ("-1,244.38", "down")), "worst -1,2…"),
        ((("worst -12.3", "dim"), ("8", "down")), "worst -12.…"),
        ((("worst -12.3", "dim"), ("   ", "down")), "worst -12.3"),
        ((("worst", "dim"),), "worst      "),
    ],
)
def test_a_row_that_loses_something_says_so_in_its_last_cell(row: cells.Row, shown: str) -> None:
    assert "".join(text for text, _ in cells.fit(row, 11)) == shown
    assert cells.fit(row, 0) == ()
