"""The paper checklist in front of the gateway simulator: what was seen is told, what was not is never claimed."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from orderflow_tui.adapters.instance_lock import InstanceLock, instance_lock_path
from orderflow_tui.domain.account import AccountReport
from orderflow_tui.ops.doctor import examine
from orderflow_tui.ops.paper_check import BY_HAND, FILE, OBSERVED, Checked, Patience, Status, Watched, check, currency, finding
from orderflow_tui.ops.paper_check import _currency as currency_seen
from orderflow_tui.ops.paper_check import _market as market_seen
from orderflow_tui.ops.paper_check import _snapshot as snapshot_seen
from orderflow_tui.ops.preflight import Result
from orderflow_tui.wiring import Plan, Wish, plan_of
from tests.gateway.process import GatewayProcess

QUICK = Patience(ready_s=15.0, watch_s=0.5)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith(("ORDERFLOW_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def planned(folder: Path, port: int) -> Plan:
    return plan_of(Wish(mode="paper", data_dir=folder, sets=(f"ib.port={port}",)))


def statuses(checked: Checked) -> dict[str, Status]:
    return {step.id: step.status for step in checked.steps}


def test_without_a_gateway_nothing_is_claimed_and_the_list_is_still_written(tmp_path: Path) -> None:
    checked = check(planned(tmp_path, 1), reachable=False)
    assert {statuses(checked)[name] for name, _ in OBSERVED} == {Status.NOT_SEEN}
    assert {statuses(checked)[name] for name, _ in BY_HAND} == {Status.BY_HAND}
    assert finding(checked).result is Result.WARN
    path = tmp_path / "state" / FILE
    assert json.loads(path.read_text())["schema"] == "orderflow-tui/paper-check/1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_person_noted_is_kept_from_run_to_run(tmp_path: Path) -> None:
    plan = planned(tmp_path, 1)
    path = check(plan, reachable=False).path
    document = json.loads(path.read_text())
    next(step for step in document["steps"] if step["id"] == "oca")["noted"] = "cancelled after 180 ms"
    path.write_text(json.dumps(document))
    again = check(plan, reachable=False)
    assert {step.id: step.noted for step in again.steps}["oca"] == "cancelled after 180 ms"
    assert "cancelled after 180 ms" in path.read_text()
    assert any("cancelled after 180 ms" in line for line in again.lines())


@pytest.mark.parametrize("content", ["not json", "[]", '{"schema": "orderflow-tui/paper-check/1", "steps": [{}]}'])
def test_a_file_that_is_not_ours_is_never_written_over(tmp_path: Path, content: str) -> None:
    plan = planned(tmp_path, 1)
    path = tmp_path / "state" / FILE
    path.parent.mkdir()
    path.write_text(content)
    checked = check(plan, reachable=False)
    assert path.read_text() == content
    assert finding(checked).result is Result.FAIL
    assert "NOT recorded" in checked.lines()[0]
    assert currency(plan).result is Result.WARN


def test_a_running_engine_keeps_its_client_id_to_itself(tmp_path: Path) -> None:
    with InstanceLock.take(instance_lock_path(tmp_path), "paper"):
        checked = check(planned(tmp_path, 1), reachable=True)
    assert {statuses(checked)[name] for name, _ in OBSERVED} == {Status.NOT_SEEN}
    assert "client id" in checked.steps[0].finding


def test_somebody_who_listens_and_never_greets_is_not_a_gateway(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        plan = planned(tmp_path, deaf.getsockname()[1])
        checked = check(plan, reachable=True, patience=Patience(ready_s=0.3, watch_s=0.0))
    assert {statuses(checked)[name] for name, _ in OBSERVED} == {Status.NOT_SEEN}


@pytest.mark.slow
def test_a_paper_gateway_is_seen_step_by_step_and_gets_no_order(tmp_path: Path) -> None:
    with GatewayProcess("--pace", "200") as gateway:
        checked = check(planned(tmp_path, gateway.port), reachable=True, patience=QUICK)
        assert gateway.do("state")["orders"] == []
        assert gateway.do("received", what="PLACE_ORDER") == []
    assert {name: statuses(checked)[name] for name, _ in OBSERVED} == {name: Status.SEEN for name, _ in OBSERVED}
    assert "DU1234567" not in checked.path.read_text()


def test_a_refused_quote_stream_is_not_called_granted_although_everything_else_came() -> None:
    watched = Watched(trades=9, quotes=9, depths=9, refused={"BidAsk of ES": "10190 too many"})
    assert market_seen(watched)["subscriptions"] == (Status.WRONG, "refused BidAsk of ES: 10190 too many")


def test_only_what_was_asked_for_is_called_not_refused() -> None:
    watched = Watched(trades=9, quotes=9, depths=9, asked=("Last of ES", "depth of ES"))
    assert market_seen(watched)["subscriptions"] == (Status.SEEN, "none was refused of Last of ES, depth of ES")
    watched.quotes = 0
    assert market_seen(watched)["subscriptions"][0] is Status.NOT_SEEN


def test_the_currency_of_the_account_is_not_known_before_a_gateway_told_it(tmp_path: Path) -> None:
    plan = planned(tmp_path, 1)
    assert currency(plan).result is Result.WARN
    check(plan, reachable=False)
    told = currency(plan)
    assert told.result is Result.WARN
    assert "--paper-check" in told.sentence
    assert "must be USD" in told.sentence


@pytest.mark.parametrize(("told", "result"), [("USD", Result.OK), ("EUR", Result.FAIL), ("no currency", Result.FAIL)])
def test_the_currency_the_gateway_told_is_named_and_what_to_do_about_another(tmp_path: Path, told: str, result: Result) -> None:
    plan = planned(tmp_path, 1)
    path = check(plan, reachable=False).path
    document = json.loads(path.read_text())
    step = next(step for step in document["steps"] if step["id"] == "currency")
    status, step["finding"] = currency_seen(told)
    step["status"] = status.value
    path.write_text(json.dumps(document))
    row = currency(plan)
    assert row.result is result
    assert told in row.sentence
    assert document["when"] in row.sentence
    assert ("portal" in row.sentence) is (result is Result.FAIL)


def test_times_of_executions_in_a_zone_nobody_knows_are_told() -> None:
    report = AccountReport(0, 0, 1, True, (), "DU1", (), (), (), ())
    assert snapshot_seen(report, "")[0] is Status.SEEN
    status, told = snapshot_seen(report, "20260302 09:30:00")
    assert status is Status.WRONG
    assert "'20260302 09:30:00'" in told
    assert "UTC format" in told


@pytest.mark.slow
def test_a_live_account_behind_the_gateway_is_told_and_nothing_else_is_claimed(tmp_path: Path) -> None:
    with GatewayProcess("--accounts", "U7654321") as gateway:
        wish = Wish(mode="paper", data_dir=tmp_path, sets=(f"ib.port={gateway.port}",))
        report = examine(wish, check_paper=True)
    assert report.failed
    assert report.checked is not None
    found = statuses(report.checked)
    assert found["account"] is Status.WRONG
    assert {found[name] for name, _ in OBSERVED if name != "account"} == {Status.NOT_SEEN}
    assert "U7654321" not in json.dumps(report.document()) + report.text()
