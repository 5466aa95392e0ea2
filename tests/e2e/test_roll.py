"""The month changes while a house lives and between two lives, at a gateway that lists two months at two prices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest

from orderflow_tui.adapters.control import Declined, ask, control_path
from orderflow_tui.adapters.tape import read_tape
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.market import FeedStatus
from orderflow_tui.view.model import ConsoleView
from orderflow_tui.wiring import interactive
from tests.e2e.paper_desk import PaperDesk

pytestmark = pytest.mark.slow
CARRY = 220  # ticks from one month to the next
ROLL_WEEK_NS = int(datetime(2026, 12, 9, 15, 30, tzinfo=UTC).timestamp()) * 1_000_000_000  # volume may roll it
MINUTE_NS = 60_000_000_000
ROLL_DAY = date(2026, 12, 9)


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "locks"))
    monkeypatch.setattr(interactive, "SESSIONS", 6)


def told(view: ConsoleView, text: str) -> bool:
    return any(text in alert for _, alert, _ in view.alerts)


def desk(folder: Path, lead: int, mode: str = "paper", *sets: str, minute: int = 0) -> PaperDesk:
    """A life of the house that begins `minute` minutes into the morning."""
    options = ("--carry", str(CARRY))
    begins_ns = ROLL_WEEK_NS + minute * MINUTE_NS
    return PaperDesk(folder, *options, mode=mode, lead=lead, morning_ns=begins_ns, sets=("profile.archive_days=6", *sets))


def complete(house: PaperDesk) -> ConsoleView:
    return house.until(lambda v: told(v, "history: complete"), "a complete history")


def _more_news(than: int, view: ConsoleView) -> bool:
    return len(view.news) > than


def refusal(house: PaperDesk) -> str:
    """Why the contract month refuses an entry: tried again while new subscriptions still give other reasons."""
    words = ""
    for _ in range(6):
        house.running().seam.command(Command.ARM)
        house.until(lambda v: v.truth.armed_left_ms > 0, "armed")
        before = len(house.until(lambda _: True, "a view").news)
        house.seam.command(Command.BRACKET, {"side": "BUY"})
        words = str(house.until(partial(_more_news, before), "a refusal").news)
        if "MESZ6" in words:
            break
    return words


def test_levels_move_by_the_measured_spread_and_the_traded_month_waits_for_a_person(tmp_path: Path) -> None:
    with desk(tmp_path, 0) as house:
        complete(house)
        assert house.truth is not None
        assert house.truth.contract == "Z6"
    with desk(tmp_path, 1, minute=3) as house:
        rolled = house.until(lambda v: told(v, "ESZ6 rolls to ESH7"), "the roll")
        assert told(rolled, f"levels move {CARRY:+d} ticks")
        blocked = house.until(lambda v: told(v, "MESZ6 is traded, MESH7 leads"), "why entries wait")
        assert told(blocked, "orderflow-tui roll")
        engine = house.runtime.house.engine
        assert engine.contract == "ESH7"
        assert {profile.rolled for profile in engine.market.archive} == {CARRY}
        assert engine.facts().window_reason == "MESZ6 is traded, MESH7 leads"
        assert "MESZ6 is traded" in refusal(house)
        assert house.state()["orders"] == []
        ask(control_path(tmp_path), "roll")
        house.until(lambda v: told(v, "MESH7 is traded from now on"), "the change")
        house.running().bracket("BUY")
        assert house.state()["positions"] == {"MESH7": 1}
        house.flatten()
    statuses = [e for e in read_tape(tmp_path / "tape", "ES", ROLL_DAY, ROLL_DAY) if isinstance(e, FeedStatus) and e.rolled_to]
    assert [(s.rolled_to, s.shift_ticks) for s in statuses if s.shift_ticks is not None] == [("ESH7", CARRY)]
    with desk(tmp_path, 1, minute=6) as house:  # a further life goes on in the new month, nothing rolls twice
        view = complete(house)
        assert not told(view, "rolls to")
        assert house.runtime.house.engine.contract == "ESH7"
        assert {profile.rolled for profile in house.runtime.house.engine.market.archive} == {CARRY}
        assert house.runtime.house.engine.contract_block == ""
        assert told(view, "the stretch before the roll stays a gap")


def test_a_position_keeps_its_month_until_it_is_flat(tmp_path: Path) -> None:
    with desk(tmp_path, 0) as house:
        house.running().bracket("BUY")
        house.gateway.do("lead", rank=1)
        house.gateway.do("cut")
        house.until(lambda v: told(v, "ESZ6 rolls to ESH7"), "the roll")
        with pytest.raises(Declined, match="only when flat"):
            ask(control_path(tmp_path), "roll")
        house.until(lambda v: any("only when flat" in line for line in map(str, v.news)), "a refusal")
        assert house.state()["positions"] == {"MESZ6": 1}


def test_a_spread_nobody_can_measure_starts_the_archive_anew_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path, 0) as house:
        complete(house)

    async def unknown(*_: object) -> None:
        return None

    monkeypatch.setattr("orderflow_tui.wiring.roll.spread_ticks", unknown)
    with desk(tmp_path, 1, minute=3) as house:
        house.until(lambda v: told(v, "the value archive starts anew"), "the sentence")
        assert house.runtime.house.engine.market.archive == ()


def test_in_sim_the_house_changes_the_traded_month_itself(tmp_path: Path) -> None:
    with desk(tmp_path, 0, "sim") as house:
        complete(house)
    with desk(tmp_path, 1, "sim", minute=3) as house:
        house.until(lambda v: told(v, "MESH7 is traded from now on"), "the change")


def test_the_last_days_before_expiry_take_no_entry(tmp_path: Path) -> None:
    with desk(tmp_path, 0, "sim", "risk.expiry_days=30") as house:
        assert "on 2026-12-18; entries need 30" in refusal(house)
