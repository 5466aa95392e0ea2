from __future__ import annotations

from orderflow_tui.tui.ladder import FLASH_MS, Ladder


def standing(inside: int = 1000, rows: int = 30) -> Ladder:
    ladder = Ladder()
    ladder.follow(inside, rows, 0)
    return ladder


def test_the_first_price_is_centred() -> None:
    assert standing().top == 1015


def test_nothing_moves_while_price_stays_in_the_middle_third() -> None:
    ladder = standing()
    assert [ladder.follow(price, 30, n) for n, price in enumerate(range(996, 1006))] == [1015] * 10
    assert not ladder.flashing


def test_it_flashes_once_then_moves() -> None:
    ladder = standing()
    assert ladder.follow(1006, 30, 100) == 1015
    assert ladder.flashing
    assert ladder.follow(1006, 30, 100 + FLASH_MS - 1) == 1015
    assert ladder.follow(1006, 30, 100 + FLASH_MS) == 1021
    assert not ladder.flashing


def test_a_price_that_comes_back_cancels_the_move() -> None:
    ladder = standing()
    ladder.follow(1006, 30, 100)
    assert ladder.follow(1001, 30, 200) == 1015
    assert ladder.follow(1006, 30, 100 + FLASH_MS) == 1015


def test_a_price_out_of_sight_centres_at_once() -> None:
    ladder = standing()
    assert ladder.follow(1100, 30, 100) == 1115


def test_a_scrolled_ladder_stays_until_it_is_centred() -> None:
    ladder = standing()
    ladder.scroll(20)
    assert ladder.scrolled
    assert [ladder.follow(1000 + n, 30, n * 1000) for n in range(3)] == [1035] * 3
    ladder.centre()
    assert not ladder.scrolled
    assert ladder.follow(1002, 30, 9_000) == 1017


def test_no_price_no_ladder() -> None:
    assert Ladder().follow(None, 30, 0) is None


def test_a_lost_quote_leaves_the_ladder_where_it_was() -> None:
    assert standing().follow(None, 30, 50) == 1015


def test_another_height_centres_again() -> None:
    assert standing().follow(1000, 20, 50) == 1010
