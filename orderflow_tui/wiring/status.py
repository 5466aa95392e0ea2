"""The status document: what `status --json`, the heartbeat and the second door say about a running engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderflow_tui import __version__
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import Json
from orderflow_tui.ops.published import iso
from orderflow_tui.ops.status import STOPPED
from orderflow_tui.trading.trading_session import limits_json
from orderflow_tui.view.model import ConsoleView
from orderflow_tui.wiring.permission import key_status
from orderflow_tui.wiring.plan import Plan

if TYPE_CHECKING:
    from orderflow_tui.adapters.journal import Journal
    from orderflow_tui.runtime import Runtime


def status_document(
    plan: Plan, runtime: Runtime, view: ConsoleView | None = None, *, journal: Journal | None = None
) -> dict[str, Json]:  # fmt: skip
    """The document, from the newest view. Money in account currency with two decimals, None where unknown."""
    seen = view or runtime.view
    document: dict[str, Json] = {
        "mode": plan.mode.name,
        "stop_file": str(plan.stop_file),
        "versions": {"orderflow_tui": __version__},
        "config_hash": plan.loaded.hash,
        "safety_key": key_status(plan),
        "resume_word": plan.loaded.config.desk.resume_word,
        "faults": runtime.inbox.faults,
        "inbox": len(runtime.inbox),
    }
    if journal is not None:
        document["market_rows"] = {"lost": journal.lost_market_rows, "trouble": journal.market_trouble}
    if seen is None:
        return {**document, "trading_state": "STARTING"}
    truth = seen.truth
    was = f"{truth.state.value}: {truth.state_reason}" if truth.state_reason else truth.state.value
    return {
        **document,
        "trading_state": STOPPED if runtime.parted else truth.state.value,
        "trading_state_reason": f"the run ended, {was}" if runtime.parted else truth.state_reason,
        "instrument": truth.instrument,
        "execution": truth.execution,
        "account_suffix": truth.account_suffix,
        "armed": truth.armed_left_ms > 0 and not runtime.parted,
        "automation": truth.automation,
        "position": {"broker": truth.broker_position, "local": truth.local_position},
        "also_held": {symbol: {"broker": broker, "local": local} for symbol, broker, local in truth.elsewhere},
        "working_orders": truth.working_orders,
        "protective_stop": truth.protection.value,
        "pnl": {
            "net": _money(truth.net_cents),
            "realised": seen.pnl.realised / 100,
            "open": _money(seen.pnl.open),
            "fees": seen.pnl.fees / 100,
            "loss_limit": truth.loss_limit_cents / 100,
            "unknown": _why_unknown(seen),
        },
        "trades": seen.pnl.trades,
        "trades_begun": seen.pnl.begun,
        "feed": {"age_ms": truth.data_age_ms, "grade": truth.grade.value},
        "link_state": Link.OFF.value if runtime.parted else truth.link,
        "reconcile_age_ms": truth.reconcile_age_ms,
        "session": _session(runtime),
        "latches": _latches(runtime),
        "engine_time_ns": truth.now_ns,
    }


def _money(cents: int | None) -> float | None:
    return None if cents is None else cents / 100


def _why_unknown(view: ConsoleView) -> str:
    """Why figures are null, empty when none is."""
    return "" if view.pnl.unpriced is None else f"no price of {view.pnl.unpriced} is known, and it is held"


def _latches(runtime: Runtime) -> list[Json]:
    """Open latches, worst first: kind, since when, why, what ends it."""
    desk = runtime.house.engine.desk
    return [[latch.kind.value, iso(latch.since_ns), latch.reason, desk.how_to_clear(latch.kind)] for latch in desk.latches]


def _session(runtime: Runtime) -> Json:
    """The open trading session: what it began with, what was changed, what it has come to. None without one."""
    desk = runtime.house.engine.desk
    session, so_far = desk.session, desk.session_so_far
    if session is None or so_far is None:
        return None
    in_force = limits_json(desk.limits)
    return {"id": session.id, **session.payload(), "limits_in_force": in_force, "off": [*sorted(session.off)], **so_far.payload()}
