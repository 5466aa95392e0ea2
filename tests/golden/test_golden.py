"""The sample tape gives the same record to the last digit, however it is cut, today and tomorrow."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import Trades
from tests.golden.session import Outcome, operated, run, tape

GOLDEN = Path(__file__).with_name("es_sample.json")


@pytest.fixture(scope="module")
def whole() -> Outcome:
    return run(operated(tape()))


def recut(events: list[Event], size: int) -> list[Event]:
    """The same events with every block cut into pieces of `size` trades."""
    out: list[Event] = []
    for event in events:
        if isinstance(event, Trades):
            edges = [*range(0, len(event), size), len(event)]
            out += [event.cut(a, b) for a, b in pairwise(edges)]
        else:
            out.append(event)
    return out


def summary(outcome: Outcome) -> dict[str, object]:
    """What the golden file holds: counts for people, a digest for the machine."""
    kinds: dict[str, int] = {}
    for row in outcome.rows:
        assert isinstance(row, dict)
        kinds[str(row["kind"])] = kinds.get(str(row["kind"]), 0) + 1
    return {
        "observations": len(outcome.observations),
        "rows": dict(sorted(kinds.items())),
        "trades": len(outcome.trades),
        "net_cents": outcome.net_cents,
        "digest": outcome.digest(),
    }


def test_the_record_is_the_golden_one(whole: Outcome) -> None:
    """Set ORDERFLOW_TEST_GOLDEN=write to accept a change that was meant."""
    found = summary(whole)
    if os.environ.get("ORDERFLOW_TEST_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_trades_really_happen_on_the_sample(whole: Outcome) -> None:
    assert len(whole.trades) >= 3
    assert len(whole.observations) > 30


@pytest.mark.parametrize("size", [1, 7, 512])
def test_cutting_the_stream_changes_nothing(whole: Outcome, size: int) -> None:
    assert run(recut(operated(tape()), size)) == whole


@pytest.mark.parametrize("size", [1, 5])
def test_trades_one_by_one_through_open_columns_change_nothing(whole: Outcome, size: int) -> None:
    assert run(recut(operated(tape()), size), streamed=True) == whole


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(1, 15_000), max_size=40))
def test_any_cutting_gives_the_same_record(whole: Outcome, cuts: list[int]) -> None:
    pieces: list[Event] = []
    position = 0
    for event in tape():
        if isinstance(event, Trades):
            inner = sorted({c - position for c in cuts if 0 < c - position < len(event)})
            pieces += [event.cut(a, b) for a, b in pairwise([0, *inner, len(event)])]
            position += len(event)
        else:
            pieces.append(event)
    assert run(operated(pieces)) == whole


def test_truncating_the_tape_leaves_the_past_unchanged(whole: Outcome) -> None:
    events = operated(tape())
    part = run(events[: len(events) // 2])
    assert part.observations == whole.observations[: len(part.observations)]
    assert part.rows == whole.rows[: len(part.rows)]
