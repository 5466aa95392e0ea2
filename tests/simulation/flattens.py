"""How long flattens take, and how long a position stands without a stop meanwhile: measured, not judged."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Flattens:
    """Fed with every instant at which something may have changed. Time counts while the engine runs, hears the broker and the
    market is open: that is what the budget of a flatten is about."""

    took_ns: list[int] = field(default_factory=list)  # from the begin to flat at the broker, each flatten of something
    bare_ns: int = 0  # the longest time without a stop for all that is held, while one runs
    _seen_ns: int | None = None  # when a running flatten was last looked at
    _spent_ns: int = 0
    _bare_ns: int = 0
    _was_bare: bool = False
    _flat: bool = True  # by now, or nothing was held when it began

    @property
    def runs(self) -> bool:
        """Whether one ran when it was last looked."""
        return self._seen_ns is not None

    def leapt(self, by_ns: int) -> None:
        """The clock leapt: that was no time for anybody."""
        if self._seen_ns is not None:
            self._seen_ns += by_ns

    def look(self, now_ns: int, *, running: bool, counts: bool, held: int, stopped: int) -> None:
        """`held`, `stopped`: contracts at the broker, and for how many of them a stop works there."""
        if not running:
            self._seen_ns, self._flat, self._was_bare = None, True, False
            return
        if self._seen_ns is None:
            self._seen_ns, self._spent_ns, self._bare_ns, self._flat = now_ns, 0, 0, not held
        passed, self._seen_ns = (now_ns - self._seen_ns if counts else 0), now_ns
        if not self._flat:
            self._spent_ns += passed
        if not held and not self._flat:
            self._flat = True
            self.took_ns.append(self._spent_ns)
        self._bare_ns = self._bare_ns + passed if self._was_bare else 0
        self.bare_ns = max(self.bare_ns, self._bare_ns)
        self._was_bare = counts and stopped < held
