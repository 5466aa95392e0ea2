"""A typed safety key authorises the one command it came with, within thirty seconds, and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from orderflow_tui.adapters.safety_key import Checked
from orderflow_tui.commands import AUTHORISED_S, Commands
from orderflow_tui.domain.action import Alert
from orderflow_tui.domain.event import Command, Event, OperatorCommand, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.seam import Pressed

KEY = "correct horse battery"


def check(key: str) -> Checked:
    if key == KEY:
        return Checked()
    return Checked("the safety key does not match, miss 10: wait 7680 s", missed=True, lock=key == "the tenth")


@dataclass
class Desk:
    """Commands whose mailbox and alerts can be read."""

    posted: list[Event] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    checks: bool = True

    def __post_init__(self) -> None:
        self.commands = Commands(self.posted.append, self.alerts.append, lambda: 1_000, check if self.checks else None)

    @property
    def args(self) -> list[dict[str, str]]:
        """What the commands that came through carry."""
        return [dict(e.args) for e in self.posted if isinstance(e, OperatorCommand)]

    async def press(self, key: str, age_s: float = 0.0) -> None:
        args = {"word": "RESUME", "key": key, "key_ok": "yes"}
        self.commands.take(Pressed(Command.RESUME, "k1", args, time.monotonic() - age_s))
        for proof in tuple(self.commands._proofs):
            await proof


async def test_a_right_key_authorises_its_command_and_leaves_the_key_here() -> None:
    desk = Desk()
    await desk.press(KEY)
    assert desk.args == [{"word": "RESUME", "pressed_ns": "1000", "key_ok": "yes"}]


async def test_a_key_typed_half_a_minute_ago_authorises_nothing() -> None:
    desk = Desk()
    await desk.press(KEY, AUTHORISED_S - 5)
    await desk.press(KEY, AUTHORISED_S + 0.1)
    assert ["key_ok" in args for args in desk.args] == [True, False]


async def test_a_wrong_key_is_told_and_the_command_goes_on_without_it() -> None:
    desk = Desk()
    await desk.press("wrong")
    assert ["key_ok" in args for args in desk.args] == [False]
    assert [alert.kind for alert in desk.alerts] == ["safety key"]


async def test_the_miss_that_is_one_too_many_locks() -> None:
    desk = Desk()
    await desk.press("the tenth")
    assert [e.latch for e in desk.posted if isinstance(e, Trouble)] == [LatchKind.KEY_ATTEMPTS]


async def test_a_command_without_a_key_is_passed_on_at_once_and_claims_nothing() -> None:
    desk = Desk()
    desk.commands.take(Pressed(Command.RESUME, "k1", {"word": "RESUME", "key_ok": "yes"}, time.monotonic()))
    desk.commands.take(Pressed(Command.HALT, "k2", {}, time.monotonic()))
    assert desk.args == [{"word": "RESUME"}, {}]


async def test_where_nobody_checks_keys_none_authorises() -> None:
    desk = Desk(checks=False)
    await desk.press(KEY)
    assert ["key_ok" in args for args in desk.args] == [False]
