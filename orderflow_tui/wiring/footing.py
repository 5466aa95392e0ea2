"""What the house stands on beside the engine, looked at once a second: its locks, its heartbeat file, the market's rows.

Each can go without any event of the engine's: somebody tidies up the data folder, a disk fills, a tool locks a file. A person is
told once an episode. A lock that was lost is taken again where nobody else has it by then; where somebody has, the house locks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from orderflow_tui.adapters.heartbeat import Heartbeat
from orderflow_tui.adapters.instance_lock import InstanceLock, LockHeld, held
from orderflow_tui.adapters.journal import Journal
from orderflow_tui.domain.action import Alert, Tier
from orderflow_tui.domain.event import Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.ports import Post

EVERY_S = 1.0
CALM_LOOKS = 60  # without trouble before the same counts as new


class Footing:
    """Looks, tells and latches. `now_ns` is the house clock."""

    def __init__(
        self,
        journal: Journal,
        heartbeat: Heartbeat,
        post: Post,
        tell: Callable[[Alert], None],
        now_ns: Callable[[], int],
        locks: Callable[[], Iterable[InstanceLock]] = held,
    ) -> None:
        self._journal, self._heartbeat, self._post, self._tell = journal, heartbeat, post, tell
        self._now_ns, self._locks = now_ns, locks
        self._beats, self._rows = _Episode(), _Episode()
        self._told: set[tuple[InstanceLock, bool]] = set()  # lost, and whether somebody else has it

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        """Look once."""
        for lock in self._locks():
            if lock.lost:
                self._take_again(lock)
            else:
                self._told -= {(lock, True), (lock, False)}
        if self._beats.begins(self._heartbeat.trouble):
            text = (
                f"the heartbeat cannot be written: {self._heartbeat.trouble}. Whoever watches from outside will hold "
                "the engine for dead; it lives"
            )
            self._tell(Alert(self._now_ns(), "heartbeat", text, Tier.WARNING))
        if self._rows.begins(self._journal.market_trouble):
            text = f"{self._journal.market_trouble}. Bars, signals and decisions are not being kept; orders are, trading goes on"
            self._tell(Alert(self._now_ns(), "market rows", text, Tier.WARNING))

    def _take_again(self, lock: InstanceLock) -> None:
        what = f"the lock {lock.path} was moved or removed"
        try:
            lock.take_again()
        except (LockHeld, OSError) as fault:
            elsewhere = isinstance(fault, LockHeld)
            if (lock, elsewhere) in self._told:
                return
            self._told.add((lock, elsewhere))
            if isinstance(fault, LockHeld):
                self._post(Trouble(self._now_ns(), LatchKind.SECOND_HOST, f"{what}, and {fault.holder} has taken it"))
                return
            text = (
                f"{what} and cannot be taken again ({fault.strerror}): a second start would not be refused. Put its folder back "
                "as it was. The second door went with it: flatten on screen or with the STOP file"
            )
            self._tell(Alert(self._now_ns(), "lock", text, Tier.CRITICAL))
        else:
            text = f"{what} and was taken again. Who tidies up there? A second door beside it is gone until a restart"
            self._tell(Alert(self._now_ns(), "lock", text, Tier.WARNING))


class _Episode:
    """One stretch of a trouble, short breaks included."""

    def __init__(self) -> None:
        self._calm = CALM_LOOKS

    def begins(self, trouble: str) -> bool:
        """Whether what is seen now is a new one."""
        calm, self._calm = self._calm, 0 if trouble else self._calm + 1
        return bool(trouble) and calm >= CALM_LOOKS
