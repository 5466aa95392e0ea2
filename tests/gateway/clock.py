"""A clock that several processes read: the machine's, ahead by what stands in a small file.

Whoever holds the file lets the clock leap for all of them at once. Between leaps it runs as the machine's does; nothing is
sped up, and timers of event loops (which do not look at the time of day) never notice.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

_AHEAD = struct.Struct("q")


class SharedClock:
    """Call it for UTC nanoseconds. The file is made if it is not there."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_AHEAD.pack(0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _AHEAD.size)
        self._machine_ns = time.time_ns  # kept: who reads us may put us in its place

    def __call__(self) -> int:
        (ahead_ns,) = _AHEAD.unpack_from(self._map)
        return self._machine_ns() + int(ahead_ns)

    def leap_to(self, now_ns: int) -> None:
        """From now on it is this instant."""
        _AHEAD.pack_into(self._map, 0, now_ns - self._machine_ns())
