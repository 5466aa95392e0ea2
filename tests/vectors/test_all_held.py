"""No published vector gets lost: how many each section has, and where each worked example told in words is checked."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SECTIONS = {
    "absorption": 6, "aggressor": 9, "alignment": 4, "bars": 3, "confidence": 6, "day_type": 5, "divergence": 5,
    "exhaustion": 8, "fill": 3, "imbalance": 8, "indicators": 6, "indicators_golden": 8, "inventory": 4, "migration": 7,
    "opening": 6, "poc": 3, "regime": 12, "regime_inputs": 11, "rule80": 5, "sessions": 6, "sizing": 7, "stacked": 3, "tpo": 3,
    "unfinished": 4, "value_area": 9, "vwap": 4,
}  # fmt: skip
PUBLISHED = "SIZE-"  # the sizes have examples of our own beside the published ones


def rows(name: str) -> list[dict[str, Any]]:
    """The vectors of a section."""
    found: Any = json.loads((HERE / f"{name}.json").read_text())
    return [row for row in found["sizes"] if row["id"].startswith(PUBLISHED)] if name == "sizing" else list(found)


@pytest.mark.parametrize(("name", "count"), SECTIONS.items())
def test_a_section_holds_all_its_vectors(name: str, count: int) -> None:
    assert len(rows(name)) == count


def test_no_vector_stands_twice() -> None:
    ids = [row["id"] for name in SECTIONS if name != "indicators_golden" for row in rows(name)]
    assert len(ids) == len(set(ids)) == 147


@pytest.mark.parametrize("example", rows("told"), ids=lambda row: row["id"])
def test_an_example_told_in_words_is_checked_where_it_says(example: dict[str, str]) -> None:
    path, _, name = example["test"].partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    tests = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert name in tests, f"{example['id']} ({example['told']}) is checked nowhere"
    asserts = [node for node in ast.walk(tests[name]) if isinstance(node, ast.Assert)]
    assert asserts, f"{name} asserts nothing"
