"""The wall clock of the machine steps under the process that really runs; the broker's goes on. Judged by what was journalled."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.process.paper_process import PaperProcess

pytestmark = pytest.mark.slow
ENGINES = ("command", "intent", "order", "state", "fill", "refusal", "latch", "alert", "session")  # rows the engine stamps
HOUR_NS = 3_600 * 1_000_000_000


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS])
def test_a_step_of_the_clock_fences_keeps_the_stop_and_never_takes_the_journal_back(tmp_path: Path, step_ns: int) -> None:
    with PaperProcess(tmp_path) as house:
        assert house.gateway is not None
        house.bracket()
        orders = house.gateway.do("state")["orders"]
        house.house_clock.leap_to(house.house_clock() + step_ns)
        house.until(lambda s: s["trading_state"] == "FENCED" and "clock" in s["trading_state_reason"], "the fence")
        house.press("arm")
        house.press("bracket", side="SELL")
        seen = house.until(lambda s: s["protective_stop"] == "at broker", "the stop")
        assert (seen["latches"], seen["position"]["local"]) == ([], 1), "nothing is latched and nothing is lost"
        house.press("halt")
        house.until(lambda s: s["trading_state"] == "HALTED", "a brake that is done at once")
        assert house.gateway.do("state")["orders"] == orders, "no order left, none was called off"
        house.process.terminate()
        assert house.ended()[0] == 143
        stamps = [row.ts_ns for row in house.rows(*ENGINES)]
        assert len(stamps) > 10
        assert all(before <= after for before, after in pairwise(stamps)), "the engine's time never goes back"
        assert [row.ref for row in house.rows("latch")] == ["OPERATOR"]
        assert [p for p in house.payloads("alert") if p.get("kind") == "clock"], "a person was told"
        assert "trading state" in {p["rule"] for p in house.payloads("refusal")}, "the entry was refused"
        house.house_clock.leap_to(house.house_clock() - step_ns)  # somebody set it right: a start wants the broker's time
        house.again()
        seen = house.until(lambda s: s["trading_state"] == "HALTED" and s["protective_stop"] == "at broker", "the next start")
        assert [latch[0] for latch in seen["latches"]] == ["OPERATOR"]
