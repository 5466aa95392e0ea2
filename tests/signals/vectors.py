"""The test vectors of this floor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def each(name: str) -> pytest.MarkDecorator:
    """One test a vector of `tests/vectors/<name>.json`, given as `vector`."""
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())
    return pytest.mark.parametrize("vector", found, ids=[v["id"] for v in found])


def levels(vector: dict[str, Any]) -> dict[int, tuple[int, ...]]:
    """`{tick: (sold, bought)}` of a vector."""
    return {int(tick): tuple(pair) for tick, pair in vector["levels"].items()}
