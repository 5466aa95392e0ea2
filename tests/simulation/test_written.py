"""The oracle's reading of the journal on disk."""

from __future__ import annotations

import pytest

from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.trading.rows import row
from tests.simulation.memory import Written

BEGIN = row("campaign", "c1", 1, what="begin", manual=False)
FAILED = row("campaign", "c1", 2, what="failed", manual=False)
OPEN = row("latch", LatchKind.FLATTEN_FAILED.value, 2, open=True)
CLEARED = row("latch", LatchKind.FLATTEN_FAILED.value, 3, open=False)
OTHER = row("latch", LatchKind.OPERATOR.value, 3, open=True)


@pytest.mark.parametrize(
    ("rows", "failed"),
    [
        ([BEGIN], False),
        ([BEGIN, FAILED], True),
        ([BEGIN, FAILED, OTHER], True),
        ([BEGIN, FAILED, OPEN], False),
        ([BEGIN, FAILED, OPEN, CLEARED], False),
        ([BEGIN, FAILED, BEGIN], False),
    ],
)
def test_a_flatten_that_failed_is_owed_its_latch(rows: list, failed: bool) -> None:  # type: ignore[type-arg]
    written = Written()
    for known in range(len(rows)):
        written.read(rows[: known + 1])
    assert written.failed is failed
    assert (written.campaign is not None) is (rows[-1] is BEGIN)
