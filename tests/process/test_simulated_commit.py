"""In simulated time a commit takes no time at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from orderflow_tui.domain.action import Commit
from orderflow_tui.domain.event import Committed, Event, JournalFailed
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.order_lane import OrderLane
from orderflow_tui.ports import JournalError

BAR_CLOSE_NS = 1_772_724_900 * SECOND_NS


def lane_at_a_bar_close(*, fails: bool = False) -> OrderLane:
    """The bar closed at its own instant; the trade that revealed it came four seconds later."""

    def commit_now(rows: object) -> None:
        if fails:
            raise JournalError("disk full")

    def nothing_is_posted(event: Event) -> None:
        raise AssertionError(event)

    journal: Any = SimpleNamespace(commit_now=commit_now)
    return OrderLane(journal, nothing_is_posted, stamp=lambda: BAR_CLOSE_NS + 4 * SECOND_NS, now=lambda: BAR_CLOSE_NS)


def test_an_entry_at_a_bars_close_is_not_dropped_as_late_when_the_next_trade_comes_seconds_after() -> None:
    assert lane_at_a_bar_close().commit_now(Commit((), ("e",))) == [Committed(BAR_CLOSE_NS, ("e",), 0)]


def test_a_commit_that_fails_does_so_at_the_same_instant() -> None:
    (failed,) = lane_at_a_bar_close(fails=True).commit_now(Commit((), ("e",)))
    assert isinstance(failed, JournalFailed)
    assert failed.ts_ns == BAR_CLOSE_NS
