"""The heartbeat: whole, newest wins, its age told by the right clock."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from orderflow_tui.adapters import heartbeat
from orderflow_tui.adapters.heartbeat import Heartbeat, HeartbeatFault, heartbeat_path, read_status
from tests.adapters.small_disk import fill, small_disk


def test_the_last_document_is_on_disk_when_the_heartbeat_closed(tmp_path: Path) -> None:
    beat = Heartbeat(heartbeat_path(tmp_path))
    for number in range(50):
        beat.put({"state": "RUNNING", "number": number})
    beat.close()
    beat.close()
    status = read_status(tmp_path)
    assert status is not None
    assert (status.document["number"], status.document["sequence"]) == (49, 50)
    assert status.document["schema"] == "orderflow-tui/heartbeat/1"
    assert 1 <= beat.written <= 50
    assert heartbeat_path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert [p.name for p in heartbeat_path(tmp_path).parent.iterdir()] == ["heartbeat.json"], "no temporary file stays"


def test_the_age_is_monotonic_within_a_boot_and_wall_time_across_boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = heartbeat_path(tmp_path)
    path.parent.mkdir()
    monkeypatch.setattr(time, "monotonic_ns", lambda: 10_000_000_000)
    monkeypatch.setattr(time, "time_ns", lambda: 90_000_000_000)
    for boot, expected in ((heartbeat.boot_id(), 3_000), ("another", 50_000)):
        path.write_text(json.dumps({"wall_ns": 40_000_000_000, "mono_ns": 7_000_000_000, "boot": boot}))
        status = read_status(tmp_path)
        assert status is not None
        assert status.age_ms == expected


def test_no_heartbeat_is_none_and_garbage_is_a_fault(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    heartbeat_path(tmp_path).parent.mkdir()
    for content in ("", "[]", "{}", '{"wall_ns": "x", "mono_ns": 1}'):
        heartbeat_path(tmp_path).write_text(content)
        with pytest.raises(HeartbeatFault, match="no heartbeat of ours"):
            read_status(tmp_path)


def test_a_disk_that_refuses_is_noted_and_stops_nobody(tmp_path: Path) -> None:
    path = heartbeat_path(tmp_path)
    path.mkdir(parents=True)
    beat = Heartbeat(path)
    beat.put({"state": "RUNNING"})
    beat.close()
    assert beat.written == 0
    assert beat.trouble


def test_a_disk_that_takes_a_part_leaves_the_last_whole_document(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        path = heartbeat_path(disk)
        path.parent.mkdir()
        heartbeat.write_whole(path, "whole")
        fill(disk, leave_kb=8)
        with pytest.raises(OSError, match="No space left"):
            heartbeat.write_whole(path, "x" * 100_000)
        assert path.read_text() == "whole"
