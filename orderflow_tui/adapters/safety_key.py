"""The safety key: an interlock against accident and against a passer-by, not against root or the same user.

Theory. What is kept is a salt and scrypt(key, n=2**15, r=8, p=1), in a file that only this user can read; the key itself is
kept nowhere. Guessing is made slow by counting misses on disk, so that a restart forgives none: after the third the next
attempt waits 60 s, and each further miss doubles the wait; ten misses latch KEY_ATTEMPTS. An attempt made while waiting is
not looked at and not counted. A key that matches ends the count.

The key is needed to resume where the mode asks for it, to clear a lock, to raise a limit and for unattended trading on a
live account. It is never needed to halt, stop, cancel, flatten or reduce.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orderflow_tui.adapters.heartbeat import write_whole

FILE = "safety-key.json"
MISSES_FILE = "safety-misses.json"
SCHEMA = "orderflow-tui/safety-key/1"
LEAST_CHARACTERS = 12
N, R, P = 2**15, 8, 1  # about 32 MiB and 0.1 s
MEMORY_BYTES = 64 * 1024 * 1024
FREE_MISSES, FIRST_WAIT_S = 3, 60
LOCK_AFTER = 10
SECOND_NS = 1_000_000_000


class KeyFault(Exception):
    """The key cannot be used or kept as it is: says what was found, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of an attempt. `fault` empty: the key matched. `missed`: a wrong key, counted; `lock`: once too often."""

    fault: str = ""
    missed: bool = False
    lock: bool = False


def key_path(data_dir: Path) -> Path:
    """Where the hash of a data folder's key lies."""
    return data_dir / "state" / FILE


def is_set(path: Path) -> bool:
    """Whether a key is set there; anything at the path counts, so that a file nobody can read is no way around the key."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def set_key(path: Path, key: str) -> None:
    """Keep the hash of a key and forget earlier misses. Raises KeyFault for a short key, OSError."""
    if len(key) < LEAST_CHARACTERS:
        raise KeyFault(f"a safety key has at least {LEAST_CHARACTERS} characters, this one has {len(key)}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    salt = secrets.token_bytes(16)
    document = {"schema": SCHEMA, "n": N, "r": R, "p": P, "salt": salt.hex(), "hash": _hash(key, salt).hex()}
    write_whole(path, json.dumps(document) + "\n")
    path.with_name(MISSES_FILE).unlink(missing_ok=True)


def untypable(key: str, brakes: str) -> str:
    """Why a key cannot be typed on screen, empty when it can: the characters of `brakes` brake there, in every field."""
    found = [character for character in brakes if character in key]
    if not found:
        return ""
    return (
        f"this key holds {' and '.join(found)}: a brake on screen, also while a key is typed there; "
        f"choose one without {' '.join(brakes)}"
    )


def enrol(path: Path, key: str, brakes: str) -> bool:
    """Take the key that was found in the environment: kept when none is set (True), else it must be the one that is set
    (False). `brakes` are the characters that brake on screen. Raises KeyFault."""
    if not is_set(path):
        if found := untypable(key, brakes):
            raise KeyFault(f"SAFETY_AUTH_KEY was not taken: {found}")
        set_key(path, key)
        return True
    if not matches(path, key):
        raise KeyFault(f"SAFETY_AUTH_KEY is not the key that is set in {path}: unset it, or run `orderflow-tui safety-key set`")
    return False


def matches(path: Path, key: str) -> bool:
    """Whether a key is the one that is set. Raises KeyFault when none is, or its file is not ours alone."""
    salt, kept = _kept(path)
    return hmac.compare_digest(_hash(key, salt), kept)


def key_trouble(path: Path) -> str:
    """Why the key that is set cannot be checked, empty when it can."""
    try:
        _kept(path)
    except KeyFault as fault:
        return str(fault)
    return ""


def _hash(key: str, salt: bytes) -> bytes:
    return hashlib.scrypt(key.encode("utf-8", "surrogatepass"), salt=salt, n=N, r=R, p=P, maxmem=MEMORY_BYTES, dklen=32)


def _kept(path: Path) -> tuple[bytes, bytes]:
    try:
        found = path.stat()
        document = json.loads(path.read_text(encoding="utf-8"))
        salt, kept = bytes.fromhex(document["salt"]), bytes.fromhex(document["hash"])
        known = document["schema"] == SCHEMA and (document["n"], document["r"], document["p"]) == (N, R, P) and len(kept) == 32
    except FileNotFoundError:
        raise KeyFault("no safety key is set: `orderflow-tui safety-key set` asks for one") from None
    except OSError as fault:
        raise KeyFault(f"{path} cannot be read: {(fault.strerror or str(fault)).lower()}") from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise KeyFault(f"{path} holds no safety key of ours: move that file aside and set the key anew") from fault
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise KeyFault(f"{path} is not ours alone (mode {stat.S_IMODE(found.st_mode):04o}, user {found.st_uid}): chmod 600 it")
    if not known:
        raise KeyFault(f"{path} was written by another version: move that file aside and set the key anew")
    return salt, kept


class SafetyKey:
    """Checks attempts and remembers misses. `check` takes about 0.1 s and is meant for a thread of its own."""

    def __init__(self, path: Path, clock_ns: Callable[[], int]) -> None:
        self.path = path
        self._misses_path = path.with_name(MISSES_FILE)
        self._clock_ns = clock_ns
        self._one_at_a_time = threading.Lock()

    @property
    def locked(self) -> str:
        """Why too many wrong keys lock an engine that starts now, empty when they do not: misses may come while none runs."""
        misses = self._misses()[0]
        return f"the safety key was wrong {misses} times" if misses >= LOCK_AFTER else ""

    def check(self, key: str) -> Checked:
        """Look at an attempt. Never raises: what cannot be proven does not match."""
        with self._one_at_a_time:
            try:
                return self._check(key)
            except (KeyFault, OSError) as fault:
                return Checked(str(fault))

    def _check(self, key: str) -> Checked:
        misses, until_ns = self._misses()
        now_ns = self._clock_ns()
        # a clock that was set back must not make the wait longer than it ever was
        left_ns = min(until_ns - now_ns, _wait_s(misses) * SECOND_NS)
        if left_ns > 0:
            wait = -(-left_ns // SECOND_NS)
            return Checked(f"the safety key was wrong {misses} times: the next attempt is looked at in {wait} s")
        if matches(self.path, key):
            if misses:
                self._misses_path.unlink(missing_ok=True)
            return Checked()
        misses += 1
        wait = _wait_s(misses)
        write_whole(self._misses_path, json.dumps({"misses": misses, "until_ns": now_ns + wait * SECOND_NS}) + "\n")
        then = f": wait {wait} s" if wait else ""
        return Checked(f"the safety key does not match, miss {misses}{then}", True, misses >= LOCK_AFTER)

    def _misses(self) -> tuple[int, int]:
        """Misses so far and when the next attempt is looked at. A count that cannot be read counts as one short of the lock."""
        try:
            document = json.loads(self._misses_path.read_text(encoding="utf-8"))
            return int(document["misses"]), int(document["until_ns"])
        except FileNotFoundError:
            return 0, 0
        except (OSError, ValueError, KeyError, TypeError):
            return LOCK_AFTER - 1, 0


def _wait_s(misses: int) -> int:
    return 0 if misses < FREE_MISSES else FIRST_WAIT_S * 2 ** (misses - FREE_MISSES)
