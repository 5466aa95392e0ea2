"""In simulated time a commit takes no time at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from orderflow_tui.domain.action import Commit
from orderflow_tui.domain.event import Committed, JournalFailed
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.ports import JournalError
from orderflow_tui.runtime import House, Runtime
from orderflow_tui.seam import Seam

BAR_CLOSE_NS = 1_772_724_900 * SECOND_NS


def runtime_at_a_bar_close(*, fails: bool = False) -> Runtime:
    """The bar closed at its own instant; the trade that revealed it came four seconds later."""

    def commit_now(rows: object) -> None:
        if fails:
            raise JournalError("disk full")

    async def unbuilt(_: Runtime) -> Any:
        raise AssertionError("nobody starts this runtime")

    made = Runtime(unbuilt, Seam("t"))
    parts: Any = SimpleNamespace(
        engine=SimpleNamespace(now_ns=BAR_CLOSE_NS),
        journal=SimpleNamespace(commit_now=commit_now),
        mode=SimpleNamespace(waits_for_journal=False),
    )
    house: House = parts
    made._house = house
    made._last_ns = BAR_CLOSE_NS + 4 * SECOND_NS
    return made


def test_an_entry_at_a_bars_close_is_not_dropped_as_late_when_the_next_trade_comes_seconds_after() -> None:
    assert runtime_at_a_bar_close()._commit(Commit((), ("e",))) == [Committed(BAR_CLOSE_NS, ("e",), 0)]


def test_a_commit_that_fails_does_so_at_the_same_instant() -> None:
    (failed,) = runtime_at_a_bar_close(fails=True)._commit(Commit((), ("e",)))
    assert isinstance(failed, JournalFailed)
    assert failed.ts_ns == BAR_CLOSE_NS
