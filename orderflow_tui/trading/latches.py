"""The board of latches: who opens one, who may clear it, what state they add up to.

Clearing one cause can never re-enable trading while another stands, because the state is computed from the worst of them.
A daily latch ends by itself at the next trade date and nobody ends it sooner; every other one needs a person, and a lock,
or any resume in live, the safety key as well. A restart clears nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from orderflow_tui.domain.latch import Latch, LatchKind, Severity

HOW_TO_CLEAR = {
    Severity.REDUCE_ONLY: "resume",
    Severity.HALT: "resume",
    Severity.LOCK: "resume with the safety key",
}


def how_to_clear(kind: LatchKind) -> str:
    """What ends a latch, in words for the screen."""
    if kind.daily:
        return "ends at the next trade date"
    if kind is LatchKind.DRAWDOWN:
        return "resume, once the drawdown is within its limit again"
    if kind is LatchKind.STOP_FILE:
        return "remove the STOP file, then resume"
    return HOW_TO_CLEAR[kind.severity]


class LatchBoard:
    """The open latches by kind. The first reason of an open latch stays: it is the one that stopped trading."""

    __slots__ = ("_again_ns", "_open")

    def __init__(self) -> None:
        self._open: dict[LatchKind, Latch] = {}
        self._again_ns: dict[LatchKind, int] = {}  # when the cause was last told, open already or not

    def __contains__(self, kind: LatchKind) -> bool:
        return kind in self._open

    @property
    def latches(self) -> tuple[Latch, ...]:
        """Open latches, worst first, then oldest first."""
        return tuple(sorted(self._open.values(), key=lambda latch: (-latch.kind.severity, latch.since_ns)))

    @property
    def severity(self) -> Severity | None:
        """The worst severity, None when nothing is open."""
        return max((kind.severity for kind in self._open), default=None)

    def open(self, kind: LatchKind, now_ns: int, trade_date: date | None, reason: str) -> Latch | None:
        """Open a latch; None when it was open already."""
        self._again_ns[kind] = now_ns
        if kind in self._open:
            return None
        latch = Latch(kind, now_ns, trade_date, reason)
        self._open[kind] = latch
        return latch

    def new_day(self, trade_date: date) -> tuple[Latch, ...]:
        """End the daily latches of other trade dates and return them."""
        ended = tuple(latch for latch in self.latches if latch.kind.daily and latch.trade_date != trade_date)
        for latch in ended:
            del self._open[latch.kind]
        return ended

    def resume(
        self, key_ok: bool, needs_key: bool, standing: Mapping[LatchKind, str], pressed_ns: int | None = None
    ) -> tuple[tuple[Latch, ...], tuple[tuple[Latch, str], ...]]:
        """A person resumes: (cleared, kept with the sentence that says why).

        `standing` names the latches whose cause is still there. `needs_key`: this mode asks for the safety key.
        `pressed_ns`: when the person asked, where that was a while ago; what opened since was not meant.
        """
        cleared: list[Latch] = []
        kept: list[tuple[Latch, str]] = []
        for latch in self.latches:
            refusal = _refuse_clearing(latch, key_ok, needs_key, standing)
            if pressed_ns is not None and self._again_ns.get(latch.kind, latch.since_ns) > pressed_ns:
                refusal = "its cause came after resume was asked for"
            if refusal is None:
                del self._open[latch.kind]
                cleared.append(latch)
            else:
                kept.append((latch, refusal))
        return tuple(cleared), tuple(kept)

    def restore(self, latch: Latch, is_open: bool) -> None:
        """Apply a journal row: opened or cleared."""
        if is_open:
            self._open.setdefault(latch.kind, latch)
        else:
            self._open.pop(latch.kind, None)


def _refuse_clearing(latch: Latch, key_ok: bool, needs_key: bool, standing: Mapping[LatchKind, str]) -> str | None:
    if latch.kind.daily:
        return "a daily latch ends at the next trade date, not before"
    if latch.kind in standing:
        return standing[latch.kind]
    if (needs_key or latch.kind.severity is Severity.LOCK) and not key_ok:
        return "the safety key is needed"
    return None
