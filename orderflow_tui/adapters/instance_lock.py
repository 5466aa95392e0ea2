"""One console at a time: a lock on an open file, freed by the kernel the moment its holder ends, however it ends.

Two locks are taken: one on the data folder, one on the account, so two folders cannot trade one account from this machine.
The file's content only says who holds it; the lock itself is what counts, so there are no stale lock files. A lock belongs to
the file, not to its name: once the file is removed or replaced, somebody else can lock what lies there then. So its holder looks
now and then (`lost`) and locks anew (`take_again`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

EXIT_HELD = 75
FOLDER = "orderflow_tui"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. pid 0: somebody, but the file does not say who."""

    pid: int
    host: str
    since_ns: int
    mode: str

    def __str__(self) -> str:
        if not self.pid:
            return "another instance"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since_ns / 1e9))
        return f"process {self.pid} on {self.host} ({self.mode}, since {since})"


class LockHeld(Exception):
    """Another instance holds the lock. The program ends with exit code 75."""

    exit_code = EXIT_HELD

    def __init__(self, path: Path, holder: Holder) -> None:
        self.path, self.holder = path, holder
        super().__init__(f"{holder} already works here ({path}): use `orderflow-tui status`, or end it first")


class InstanceLock:
    """A held lock. Keep the object as long as the lock is wanted; a context manager."""

    def __init__(self, fd: int, path: Path, mode: str) -> None:
        self._fd, self._mode = fd, mode
        self.path = path
        _HELD.append(self)

    @classmethod
    def take(cls, path: Path, mode: str) -> Self:
        """Take the lock or raise LockHeld naming the holder. OSError when the file cannot be made."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(_locked(path, mode), path, mode)

    @property
    def lost(self) -> bool:
        """Whether what lies at the path is not what is locked here."""
        try:
            there, mine = os.stat(self.path, follow_symlinks=False), os.fstat(self._fd)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)

    def take_again(self) -> None:
        """Lock what lies at the path now, made anew when only it and its folder are gone. Raises LockHeld or OSError."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        stale, self._fd = self._fd, _locked(self.path, self._mode)
        os.close(stale)

    def release(self) -> None:
        """Give the lock back. Idempotent. The file stays: unlinking it would let two processes hold two files."""
        if self._fd >= 0:
            _HELD.remove(self)
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


_HELD: list[InstanceLock] = []  # by this process, which is whom the kernel holds for the holder


def held() -> tuple[InstanceLock, ...]:
    """The locks this process holds."""
    return tuple(_HELD)


def _locked(path: Path, mode: str) -> int:
    """A descriptor of the file, locked."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise LockHeld(path, _written(path)) from None
    except BaseException:
        os.close(fd)
        raise
    mine = {"pid": os.getpid(), "host": socket.gethostname(), "since_ns": time.time_ns(), "mode": mode}
    with suppress(OSError):  # a full disk takes no note; the lock holds all the same
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(mine).encode("ascii"), 0)
    return fd


def holder(path: Path) -> Holder | None:
    """Who holds the lock now, None when nobody does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(path)
    else:
        return None
    finally:
        os.close(fd)


def _written(path: Path) -> Holder:
    try:
        said = json.loads(path.read_text(encoding="ascii"))
        return Holder(int(said["pid"]), str(said["host"]), int(said["since_ns"]), str(said["mode"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(0, "", 0, "")


def instance_lock_path(data_dir: Path) -> Path:
    """The lock of a data folder."""
    return data_dir / "state" / "instance.lock"


def account_lock_path(account: str) -> Path:
    """The lock of an account on this machine, for this user: in one place, whatever folder a shell or a service has for passing
    things. Another user of the machine has another. The account's id does not stand in the name."""
    name = hashlib.sha256(account.encode("utf-8")).hexdigest()[:16]
    return _state_folder() / f"account-{name}.lock"


def make_room_for_account_locks() -> None:
    """The folder of account locks, ours alone. Raises OSError, before anything starts that would find out too late."""
    folder = _state_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _state_folder() -> Path:
    """Where state of this user's programs lies: by the environment, else by the system's list of users."""
    said = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(said):
        return Path(said) / FOLDER
    try:
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        home = Path.home()
    return home / ".local" / "state" / FOLDER
