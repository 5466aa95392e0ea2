from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_tui.domain.latch import TradingState
from orderflow_tui.tui import cells
from orderflow_tui.tui.panels.truth import lights_row, truth_rows
from orderflow_tui.tui.picture import aged
from orderflow_tui.view import ConsoleView, Protection
from tests.tui.views import Scene, empty_view


@pytest.fixture(scope="module")
def view() -> ConsoleView:
    return Scene(5).view()


def line(view: ConsoleView | None, beat_ms: int = 40, alive: bool = True, width: int = 170) -> str:
    return "\n".join("".join(text for text, _ in row) for row in truth_rows(view, beat_ms, alive, width))


def inks(view: ConsoleView, beat_ms: int = 40, alive: bool = True) -> dict[str, str]:
    return {text.strip(): ink for row in truth_rows(view, beat_ms, alive, 400) for text, ink in row}


def test_without_a_price_of_what_is_held_the_net_is_a_question_mark_and_the_meter_is_empty(view: ConsoleView) -> None:
    blind = replace(view, truth=replace(view.truth, net_cents=None))
    assert f"net {'?':>9} ▕{' ' * 7}▏-300" in line(blind)


@pytest.mark.parametrize(("width", "height"), [(164, 1), (170, 1), (120, 2), (80, 2), (60, 4)])
def test_the_bar_takes_the_lines_it_needs_and_no_word_is_lost(view: ConsoleView, width: int, height: int) -> None:
    assert len(truth_rows(view, 0, True, width)) == height
    shown = line(view, width=width)
    for word in (
        "·6789",
        "ES Z6→MES",
        "RUNNING",
        "armed 0:42",
        "pos +2 @",
        "stop ● at broker",
        "work 2",
        "net",
        "feed B",
        "rec",
        "beat",
    ):
        assert word in shown, word


def test_nothing_moves_when_the_figures_change(view: ConsoleView) -> None:
    changed = replace(
        view,
        truth=replace(
            view.truth, armed_left_ms=0, net_cents=-12_345, data_age_ms=99_000, reconcile_age_ms=600_000, broker_position=-1,
            local_position=2, working_orders=11, protection=Protection.MISSING, inferred_pct=None,
        ),
    )  # fmt: skip
    for width in (60, 80, 120, 164, 220):
        one, other = truth_rows(view, 0, True, width), truth_rows(changed, 5_000, True, width)
        assert [cells.width(row) for row in one] == [cells.width(row) for row in other]
        assert [text.find("feed") for text in _lines(one)] == [text.find("feed") for text in _lines(other)]


def _lines(rows: tuple[cells.Row, ...]) -> list[str]:
    return ["".join(text for text, _ in row) for row in rows]


def test_equal_positions_are_one_cell(view: ConsoleView) -> None:
    assert "= local" in line(view)
    assert "≠" not in line(view)


def test_unequal_positions_are_two_in_alarm_colours(view: ConsoleView) -> None:
    split = replace(view, truth=replace(view.truth, broker_position=1))
    assert "pos broker +1 ≠ +2 local" in line(split)
    assert inks(split)["pos broker +1 ≠ +2 local"] == "bold bright on live"


def test_an_untold_position_is_its_own_word() -> None:
    assert "pos UNKNOWN local +0" in line(empty_view())


@pytest.mark.parametrize(
    ("here", "elsewhere", "shown", "ink"),
    [
        ((0, 0), (("ES", 2, 2),), "pos flat · ES +2", "bold warn on row"),
        ((1, 1), (("ES", -2, -2),), "pos +1 · ES -2", "bold warn on row"),
        ((0, 0), (("ES", 2, 0),), "pos flat · ES +2≠+0", "bold bright on live"),
        ((1, 2), (("ES", 2, 2),), "pos +1≠+2 · ES +2", "bold bright on live"),
        ((None, 0), (("ES", None, 2),), "pos ?≠+0 · ES ?≠+2", "bold ink on warn"),
        ((0, 0), (("ES", 2, 2), ("MESH7", -1, 0)), "pos flat · ES +2 · MESH…", "bold bright on live"),
    ],
)
def test_what_is_held_beside_the_execution_instrument_is_in_the_bar(
    view: ConsoleView, here: tuple[int | None, int], elsewhere: tuple[tuple[str, int | None, int], ...], shown: str, ink: str
) -> None:
    broker, local = here
    changed = replace(view, truth=replace(view.truth, broker_position=broker, local_position=local, elsewhere=elsewhere))
    assert inks(changed)[shown] == ink
    for width in (60, 80, 120, 164):
        one, other = truth_rows(view, 0, True, width), truth_rows(changed, 0, True, width)
        assert [cells.width(row) for row in one] == [cells.width(row) for row in other] == [width] * len(one)
        assert shown in "".join(_lines(other))


def test_a_missing_stop_is_an_alarm(view: ConsoleView) -> None:
    naked = replace(view, truth=replace(view.truth, protection=Protection.MISSING))
    assert inks(naked)["■ MISSING"] == "bold bright on live"


def test_the_beat_is_the_screens_own_and_alarms_when_the_engine_is_silent(view: ConsoleView) -> None:
    assert "beat 0.0s" in line(view, 40)
    assert inks(view, 2_500)["2.5s"] == "bold bright on live"
    assert "BEAT DEAD" in line(view, 40, alive=False)


def test_before_the_first_view_it_says_so() -> None:
    assert "waiting for the engine" in line(None)
    assert "ENGINE NOT RUNNING" in line(None, alive=False)


def test_the_meter_empties_towards_the_loss_limit(view: ConsoleView) -> None:
    spent = replace(view, truth=replace(view.truth, net_cents=-30_000))
    assert "███████" in line(view)
    assert "█" not in line(spent)


def test_live_mode_is_loud(view: ConsoleView) -> None:
    live = replace(view, truth=replace(view.truth, mode="live"))
    assert inks(live)["LIVE ·6789"] == "bold bright on live"


@pytest.mark.parametrize("width", [60, 80, 120, 170])
def test_lights_carry_a_glyph_and_a_name_and_the_clock(view: ConsoleView, width: int) -> None:
    shown = "".join(text for text, _ in lights_row(view, False, width))
    assert len(shown) == width
    assert shown.count("●") + shown.count("◐") + shown.count("○") == 9
    assert shown.rstrip().endswith("ET")


def test_a_pulsing_light_changes_its_brightness_only(view: ConsoleView) -> None:
    calm, bright = lights_row(view, False, 170), lights_row(view, True, 170)
    assert [text for text, _ in calm] == [text for text, _ in bright]
    assert sum(one != other for one, other in zip(calm, bright, strict=True)) == 1


def test_a_silent_engines_word_is_doubted_and_its_ages_grow(view: ConsoleView) -> None:
    now_ns = view.beat_mono_ns + 60_000 * 1_000_000
    old = aged(view, now_ns)
    assert old is not None
    assert (old.truth.data_age_ms, old.truth.reconcile_age_ms, old.truth.armed_left_ms) == (60_120, 64_000, 0)
    shown = line(old, 60_000)
    assert "RUNNING?" in shown
    assert "disarmed" in shown
    assert "rec  64s" in shown
    told = inks(old, 60_000)
    assert told["+2"] == told["● at broker"] == told["2"] == "stale on row"
    assert "stale" not in inks(view)["+2"]


@pytest.mark.parametrize("state", list(TradingState))
def test_doubt_moves_nothing(view: ConsoleView, state: TradingState) -> None:
    shown = replace(view, truth=replace(view.truth, state=state))
    assert line(shown, 60_000).index("armed") == line(shown).index("armed")
    assert f"{state.value}?" in line(shown, 60_000)


def test_the_lights_of_a_silent_engine_are_dim(view: ConsoleView) -> None:
    assert {ink for _, ink in lights_row(view, True, 170, silent=True)} == {"stale"}
    assert "".join(text for text, _ in lights_row(view, True, 170, silent=True)) == "".join(
        text for text, _ in lights_row(view, True, 170)
    )


def test_unknown_ages_stay_unknown(view: ConsoleView) -> None:
    truth = replace(view.truth, data_age_ms=None, reconcile_age_ms=None)
    old = aged(replace(view, truth=truth), view.beat_mono_ns + 10**9)
    assert old is not None
    assert (old.truth.data_age_ms, old.truth.reconcile_age_ms) == (None, None)
    assert aged(None, 10**9) is None
