"""The status document says what the truth bar says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orderflow_tui.view import Protection
from orderflow_tui.wiring import Wish, plan_of
from orderflow_tui.wiring.status import status_document
from tests.tui.views import Scene


class Inbox(list[object]):
    """Nothing waits."""

    faults = 0


def test_what_else_is_held_stands_beside_the_position(tmp_path: Path) -> None:
    desk = SimpleNamespace(session=None, session_so_far=None)
    house = SimpleNamespace(engine=SimpleNamespace(desk=desk))
    runtime: Any = SimpleNamespace(inbox=Inbox(), house=house, view=None)
    view, plan = Scene(5).view(), plan_of(Wish(data_dir=tmp_path))
    assert status_document(plan, runtime, view)["also_held"] == {}
    held = replace(view.truth, broker_position=0, local_position=0, elsewhere=(("ES", None, 2),), protection=Protection.MISSING)
    said = status_document(plan, runtime, replace(view, truth=held))
    assert said["position"] == {"broker": 0, "local": 0}
    assert said["also_held"] == {"ES": {"broker": None, "local": 2}}
    assert said["protective_stop"] == "missing"
