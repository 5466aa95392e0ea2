"""The second door: brakes and status from another shell, for this user only."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderflow_tui.adapters import control
from orderflow_tui.adapters.control import CLIENTS, ControlDoor, Declined, NoAnswer, Refused, ask, control_path
from orderflow_tui.domain.action import Json
from orderflow_tui.domain.event import Command, Event, OperatorCommand

POSTED: list[Event] = []


async def proven(key: str) -> str:
    return "" if key == "correct horse" else "the safety key does not match, miss 1"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ControlDoor]:
    POSTED.clear()
    made = ControlDoor(
        control_path(tmp_path),
        POSTED.append,
        lambda: {"mode": "demo", "position": 2},
        prove_key=proven,
        clock=lambda: 1_000,
        real_time=False,
    )
    await made.start()
    yield made
    await made.close()


async def asked(door: ControlDoor, verb: str, args: dict[str, Json] | None = None) -> dict[str, Json]:
    return await asyncio.to_thread(ask, door.path, verb, args)


async def test_status_is_the_engine_s_own_document(door: ControlDoor) -> None:
    assert await asked(door, "status") == {"ok": True, "status": {"mode": "demo", "position": 2}}
    assert door.path.stat().st_mode & 0o777 == 0o600
    assert door.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("verb", ["flatten", "halt", "cancel-entries", "stop", "reconcile"])
async def test_a_brake_becomes_the_command_a_key_would_make(door: ControlDoor, verb: str) -> None:
    answer = await asked(door, verb)
    assert [OperatorCommand(1_000, Command(verb), str(answer["id"]))] == POSTED


async def test_resume_carries_the_word_and_that_the_key_was_right(door: ControlDoor) -> None:
    await asked(door, "resume", {"word": "RESUME", "key": "correct horse"})
    await asked(door, "resume", {"word": "RESUME", "key_ok": "yes"})
    args = [event.args for event in POSTED if isinstance(event, OperatorCommand)]
    assert args == [{"word": "RESUME", "key_ok": "yes", "pressed_ns": "1000"}, {"word": "RESUME", "pressed_ns": "1000"}]
    assert len({event.id for event in POSTED if isinstance(event, OperatorCommand)}) == 2


async def test_a_wrong_key_is_told_at_the_door_and_resumes_nothing(door: ControlDoor) -> None:
    with pytest.raises(Refused, match="does not match, miss 1"):
        await asked(door, "resume", {"word": "RESUME", "key": "wrong"})
    assert POSTED == []


# -- a request that comes late ---------------------------------------------------------------------------------------------


def posted(verb: str) -> OperatorCommand:
    """The one command that came of a request."""
    (event,) = POSTED
    assert isinstance(event, OperatorCommand)
    assert event.command is Command(verb)
    return event


async def sent(door: ControlDoor, **request: Json) -> None:
    """A request as somebody wrote it, answered."""
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    writer.write(json.dumps(request).encode() + b"\n")
    assert await reader.readline()
    writer.close()


@pytest.mark.parametrize("verb", ["flatten", "resume", "limit", "pattern", "roll", "reconcile"])
async def test_what_was_told_to_have_failed_goes_on_as_stale(door: ControlDoor, verb: str) -> None:
    typed_ns = control.boot_ns() - 6 * 10**9
    await sent(door, verb=verb, word="RESUME", key="correct horse", typed_ns=typed_ns, expires_ns=typed_ns + 10**9)
    args = posted(verb).args
    assert args["stale"].startswith("asked for 60")
    assert args["stale"].endswith("ms ago, its caller was told that nobody answered: ask again")
    assert "key_ok" not in args, "it is not even proven"


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_request_of_another_clock_is_stale_however_long_it_says_that_it_holds(door: ControlDoor, hours: int) -> None:
    typed_ns = control.boot_ns() + hours * 3_600 * 10**9
    await sent(door, verb="resume", word="RESUME", typed_ns=typed_ns, expires_ns=typed_ns + 10**15)
    assert posted("resume").args["stale"]


async def test_a_request_that_does_not_say_when_it_was_typed_is_stale(door: ControlDoor) -> None:
    await sent(door, verb="resume", word="RESUME")
    assert posted("resume").args["stale"] == "the request does not say when it was typed"


async def test_a_request_whose_key_took_too_long_to_prove_is_stale(tmp_path: Path) -> None:
    POSTED.clear()

    async def slowly(key: str) -> str:
        await asyncio.sleep(0.2)
        return "" if key else "none"

    made = ControlDoor(control_path(tmp_path), POSTED.append, dict, prove_key=slowly, clock=lambda: 1_000)
    await made.start()
    try:
        typed_ns = control.boot_ns()
        await sent(made, verb="resume", word="RESUME", key="k", typed_ns=typed_ns, expires_ns=typed_ns + 10**8)
    finally:
        await made.close()
    assert "stale" in posted("resume").args


async def test_a_request_that_waited_says_when_it_was_typed_and_not_when_it_was_read(tmp_path: Path) -> None:
    POSTED.clear()
    made = ControlDoor(control_path(tmp_path), POSTED.append, dict, clock=lambda: 10**12)
    await made.start()
    try:
        typed_ns = control.boot_ns() - 4 * 10**8
        await sent(made, verb="resume", word="RESUME", typed_ns=typed_ns, expires_ns=typed_ns + 10**10)
    finally:
        await made.close()
    pressed_ns = int(posted("resume").args["pressed_ns"])
    assert 10**12 - 10**10 < pressed_ns <= 10**12 - 4 * 10**8


# -- what became of it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reason", "done"), [("", True), (None, False)])
async def test_an_answer_says_whether_the_engine_has_come_to_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str | None, done: bool
) -> None:
    monkeypatch.setattr(control, "OUTCOME_LIMIT_S", 0.05)
    made = ControlDoor(control_path(tmp_path), POSTED.append, dict, became=lambda _: reason)
    await made.start()
    try:
        assert (await asked(made, "flatten"))["done"] is done
    finally:
        await made.close()


async def test_what_the_engine_refuses_is_told_at_the_door_with_its_reason(tmp_path: Path) -> None:
    looks = iter([None, None, "unknown limit foo"])
    made = ControlDoor(control_path(tmp_path), POSTED.append, dict, became=lambda _: next(looks))
    await made.start()
    try:
        with pytest.raises(Declined, match="unknown limit foo"):
            await asked(made, "limit", {"limit": "foo", "value": "1"})
    finally:
        await made.close()


async def test_what_is_no_verb_is_refused_with_the_list(door: ControlDoor) -> None:
    with pytest.raises(Refused, match="unknown verb 'buy': one of status, flatten"):
        await asked(door, "buy")
    assert POSTED == []


@pytest.mark.parametrize("line", [b"\n", b"flatten\n", b"[1]\n", b'{"verb": 3}\n', b"\xff\xff\n", b"x" * 200_000 + b"\n"])
async def test_a_line_that_is_no_request_is_answered_with_a_sentence(door: ControlDoor, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    writer.write(line)
    answer = await reader.readline()
    assert b'"ok":false' in answer
    writer.close()
    assert POSTED == []


async def test_too_many_callers_are_told_so_and_the_door_stays_usable(door: ControlDoor) -> None:
    waiting = [await asyncio.open_unix_connection(str(door.path)) for _ in range(CLIENTS)]
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    writer.write(b'{"verb": "status"}\n')
    assert b"already" in await reader.readline()
    for _, idle in [*waiting, (reader, writer)]:
        idle.close()
    for _ in range(10_000):
        if door._open == 0:
            break
        await asyncio.sleep(0)
    assert (await asked(door, "status"))["ok"] is True


async def test_a_dead_socket_is_replaced_and_a_closed_door_says_nobody_is_there(tmp_path: Path) -> None:
    path = control_path(tmp_path)
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    door = ControlDoor(path, POSTED.append, dict)
    await door.start()
    assert (await asked(door, "status"))["status"] == {}
    await door.close()
    await door.close()
    with pytest.raises(NoAnswer, match="nobody is behind"):
        ask(path, "status")


def test_an_engine_that_stands_still_is_told_apart_from_none(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        with pytest.raises(NoAnswer, match=r"did not answer within 0.05 s: it stands still"):
            ask(path, "flatten", limit_s=0.05)

        def answer_nothing() -> None:
            deaf.accept()[0].close()

        answering = threading.Thread(target=answer_nothing)
        answering.start()
        with pytest.raises(NoAnswer):
            ask(path, "flatten", limit_s=1)
        answering.join()


async def test_a_folder_deeper_than_a_socket_s_name_may_be_works(tmp_path: Path) -> None:
    door = ControlDoor(control_path(tmp_path / ("deep" * 20) / ("deeper" * 10)), POSTED.append, lambda: {"deep": True})
    await door.start()
    assert (await asked(door, "status"))["status"] == {"deep": True}
    await door.close()


async def test_a_caller_who_leaves_before_the_answer_harms_nobody(door: ControlDoor) -> None:
    for _ in range(3):
        _, writer = await asyncio.open_unix_connection(str(door.path))
        writer.write(b'{"verb": "halt"}\n')
        writer.transport.abort()
    assert (await asked(door, "status"))["ok"] is True


async def test_a_caller_who_says_nothing_is_sent_away(door: ControlDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderflow_tui.adapters.control.LIMIT_S", 0.01)
    reader, writer = await asyncio.open_unix_connection(str(door.path))
    assert b"no request came" in await reader.readline()
    writer.close()


async def test_another_user_is_sent_away(door: ControlDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderflow_tui.adapters.control._is_us", lambda _: False)
    with pytest.raises(Refused, match="for the user who runs the engine only"):
        await asked(door, "flatten")
    assert POSTED == []


async def test_a_request_with_a_key_is_waited_for_longer_than_a_brake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(key: str) -> str:
        await asyncio.Event().wait()
        return key

    assert control.KEY_LIMIT_S > control.LIMIT_S
    monkeypatch.setattr(control, "KEY_LIMIT_S", 0.5)
    made = ControlDoor(control_path(tmp_path), POSTED.append, dict, prove_key=never, clock=lambda: 1_000)
    await made.start()
    try:
        with pytest.raises(NoAnswer, match=r"within 0\.5 s"):
            await asked(made, "resume", {"word": "RESUME", "key": "correct horse"})
    finally:
        await made.close()
