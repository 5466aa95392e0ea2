from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.market.tpo import Extreme, TpoProfile
from tests.market.builders import named

Ranges = list[tuple[int, int]]


def tpo_of(ranges: Ranges) -> TpoProfile:
    profile = TpoProfile()
    for index, (low, high) in enumerate(ranges):
        profile.touch(index, low, high)
    return profile


@pytest.mark.parametrize("vector", **named("tpo"))
def test_letters_tails_and_singles_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    profile = tpo_of([(low, high) for low, high in vector["brackets"]])
    area = profile.value_area(700, "two_row")
    assert area is not None
    assert list(profile.tails()) == vector["tails"]
    assert [list(run) for run in profile.singles()] == vector["singles"]
    found = {
        "poc": profile.poc(),
        "va": [area.vah, area.val],
        "total": area.total,
        "high": getattr(profile.high_quality(), "name", None),
        "low": getattr(profile.low_quality(), "name", None),
    }
    for key, value in found.items():
        assert vector.get(key, value) == value, key


def test_two_bars_of_one_period_give_one_letter() -> None:
    profile = TpoProfile()
    profile.touch(0, 100, 105)
    profile.touch(0, 105, 107)
    assert profile.counts == (1,) * 8
    assert profile.periods == ((0, 100, 107),)


def test_a_tail_of_the_running_period_does_not_count_yet() -> None:
    profile = tpo_of([(100, 110), (102, 111), (104, 115)])
    assert profile.tails() == (4, 2)
    assert profile.tails(current=2) == (0, 2)
    assert profile.high_quality(current=2) is Extreme.POOR
    assert profile.high_quality() is Extreme.EXCESS


def test_a_single_print_is_open_until_printed_through() -> None:
    ranges = [(100, 105), (101, 105), (104, 114), (112, 118), (112, 118)]
    assert tpo_of(ranges).singles() == ((106, 111),)
    assert tpo_of([*ranges, (109, 113)]).singles() == ((106, 108),)
    assert tpo_of([*ranges, (105, 112)]).singles() == ()


def test_an_empty_profile_knows_nothing() -> None:
    profile = TpoProfile()
    assert (profile.low, profile.poc(), profile.counts, profile.tails(), profile.singles()) == (None, None, (), (0, 0), ())
    assert profile.high_quality() is None


ranges_strategy = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), min_size=1, max_size=13).map(
    lambda parts: [(low, low + span) for low, span in parts]
)


@given(ranges_strategy)
def test_letters_add_up_to_the_heights_of_the_periods(ranges: Ranges) -> None:
    profile = tpo_of(ranges)
    assert sum(profile.counts) == sum(high - low + 1 for low, high in ranges)
    assert max(profile.counts) <= len(ranges)


@given(ranges_strategy, st.integers(-1000, 1000))
def test_shifted_periods_shift_everything(ranges: Ranges, shift: int) -> None:
    profile, moved = tpo_of(ranges), tpo_of(ranges)
    assert moved.counts == profile.counts
    moved.shift(shift)
    built = tpo_of([(low + shift, high + shift) for low, high in ranges])
    assert (moved.low, moved.poc(), moved.counts, moved.tails(), moved.singles()) == (
        built.low,
        built.poc(),
        built.counts,
        built.tails(),
        built.singles(),
    )


@given(ranges_strategy)
def test_mirrored_periods_mirror_tails_and_singles(ranges: Ranges) -> None:
    profile, mirrored = tpo_of(ranges), tpo_of([(-high, -low) for low, high in ranges])
    assert mirrored.tails() == profile.tails()[::-1]
    assert mirrored.singles() == tuple((-high, -low) for low, high in reversed(profile.singles()))
