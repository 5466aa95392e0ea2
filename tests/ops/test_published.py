"""Documents that leave the house: times in ISO-8601, money in account currency, limits as they are set."""

from __future__ import annotations

from pathlib import Path

from orderflow_tui.domain.action import Json
from orderflow_tui.ops.published import published
from orderflow_tui.ops.status import status_of, status_text


def test_times_and_money_lose_their_inner_units_however_deep_they_lie() -> None:
    inner: dict[str, Json] = {
        "session": {"began_ns": 1_772_721_000_000_000_001, "net_cents": -1234, "trades": 2},
        "days": [{"peak_cents": None}],
    }
    assert published(inner) == {
        "session": {"began": "2026-03-05T14:30:00.000000001Z", "net": -12.34, "trades": 2},
        "days": [{"peak": None}],
    }


def test_limits_keep_the_names_a_person_changes_them_by() -> None:
    limits: dict[str, Json] = {"limits": {"daily_loss_cents": 30_000}, "limits_in_force": {"daily_loss_cents": 25_000}}
    assert published(limits) == limits


def test_without_an_engine_the_status_says_that_none_ever_beat(tmp_path: Path) -> None:
    found = status_of(tmp_path)
    assert (found["answering"], found["heartbeat_age_s"]) == (False, None)
    assert "heartbeat age s  ?" in status_text(found)
