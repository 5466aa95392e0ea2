"""Absorption in the live book."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.signals.dom_absorption import DomAbsorption, DomFinding, DomParams

S = 1_000_000_000
MS = 1_000_000
SELL, BUY = -1, 1


class Story:
    """A book and a tape told step by step; side -1 tells the mirror image."""

    def __init__(self, side: int = 1) -> None:
        self.side = side
        self.dom = DomAbsorption(DomParams(), 150)
        self.found: list[DomFinding] = []

    def book(self, seconds: float, size: int, best: int = 100) -> Story:
        near = ((best * self.side, size), ((best - 1) * self.side, 300), (99 * self.side, 300))
        far = (((best + 1) * self.side, 90),)
        bids, asks = (near, far) if self.side > 0 else (far, near)
        self.dom.on_depth(round(seconds * S), bids, asks)
        return self

    def trade(self, seconds: float, price: int, size: int, aggressor: int = SELL) -> Story:
        self.found += self.dom.on_trades([(round(seconds * S), price * self.side, size, aggressor * self.side)])
        return self

    def refreshed(self) -> Story:
        """The bid at 100 shows 80, is sold into three times and refilled three times."""
        self.book(0, 80)
        for at, size in ((1.0, 40), (3.0, 60), (5.0, 70)):
            self.trade(at, 100, size).book(at + 0.1, 80 - size).book(at + 0.3, 80)
        return self


@pytest.mark.parametrize("side", [1, -1], ids=["bid", "offer"])
def test_a_bid_that_is_refilled_and_holds_is_absorption(side: int) -> None:
    story = Story(side).refreshed()
    story.trade(6.0, 101, 5, BUY).book(6.1, 50, best=101).trade(8.1, 102, 5, BUY)
    (found,) = story.found
    assert found.finding.pattern is (Pattern.DOM_ABSORPTION_BUY if side > 0 else Pattern.DOM_ABSORPTION_SELL)
    assert found.finding.direction is Direction(side)
    assert found.finding.ref_price == 100 * side
    assert found.finding.evidence == {"executed": 170, "displayed": 80, "refills": 3, "refilled": 170, "native_like": 0}
    assert found.finding.strength == pytest.approx(0.6769, abs=1e-4)
    assert found.trigger_price == 102 * side


def test_lifting_away_before_three_seconds_is_not_confirmed_yet() -> None:
    story = Story().refreshed().trade(7.9, 102, 5, BUY)
    assert story.found == []
    assert len(story.trade(8.0, 102, 5, BUY).found) == 1


def test_one_trade_below_fails_the_episode() -> None:
    story = Story().refreshed().trade(6.0, 99, 1).trade(9.0, 102, 5, BUY)
    assert story.found == []


def test_a_thick_bid_merely_being_worked_is_nothing() -> None:
    story = Story().book(0, 200)
    for at, size in ((1.0, 40), (3.0, 60), (5.0, 70)):
        story.trade(at, 100, size).book(at + 0.1, 200 - size).book(at + 0.3, 200)
    assert story.trade(9.0, 102, 5, BUY).found == []


def test_executions_outside_the_window_do_not_count() -> None:
    story = Story().book(0, 80).trade(1.0, 100, 100).trade(11.5, 100, 70).trade(15.0, 102, 5, BUY)
    assert story.found == []


def test_a_refill_after_half_a_second_is_somebody_new() -> None:
    story = Story().book(0, 80)
    for at, size in ((1.0, 60), (3.0, 60), (5.0, 60)):
        story.trade(at, 100, size).book(at + 0.1, 20).book(at + 0.6, 80)
    story.trade(8.1, 102, 5, BUY)
    assert story.found[0].finding.evidence["refills"] == 0


def test_more_traded_in_a_burst_than_was_shown_looks_native() -> None:
    story = Story().book(0, 80).trade(1.0, 100, 70).trade(1.02, 100, 90).book(1.3, 80).trade(5.0, 102, 5, BUY)
    assert story.found[0].finding.evidence["native_like"] == 1


def test_an_episode_nobody_hits_for_a_minute_is_forgotten() -> None:
    story = Story().refreshed().trade(66.0, 102, 5, BUY)
    assert story.found == []


def test_buyers_at_the_bid_price_are_not_executions_of_the_bid() -> None:
    story = Story().book(0, 80)
    for at in (1.0, 2.0, 3.0):
        story.trade(at, 100, 100, BUY)
    assert story.trade(7.0, 102, 5, BUY).found == []


def test_a_crossed_or_empty_book_teaches_nothing() -> None:
    dom = DomAbsorption(DomParams(), 150)
    dom.on_depth(0, ((101, 5),), ((100, 5),))
    dom.on_depth(1, (), ((100, 5),))
    assert dom.episodes == ()


def test_the_number_of_episodes_is_bounded() -> None:
    story = Story()
    for k in range(100):
        story.book(k / 100, 10, best=100 + k)
    assert len(story.dom.episodes) <= 16


ticks = st.lists(st.tuples(st.integers(0, 900), st.integers(97, 104), st.integers(1, 120), st.sampled_from((-1, 1))), max_size=60)


@given(ticks)
def test_the_watch_wakes_before_every_confirmation(steps: list[tuple[int, int, int, int]]) -> None:
    """Whatever trades come between two looks at the watch, the confirming one meets it."""
    dom = DomAbsorption(DomParams(min_exec=100, hold_s=1.0), 150)
    now = 0
    dom.on_depth(0, ((100, 40), (99, 10)), ((101, 40), (102, 10)))
    watch = dom.watch()
    for wait, price, size, aggressor in steps:
        now += wait * MS
        while watch.due_ns <= now:
            dom.on_time(watch.due_ns)
            watch = dom.watch()
        found = dom.on_trades([(now, price, size, aggressor)])
        met = price <= watch.below or price >= watch.above
        assert met or not found
        if met:
            watch = dom.watch()
