from __future__ import annotations

import itertools

import pytest

from orderflow_tui.tui.arrange import ALL, Arrangement, arrange
from orderflow_tui.tui.panels import PANELS
from orderflow_tui.tui.panels.panel import Box

SIZES = [
    (60, 20),
    (80, 24),
    (100, 30),
    (119, 36),
    (120, 36),
    (140, 40),
    (160, 44),
    (164, 46),
    (170, 50),
    (199, 50),
    (200, 50),
    (260, 80),
]


def boxes_of(placed: Arrangement) -> list[Box]:
    bars = (placed.truth, placed.lights, placed.tab_row, placed.money, placed.notice, placed.replay, placed.keys)
    return [box for box in (*placed.boxes.values(), *bars) if box is not None]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("replay", [False, True])
@pytest.mark.parametrize("zoomed", [False, True])
def test_everything_is_on_the_screen_and_nothing_overlaps(width: int, height: int, replay: bool, zoomed: bool) -> None:
    placed = arrange(width, height, 2, "dom", zoomed, replay)
    boxes = boxes_of(placed)
    for box in boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.width > 0
        assert box.height > 0
        assert box.x + box.width <= width
        assert box.y + box.height <= height
    cells = [(x, y) for box in boxes for y in range(box.y, box.y + box.height) for x in range(box.x, box.x + box.width)]
    assert len(cells) == len(set(cells))
    assert len(cells) == width * height


@pytest.mark.parametrize(("width", "height"), [(160, 44), (164, 46), (170, 50), (199, 60)])
def test_six_panels_stand_on_a_full_screen(width: int, height: int) -> None:
    assert set(arrange(width, height, 1, "dom").boxes) == set(ALL) - {"tape"}


def test_the_tape_joins_from_200_columns() -> None:
    assert set(arrange(200, 50, 1, "dom").boxes) == set(ALL)


def test_two_columns_keep_ladder_footprint_and_money_and_share_the_fourth_place() -> None:
    for focus, fourth in (("dom", "signals"), ("regime", "regime"), ("profile", "profile"), ("tape", "tape")):
        placed = arrange(120, 36, 2, focus)
        assert set(placed.boxes) == {"dom", "footprint", "pnl", fourth}
        assert set(placed.order) == set(ALL)


def test_a_small_screen_shows_one_panel_with_tabs_and_always_the_money() -> None:
    for focus in ALL:
        placed = arrange(80, 24, 3, focus)
        assert set(placed.boxes) == {focus}
        assert placed.tab_row is not None
        assert placed.money is not None
        assert placed.order == ALL


def test_ladder_and_footprint_share_their_price_rows() -> None:
    for width, height in ((120, 36), (170, 50)):
        placed = arrange(width, height, 1, "dom")
        assert placed.boxes["dom"].y == placed.boxes["footprint"].y
        assert 10 <= placed.price_rows <= placed.boxes["dom"].height - 4


def test_every_panel_written_out_has_a_place() -> None:
    assert {panel.panel_id for panel in PANELS} == set(ALL)
    assert len(set(itertools.chain(ALL))) == len(PANELS)
