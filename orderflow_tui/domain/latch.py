"""Latches: causes that stop trading until somebody or something entitled clears them.

Trading state is computed, never set: the worst severity among open latches and passing fences.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum


class Severity(IntEnum):
    """How much a latch forbids. REDUCE_ONLY and HALT: no entries. LOCK: only explicit cancel and flatten by a person."""

    REDUCE_ONLY = 1
    HALT = 2
    LOCK = 3


class LatchKind(Enum):
    """Every cause there is. `severity`, `daily` (ends by itself at the next trade date) and `how` to clear it."""

    STOP_FILE = "STOP_FILE"
    OPERATOR = "OPERATOR"
    DAILY_LOSS = "DAILY_LOSS"
    PROFIT_TARGET = "PROFIT_TARGET"
    DRAWDOWN = "DRAWDOWN"
    CONSECUTIVE_LOSSES = "CONSECUTIVE_LOSSES"
    TRADE_COUNT = "TRADE_COUNT"
    RATE_LIMIT = "RATE_LIMIT"
    MISMATCH = "MISMATCH"
    LIQUIDATION = "LIQUIDATION"
    CRASH_LOOP = "CRASH_LOOP"
    UNATTENDED = "UNATTENDED"
    JOURNAL_FAILED = "JOURNAL_FAILED"
    CORE_FAULT = "CORE_FAULT"
    UNRECONCILED = "UNRECONCILED"
    REVERSED = "REVERSED"
    ADJUSTED = "ADJUSTED"
    NAKED = "NAKED"
    WRONG_ACCOUNT = "WRONG_ACCOUNT"
    BROKEN_CHAIN = "BROKEN_CHAIN"
    INVARIANT = "INVARIANT"
    SECOND_HOST = "SECOND_HOST"
    FLATTEN_FAILED = "FLATTEN_FAILED"
    CLIENT_ID = "CLIENT_ID"
    KEY_ATTEMPTS = "KEY_ATTEMPTS"
    TASK_DEAD = "TASK_DEAD"

    @property
    def severity(self) -> Severity:
        """What it forbids while open."""
        if self in _LOCKS:
            return Severity.LOCK
        return Severity.REDUCE_ONLY if self is LatchKind.UNATTENDED else Severity.HALT

    @property
    def daily(self) -> bool:
        """Ends by itself at the next trade date."""
        return self in _DAILY


_LOCKS = frozenset(
    {
        LatchKind.WRONG_ACCOUNT,
        LatchKind.BROKEN_CHAIN,
        LatchKind.INVARIANT,
        LatchKind.SECOND_HOST,
        LatchKind.FLATTEN_FAILED,
        LatchKind.CLIENT_ID,
        LatchKind.KEY_ATTEMPTS,
        LatchKind.TASK_DEAD,
    }
)
_DAILY = frozenset({LatchKind.DAILY_LOSS, LatchKind.PROFIT_TARGET, LatchKind.CONSECUTIVE_LOSSES, LatchKind.TRADE_COUNT})


@dataclass(frozen=True, slots=True)
class Latch:
    """An open latch: since when, on which trade date, why, in a sentence for the screen."""

    kind: LatchKind
    since_ns: int
    trade_date: date | None
    reason: str


class TradingState(Enum):
    """What the engine may do now, as the truth bar shows it."""

    RECOVERING = "RECOVERING"
    RUNNING = "RUNNING"
    FENCED = "FENCED"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"
    FLATTENING = "FLATTENING"
    LOCKED = "LOCKED"
