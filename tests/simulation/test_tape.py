"""The oracle's own memory of prices: between what marks the market may have been believed to stand since an instant."""

from __future__ import annotations

from orderflow_tui.domain.market import NO_PRICE, Quote, trades_of
from tests.simulation.tape import Tape


def heard(*moments: tuple[int, int, int]) -> Tape:
    """A tape with these (instant, low, high)."""
    tape = Tape()
    for at_ns, low, high in moments:
        tape.trades(trades_of("ES", [at_ns], [high], [1], [1]), at_ns, (low, high))
    return tape


def test_nothing_heard_says_nothing() -> None:
    assert Tape().since(0) is None


def test_the_price_before_the_instant_counts_and_older_ones_do_not() -> None:
    tape = heard((10, 90, 91), (20, 100, 101), (30, 103, 104))
    assert tape.since(25) == (100, 104)
    assert tape.since(30) == (100, 104), "a price of that very instant may have been heard after the decision"
    assert tape.since(31) == (103, 104)


def test_quotes_count_where_they_are_known() -> None:
    tape = heard((10, 100, 100))
    tape.book(Quote("ES", 11, 97, NO_PRICE, 5, 0), 11)
    assert tape.since(12) == (97, 100)
    tape.trades(trades_of("ES", [12], [100], [1], [1], bid=[99], ask=[100]), 12, (100, 100))
    assert tape.since(13) == (99, 100), "newer ones replace them"
    assert tape.since(12) == (97, 100), "what was decided before they came stood on the older ones"


def test_the_silence_lasts_since_the_last_trade() -> None:
    assert Tape().silent_ns(9) == 0
    tape = heard((10, 90, 91), (20, 100, 101))
    tape.book(Quote("ES", 24, 97, 98, 5, 5), 24)
    assert tape.silent_ns(25) == 5
