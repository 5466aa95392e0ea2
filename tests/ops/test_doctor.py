"""The preflight: each row in order, with a warning, and failing; and that looking changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderflow_tui.adapters.heartbeat import stamp
from orderflow_tui.adapters.instance_lock import InstanceLock, instance_lock_path
from orderflow_tui.adapters.journal_memory import SyncJournal
from orderflow_tui.adapters.safety_key import key_path, set_key
from orderflow_tui.cli import Quit, app
from orderflow_tui.config import Config
from orderflow_tui.config.section import leaves
from orderflow_tui.domain.action import Row
from orderflow_tui.ops import preflight
from orderflow_tui.ops.doctor import Report, examine
from orderflow_tui.ops.preflight import Ground, Result
from orderflow_tui.wiring import Wish
from tests.adapters.small_disk import fill, small_disk

NOW_NS = int(datetime(2026, 3, 16, 14, 0, tzinfo=UTC).timestamp()) * 1_000_000_000  # two days before a rate decision
CANARY = "canary-5d2c-token"
DOTENV = f"""TWILIO_ACCOUNT_SID=AC{"0" * 32}
TWILIO_AUTH_TOKEN={CANARY}
TWILIO_WHATSAPP_FROM=whatsapp:+14155238886
TWILIO_WHATSAPP_TO=whatsapp:+34600123456
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty directory to start from and an environment without names of ours."""
    for name in [n for n in os.environ if n.startswith(("ORDERFLOW_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "state").mkdir(mode=0o700, parents=True)
    (folder / "state").chmod(0o700)
    folder.chmod(0o700)
    return folder


def ground(**changes: object) -> Ground:
    given: dict[str, object] = {
        "env": {"TERM": "xterm"},
        "wall_ns": lambda: NOW_NS,
        "mono_ns": lambda: 5_000_000_000,
        "boot": lambda: "this-boot",
        "free_bytes": lambda path: 50_000_000_000,
        "on_terminal": False,
    }
    return Ground(**(given | changes))  # type: ignore[arg-type]


def looked(data: Path, *sets: str, mode: str = "demo", on: Ground | None = None) -> Report:
    return examine(Wish(mode=mode, live=True, data_dir=data, sets=sets), ground=on or ground())


def row(report: Report, name: str) -> tuple[Result, str]:
    (found,) = [r for r in report.rows if r.name == name]
    return found.result, found.sentence


def write_beat(data: Path, **changes: object) -> None:
    document = {**stamp(), "boot": "this-boot", "wall_ns": NOW_NS, "mono_ns": 5_000_000_000, **changes}
    path = data / "state" / "heartbeat.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)


# -- the whole ----------------------------------------------------------------------------------------------------------


def test_a_fresh_folder_in_demo_mode_is_in_order(data: Path) -> None:
    report = looked(data)
    assert [(r.name, r.sentence) for r in report.rows if r.result is not Result.OK] == []
    assert not report.failed


def test_looking_changes_nothing_on_the_disk(data: Path) -> None:
    with SyncJournal(data / "journal" / "paper", "r1", NOW_NS) as journal:
        journal.end(NOW_NS)
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    report = looked(data, mode="paper")
    assert row(report, "journal")[0] is Result.OK
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_the_document_has_every_key_with_its_source_and_no_secret(data: Path, tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(DOTENV + "ORDERFLOW_IB_ACCOUNT=DU1234567\n")
    dotenv.chmod(0o600)
    report = looked(data, "alerts.enabled=true", "risk.max_contracts=1")
    document = json.loads(json.dumps(report.document()))
    assert document["schema"] == "orderflow-tui/doctor/1"
    values = {entry["key"]: entry for entry in document["configuration"]}
    assert list(values) == list(leaves(Config))
    assert values["risk.max_contracts"]["source"] == "--set risk.max_contracts=1"
    assert str(values["risk.stop_ticks"]["source"]).endswith("default.toml")
    assert values["ib.account"]["value"] == "…567"
    assert {"name": "TWILIO_AUTH_TOKEN", "source": str(dotenv)} in document["secrets"]
    told = json.dumps(document) + report.text()
    assert not any(secret in told for secret in (CANARY, "600123456", "DU1234567", "AC" + "0" * 32))


@pytest.mark.parametrize(
    ("mode", "stored", "result", "sentence"),
    [
        ("demo", False, Result.OK, "none is set"),
        ("paper", False, Result.OK, "to clear a lock only"),
        ("live", False, Result.FAIL, "nothing that is latched in mode live can be cleared"),
        ("demo", True, Result.OK, "at clearing a lock"),
        ("paper", True, Result.OK, "at every resume"),
        ("live", True, Result.OK, "at every resume"),
    ],
)
def test_the_preflight_says_whether_a_safety_key_is_set_and_when_it_is_asked_for(
    data: Path, mode: str, stored: bool, result: Result, sentence: str
) -> None:
    if stored:
        set_key(key_path(data), CANARY)
    found = row(looked(data, mode=mode), "safety key")
    assert found[0] is result
    assert sentence in found[1]
    assert CANARY not in found[1]


def test_a_safety_key_that_others_can_read_fails_the_preflight(data: Path) -> None:
    set_key(key_path(data), CANARY)
    key_path(data).chmod(0o644)
    assert row(looked(data), "safety key")[0] is Result.FAIL


def test_a_configuration_that_cannot_be_used_is_told_problem_by_problem(data: Path) -> None:
    report = looked(data, "risk.max_contracts=400", "bogus.key=1")
    assert report.failed
    assert {r.name for r in report.rows} == {"configuration"}
    assert len(report.rows) == 2
    assert "cannot be used" in report.text()


def test_an_unknown_mode_is_wrong_usage_as_everywhere() -> None:
    wrong = CliRunner().invoke(app, ["doctor", "--mode", "turbo"])
    assert isinstance(wrong.exception, Quit)
    assert (wrong.exception.code, "unknown mode 'turbo'" in str(wrong.exception)) == (2, True)


def test_the_verb_ends_with_78_on_a_configuration_that_cannot_be_used_and_still_prints_its_document(data: Path) -> None:
    wrong = CliRunner().invoke(app, ["doctor", "--json", "--data-dir", str(data), "--set", "bogus.key=1"])
    assert wrong.exit_code == 78
    assert json.loads(wrong.stdout)["result"] == "fail"


def test_the_verb_ends_with_0_or_1_and_prints_one_document(data: Path) -> None:
    (data / "state" / "open.txt").touch(mode=0o644)
    (data / "state" / "open.txt").chmod(0o644)
    wrong = CliRunner().invoke(app, ["doctor", "--json", "--data-dir", str(data)])
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["result"] == "fail"
    (data / "state" / "open.txt").chmod(0o600)
    right = CliRunner().invoke(app, ["doctor", "--data-dir", str(data)])
    assert right.exit_code == 0
    assert "risk.daily_loss_cents = 30000" in right.stdout


# -- the machine --------------------------------------------------------------------------------------------------------


def test_a_clock_in_another_century_fails(data: Path) -> None:
    assert row(looked(data, on=ground(wall_ns=lambda: 0)), "clock")[0] is Result.FAIL


def test_a_clock_that_was_set_since_the_last_heartbeat_is_told(data: Path) -> None:
    write_beat(data, wall_ns=NOW_NS - 70_000_000_000, mono_ns=1_000_000_000)
    result, sentence = row(looked(data), "clock")
    assert result is Result.WARN
    assert "+66.0 s" in sentence


def test_a_heartbeat_of_another_boot_says_nothing_about_the_clock(data: Path) -> None:
    write_beat(data, boot="another", wall_ns=NOW_NS - 70_000_000_000, mono_ns=1)
    assert row(looked(data), "clock")[0] is Result.OK


@pytest.mark.parametrize(("free", "result"), [(400, Result.FAIL), (4_000, Result.WARN), (6_000, Result.OK)])
def test_room_on_the_disk(data: Path, free: int, result: Result) -> None:
    assert row(looked(data, on=ground(free_bytes=lambda path: free * 1_000_000)), "data folder")[0] is result


def test_a_file_where_the_data_folder_should_be_fails(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    assert row(looked(tmp_path / "data"), "data folder")[0] is Result.FAIL


def test_a_data_folder_that_is_not_there_yet_is_in_order_and_is_not_made(tmp_path: Path) -> None:
    assert row(looked(tmp_path / "new"), "data folder")[0] is Result.OK
    assert not (tmp_path / "new").exists()


def test_a_file_that_others_can_read_fails_and_says_how_to_close_it(data: Path) -> None:
    (data / "log").mkdir(mode=0o700)
    (data / "log" / "orderflow.log").touch()
    (data / "log" / "orderflow.log").chmod(0o640)
    result, sentence = row(looked(data), "permissions")
    assert result is Result.FAIL
    assert "0640" in sentence
    assert "chmod" in sentence


def test_a_folder_in_which_others_can_remove_the_stop_file_fails(data: Path) -> None:
    data.chmod(0o777)
    assert row(looked(data), "permissions")[0] is Result.FAIL


@pytest.mark.parametrize(
    ("env", "result"),
    [
        ({"TERM": "xterm", "SSH_TTY": "/dev/pts/0"}, Result.WARN),
        ({"TERM": "xterm", "SSH_TTY": "/dev/pts/0", "TMUX": "/tmp/tmux"}, Result.OK),
        ({"TERM": "xterm"}, Result.OK),
        ({"TERM": "dumb", "TMUX": "/tmp/tmux"}, Result.WARN),
    ],
)
def test_a_screen_that_dies_with_its_connection_is_told(data: Path, env: dict[str, str], result: Result) -> None:
    assert row(looked(data, on=ground(env=env, on_terminal=True)), "terminal")[0] is result


def test_damaged_zone_data_fails(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setitem(preflight.ZONES, "America/New_York", -5)
    assert row(looked(data), "time zones")[0] is Result.FAIL
    monkeypatch.setitem(preflight.ZONES, "Mars/Olympus", 0)
    monkeypatch.setitem(preflight.ZONES, "America/New_York", -4)
    assert "tzdata" in row(looked(data), "time zones")[1]


# -- what lies there ----------------------------------------------------------------------------------------------------


def test_a_standing_stop_file_is_told(data: Path) -> None:
    (data / "STOP").write_text("halt\n")
    result, sentence = row(looked(data), "STOP")
    assert result is Result.WARN
    assert "says halt" in sentence


def test_a_damaged_journal_fails_and_names_the_row(data: Path) -> None:
    folder = data / "journal" / "paper"
    with SyncJournal(folder, "r1", NOW_NS) as journal:
        for number in range(3):
            journal.commit_now([Row("orders", "note", f"n{number}", NOW_NS, {"number": number})])
        journal.end(NOW_NS)
    assert row(looked(data, mode="paper"), "journal")[0] is Result.OK
    conn = sqlite3.connect(folder / "orders.sqlite")
    trigger = conn.execute("SELECT sql FROM sqlite_schema WHERE name='event_stays'").fetchone()[0]
    conn.executescript(f"DROP TRIGGER event_stays; UPDATE event SET payload='{{}}' WHERE seq=3; {trigger};")
    conn.close()
    result, sentence = row(looked(data, mode="paper"), "journal")
    assert result is Result.FAIL
    assert "row 3" in sentence


def test_a_full_disk_is_no_damaged_journal(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        data = disk / "data"
        folder = data / "journal" / "paper"
        with SyncJournal(tmp_path / "lives", "r1", NOW_NS):  # as a kill leaves it, after a restart of the machine
            folder.mkdir(parents=True)
            for suffix in ("", "-wal", ".head"):
                shutil.copy2(tmp_path / "lives" / f"orders.sqlite{suffix}", folder)
        fill(disk)
        result, sentence = row(looked(data, mode="paper"), "journal")
        assert result is Result.FAIL
        assert "cannot be read" in sentence
        assert "is damaged" not in sentence
        (disk / "ballast").unlink()
        assert row(looked(data, mode="paper"), "journal")[0] is Result.OK


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            Row("orders", "latch", "NEWER", NOW_NS, {"open": True, "since_ns": 1, "reason": "new"}),
            "latch NEWER, new; start the version",
        ),
        (
            Row("orders", "adjust", "a", NOW_NS, {"instrument": "ZZ", "quantity": 2, "price_ticks": 9}),
            "+2 ZZ held, and ZZ is not",
        ),
        (
            Row("orders", "owner", "4321", NOW_NS, {"digest": "x"}),
            "is of the account ending …4321, ib.account is the one ending …4567",
        ),
    ],
)
def test_what_the_next_start_would_lock_for_fails(data: Path, told: Row, sentence: str) -> None:
    with SyncJournal(data / "journal" / "paper", "r1", NOW_NS) as journal:
        journal.commit_now([told])
        journal.end(NOW_NS)
    result, found = row(looked(data, "ib.account=DU1234567", mode="paper"), "journal")
    assert result is Result.FAIL
    assert sentence in found


def test_without_a_calendar_the_journal_is_proven_and_not_replayed(data: Path) -> None:
    with SyncJournal(data / "journal" / "paper", "r1", NOW_NS) as journal:
        journal.end(NOW_NS)
    report = looked(data, "ib.account=DU1234567", mode="paper", on=ground(wall_ns=lambda: 4_000_000_000_000_000_000))
    assert row(report, "calendar")[0] is Result.FAIL
    assert row(report, "journal")[0] is Result.OK


@pytest.mark.parametrize("what", ["gone", "empty"])
def test_a_journal_that_is_gone_or_empty_fails_and_looking_leaves_its_wal(data: Path, what: str) -> None:
    folder = data / "journal" / "paper"
    with SyncJournal(folder, "r1", NOW_NS):
        wal = (folder / "orders.sqlite-wal").read_bytes()
    (folder / "orders.sqlite").unlink()
    (folder / "orders.sqlite-wal").write_bytes(wal)  # as after a kill
    if what == "empty":
        (folder / "orders.sqlite").touch()
    result, sentence = row(looked(data, mode="paper"), "journal")
    assert result is Result.FAIL
    assert "committed rows up to row 2 are gone" in sentence
    assert (folder / "orders.sqlite-wal").read_bytes() == wal


def test_a_journal_that_is_being_written_can_be_proven_beside_it(data: Path) -> None:
    with SyncJournal(data / "journal" / "paper", "r1", NOW_NS) as journal:
        journal.commit_now([Row("orders", "note", "n", NOW_NS, {})])
        assert row(looked(data, mode="paper"), "journal")[0] is Result.OK


@pytest.mark.parametrize(("year", "result"), [(2028, Result.OK), (2030, Result.WARN), (2031, Result.FAIL)])
def test_the_calendar_must_reach_a_year_ahead(data: Path, year: int, result: Result) -> None:
    now_ns = int(datetime(year, 6, 3, 14, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert row(looked(data, on=ground(wall_ns=lambda: now_ns)), "calendar")[0] is result


def test_a_forgotten_news_file_is_told_and_says_whether_entries_stop(data: Path) -> None:
    later = ground(wall_ns=lambda: NOW_NS + 5 * 86_400_000_000_000)
    assert row(looked(data), "news")[0] is Result.OK
    assert "nothing stops" in row(looked(data, on=later), "news")[1]
    assert "refused" in row(looked(data, "news.fail_mode=block", on=later), "news")[1]


def test_the_leading_month_is_named(data: Path) -> None:
    assert row(looked(data), "analysed")[1].startswith("ESM6")  # the Monday of expiry week: June leads
    assert row(looked(data), "traded")[1].startswith("MESM6")


def test_a_running_engine_is_told_and_a_hung_one_fails(data: Path) -> None:
    with InstanceLock.take(instance_lock_path(data), "paper"):
        assert row(looked(data), "engine")[0] is Result.FAIL, "it never beat"
        write_beat(data, **stamp())
        assert row(looked(data), "engine")[0] is Result.WARN
        write_beat(data, **(stamp() | {"mono_ns": 0, "wall_ns": 0}))
        assert row(looked(data), "engine")[0] is Result.FAIL
    assert row(looked(data), "engine")[0] is Result.OK


# -- broker and people --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "account", "result"),
    [
        ("demo", "", Result.OK),
        ("paper", "", Result.OK),
        ("paper", "DU1234567", Result.OK),
        ("paper", "U1234567", Result.FAIL),
        ("live", "U1234567", Result.OK),
        ("live", "DU1234567", Result.FAIL),
        ("live", "", Result.FAIL),
    ],
)
def test_the_account_must_be_able_to_belong_to_the_mode(data: Path, mode: str, account: str, result: Result) -> None:
    assert row(looked(data, f'ib.account="{account}"', "ib.port=1", mode=mode), "account")[0] is result


def test_the_currency_matters_only_where_orders_go_out(data: Path) -> None:
    assert not [r for mode in ("demo", "monitor") for r in looked(data, mode=mode).rows if r.name == "currency"]
    result, sentence = row(looked(data, mode="paper"), "currency")
    assert result is Result.WARN
    assert "not known" in sentence


def test_alerts_that_are_off_matter_only_where_orders_go_out(data: Path) -> None:
    assert row(looked(data), "alerts")[0] is Result.OK
    assert row(looked(data, "ib.port=1", mode="paper"), "alerts")[0] is Result.WARN


def test_alerts_that_are_on_without_their_names_fail(data: Path) -> None:
    result, sentence = row(looked(data, "alerts.enabled=true"), "alerts")
    assert result is Result.FAIL
    assert "TWILIO_ACCOUNT_SID" in sentence


def test_alerts_without_a_template_are_told_with_masked_numbers(data: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / ".env").write_text(DOTENV)
    result, sentence = row(looked(data, "alerts.enabled=true"), "alerts")
    assert result is Result.WARN
    assert "+3…56" in sentence


def test_the_gateway_is_looked_for_only_where_it_is_needed(data: Path) -> None:
    assert "gateway" not in {r.name for r in looked(data).rows}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert row(looked(data, f"ib.port={port}", mode="paper"), "gateway")[0] is Result.OK
    result, sentence = row(looked(data, f"ib.port={port}", mode="paper"), "gateway")
    assert result is Result.FAIL
    assert "refused" in sentence.lower()


def test_a_library_that_is_not_there_fails_where_a_gateway_is_needed(data: Path) -> None:
    sets = ("ib.library=ib_async", "ib.port=1")
    assert row(looked(data, *sets), "programs")[0] is Result.OK
    missing = find_spec("ib_async") is None
    assert row(looked(data, *sets, mode="paper"), "programs")[0] is (Result.FAIL if missing else Result.OK)
