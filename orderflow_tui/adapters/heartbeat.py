"""heartbeat.json: the engine's own word that it lives, once a second, for `status` and the watchdog.

The engine's loop hands over a document; a thread writes it (temporary file, fsync, rename), so a slow disk never stops the
engine, and an engine that stands still stops handing over, so the file grows old: it cannot say "alive" for a dead loop.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orderflow_tui.domain.action import Json

SCHEMA = "orderflow-tui/heartbeat/1"
FILE = "heartbeat.json"
EVERY_S = 1.0


class HeartbeatFault(ValueError):
    """The heartbeat file is there and is not one."""


@dataclass(frozen=True, slots=True)
class Status:
    """The newest heartbeat. `age_ms` by the monotonic clock where this boot of the machine wrote it, else by wall time."""

    document: dict[str, Json]
    age_ms: int


def heartbeat_path(data_dir: Path) -> Path:
    """Where the heartbeat of a data folder lies."""
    return data_dir / "state" / FILE


class Heartbeat:
    """Writes the newest document it was given. Closing writes the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self.trouble = ""  # why the last write failed, empty when it did not
        self._sequence = 0
        self._newest: dict[str, Json] | None = None
        self._turn = threading.Condition()
        self._closing = False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._write_newest, name="heartbeat", daemon=True)
        self._thread.start()

    def put(self, document: Mapping[str, Json]) -> None:
        """Hand over the newest document. Returns at once; one that was not written yet is replaced."""
        self._sequence += 1
        stamped: dict[str, Json] = {"schema": SCHEMA, "sequence": self._sequence, **stamp(), **document}
        with self._turn:
            self._newest = stamped
            self._turn.notify()

    def close(self) -> None:
        """Write what was handed over last and end the thread. Idempotent; waits at most 2 s for a disk that hangs."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self._thread.join(2.0)

    def _write_newest(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._newest is not None or self._closing)
                document, self._newest = self._newest, None
            if document is None:
                return
            try:
                write_whole(self.path, json.dumps(document, separators=(",", ":")) + "\n")
                self.written, self.trouble = self.written + 1, ""
            except OSError as fault:
                self.trouble = str(fault)


def stamp() -> dict[str, Json]:
    """Who writes and when, by both clocks."""
    return {"pid": os.getpid(), "wall_ns": time.time_ns(), "mono_ns": time.monotonic_ns(), "boot": boot_id()}


def boot_id() -> str:
    """What tells one boot of this machine from another; empty where the kernel does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def write_whole(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old or the new content and never a part. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        content = text.encode("utf-8")
        if os.write(fd, content) < len(content):  # a disk that runs full takes a part without complaint
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)


def read_status(data_dir: Path) -> Status | None:
    """The newest heartbeat of a data folder, None when none was ever written. Raises HeartbeatFault."""
    path = heartbeat_path(data_dir)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        wall_ns, mono_ns = int(document["wall_ns"]), int(document["mono_ns"])
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise HeartbeatFault(f"{path} cannot be read: {(fault.strerror or str(fault)).lower()}") from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise HeartbeatFault(f"{path} is no heartbeat of ours; a running engine writes a new one every second") from fault
    same_boot = document.get("boot") and document.get("boot") == boot_id()
    age_ns = time.monotonic_ns() - mono_ns if same_boot else time.time_ns() - wall_ns
    return Status(document, max(0, age_ns) // 1_000_000)
