"""The second door: another shell talks to the running engine over a Unix socket that only this user can open.

One line of JSON in, one line of JSON out, then the door closes. The server lives in the engine's own loop, so an answer
proves that the loop turns; the client waits two seconds and then says that nobody answered. Brakes become the same
OperatorCommand that a key makes: this door decides nothing.

    {"verb": "status"}                                   -> {"ok": true, "status": {...}}
    {"verb": "flatten"}                                  -> {"ok": true, "id": "door-1790000000000000000-1", "done": true}
    {"verb": "resume", "word": "RESUME", "key": "..."}   -> {"ok": true, "id": ..., "done": true}
    {"verb": "limit", "limit": "daily_loss_cents", "value": "20000", "key": "..."}   -> {"ok": true, ...}
    {"verb": "pattern", "pattern": "RULE_80", "on": "no"}                            -> {"ok": true, ...}
    what the engine will not do                          -> {"ok": false, "id": ..., "error": "its sentence"}
    anything else                                        -> {"ok": false, "error": "a sentence"}

An answer waits up to a second for the engine to come to the command; `done` false: it had not by then.

Every request says when it was typed and until when its caller listens for the engine to take it ("typed_ns", "expires_ns", by the
clock of this boot, which a suspended machine does not stop). What comes to the engine later was told to its caller as failed:
the command carries that as `stale`, and the engine does no more than brake on it. A request without these times counts as stale.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from orderflow_tui.domain.action import Json
from orderflow_tui.domain.event import Command, OperatorCommand
from orderflow_tui.ports import Post

FILE = "control.sock"
LIMIT_S = 2.0
KEY_LIMIT_S = 15.0  # a safety key is slow to prove on purpose, and slower on a busy machine
LINE_BYTES = 64 * 1024
CLIENTS = 8
OUTCOME_LIMIT_S = 1.0  # an engine that is behind the market by more is told to be
LOOK_S = 0.01
MS_NS, SECOND_NS = 1_000_000, 1_000_000_000
BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # both go on while the machine sleeps, each on its system
LONGEST_PATH = 100  # the kernel's limit for a socket's name is 107 bytes
BRAKES = {
    "flatten": Command.FLATTEN,
    "halt": Command.HALT,
    "cancel-entries": Command.CANCEL_ENTRIES,
    "stop": Command.STOP,
    "resume": Command.RESUME,
    "reconcile": Command.RECONCILE,
    "limit": Command.LIMIT,
    "pattern": Command.PATTERN,
    "roll": Command.ROLL,
}
TAKES: dict[Command, tuple[str, ...]] = {  # what a request may bring along, beside the safety key where that is asked for
    Command.RESUME: ("word",),
    Command.LIMIT: ("limit", "value"),
    Command.PATTERN: ("pattern", "on"),
}
KEYED = frozenset({Command.RESUME, Command.LIMIT})


class NoAnswer(Exception):
    """Nobody answered at the door: no engine runs there, or it stands still."""


class Nobody(NoAnswer):
    """No engine runs on that data folder, or none that this user may speak to."""


class Refused(Exception):
    """The door answered that it will not."""


class Declined(Refused):
    """The command reached the engine, which will not do it: its reason."""


def control_path(data_dir: Path) -> Path:
    """Where the door of a data folder is."""
    return data_dir / "state" / FILE


def boot_ns() -> int:
    """Time since this machine was started, its sleep included: the same in every process."""
    return time.clock_gettime_ns(BOOT_CLOCK)


class ControlDoor:
    """The server. `status` makes the document; `prove_key` says why a safety key does not authorise, nothing when it does;
    `became` says why the engine refused a command, nothing when it did not, None while it has not come to it. `clock` is the
    house's; `real_time`: it goes as fast as time does, and not as a tape does, which tells no time since a key was hit."""

    def __init__(
        self,
        path: Path,
        post: Post,
        status: Callable[[], Mapping[str, Json]],
        *,
        prove_key: Callable[[str], Awaitable[str]] | None = None,
        became: Callable[[OperatorCommand], str | None] = lambda _: "",
        clock: Callable[[], int] = time.time_ns,
        real_time: bool = True,
    ) -> None:
        self.path = path
        self._post = post
        self._status = status
        self._prove_key = prove_key
        self._became = became
        self._clock, self._real_time = clock, real_time
        self._server: asyncio.Server | None = None
        self._ids = count(1)
        self._open = 0

    async def start(self) -> None:
        """Open the door. The instance lock must be held: whatever socket lies there is dead and is removed."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.parent.chmod(0o700)  # nobody reaches the socket between its birth and its own mode
        self.path.unlink(missing_ok=True)
        with _short(self.path) as name:
            self._server = await asyncio.start_unix_server(self._serve, name, limit=LINE_BYTES)
        self.path.chmod(0o600)

    async def close(self) -> None:
        """Close the door. Idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with suppress(OSError):
                self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            answer = await self._answered(reader, writer)
            writer.write(json.dumps(answer, separators=(",", ":")).encode("utf-8") + b"\n")
            await asyncio.wait_for(writer.drain(), LIMIT_S)
        except (OSError, TimeoutError):
            writer.transport.abort()  # the caller went away or does not read: nobody is left to tell
        finally:
            self._open -= 1
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Json]:
        try:  # the request is read before it is refused: an answer to an unread request gets lost on its way
            line = await asyncio.wait_for(reader.readline(), LIMIT_S)
        except TimeoutError:
            return _no("no request came within two seconds")
        except ValueError:
            return _no(f"a request is one line of at most {LINE_BYTES} bytes")
        if self._open > CLIENTS:
            return _no(f"{CLIENTS} callers are at the door already: try again")
        if not _is_us(writer):
            return _no("this door opens for the user who runs the engine only")
        try:
            request = json.loads(line)
        except ValueError:
            return _no('a request is one line of JSON such as {"verb": "status"}')
        if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
            return _no('a request needs a verb: {"verb": "status"}')
        return await self._do(request["verb"], request)

    async def _do(self, verb: str, request: Mapping[str, Json]) -> dict[str, Json]:
        if verb == "status":
            return {"ok": True, "status": {**self._status()}}
        command = BRAKES.get(verb)
        if command is None:
            return _no(f"unknown verb {verb!r}: one of status, {', '.join(BRAKES)}")
        args = {name: str(request.get(name, "")) for name in TAKES.get(command, ())}
        stale = _stale(request)
        if command in KEYED and not stale:
            args["pressed_ns"] = str(self._typed_ns(request))  # what stops trading meanwhile is not cleared by it
            key = request.get("key")
            if isinstance(key, str) and key and self._prove_key is not None:
                fault = await self._prove_key(key)
                if fault:
                    return _no(fault)
                args["key_ok"] = "yes"
                stale = _stale(request)  # a proof takes its time
        if stale:
            args["stale"] = stale
        now_ns = self._clock()
        posted = OperatorCommand(now_ns, command, f"door-{now_ns}-{next(self._ids)}", args)
        self._post(posted)
        return await self._outcome(posted)

    def _typed_ns(self, request: Mapping[str, Json]) -> int:
        """When a request that is not stale was typed, by the house clock."""
        typed_ns = request["typed_ns"]
        assert isinstance(typed_ns, int), "it is not stale"
        return self._clock() - (boot_ns() - typed_ns if self._real_time else 0)

    async def _outcome(self, posted: OperatorCommand) -> dict[str, Json]:
        """What became of a command. The answer is all that waits."""
        until = time.monotonic() + OUTCOME_LIMIT_S
        while (refusal := self._became(posted)) is None and time.monotonic() < until:
            await asyncio.sleep(LOOK_S)
        if refusal:
            return {"ok": False, "id": posted.id, "error": refusal}
        return {"ok": True, "id": posted.id, "done": refusal is not None}


def ask(path: Path, verb: str, args: Mapping[str, Json] | None = None, limit_s: float | None = None) -> dict[str, Json]:
    """Ask the running engine; returns its answer. Raises NoAnswer after `limit_s` (by default two seconds, more for a request
    that brings a safety key), Nobody where none listens, Refused with the door's sentence,
    Declined with the engine's."""
    limit_s = limit_s or (KEY_LIMIT_S if args and "key" in args else LIMIT_S)
    deadline = time.monotonic() + limit_s
    typed_ns, answering_s = boot_ns(), min(OUTCOME_LIMIT_S, limit_s / 2)  # what is taken later is not answered in time
    times: dict[str, Json] = {"typed_ns": typed_ns, "expires_ns": typed_ns + int((limit_s - answering_s) * SECOND_NS)}
    received = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(limit_s)
            with _short(path) as name:
                door.connect(name)
            door.sendall(json.dumps({"verb": verb, **(args or {}), **times}).encode("utf-8") + b"\n")
            while not received.endswith(b"\n"):
                door.settimeout(max(0.001, deadline - time.monotonic()))
                part = door.recv(65_536)
                if not part:
                    break
                received += part
    except TimeoutError:
        raise NoAnswer(f"the engine behind {path} did not answer within {limit_s:g} s: it stands still") from None
    except OSError as fault:
        raise Nobody(f"nobody is behind {path}: {(fault.strerror or str(fault)).lower()}") from fault
    try:
        answer = json.loads(received)
    except ValueError as fault:
        raise NoAnswer(f"the engine behind {path} closed the door without an answer") from fault
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        said = str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)
        raise (Declined if isinstance(answer, dict) and "id" in answer else Refused)(said)
    return answer


def _no(sentence: str) -> dict[str, Json]:
    return {"ok": False, "error": sentence}


def _stale(request: Mapping[str, Json]) -> str:
    """Why a request is not what its caller wants now, empty when it is. It cannot claim to be wanted for longer than any caller
    waits, nor to be typed in the future: then its clock is not ours."""
    typed_ns, expires_ns, now_ns = request.get("typed_ns"), request.get("expires_ns"), boot_ns()
    if not isinstance(typed_ns, int) or not isinstance(expires_ns, int) or typed_ns > now_ns:
        return "the request does not say when it was typed"
    if now_ns > min(expires_ns, typed_ns + int(KEY_LIMIT_S * SECOND_NS)):
        return f"asked for {(now_ns - typed_ns) // MS_NS} ms ago, its caller was told that nobody answered: ask again"
    return ""


def _is_us(writer: asyncio.StreamWriter) -> bool:
    sock = writer.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return uid in {os.geteuid(), 0}


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for the socket that the kernel accepts, however deep the folder lies."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
