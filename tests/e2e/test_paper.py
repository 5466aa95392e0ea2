"""The house as it runs at Interactive Brokers, at a gateway of its own process, over TCP."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from orderflow_tui.adapters import ib_history
from orderflow_tui.adapters.instance_lock import InstanceLock, account_lock_path
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.view.model import ConsoleView
from orderflow_tui.wiring import interactive
from tests.e2e.paper_desk import PaperDesk
from tests.e2e.terminal import COMMAND
from tests.gateway.process import GatewayProcess

pytestmark = pytest.mark.slow
ACCOUNT = "DU1234567"


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Account locks of this test's own, in this process and in its children."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "locks"))


def told(view: ConsoleView, text: str) -> bool:
    return any(text in alert for _, alert, _ in view.alerts)


def test_a_bracket_is_filled_protected_and_flattened_and_the_ledger_is_the_gateways(tmp_path: Path) -> None:
    with PaperDesk(tmp_path) as desk:
        truth = desk.running().bracket("BUY").truth
        assert (truth.mode, truth.account_suffix, truth.contract, truth.local_position) == ("PAPER", "4567", "Z6", 1)
        state = desk.state()
        assert state["positions"] == {"MESZ6": 1}
        (stop,) = [o for o in state["orders"] if o["type"] == "STP"]
        assert (stop["status"], stop["tif"], stop["outside_rth"], stop["account"]) == ("PreSubmitted", "GTC", True, ACCOUNT)
        flat = desk.flatten()
        assert flat.pnl.trades == 1
        state = desk.state()
        assert state["positions"] == {}
        assert {o["status"] for o in state["orders"]} <= {"Filled", "Cancelled"}
        references = [o["ref"] for o in state["orders"]]
        assert len(references) == len(set(references))
        desk.close()
        booked = {(row["quantity"], row["price_ticks"]) for row in desk.rows("fill")}
        assert booked == {(quantity, price_ticks) for _, _, quantity, price_ticks in state["executions"]}
        assert len(desk.rows("fill")) == len(state["executions"]) == 2
        assert desk.runtime.exit_code == 0


def test_a_lost_socket_fences_and_the_stop_stays_until_the_house_is_back(tmp_path: Path) -> None:
    with PaperDesk(tmp_path) as desk:
        desk.running().bracket("SELL")
        desk.gateway.do("cut")
        lost = desk.until(lambda v: v.truth.link != "READY", "a lost link")
        assert lost.truth.state.value != "RUNNING"
        back = desk.until(lambda v: v.truth.link == "READY" and v.truth.state.value == "RUNNING", "READY and RUNNING again")
        assert (back.truth.local_position, back.truth.protection.value) == (-1, "at broker")
        assert len(desk.state()["orders"]) == 3
        desk.flatten()
        assert desk.state()["positions"] == {}


def test_a_frozen_gateway_fences_by_its_silence(tmp_path: Path) -> None:
    with PaperDesk(tmp_path) as desk:
        desk.running()
        desk.gateway.freeze()
        desk.until(lambda v: v.truth.link == "BACKOFF" and v.truth.state.value != "RUNNING", "a fence")
        assert desk.runtime.house.engine.link_reason.startswith("gateway does not answer: 2 probes of 1.5 s")
        desk.gateway.thaw()
        desk.until(lambda v: v.truth.link == "READY" and v.truth.state.value == "RUNNING", "READY and RUNNING again")
        desk.close()
        links = list(zip(desk.refs("link"), (str(row["reason"]) for row in desk.rows("link")), strict=True))
        assert [link for link, _ in links if link in {"READY", "BACKOFF"}] == ["READY", "BACKOFF", "READY"]
        assert next(why for link, why in links if link == "BACKOFF").startswith("gateway does not answer")


def test_a_live_account_locks_paper_before_any_order(tmp_path: Path) -> None:
    with PaperDesk(tmp_path, "--accounts", "U1234567") as desk:
        locked = desk.until(lambda v: v.truth.state.value == "LOCKED", "LOCKED")
        assert [kind for kind, _, _ in locked.latches] == [LatchKind.WRONG_ACCOUNT.value]
        assert locked.truth.link == "BLOCKED"
        desk.seam.command(Command.ARM)
        desk.seam.command(Command.BRACKET, {"side": "BUY"})
        desk.until(lambda v: told(v, "cannot arm") or len(v.news) >= 2, "refusals")
        assert desk.gateway.do("received", what="PLACE_ORDER") == []


def test_a_journal_of_another_account_is_no_memory_of_this_one(tmp_path: Path) -> None:
    """Its position stays what it was: nothing is adopted, booked or declared dead on the other account's word."""
    with PaperDesk(tmp_path) as first:
        first.bracket("BUY")
        first.close()
        assert first.refs("owner") == [ACCOUNT[-4:]]
        with PaperDesk(tmp_path, "--accounts", "DU7654321") as other:
            locked = other.until(lambda v: v.truth.state.value == "LOCKED" and v.truth.link == "BLOCKED", "LOCKED")
            assert [kind for kind, _, _ in locked.latches] == [LatchKind.WRONG_ACCOUNT.value]
            assert "this journal is of the account ending …4567" in locked.truth.state_reason
            assert (locked.truth.local_position, locked.truth.broker_position) == (1, None)
            other.close()
            assert other.gateway.do("received", what="PLACE_ORDER") == []
            assert other.rows("adjust", "account") == first.rows("adjust", "account")
        with PaperDesk(tmp_path, after=first) as back:
            seen = back.until(lambda v: v.truth.link == "READY" and v.truth.broker_position == 1, "the first account again")
            assert [kind for kind, _, _ in seen.latches] == [LatchKind.WRONG_ACCOUNT.value], "until a person clears it"
            assert (seen.truth.local_position, seen.truth.protection.value) == (1, "at broker")


def test_an_account_that_another_process_trades_is_left_alone(tmp_path: Path) -> None:
    with InstanceLock.take(account_lock_path(ACCOUNT), "paper"), PaperDesk(tmp_path) as desk:
        assert desk.runtime.join(30)
        assert desk.runtime.exit_code == 75
        assert "already works here" in str(desk.runtime.failure)
        assert desk.refs("latch") == [LatchKind.SECOND_HOST.value]
        assert desk.gateway.do("received", what="PLACE_ORDER") == []


def test_the_composite_value_area_stands_after_the_first_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactive, "SESSIONS", 6)
    with PaperDesk(tmp_path) as desk:
        desk.running()
        view = desk.until(lambda v: told(v, "history: complete"), "a complete history")
        view = desk.until(lambda v: v.profile.cva is not None, "a composite value area")
        assert view.profile.cva_days == 5
        assert view.truth.state.value == "RUNNING"
        priced = desk.until(lambda v: v.dom.last is not None and v.seq > view.seq + 20, "prices that go on")
        assert priced.truth.data_age_ms is not None
        assert priced.truth.data_age_ms < 5_000


def test_a_broker_without_history_is_a_note_and_not_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ib_history, "REFUSED_PAUSE_S", 0.01)
    script = '[{"at": 0, "do": "answer", "what": "HISTORICAL_BARS", "code": 162, "count": 50}]'
    with PaperDesk(tmp_path, "--json", script) as desk:
        view = desk.until(lambda v: told(v, "no history"), "the note")
        assert view.latches == ()
        assert desk.running().truth is not None


@pytest.mark.parametrize(("mode", "position"), [("sim", 1), ("monitor", 0)])
def test_modes_without_a_way_out_send_the_broker_nothing(tmp_path: Path, mode: str, position: int) -> None:
    with PaperDesk(tmp_path, "--accounts", "U7654321", mode=mode) as desk:
        if mode == "sim":
            truth = desk.running().bracket("BUY").truth
        else:
            desk.running()
            desk.seam.command(Command.ARM)
            desk.seam.command(Command.BRACKET, {"side": "BUY"})
            truth = desk.until(lambda v: len(v.news) > 0, "a refusal").truth
        assert (truth.account_suffix, truth.local_position) == ("4321", position)
        assert desk.gateway.do("received", what="PLACE_ORDER") == []


def test_the_command_runs_paper_without_a_screen_and_leaves_a_tape(tmp_path: Path) -> None:
    with GatewayProcess() as gateway:
        options = ["run", "--mode", "paper", "--headless", "--for", "6", "--data-dir", str(tmp_path / "data")]
        command = [*COMMAND, *options, "--set", f"ib.port={gateway.port}"]
        done = subprocess.run(
            command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        beat = json.loads((tmp_path / "data" / "state" / "heartbeat.json").read_text())
        assert (beat["mode"], beat["account_suffix"], beat["trading_state"]) == ("paper", "4567", "STOPPED")
        assert beat["trading_state_reason"] == "the run ended, RUNNING", "it had been ready"
        assert list((tmp_path / "data" / "tape" / "ES").glob("*/live-0001.log"))
        assert gateway.do("state")["clients"] == []


def test_a_failed_back_fill_is_asked_for_again_and_says_when(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ib_history, "REFUSED_PAUSE_S", 0.01)
    monkeypatch.setattr(interactive, "SESSIONS", 6)
    monkeypatch.setattr(interactive, "RETRY_S", (0.5,))
    script = '[{"at": 0, "do": "answer", "what": "HISTORICAL_BARS", "code": 162, "count": 6}]'
    with PaperDesk(tmp_path, "--json", script) as desk:
        desk.until(lambda v: told(v, "history is asked for again in 0.5 s"), "the promise")
        view = desk.until(lambda v: told(v, "history: complete"), "a complete history")
        assert told(view, "history: 5 of 7 sessions")
