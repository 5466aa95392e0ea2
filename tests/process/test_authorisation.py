"""A typed safety key authorises the one command it came with, within thirty seconds, and nothing else."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from orderflow_tui.adapters.safety_key import Checked
from orderflow_tui.domain.event import Command, Event, OperatorCommand, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.runtime import AUTHORISED_S, House, Runtime
from orderflow_tui.seam import Pressed, Seam

KEY = "correct horse battery"


def unbuilt(_: Runtime) -> Any:
    raise AssertionError("nobody starts this runtime")


@pytest.fixture
def posted() -> list[Event]:
    return []


@pytest.fixture
def runtime(posted: list[Event], monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime that is not running, with a house that checks keys and a mailbox that can be read."""
    made = Runtime(unbuilt, Seam("t"))
    parts: Any = SimpleNamespace(check_key=check, clock=lambda: 1_000, notifier=None)
    house: House = parts
    made._house = house
    monkeypatch.setattr(made, "post", posted.append)
    return made


def check(key: str) -> Checked:
    if key == KEY:
        return Checked()
    return Checked("the safety key does not match, miss 10: wait 7680 s", missed=True, lock=key == "the tenth")


async def press(runtime: Runtime, key: str, age_s: float = 0.0) -> None:
    args = {"word": "RESUME", "key": key, "key_ok": "yes"}
    runtime._take(Pressed(Command.RESUME, "k1", args, time.monotonic() - age_s))
    for proof in tuple(runtime._proofs):
        await proof


async def test_a_right_key_authorises_its_command_and_leaves_the_runtime_here(runtime: Runtime, posted: list[Event]) -> None:
    await press(runtime, KEY)
    assert [e.args for e in posted if isinstance(e, OperatorCommand)] == [
        {"word": "RESUME", "pressed_ns": "1000", "key_ok": "yes"}
    ]


async def test_a_key_typed_half_a_minute_ago_authorises_nothing(runtime: Runtime, posted: list[Event]) -> None:
    await press(runtime, KEY, AUTHORISED_S - 5)
    await press(runtime, KEY, AUTHORISED_S + 0.1)
    assert ["key_ok" in e.args for e in posted if isinstance(e, OperatorCommand)] == [True, False]


async def test_a_wrong_key_is_told_and_the_command_goes_on_without_it(runtime: Runtime, posted: list[Event]) -> None:
    await press(runtime, "wrong")
    (command,) = posted
    assert isinstance(command, OperatorCommand)
    assert "key_ok" not in command.args
    assert [alert.kind for _, alert, _ in runtime.alerts] == ["safety key"]


async def test_the_miss_that_is_one_too_many_locks(runtime: Runtime, posted: list[Event]) -> None:
    await press(runtime, "the tenth")
    assert [e.latch for e in posted if isinstance(e, Trouble)] == [LatchKind.KEY_ATTEMPTS]


async def test_a_command_without_a_key_is_passed_on_at_once_and_claims_nothing(runtime: Runtime, posted: list[Event]) -> None:
    runtime._take(Pressed(Command.RESUME, "k1", {"word": "RESUME", "key_ok": "yes"}, time.monotonic()))
    runtime._take(Pressed(Command.HALT, "k2", {}, time.monotonic()))
    assert [e.args for e in posted if isinstance(e, OperatorCommand)] == [{"word": "RESUME"}, {}]


async def test_where_nobody_checks_keys_none_authorises(runtime: Runtime, posted: list[Event]) -> None:
    runtime.house.check_key = None
    await press(runtime, KEY)
    assert ["key_ok" in e.args for e in posted if isinstance(e, OperatorCommand)] == [False]
