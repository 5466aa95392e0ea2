"""A start rehearsed: the journal's rows replayed into an engine that does nothing, to see what the next start would lock for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from orderflow_tui.adapters.calendar import CalendarFault
from orderflow_tui.domain.action import Row
from orderflow_tui.engine import Engine
from orderflow_tui.modes import AccountProof
from orderflow_tui.wiring.owner import owner_of
from orderflow_tui.wiring.paced import ET, table_around
from orderflow_tui.wiring.params import engine_params
from orderflow_tui.wiring.plan import Plan


def rehearsed(plan: Plan, journal: Sequence[Row], now_ns: int) -> str:
    """Why the next start on these rows would be LOCKED, in a sentence; empty where they say nothing that locks."""
    loaded = plan.loaded
    today = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone(ET).date()
    try:
        table = table_around(loaded, today, plan.instrument)
    except CalendarFault:
        return ""  # the calendar's own matter
    engine = Engine(engine_params(loaded, table, plan.mode, analysis=plan.instrument))
    engine.restore(journal)
    day = table.day_at(now_ns)
    account = "" if plan.mode.proof is AccountProof.NOT_NEEDED else loaded.config.ib.account
    other = owner_of(journal).refusal(account, "ib.account is") if account else ""
    return ". ".join(filter(None, (engine.desk.unread(None if day is None else day.trade_date), other)))
