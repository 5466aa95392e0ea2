from __future__ import annotations

import pytest

from orderflow_tui.tui.frame_clock import CALM_FRAMES, FrameClock


def test_a_frame_is_dropped_while_the_terminal_owes_the_last_ones() -> None:
    clock = FrameClock(20)
    assert clock.begin(backlog=0)
    assert not clock.begin(backlog=3)
    assert (clock.frame, clock.skipped) == (1, 1)


def test_the_rate_falls_to_five_and_no_further() -> None:
    clock = FrameClock(20)
    for _ in range(50):
        clock.begin(backlog=10)
    assert clock.fps == 5.0


def test_dear_frames_slow_the_clock_and_cheap_ones_bring_it_back() -> None:
    clock = FrameClock(20)
    clock.end(0.040)
    assert clock.fps == pytest.approx(16.0)
    for _ in range(CALM_FRAMES * 10):
        clock.end(0.001)
    assert clock.fps == 20.0


@pytest.mark.parametrize(("asked", "given"), [(1, 5), (12, 12), (99, 30)])
def test_the_rate_asked_for_is_kept_between_5_and_30(asked: int, given: int) -> None:
    assert FrameClock(asked).fps == given


def test_slow_panels_take_turns() -> None:
    clock = FrameClock(20)
    due = dict.fromkeys(range(5), 0)
    for _ in range(50):
        clock.begin(0)
        for phase in due:
            due[phase] += clock.due(5, phase)
    assert due == dict.fromkeys(range(5), 10)
