"""An engine that stands still is left at SIGTERM: what it said last is told with its age, and nothing is promised."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.process.paper_process import PaperProcess

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_hung_engine_promises_no_stop_where_the_broker_ends_with_it(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with PaperProcess(tmp_path, demo=True) as house:
        house.running()
        house.break_("loop")
        house.process.send_signal(number)
        ended, told = house.ended()
    assert ended == code
    assert "the engine did not stop in time; the simulated broker ends with its run" in told
    assert "at the broker" not in told


def test_a_hung_engine_at_a_broker_leaves_what_it_said_last_and_when(tmp_path: Path) -> None:
    with PaperProcess(tmp_path) as house:
        house.bracket()
        house.break_("loop")
        house.process.terminate()
        code, told = house.ended()
    assert code == 143
    said = re.search(
        r"did not stop in time; (\d+) s ago it said: \+1 MES; its stop is at the broker; (\d) order\(s\) working", told
    )
    assert said is not None, told
    assert int(said[1]) >= 8
    assert "since then NOT KNOWN" in told
