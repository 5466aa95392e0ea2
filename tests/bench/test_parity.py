"""Every implementation of the parity fixture says the same, level by level and trade by trade."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from orderflow_tui.domain.market import Trades
from tests.bench.make_ticks import make_ticks
from tests.bench.parity import Outcome, by_block, by_pieces, by_plain, by_trade, differences, singles


@pytest.fixture(scope="module")
def tape() -> Trades:
    return make_ticks(60_000)


@pytest.fixture(scope="module")
def plain(tape: Trades) -> Outcome:
    return by_plain(tape)


def test_the_fixture_trades_both_ways_and_both_exits_happen(plain: Outcome) -> None:
    assert {trip.sign for trip in plain.trips} == {1, -1}
    assert {trip.net_cents > 0 for trip in plain.trips} == {True, False}
    assert len(plain.levels) > 1000


def test_one_block_agrees_with_the_plain_design(tape: Trades, plain: Outcome) -> None:
    ours = by_block(tape)
    assert ours.levels == plain.levels
    assert ours.trips == plain.trips
    assert ours.net_cents == plain.net_cents


def test_trade_by_trade_agrees_with_the_plain_design(tape: Trades, plain: Outcome) -> None:
    ours = by_trade(singles(tape))
    assert ours.levels == plain.levels
    assert ours.trips == plain.trips


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_cutting_of_the_tape_changes_anything(tape: Trades, plain: Outcome, seed: int) -> None:
    edges = np.sort(np.random.default_rng(seed).integers(1, len(tape), 400 * seed)).tolist()
    pieces = [tape.cut(a, b) for a, b in pairwise([0, *edges, len(tape)]) if a < b]
    assert differences(by_pieces(pieces), plain) == 0


def test_a_difference_is_seen(plain: Outcome) -> None:
    start, price, bid, ask = plain.levels[0]
    assert differences(plain, Outcome([(start, price, bid + 1, ask), *plain.levels[1:]], plain.trips)) == 2
    assert differences(plain, Outcome(plain.levels, plain.trips[1:])) == 1
