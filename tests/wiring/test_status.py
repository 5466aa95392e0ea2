"""The status document says what the truth bar says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orderflow_tui.domain.latch import Latch, LatchKind
from orderflow_tui.trading.desk import Desk
from orderflow_tui.view import Protection
from orderflow_tui.wiring import Wish, plan_of
from orderflow_tui.wiring.status import status_document
from tests.tui.views import Scene, halted


class Inbox(list[object]):
    """Nothing waits."""

    faults = 0


def running(*latches: Latch) -> Any:
    desk = SimpleNamespace(session=None, session_so_far=None, latches=latches, how_to_clear=Desk.how_to_clear)
    return SimpleNamespace(inbox=Inbox(), house=SimpleNamespace(engine=SimpleNamespace(desk=desk)), view=None, parted=False)


def test_a_latch_says_since_when_with_its_date_and_zone(tmp_path: Path) -> None:
    latch = Latch(LatchKind.OPERATOR, 1_772_721_000_000_000_000, None, "halt by a person")
    document = status_document(plan_of(Wish(data_dir=tmp_path)), running(latch), Scene(5).view())
    assert document["latches"] == [["OPERATOR", "2026-03-05T14:30:00.000000000Z", "halt by a person", "resume"]]


def test_a_run_that_is_over_says_so(tmp_path: Path) -> None:
    runtime = running()
    runtime.parted = True
    stood = halted(Scene(5).view(), "a reason")
    document = status_document(plan_of(Wish(data_dir=tmp_path)), runtime, Scene(5).view())
    assert (document["trading_state"], document["link_state"], document["armed"]) == ("STOPPED", "OFF", False)
    assert document["trading_state_reason"] == "the run ended, RUNNING"
    assert "HALTED: a reason" in str(status_document(plan_of(Wish(data_dir=tmp_path)), runtime, stood)["trading_state_reason"])


def test_an_open_trade_is_begun_and_no_trade_yet(tmp_path: Path) -> None:
    view = Scene(5).view()
    held = replace(view, pnl=replace(view.pnl, trades=1, begun=2))
    document = status_document(plan_of(Wish(data_dir=tmp_path)), running(), held)
    assert (document["trades"], document["trades_begun"]) == (1, 2)


def test_what_hangs_on_a_price_that_nobody_knows_is_null_with_the_reason(tmp_path: Path) -> None:
    view, plan = Scene(5).view(), plan_of(Wish(data_dir=tmp_path))
    known = status_document(plan, running(), view)["pnl"]
    assert isinstance(known, dict)
    assert (known["net"], known["unknown"]) == (view.truth.net_cents / 100 if view.truth.net_cents is not None else None, "")
    blind = replace(view, truth=replace(view.truth, net_cents=None), pnl=replace(view.pnl, net=None, open=None, unpriced="ES"))
    told = status_document(plan, running(), blind)["pnl"]
    assert isinstance(told, dict)
    assert (told["net"], told["open"]) == (None, None)
    assert told["unknown"] == "no price of ES is known, and it is held"
    assert told["realised"] == known["realised"]


def test_what_else_is_held_stands_beside_the_position(tmp_path: Path) -> None:
    runtime = running()
    view, plan = Scene(5).view(), plan_of(Wish(data_dir=tmp_path))
    assert status_document(plan, runtime, view)["also_held"] == {}
    held = replace(view.truth, broker_position=0, local_position=0, elsewhere=(("ES", None, 2),), protection=Protection.MISSING)
    said = status_document(plan, runtime, replace(view, truth=held))
    assert said["position"] == {"broker": 0, "local": 0}
    assert said["also_held"] == {"ES": {"broker": None, "local": 2}}
    assert said["protective_stop"] == "missing"


def test_lost_rows_of_the_market_are_counted(tmp_path: Path) -> None:
    journal: Any = SimpleNamespace(lost_market_rows=7, market_trouble="locked by a backup")
    document = status_document(plan_of(Wish(data_dir=tmp_path)), running(), Scene(5).view(), journal=journal)
    assert document["market_rows"] == {"lost": 7, "trouble": "locked by a backup"}
