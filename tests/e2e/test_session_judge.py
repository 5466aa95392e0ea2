"""The judge of a session can find against it: each thing that may be wrong, made wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.session import Passed, Verdict, _executions, _fences, _orders
from tests.e2e.session_faults import FAULTS
from tests.e2e.session_run import chosen

FILL = {"exec_id": "a.1.01", "base_id": "a.1", "revision": 1, "quantity": 1, "price_ticks": 26_800}
THERE: dict[str, Any] = {"executions": [["a.1.01", "of1-x-1-E", 1, 26_800]], "orders": [{"ref": "of1-x-1-E"}]}


def test_what_agrees_is_not_objected_to() -> None:
    verdict = Verdict()
    _executions(verdict, THERE, [FILL])
    _orders(verdict, THERE, {"of1-x-1-E"})
    assert verdict.wrong == []
    assert (verdict.orders, verdict.executions) == (1, 1)


@pytest.mark.parametrize(
    "fills",
    [[], [FILL, FILL], [{**FILL, "quantity": 2}], [{**FILL, "price_ticks": 26_801}], [FILL, {**FILL, "base_id": "b.1"}]],
    ids=["lost", "booked twice", "another quantity", "another price", "invented"],
)
def test_executions_that_differ_are_found(fills: list[dict[str, Any]]) -> None:
    verdict = Verdict()
    _executions(verdict, THERE, fills)
    assert verdict.wrong


def test_a_correction_counts_with_its_newest_revision() -> None:
    corrected = {**THERE, "executions": [*THERE["executions"], ["a.1.02", "of1-x-1-E", 1, 26_801]]}
    verdict = Verdict()
    _executions(verdict, corrected, [FILL, {**FILL, "exec_id": "a.1.02", "revision": 2, "price_ticks": 26_801}])
    assert verdict.wrong == []


def test_orders_placed_twice_or_unknown_are_found() -> None:
    twice, unknown = Verdict(), Verdict()
    _orders(twice, {"orders": [{"ref": "r"}, {"ref": "r"}]}, {"r"})
    _orders(unknown, THERE, set())
    assert twice.wrong
    assert unknown.wrong


@pytest.mark.parametrize(
    ("fences", "links", "right"),
    [
        (True, [(5, "BACKOFF"), (7, "READY")], True),
        (True, [], False),
        (True, [(5, "BACKOFF")], False),
        (True, [(25, "BACKOFF"), (27, "READY")], False),
        (False, [], True),
        (False, [(5, "DEGRADED"), (7, "READY")], True),
    ],
)
def test_fences_must_be_where_they_belong(fences: bool, links: list[tuple[int, str]], right: bool) -> None:
    verdict = Verdict()
    _fences(verdict, [Passed("a fault", 0, 10, fences)], links)
    assert (verdict.wrong == []) is right
    assert verdict.unasked == (not fences and bool(links))


def test_the_quick_run_is_a_part_of_the_whole_one() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names))
    assert {f.name for f in chosen(screen=False, quick=True)} < {f.name for f in chosen(screen=False, quick=False)} == set(names)
