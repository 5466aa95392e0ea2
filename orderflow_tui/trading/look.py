"""What a rule of the gate sees: one wish and the world at one instant, nothing else. And what it may say: a refusal."""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.order import Exposure, Intent
from orderflow_tui.trading.bracket import Levels
from orderflow_tui.trading.limits import TradingParams


@dataclass(frozen=True, slots=True)
class Refusal:
    """A wish that was refused: the rule and a sentence with its numbers."""

    ts_ns: int
    intent_id: str
    cause: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Look:
    """The world at `facts.now_ns` for one intent.

    `armed`: a hand on the key for a manual intent, a grant for an automatic one. `position` is what an exit is
    measured against: the broker's where a flatten goes by it, else our own. `others` is what is held or may join in other
    instruments. `contracts_why` names what allows no more than `contracts_allowed`. `day_floor_cents` is the value under which
    the day must not be able to fall. Money in cents, None where unknown.
    """

    intent: Intent
    facts: Facts
    params: TradingParams
    instrument: Instrument | None
    levels: Levels
    state: TradingState
    state_reason: str
    exposure: Exposure
    others: tuple[tuple[Instrument, Exposure], ...]
    position: int
    armed: bool
    contracts_allowed: int
    contracts_why: str
    worst_case_cents: int
    day_floor_cents: int
    open_trades: int
    live_entries: int
    rate: str | None
    cooldown_left_ms: int
    cause_used: bool
    equity_cents: int | None
    excess_cents: int | None
    execution: str
