from __future__ import annotations

import pytest

from orderflow_tui.domain.market import NO_PRICE, Depth, Quote
from orderflow_tui.market.book import KNOWN_MAX, Book

Rows = tuple[tuple[int, int], ...]


def book_of(bids: Rows, asks: Rows) -> Book:
    book = Book()
    book.on_depth(Depth("ES", 1, bids, asks))
    return book


def test_depth_tells_the_best_prices_and_sizes() -> None:
    book = book_of(((100, 20), (99, 30)), ((101, 5),))
    assert (book.best_bid, book.best_ask, book.valid, book.ts_ns) == (100, 101, True, 1)
    assert (book.size_at(99), book.size_at(101), book.size_at(98)) == (30, 5, 0)


@pytest.mark.parametrize(("bids", "asks"), [(((101, 1),), ((101, 1),)), (((102, 1),), ((101, 1),)), ((), ((101, 1),)), ((), ())])
def test_locked_crossed_and_one_sided_books_are_not_valid(bids: Rows, asks: Rows) -> None:
    assert not book_of(bids, asks).valid


def test_imbalance_is_the_bid_share_of_ten_rows() -> None:
    assert book_of(((100, 660),), ((101, 340),)).imbalance() == 0.66
    deep = book_of(tuple((100 - i, 10) for i in range(20)), tuple((101 + i, 30) for i in range(20)))
    assert deep.imbalance() == 0.25
    assert deep.imbalance(rows=1) == 0.25
    assert book_of(((100, 660),), ()).imbalance() is None


def test_quotes_fill_in_where_there_is_no_depth_and_never_replace_it() -> None:
    book = Book()
    book.on_quote(Quote("ES", 5, 100, 101, 7, 8))
    assert (book.bids, book.asks, book.followed) == (((100, 7),), ((101, 8),), False)
    book.on_quote(Quote("ES", 6, NO_PRICE, 101, 0, 8))
    assert not book.valid
    book.on_depth(Depth("ES", 7, ((99, 1),), ((102, 1),)))
    book.on_quote(Quote("ES", 8, 100, 101, 7, 8))
    assert (book.best_bid, book.followed) == (99, True)


def test_pulled_is_the_change_since_the_level_last_traded() -> None:
    book = book_of(((100, 20), (99, 30)), ((101, 5), (102, 9)))
    assert book.pulled(100) == 0
    book.on_depth(Depth("ES", 2, ((100, 26), (99, 10)), ((101, 5), (102, 9))))
    assert (book.pulled(100), book.pulled(99), book.pulled(101), book.pulled(50)) == (6, -20, 0, 0)
    book.on_traded(100, 100)
    book.on_depth(Depth("ES", 3, ((100, 12), (99, 10)), ((101, 5), (102, 9))))
    assert (book.pulled(100), book.pulled(99)) == (0, -20)


def test_a_level_that_changes_side_starts_anew() -> None:
    book = book_of(((100, 20),), ((101, 5),))
    book.on_depth(Depth("ES", 2, ((99, 8),), ((100, 3), (101, 5))))
    assert book.pulled(100) == 0
    book.on_depth(Depth("ES", 3, ((99, 8),), ((100, 9), (101, 5))))
    assert book.pulled(100) == 6


def test_after_a_loss_nothing_is_believed_until_the_next_word() -> None:
    book = book_of(((100, 20),), ((101, 5),))
    book.clear()
    assert (book.valid, book.best_bid, book.imbalance(), book.pulled(100)) == (False, None, None, 0)
    book.on_depth(Depth("ES", 2, ((100, 4),), ((101, 5),)))
    assert (book.valid, book.pulled(100)) == (True, 0)


def test_remembered_levels_are_bounded() -> None:
    book = Book()
    for i in range(KNOWN_MAX):
        book.on_depth(Depth("ES", i, ((2 * i, 1),), ((2 * i + 1, 1),)))
    assert len(book._base) <= KNOWN_MAX
