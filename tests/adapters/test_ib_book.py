from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters.ib_book import DELETE, INSERT, UPDATE, DepthBook
from tests.gateway.book import Rows, differences

asks = st.dictionaries(st.integers(101, 120), st.integers(1, 9), min_size=1, max_size=14).map(lambda d: tuple(sorted(d.items())))
bids = st.dictionaries(st.integers(81, 100), st.integers(1, 9), min_size=1, max_size=14).map(
    lambda d: tuple(sorted(d.items(), reverse=True))
)


def feed(book: DepthBook, bid_side: bool, old: Rows, new: Rows) -> None:
    for change in differences(old, new, 10):
        book.apply(change.position, change.operation, bid_side, change.price, change.size)


@given(st.lists(st.tuples(bids, asks), min_size=1, max_size=6))
@settings(max_examples=80)
def test_our_book_is_the_gateways_book_after_every_picture(pictures: list[tuple[Rows, Rows]]) -> None:
    book = DepthBook()
    old_bids: Rows = ()
    old_asks: Rows = ()
    for new_bids, new_asks in pictures:
        feed(book, True, old_bids, new_bids)
        feed(book, False, old_asks, new_asks)
        assert tuple(book.bids) == new_bids[:10]
        assert tuple(book.asks) == new_asks[:10]
        assert book.valid
        old_bids, old_asks = new_bids, new_asks


def test_rows_never_grow_beyond_ten() -> None:
    book = DepthBook()
    for price in range(120, 100, -1):
        book.apply(0, INSERT, False, price, 1)
    assert [p for p, _ in book.asks] == list(range(101, 111))


def test_a_row_that_is_not_there_breaks_the_book_until_it_is_cleared() -> None:
    book = DepthBook()
    book.apply(0, INSERT, True, 100, 1)
    book.apply(0, INSERT, False, 101, 1)
    book.apply(3, UPDATE, True, 97, 1)
    assert not book.valid
    assert "row 3" in book.broken
    book.clear()
    assert not book.broken


def test_a_crossed_or_disordered_book_is_wrong_only_while_it_is() -> None:
    book = DepthBook()
    book.apply(0, INSERT, True, 100, 1)
    book.apply(0, INSERT, False, 101, 1)
    book.apply(0, UPDATE, True, 101, 5)
    assert not book.valid
    book.apply(0, UPDATE, False, 102, 5)
    assert book.valid
    book.apply(1, INSERT, True, 103, 1)
    assert not book.valid
    book.apply(1, DELETE, True, 0, 0)
    assert book.valid
