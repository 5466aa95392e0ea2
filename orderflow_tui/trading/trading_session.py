"""A trading session as an object: begun with instrument, limits and enabled patterns, changed in between, ended with a summary.

It begins when the house opens and at each new trade date, and ends with either. Everything about it is a journal row of
kind `session` (what: begin, end), `limit` or `pattern`, so it can be read back with its results; one that a crash cut short
is ended by the next start, from what the journal knows. It permits nothing and forbids nothing itself: limits are the
gate's, and a pattern that is switched off is not traded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from orderflow_tui.domain.action import Json, Row, Tier
from orderflow_tui.domain.event import OperatorCommand
from orderflow_tui.domain.order import Purpose
from orderflow_tui.trading import limit_change, rows
from orderflow_tui.trading.breaker import money
from orderflow_tui.trading.limits import LimitError, RiskLimits
from orderflow_tui.trading.look import Refusal
from orderflow_tui.trading.trade import RoundTrip

if TYPE_CHECKING:
    from orderflow_tui.trading.floor import Floor


@dataclass(slots=True)
class TradingSession:
    """One session. `patterns` are enabled, `off` those of them a person switched off; `refusals` counts by rule. `before` are
    the trades of the date that were known to be closed when it began: the others are its own, one that closed while nothing
    ran included."""

    id: str
    began_ns: int
    trade_date: date | None
    instrument: str
    execution: str
    limits: RiskLimits
    patterns: tuple[str, ...]
    before: frozenset[str] = frozenset()
    off: set[str] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)
    changes: int = 0

    def payload(self) -> dict[str, Json]:
        """What it began with, as a row."""
        return {
            "trade_date": None if self.trade_date is None else self.trade_date.isoformat(),
            "instrument": self.instrument,
            "execution": self.execution,
            "limits": limits_json(self.limits),
            "patterns": list(self.patterns),
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """What a session came to. Money in cents; `breaks` are the house rules its trades broke, in words."""

    id: str
    began_ns: int
    ended_ns: int
    why: str
    trades: int
    wins: int
    gross_cents: int
    fees_cents: int
    breaks: tuple[str, ...]
    refusals: tuple[tuple[str, int], ...]
    changes: int

    @property
    def net_cents(self) -> int:
        """After commissions."""
        return self.gross_cents - self.fees_cents

    def payload(self) -> dict[str, Json]:
        """As a row, and as the status document shows it."""
        refusals: dict[str, Json] = dict(self.refusals)
        return {
            "began_ns": self.began_ns,
            "ended_ns": self.ended_ns,
            "why": self.why,
            "trades": self.trades,
            "wins": self.wins,
            "gross_cents": self.gross_cents,
            "fees_cents": self.fees_cents,
            "net_cents": self.net_cents,
            "rule_breaks": list(self.breaks),
            "refusals": refusals,
            "changes": self.changes,
        }

    def lines(self) -> list[str]:
        """For people, when a run stops."""
        refused = ", ".join(f"{rule} {count}" for rule, count in self.refusals) or "none"
        return [
            f"session {self.id} ended, {self.why}: {self.trades} trade(s), {self.wins} won, net {money(self.net_cents)}"
            f" (gross {money(self.gross_cents)}, commissions {money(self.fees_cents)})",
            f"rule breaks: {'; '.join(self.breaks) or 'none'}; refusals: {refused}; changes: {self.changes}",
        ]


def limits_json(limits: RiskLimits) -> dict[str, Json]:
    """Limits as a row's part."""
    return {**asdict(limits), "margin_ceiling_cents": dict(limits.margin_ceiling_cents)}


# -- begin and end ------------------------------------------------------------------------------------------------------


def open_session(floor: Floor) -> None:
    """Begin a session; one that is open already goes on, one a crash cut short is ended first."""
    cut = floor.cut_short
    if cut is not None:
        floor.cut_short = None
        floor.commit(cut)
    if floor.session is None:
        _begin(floor)


def _begin(floor: Floor) -> None:
    params = floor.params
    name = f"{floor.install}-{floor.now}"
    session = TradingSession(
        id=name,
        began_ns=floor.now,
        trade_date=floor.trade_date,
        instrument=params.analysis or floor.execution,
        execution=floor.execution,
        limits=params.risk,
        patterns=params.patterns,
        before=_closed(floor.ledger.trips),
    )
    session.off |= {name for name, day in floor.switched_off.items() if day == floor.trade_date}
    floor.session = session
    before: list[Json] = [*sorted(session.before)]
    floor.commit(rows.row("session", session.id, floor.now, what="begin", **session.payload(), closed_before=before))


def _closed(trips: list[RoundTrip]) -> frozenset[str]:
    return frozenset(trip.id for trip in trips)


def close_session(floor: Floor, why: str) -> None:
    """End the session with its summary; the day's result so far is written beside it, and the grant ends with it."""
    session = floor.session
    if session is None:
        return
    floor.session = None
    floor.summary = summary_of(session, floor.ledger.trips, floor.now, why)
    floor.commit(rows.row("session", session.id, floor.now, what="end", **floor.summary.payload()))
    floor.end_grant("the session ended")


def turn_session(floor: Floor) -> None:
    """A new trade date: an open session ends with its date and the next one begins, with the configured limits."""
    was_open = floor.session is not None
    close_session(floor, "the trade date ended")
    floor.params = replace(floor.params, risk=floor.configured)
    if was_open:
        _begin(floor)


def summary_of(session: TradingSession, trips: list[RoundTrip], now_ns: int, why: str) -> Summary:
    """What a session came to by now: the trades that were not closed, or not known to be, before it began."""
    own = [trip for trip in trips if trip.id not in session.before]
    return Summary(
        id=session.id,
        began_ns=session.began_ns,
        ended_ns=now_ns,
        why=why,
        trades=len(own),
        wins=sum(trip.net_cents > 0 for trip in own),
        gross_cents=sum(trip.gross_cents for trip in own),
        fees_cents=sum(trip.fees_cents for trip in own),
        breaks=tuple(f"{trip.id}: {text}" for trip in own for text in trip.breaks),
        refusals=tuple(sorted(session.refusals.items())),
        changes=session.changes,
    )


# -- changes ------------------------------------------------------------------------------------------------------------


def change_limit(floor: Floor, event: OperatorCommand, key_ok: bool) -> None:
    """A person changes a limit: tighter at once, looser with the safety key where this mode asks for one."""
    key = event.args.get("limit", "")
    try:
        old = limit_change.value_of(floor.params.risk, key)
        limits = limit_change.changed(floor.params.risk, key, event.args.get("value", ""))
    except LimitError as fault:
        floor.refused(Refusal(floor.now, "", event.id, "limit", str(fault)), Purpose.ENTRY)
        return
    new = limit_change.value_of(limits, key)
    looser = limit_change.loosens(key, old, new)
    if looser and floor.params.resume_needs_key and not key_ok:
        reason = f"risk.{key} from {old} to {new} allows more: the safety key is needed"
        floor.refused(Refusal(floor.now, "", event.id, "limit", reason), Purpose.ENTRY)
        return
    floor.params = replace(floor.params, risk=limits)
    if floor.session is not None:
        floor.session.changes += 1
    day = None if floor.trade_date is None else floor.trade_date.isoformat()
    floor.commit(rows.row("limit", key, floor.now, old=old, new=new, looser=looser, trade_date=day, cause=event.id))
    floor.alert("limit", f"risk.{key} changed from {old} to {new} by a person", Tier.WARNING, key)


def switch_pattern(floor: Floor, event: OperatorCommand) -> None:
    """A person switches a pattern off for the trade date, or on again."""
    session, name, on = floor.session, event.args.get("pattern", ""), event.args.get("on", "")
    if session is None or name not in session.patterns or on not in ("yes", "no"):
        known = "no session is open" if session is None else f"one of {', '.join(session.patterns) or 'none'}, on yes or no"
        reason = f"expected {known}; got {name!r}, {on!r}"
        floor.refused(Refusal(floor.now, "", event.id, "pattern", reason), Purpose.ENTRY)
        return
    session.off.discard(name) if on == "yes" else session.off.add(name)
    session.changes += 1
    note_pattern(floor, name, on == "yes", floor.trade_date)
    day = None if floor.trade_date is None else floor.trade_date.isoformat()
    floor.commit(rows.row("pattern", name, floor.now, on=on == "yes", session=session.id, trade_date=day, cause=event.id))


def note_pattern(floor: Floor, name: str, on: bool, day: date | None) -> None:
    """What a person switched off stays off for its trade date, in whatever session or life of the process."""
    if on:
        floor.switched_off.pop(name, None)
    else:
        floor.switched_off[name] = day


def switched_off(floor: Floor, name: str) -> bool:
    """Whether a person switched this pattern off."""
    return floor.session is not None and name in floor.session.off


# -- restart ------------------------------------------------------------------------------------------------------------


def restored_session(row: Row, trips: list[RoundTrip]) -> TradingSession:
    """A session as its `begin` row tells it, to be ended with what the journal knows. A row of an older version does not name
    the trades before it: they are `trips`, those that the rows before it closed."""
    instrument, execution = rows.text(row, "instrument"), rows.text(row, "execution")
    told = row.payload.get("closed_before")
    before = frozenset(map(str, told)) if isinstance(told, list) else _closed(trips)
    return TradingSession(row.ref, row.ts_ns, rows.day(row), instrument, execution, RiskLimits(), (), before)


def end_cut_short(floor: Floor, now_ns: int) -> None:
    """After replay: a session that never ended did so with the process; its row waits for the next one to begin."""
    session = floor.session
    floor.session = None
    if session is not None:
        summary = summary_of(session, floor.ledger.trips, now_ns, "the process died")
        floor.cut_short = rows.row("session", session.id, now_ns, what="end", **summary.payload())


def hold_tighter(floor: Floor, row: Row) -> None:
    """A change of an earlier life: it waits until its trade date is known to be today's."""
    floor.held_changes.append((rows.day(row), row.ref, rows.number(row, "new")))


def apply_held(floor: Floor) -> None:
    """What tightened today's limits before a restart still does."""
    for day, key, value in floor.held_changes:
        if day != floor.trade_date or key not in limit_change.LOOSER:
            continue
        configured = limit_change.value_of(floor.configured, key)
        tighter = configured if limit_change.loosens(key, configured, value) else value
        floor.params = replace(floor.params, risk=replace(floor.params.risk, **{key: tighter}))  # type: ignore[arg-type]
    floor.held_changes.clear()
