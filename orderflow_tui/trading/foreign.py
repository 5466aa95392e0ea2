"""What the account holds in contracts this session cannot trade: another instrument, another month.

Theory. No order goes out there, no price comes from there, and a contract that is not configured has not even a value: so
nothing is booked, guarded or closed, and what the day is worth is unknown. Entries wait while it is there; an execution, or
the third report in a row that shows a position, halts and says what to do. What is ours is guarded on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orderflow_tui.domain.account import AccountReport
from orderflow_tui.domain.action import Tier
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Fill
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading.reconcile import Persistence

if TYPE_CHECKING:
    from orderflow_tui.trading.floor import Floor

TO_DO = "this session cannot trade it and touches nothing there; close it in the broker's own program, then resume"


@dataclass(slots=True)
class Foreign:
    """Signed contracts by symbol: `held` as the newest report told them, `halted` as trading was halted for."""

    held: dict[str, int] = field(default_factory=dict)
    halted: dict[str, int] = field(default_factory=dict)
    persistence: Persistence = field(default_factory=Persistence)

    def __str__(self) -> str:
        return "; ".join(f"{symbol}: broker {held:+d}, not traded here" for symbol, held in self.held.items())


def judge_foreign(floor: Floor, report: AccountReport) -> None:
    """Positions of a complete report that are nobody's here: entries wait at once, trading halts once they stay."""
    foreign = floor.foreign
    foreign.held = {symbol: held for symbol, held in report.positions if held and symbol not in floor.tradable}
    if not foreign.held:
        foreign.halted = {}
        foreign.persistence.over()
        return
    floor.doubt()
    if foreign.held == foreign.halted:
        return
    if not foreign.persistence.enough(floor.now):
        floor.reconciler.ask_at(floor.now + floor.params.timing.requery_ms * MS_NS)
        return
    foreign.halted = foreign.held
    floor.latch(LatchKind.MISMATCH, str(foreign))
    for symbol, held in foreign.held.items():
        floor.alert("foreign position", f"the account holds {held:+d} {symbol}: {TO_DO}", Tier.CRITICAL, symbol)


def on_foreign_fill(floor: Floor, fill: Fill) -> None:
    """An execution where nothing is traded by us. One from before this life is no news: positions tell what is left of it."""
    floor.say(fill.exec_id, f"execution in {fill.instrument}, which is not ours to trade")
    if not fill.quantity or fill.ts_ns < (floor.started_ns or 0):
        return
    what = f"{fill.side.name} {fill.quantity} {fill.instrument}"
    floor.doubt()
    floor.reconciler.ask_at(floor.now)
    floor.latch(LatchKind.MISMATCH, f"an execution in what is not traded here: {what}")
    floor.alert("foreign position", f"somebody traded {what}: {TO_DO}", Tier.CRITICAL, fill.instrument)


def still_held(report: AccountReport | None) -> str:
    """Everything a report shows as held, in words; empty where it shows nothing."""
    positions = () if report is None else report.positions
    return ", ".join(f"{held:+d} {symbol}" for symbol, held in positions if held)
