"""Value against value, alignment, shared levels."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from orderflow_tui.domain.signal import Migration
from orderflow_tui.signals.stacking import LevelSource, StackedLevel, aligned, stacked_levels, transitions
from orderflow_tui.signals.value import MAGNITUDE, character, migration, overlap, sign
from tests.signals.vectors import each

PAIRS = [(low, high) for low in range(6) for high in range(low, 6)]
MIRROR = {
    Migration.HIGHER: Migration.LOWER,
    Migration.OVERLAPPING_HIGHER: Migration.OVERLAPPING_LOWER,
    Migration.INSIDE: Migration.INSIDE,
    Migration.OUTSIDE: Migration.OUTSIDE,
    Migration.OVERLAPPING_LOWER: Migration.OVERLAPPING_HIGHER,
    Migration.LOWER: Migration.HIGHER,
}


@each("migration")
def test_migration_classes(vector: dict[str, Any]) -> None:
    a, b = tuple(vector["a"]), tuple(vector["b"])
    assert migration(a, b).value == vector["expect"]
    assert overlap(a, b) == pytest.approx(vector["overlap"], abs=1e-4)


def test_every_small_pair_mirrors_into_the_mirrored_class() -> None:
    assert len(PAIRS) ** 2 == 441
    for a in PAIRS:
        for b in PAIRS:
            kind = migration(a, b)
            assert migration((-a[1], -a[0]), (-b[1], -b[0])) is MIRROR[kind]
            assert sign(kind) == (MAGNITUDE[kind] > 0) - (MAGNITUDE[kind] < 0)


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        ((6, 12), (5, 10), "BULLISH_MIGRATION"),
        ((1, 4), (5, 10), "BEARISH_MIGRATION"),
        ((6, 8), (5, 10), "BREAKOUT_PENDING"),
        ((6, 9), (5, 10), "BALANCED_ROTATION"),
        ((4, 11), (5, 10), "BALANCED_ROTATION"),
    ],
)
def test_the_character_of_a_day(a: tuple[int, int], b: tuple[int, int], word: str) -> None:
    assert character(a, b) == word


@each("alignment")
def test_alignment_counts_disjoint_daily_areas(vector: dict[str, Any]) -> None:
    run = transitions([tuple(area) for area in vector["vas"]])
    assert (run, aligned(run)) == (vector["transitions"], vector["aligned_vas"])


def day(n: int) -> date:
    return date(2026, 3, 1) + timedelta(days=n)


def test_three_sources_within_two_ticks_are_a_strong_level() -> None:
    levels = [
        LevelSource(100, "POC", day(1)),
        LevelSource(101, "VAH", day(6)),
        LevelSource(102, "VAL", day(11)),
        LevelSource(104, "VAH", day(1)),
    ]
    (found,) = stacked_levels(levels)
    assert found == StackedLevel(101, 3, "POC")
    assert found.strength == 0.6


def test_one_day_cannot_stack_with_itself() -> None:
    assert stacked_levels([LevelSource(100, "POC", day(1)), LevelSource(101, "VAH", day(1))]) == ()


def test_the_majority_names_a_level() -> None:
    levels = [LevelSource(100, "POC", day(1)), LevelSource(100, "VAL", day(2)), LevelSource(101, "VAL", day(3))]
    assert stacked_levels(levels) == (StackedLevel(100, 3, "VAL"),)
