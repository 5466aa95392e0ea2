"""A damaged journal with a position open: the house comes up LOCKED, knows the broker's truth, and flattens for a person."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal_memory import SyncJournal, read_events
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.order import Fill, Side
from orderflow_tui.trading import rows
from tests.e2e.paper_desk import PaperDesk
from tests.e2e.terminal import COMMAND
from tests.gateway.process import GatewayProcess

pytestmark = pytest.mark.slow
NOW_NS = 1_790_000_000_000_000_000
Hurt = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "locks"))


def flip(text: bytes) -> Hurt:
    """Changes one bit of the first place where these bytes lie."""

    def hurt(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[content.index(text)] ^= 1
        path.write_bytes(content)

    return hurt


def emptied(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    "hurt", [flip(b'"config_hash"'), flip(b'"role":"S"'), emptied], ids=["an old row", "the row of the stop", "all of it"]
)
def test_with_a_position_open_it_locks_flattens_by_hand_and_stays_locked(tmp_path: Path, hurt: Hurt) -> None:
    journal = tmp_path / "journal" / "paper"
    with PaperDesk(tmp_path) as first:
        first.running().bracket("BUY")
        first.close()
        hurt(journal / "orders.sqlite")
        damaged = (journal / "orders.sqlite").read_bytes()

        with PaperDesk(tmp_path, after=first) as second:
            view = second.until(lambda v: v.truth.state.value == "LOCKED" and v.truth.broker_position == 1, "LOCKED, long 1")
            assert "BROKEN_CHAIN" in {kind for kind, _, _ in view.latches}
            (told,) = {text for _, text, _ in view.alerts if "and no stop is placed" in text}
            assert "flatten by hand" in told
            (kept,) = [path for path in journal.glob("orders.sqlite.damaged-*") if path.suffix not in (".head",)]
            assert kept.read_bytes() == damaged
            assert kept.name in told
            second.seam.command(Command.ARM)
            second.seam.command(Command.BRACKET, {"side": "BUY"})
            second.until(lambda v: len(v.news) >= 2, "refusals")
            assert second.state()["positions"] == {"MESZ6": 1}
            (stop,) = [o for o in second.state()["orders"] if o["type"] == "STP"]
            assert stop["status"] == "PreSubmitted"

            second.seam.command(Command.FLATTEN)
            second.until(lambda v: (v.truth.broker_position, v.truth.working_orders) == (0, 0) and flat(second), "flat")
            assert {o["status"] for o in second.state()["orders"]} <= {"Filled", "Cancelled"}
            assert second.truth is not None
            assert second.truth.state.value == "LOCKED"

        with PaperDesk(tmp_path, after=first) as third:
            view = third.until(lambda v: v.truth.link == "READY", "READY")
            assert view.truth.state.value == "LOCKED"
            assert "BROKEN_CHAIN" in {kind for kind, _, _ in view.latches}
            references = [o["ref"] for o in third.state()["orders"]]
            assert len(references) == len(set(references))
    assert [stored.row.kind for stored in read_events(journal)][:2] == ["genesis", "damaged"]


def flat(desk: PaperDesk) -> bool:
    return bool(desk.state()["positions"] == {})


def test_a_position_in_what_is_not_configured_any_more_locks_and_names_it(tmp_path: Path) -> None:
    """It was an assertion of ours that ended every start: no console, so no flatten."""
    with SyncJournal(tmp_path / "journal" / "paper", "r1", NOW_NS) as journal:
        fill = Fill("x1.01", "x1", 1, None, NOW_NS, "ZZ", Side.BUY, 1, 20_000)
        journal.commit_now([rows.fill_row(fill, NOW_NS, date(2026, 11, 17), 0, "MANUAL")])
        journal.end(NOW_NS)
    with PaperDesk(tmp_path) as desk:
        view = desk.until(lambda v: v.truth.state.value == "LOCKED" and v.truth.link == "READY", "LOCKED at a gateway")
        assert [kind for kind, _, _ in view.latches] == ["BROKEN_CHAIN"]
        assert "+1 ZZ held, and ZZ is not configured: put it back into instruments.toml" in view.truth.state_reason
        assert desk.state()["orders"] == []


def test_the_command_runs_locked_without_a_screen_and_does_not_trade(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "journal" / "paper"
    with SyncJournal(folder, "r1", NOW_NS) as journal:
        journal.commit_now([Row("orders", "note", "a", NOW_NS, {"what": "hurt here"})])
        journal.end(NOW_NS)
    flip(b"hurt here")(folder / "orders.sqlite")
    with GatewayProcess() as gateway:
        options = ["run", "--mode", "paper", "--headless", "--auto", "--for", "6", "--data-dir", str(tmp_path / "data")]
        command = [*COMMAND, *options, "--set", f"ib.port={gateway.port}"]
        done = subprocess.run(
            command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        beat = json.loads((tmp_path / "data" / "state" / "heartbeat.json").read_text())
        assert beat["trading_state"] == "STOPPED"
        assert beat["trading_state_reason"].startswith("the run ended, LOCKED")
        assert beat["automation"] != "AUTO"
        assert beat["latches"][0][0] == "BROKEN_CHAIN"
        assert "is damaged at row 3" in beat["trading_state_reason"]
        assert gateway.do("state")["orders"] == []
