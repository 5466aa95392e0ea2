"""The runbook says what to do about every alert and every latch there is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from orderflow_tui.domain.latch import LatchKind

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SOURCES = (*sorted((ROOT / "orderflow_tui" / "trading").glob("*.py")), *sorted((ROOT / "orderflow_tui").glob("*.py")))


def alert_kinds() -> list[str]:
    """The kinds written out in the code: `x.alert("kind", …)`, `x.alert_once("kind", …)`, `Alert(ts, "kind", …)`."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = {"alert": 0, "alert_once": 0, "Alert": 1}.get(name)
            if place is None or len(node.args) <= place:
                continue
            kind = node.args[place]
            if isinstance(kind, ast.JoinedStr):
                kind = kind.values[0]
            if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
                found.add(kind.value.strip())
    return sorted(found)


def test_the_kinds_are_found_at_all() -> None:
    assert {"naked", "rejected", "link", "latch", "flatten", "core-fault"} <= set(alert_kinds())


@pytest.mark.parametrize("kind", alert_kinds())
def test_every_alert_has_its_line(kind: str) -> None:
    rows = [line for line in RUNBOOK.splitlines() if line.startswith("| `")]
    assert any(f"`{kind}" in row for row in rows), f"docs/runbook.md says nothing about alerts of kind {kind}"


@pytest.mark.parametrize("latch", list(LatchKind), ids=lambda latch: latch.value)
def test_every_latch_is_explained(latch: LatchKind) -> None:
    assert f"`{latch.value}`" in RUNBOOK
