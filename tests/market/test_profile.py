from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.market.past import Archive
from orderflow_tui.market.profile import MAX_SPAN, VolumeProfile, WildPrice, merged, poc_index, spread, value_area
from tests.market.builders import named, tape
from tests.market.sessions_of import session_of

Rows = dict[int, int]


def dense(rows: Rows) -> tuple[int, list[int]]:
    low, high = min(rows), max(rows)
    return low, [rows.get(k, 0) for k in range(low, high + 1)]


def profile_of(rows: Rows, row_ticks: int = 1) -> VolumeProfile:
    profile = VolumeProfile(row_ticks)
    low, volumes = dense(rows)
    profile.add_levels(low, np.array(volumes, dtype=np.int64))
    return profile


@pytest.mark.parametrize("vector", **named("value_area"))
def test_value_areas_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    low, volumes = dense({int(k): v for k, v in vector["rows"].items()})
    area = value_area(low, volumes, 700, vector["method"])
    assert (None if area is None else [area.poc, area.vah, area.val, area.volume]) == vector["expect"]


@pytest.mark.parametrize("vector", **named("poc"))
def test_ties_of_the_poc_are_settled_as_published(vector: dict[str, Any]) -> None:
    low, volumes = dense({int(k): v for k, v in vector["rows"].items()})
    assert low + poc_index(volumes) == vector["expect"]


@pytest.mark.parametrize("vector", **named("fill"))
def test_bars_are_spread_as_published(vector: dict[str, Any]) -> None:
    profile = VolumeProfile()
    profile.add_bar(vector["lo"], vector["hi"], vector["close"], vector["V"])
    assert {int(k): profile.volume_at(int(k)) for k in vector["expect"]} == {int(k): v for k, v in vector["expect"].items()}
    assert profile.approx


@given(st.integers(0, 500), st.integers(-50, 50), st.integers(0, 40), st.integers(0, 40))
def test_spreading_keeps_every_contract_inside_the_bar(volume: int, low: int, span: int, offset: int) -> None:
    high, close = low + span, low + min(offset, span)
    share, first, last = spread(volume, low, high, close)
    assert share * (span + 1) + max(last - first + 1, 0) == volume
    assert first > last or low <= first <= last <= high
    extra = {k for k in range(low, high + 1) if first <= k <= last}
    nearest = sorted(range(low, high + 1), key=lambda k: (abs(k - close), k))[: len(extra)]
    assert extra == set(nearest)


filled = st.lists(st.integers(0, 30), min_size=1, max_size=40).filter(any)
methods = st.sampled_from(["two_row", "one_row"])


@given(filled, methods, st.integers(-100, 100), st.integers(400, 1000))
def test_a_value_area_holds_its_share_around_the_poc_between_traded_edges(
    volumes: list[int], method: str, low: int, permille: int
) -> None:
    area = value_area(low, volumes, permille, method)
    assert area is not None
    assert area.val <= area.poc <= area.vah
    inside = volumes[area.val - low : area.vah - low + 1]
    assert sum(inside) == area.volume
    assert 1000 * area.volume >= permille * sum(volumes)
    assert inside[0] > 0
    assert inside[-1] > 0
    assert volumes[area.poc - low] == max(volumes)


@given(filled)
def test_one_row_fewer_would_not_hold_the_share(volumes: list[int]) -> None:
    area = value_area(0, volumes, 700, "one_row")
    assert area is not None
    if area.vah > area.val:
        edges = [volumes[k] for k in (area.val, area.vah) if k != area.poc]
        assert 1000 * (area.volume - max(edges)) < 700 * sum(volumes)


def walked(volumes: list[int], permille: int, width: int) -> tuple[int, int]:
    """The value area again, row by row and without slices: (lowest, highest) index."""
    up = down = poc_index(volumes)
    inside = {up}
    while 1000 * sum(volumes[i] for i in inside) < permille * sum(volumes):
        above = [i for i in range(up + 1, up + 1 + width) if i < len(volumes)]
        below = [i for i in range(down - 1, down - 1 - width, -1) if i >= 0]
        if not above and not below:
            break
        take_up = bool(above) and (not below or sum(volumes[i] for i in above) >= sum(volumes[i] for i in below))
        inside.update(above if take_up else below)
        up, down = max(inside), min(inside)
    traded = [i for i in inside if volumes[i]]
    return min(traded), max(traded)


@given(filled, methods, st.integers(300, 1000))
def test_a_value_area_is_the_walk_of_the_book(volumes: list[int], method: str, permille: int) -> None:
    while volumes and volumes[0] == 0:
        volumes = volumes[1:]
    while volumes and volumes[-1] == 0:
        volumes = volumes[:-1]
    area = value_area(0, volumes, permille, method)
    assert area is not None
    assert (area.val, area.vah) == walked(volumes, permille, 2 if method == "two_row" else 1)


@given(filled, methods, st.integers(-1000, 1000))
def test_a_shifted_profile_has_its_value_shifted(volumes: list[int], method: str, shift: int) -> None:
    area, moved = value_area(0, volumes, 700, method), value_area(shift, volumes, 700, method)
    assert area is not None
    assert moved is not None
    assert (moved.val - shift, moved.poc - shift, moved.vah - shift) == (area.val, area.poc, area.vah)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30, unique=True))
def test_without_ties_a_mirrored_profile_has_its_poc_mirrored(volumes: list[int]) -> None:
    assert poc_index(volumes[::-1]) == len(volumes) - 1 - poc_index(volumes)


def test_rows_of_several_ticks_report_their_outer_ticks() -> None:
    profile = profile_of({100: 1, 101: 1, 104: 5, 105: 5, 106: 6, 111: 1}, row_ticks=4)
    area = profile.value_area(700, "two_row")
    assert area is not None
    assert (area.val, area.poc, area.vah) == (104, 105, 107)
    assert profile.poc() == 105


def test_adding_trades_or_their_levels_is_the_same() -> None:
    block = tape((1, 100, 5), (2, 103, -4), (3, 100, -2), (4, 99, 1))
    by_trades, by_levels = VolumeProfile(), VolumeProfile()
    by_trades.add(block)
    by_levels.add_table(99, np.array([[0, 0, 1, 0], [2, 0, 5, 0], [0] * 4, [0] * 4, [4, 0, 0, 0]]), 12)
    assert by_trades.volumes() == by_levels.volumes() == (1, 7, 0, 0, 4)
    assert by_trades.delta_window(98, 6) == by_levels.delta_window(98, 6) == (0, 1, 3, 0, 0, -4)
    assert (by_trades.low, by_trades.high, by_trades.total) == (99, 103, 12)
    assert (by_trades.delta_at(100), by_trades.delta_at(5000)) == (3, 0)


additions = st.lists(st.tuples(st.integers(-300, 300), st.lists(st.integers(1, 9), min_size=1, max_size=5)), max_size=12)


@given(additions)
def test_a_growing_profile_keeps_every_contract_in_its_place(parts: list[tuple[int, list[int]]]) -> None:
    profile, plain = VolumeProfile(), dict[int, int]()
    for low, volumes in parts:
        profile.add_levels(low, np.array(volumes, dtype=np.int64))
        for i, volume in enumerate(volumes):
            plain[low + i] = plain.get(low + i, 0) + volume
    assert profile.window(-400, 800) == tuple(plain.get(k, 0) for k in range(-400, 400))
    assert profile.total == sum(plain.values())
    assert profile.volume_above(0) == sum(v for k, v in plain.items() if k > 0)
    assert profile.volume_below(0) == sum(v for k, v in plain.items() if k < 0)
    if plain:
        assert (profile.low, list(profile.volumes())) == dense(plain)


def built(*groups: list[tuple[int, list[int]]]) -> VolumeProfile:
    """A profile of these additions."""
    profile = VolumeProfile()
    for low, volumes in (part for group in groups for part in group):
        profile.add_levels(low, np.array(volumes, dtype=np.int64))
    return profile


@given(additions, additions)
def test_merging_is_commutative_and_equals_adding(a: list[tuple[int, list[int]]], b: list[tuple[int, list[int]]]) -> None:
    one, other, together = merged([built(a), built(b)]), merged([built(b), built(a)]), built(a, b)
    assert (one.low, one.volumes()) == (other.low, other.volumes()) == (together.low, together.volumes())


@given(additions, additions, additions)
def test_merging_is_associative(
    a: list[tuple[int, list[int]]], b: list[tuple[int, list[int]]], c: list[tuple[int, list[int]]]
) -> None:
    left = merged([merged([built(a), built(b)]), built(c)])
    right = merged([built(a), merged([built(b), built(c)])])
    assert (left.low, left.volumes(), left.total) == (right.low, right.volumes(), right.total)


def test_answers_keep_their_identity_until_something_trades() -> None:
    profile = profile_of({1: 5, 2: 9})
    area, volumes = profile.value_area(700, "two_row"), profile.volumes()
    assert profile.value_area(700, "two_row") is area
    assert profile.volumes() is volumes
    profile.add_levels(2, np.array([1]))
    assert profile.volumes() == (5, 10)
    assert profile.value_area(700, "two_row") is not area


def test_an_empty_profile_knows_nothing() -> None:
    profile = VolumeProfile()
    assert (profile.poc(), profile.value_area(700, "two_row"), profile.volumes(), profile.low) == (None, None, (), None)
    assert profile.window(5, 3) == (0, 0, 0)


def test_a_price_no_market_reaches_is_refused_with_a_reason() -> None:
    profile = profile_of({27_000: 1})
    with pytest.raises(WildPrice, match="tick size"):
        profile.add_levels(27_000 + MAX_SPAN, np.array([1]))
    with pytest.raises(WildPrice):
        VolumeProfile().add(tape((1, 0, 1), (2, MAX_SPAN, 1)))


# -- the composite ----------------------------------------------------------------------------------------------------


def test_a_composite_merges_volumes_and_never_averages_areas() -> None:
    archive = Archive(30, 1)
    archive.add(session_of(date(2026, 3, 2), {100: 10, 101: 30, 102: 10}))
    archive.add(session_of(date(2026, 3, 3), {102: 10, 103: 40, 104: 10}))
    profile, days = archive.composite(5)
    area = profile.value_area(700, "two_row")
    assert (profile.low, profile.volumes(), days) == (100, (10, 30, 20, 40, 10), 2)
    assert area is not None
    assert (area.poc, area.val, area.vah, area.volume, area.total) == (103, 101, 103, 90, 110)


def test_a_date_counts_once_and_the_sixth_drops_the_oldest_from_the_composite() -> None:
    archive = Archive(30, 1)
    for day in range(2, 6):
        archive.add(session_of(date(2026, 3, day), {100 + day: 10}))
    assert archive.composite(5)[1] == 4
    archive.add(session_of(date(2026, 3, 4), {200: 7}))
    assert [s.low_tick for s in archive.sessions] == [102, 103, 200, 105]
    for day in (6, 9):
        archive.add(session_of(date(2026, 3, day), {100 + day: 10}))
    profile, days = archive.composite(5)
    assert (days, profile.low, profile.total) == (5, 103, 47)


def test_adding_a_date_twice_changes_nothing() -> None:
    once, twice = Archive(30, 1), Archive(30, 1)
    for day in (2, 3, 4, 5, 6, 9):
        session = session_of(date(2026, 3, day), {100 + day: 10, 101 + day: 7})
        once.add(session)
        twice.add(session)
        twice.add(session)
    assert twice.sessions == once.sessions
    assert twice.composite(5)[0].volumes() == once.composite(5)[0].volumes()
    assert twice.composite(5)[1] == once.composite(5)[1] == 5


def test_the_archive_keeps_thirty_sessions_in_order_of_date() -> None:
    archive = Archive(3, 1)
    for day in (5, 3, 4, 2, 6):
        archive.add(session_of(date(2026, 3, day), {100: 1}))
    assert [s.trade_date.day for s in archive.sessions] == [4, 5, 6]


def test_a_rolled_session_moves_and_says_by_how_much() -> None:
    archive = Archive(30, 1, [session_of(date(2026, 3, 2), {100: 1, 101: 5}, overnight=(90, 99))])
    archive.shift(40)
    archive.shift(-3)
    (session,) = archive.sessions
    assert (session.low_tick, session.value.poc, session.high, session.on_low, session.rolled) == (137, 138, 138, 127, 37)
    assert archive.composite(1)[0].poc() == 138
