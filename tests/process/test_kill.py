"""kill -9 at random instants: nothing lost, nothing doubled, nothing orphaned.

The house is the real runtime on the real journal. In `paper` commits are awaited in the background, in `demo` they are
written on the spot.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.census import Census

LIVES = 25


@pytest.fixture
def census(tmp_path: Path, request: pytest.FixtureRequest) -> Census:
    return Census(tmp_path / "journal", *request.param)


def live_and_die(census: Census, lives: int) -> None:
    """Many lives that are killed, and one that may end in order; then the account and the journal must agree."""
    for _ in range(lives):
        census.one_life()
        assert census.failures == []
    census.one_life(last=True)
    assert census.failures == []
    assert census.orphans == []
    assert census.doubles == []
    assert census.lost_fills() == set()
    assert census.lost_intents() == set()
    assert census.settled is not None
    position, working, _ = census.settled
    assert position == 0 == dict(census.sim.truth().positions).get("MES", 0)
    assert working == ()
    assert census.kills == lives
    assert census.recoveries > lives // 2, "starts must have recovered what the dead life left in its WAL"


@pytest.mark.parametrize("census", [(seed, "paper") for seed in range(20)], indirect=True)
def test_twenty_five_kills_at_random_instants_lose_nothing(census: Census) -> None:
    live_and_die(census, LIVES)
    assert len(census.sent) > 3, "the house must have traded between its deaths"


@pytest.mark.parametrize("census", [(50, "demo"), (51, "demo")], indirect=True)
def test_kills_lose_nothing_where_commits_are_written_on_the_spot(census: Census) -> None:
    live_and_die(census, LIVES)
    assert len(census.sent) > 3


@pytest.mark.nightly
@pytest.mark.parametrize("census", [(seed, "paper") for seed in range(100, 500)], indirect=True)
def test_ten_thousand_kills_lose_nothing(census: Census) -> None:
    live_and_die(census, LIVES)
