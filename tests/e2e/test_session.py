"""The real command trades a whole session through every kind of scripted fault, without a screen and on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.session_run import chosen, play_session

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("screen", [False, True], ids=["headless", "console"])
def test_a_whole_session_through_every_kind_of_fault_ends_flat_with_one_truth(tmp_path: Path, screen: bool) -> None:
    verdict = play_session(tmp_path, chosen(screen=screen, quick=True), screen=screen)
    assert verdict.wrong == []
    assert verdict.faults >= (25 if not screen else 12)
    assert verdict.trades >= (15 if not screen else 6)
