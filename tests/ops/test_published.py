"""Documents that leave the house: times in ISO-8601, money in account currency, limits as they are set."""

from __future__ import annotations

import json
from pathlib import Path

from orderflow_tui.adapters.heartbeat import Heartbeat, heartbeat_path
from orderflow_tui.domain.action import Json
from orderflow_tui.ops.published import published
from orderflow_tui.ops.status import gone, status_of, status_text


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


def test_a_text_that_is_empty_is_read_as_none() -> None:
    assert "lost 0, trouble none" in status_text({"market_rows": {"lost": 0, "trouble": ""}})


def beaten(folder: Path, **document: Json) -> Path:
    """A heartbeat of a program that is gone, written just now."""
    heart = Heartbeat(heartbeat_path(folder))
    heart.put({"trading_state": "RUNNING", "link_state": "READY", "armed": True, **document})
    heart.close()
    return folder


def older(folder: Path, by_s: int) -> None:
    path = heartbeat_path(folder)
    beat = json.loads(path.read_text())
    path.write_text(json.dumps(beat | {"mono_ns": beat["mono_ns"] - by_s * 10**9}))


def test_an_engine_that_stopped_is_told_as_stopped(tmp_path: Path) -> None:
    found = status_of(beaten(tmp_path, trading_state="STOPPED", link_state="OFF"))
    assert found["trading_state"] == "STOPPED"
    assert "has stopped" in gone(found)
    older(tmp_path, 3_600)
    assert status_of(tmp_path)["trading_state"] == "STOPPED"


def test_what_nobody_vouches_for_any_more_is_unknown_and_ages_go_on(tmp_path: Path) -> None:
    beaten(tmp_path, feed={"age_ms": 40, "grade": "A"}, reconcile_age_ms=1_000)
    assert gone(status_of(tmp_path)) == "", "a second old: it lives, its door may be busy"
    older(tmp_path, 60)
    found = status_of(tmp_path)
    assert (found["trading_state"], found["link_state"], found["armed"]) == ("UNKNOWN", "UNKNOWN", None)
    assert "ago it said RUNNING" in str(found["trading_state_reason"])
    assert isinstance(found["feed"], dict)
    assert int(str(found["feed"]["age_ms"])) >= 60_040
    assert int(str(found["reconcile_age_ms"])) >= 61_000
    assert "no engine answers, its last heartbeat is 60" in gone(found)
    assert "UNKNOWN" in status_text(found)


def test_ages_nobody_knows_stay_unknown(tmp_path: Path) -> None:
    found = status_of(beaten(tmp_path, feed={"age_ms": None}, reconcile_age_ms=None))
    assert (found["feed"], found["reconcile_age_ms"]) == ({"age_ms": None}, None)
