"""The trade journal as a document: what `orderflow-tui journal` reads from the journals of a mode while a console may run.

A simulated broker ends with its run, so demo and replay have one journal a run; where broker and clock are real, all runs
share one. Either way every trade says which run's journal it lies in. A trade's chain is joined from the market's journal,
which may have given rows up on a full disk: what is missing there is null, never invented. The chain of a journal is proven in
the read that its rows come from: figures of one that is broken are told, and that they may be false comes first.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from orderflow_tui.adapters.journal_damage import PARTS
from orderflow_tui.adapters.journal_memory import read_events, read_observations
from orderflow_tui.adapters.journal_schema import BrokenChain
from orderflow_tui.adapters.journal_store import ORDERS_FILE
from orderflow_tui.domain.action import Json, Row
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.ops.published import iso, published
from orderflow_tui.ports import JournalError
from orderflow_tui.trading.rows import RowError
from orderflow_tui.trading.scorecard import Score, by_label, by_reason, by_regime, score, scorecard
from orderflow_tui.trading.trade import RoundTrip, trip_of

SCHEMA = "orderflow-tui/journal/1"
KINDS = ("trade", "day", "session", "limit", "pattern", "fill")
DAY_NS = 86_400_000_000_000
REGIME_LIVES_NS = 1_800_000_000_000  # each bar brings a reading; less than any pause between two trade dates
NEW_YORK = ZoneInfo("America/New_York")
COLUMNS = (
    "run", "id", "trade_date", "instrument", "side", "quantity", "entry_ts", "entry_price", "exit_ts", "exit_price",
    "exit_reason", "gross", "commission", "net", "mae_ticks", "mfe_ticks", "slippage_ticks", "setup", "regime", "confidence",
    "patterns", "rule_breaks",
)  # fmt: skip


@dataclass(slots=True)
class Book:
    """What one journal holds: trades by id and days by date, the newest writing of each; sessions and changes in order."""

    run: str
    folder: Path
    trips: dict[str, RoundTrip] = field(default_factory=dict)
    days: dict[str, Row] = field(default_factory=dict)
    sessions: dict[str, dict[str, Json]] = field(default_factory=dict)
    fills: dict[str, Row] = field(default_factory=dict)  # by base execution id, the newest revision
    broken: list[BrokenChain] = field(default_factory=list)  # why it is not what was written


def read_books(data_dir: Path, mode: str) -> list[Book]:
    """The journals of a mode, oldest run first. Raises JournalError for one that cannot be read."""
    top = data_dir / "journal" / mode
    folders = [top, *sorted(top.iterdir())] if top.is_dir() else []
    return [_book(folder, "" if folder == top else folder.name) for folder in folders if _lies_in(folder)]


def _lies_in(folder: Path) -> bool:
    """Whether a journal is there, or was: beside what it leaves behind a file that is gone is missed."""
    return any((folder / f"{ORDERS_FILE}{part}").is_file() for part in PARTS)


def _book(folder: Path, run: str) -> Book:
    book = Book(run, folder)
    for stored in read_events(folder, KINDS, broken=book.broken.append):
        row = stored.row
        match row.kind:
            case "trade":
                trip = _trip(row, folder)
                if trip is None:
                    book.trips.pop(row.ref, None)
                else:
                    book.trips[row.ref] = trip
            case "day":
                book.days[row.ref] = _with_the_brokers(row, book.days.get(row.ref))
            case "fill":
                book.fills[str(row.payload.get("base_id"))] = row
            case "session":
                known = book.sessions.setdefault(row.ref, {"id": row.ref, "run": run, "changes_made": []})
                known[str(row.payload.get("what"))] = published({k: v for k, v in row.payload.items() if k != "what"})
            case _:
                _change(book, row)
    return book


def _with_the_brokers(row: Row, before: Row | None) -> Row:
    """A start on the next trade date closes the day once more and knows no figure of the broker's for it: what it said
    before stays said."""
    ours, said = row.payload.get("net_cents"), None if before is None else before.payload.get("broker_cents")
    if row.payload.get("broker_cents") is not None or not isinstance(ours, int) or not isinstance(said, int):
        return row
    compared = before is not None and before.payload.get("difference_cents") is not None
    told = {"broker_cents": said, "difference_cents": ours - said if compared else None}
    return replace(row, payload={**row.payload, **told})


def _trip(row: Row, folder: Path) -> RoundTrip | None:
    try:
        return trip_of(row)
    except RowError as fault:
        raise JournalError(f"{folder / ORDERS_FILE}: {fault}") from fault


def _change(book: Book, row: Row) -> None:
    """A change of a limit or a pattern belongs to the session that was the newest when it was made."""
    if book.sessions:
        made = list(book.sessions.values())[-1]["changes_made"]
        assert isinstance(made, list), "every session begins with an empty list"
        made.append({"ts": iso(row.ts_ns), "kind": row.kind, "name": row.ref, **row.payload})


def document(books: list[Book], mode: str, on: date | None, instruments: Mapping[str, Instrument]) -> dict[str, Json]:
    """The `journal --json` document; `on` keeps one trade date."""
    trips: list[RoundTrip] = []
    trades: list[dict[str, Json]] = []
    for book in books:
        own = [t for t in book.trips.values() if on is None or t.trade_date == on]
        seen = _observations(book, own)
        own = [_in_context(trip, seen["regime"]) for trip in own]
        trips += own
        trades += [_trade(book, trip, instruments.get(trip.instrument), seen) for trip in own]
    trips.sort(key=lambda trip: trip.exit_ns)
    return {
        "schema": SCHEMA,
        "mode": mode,
        "date": None if on is None else on.isoformat(),
        "broken": [{"run": b.run, "row": f.seq or None, "reason": f.sentence} for b in books for f in b.broken],
        "trades": [*sorted(trades, key=lambda line: str(line["exit_ts"]))],
        "days": [_day(book, row) for book in books for row in book.days.values() if on is None or row.ref == on.isoformat()],
        "statistics": _score(score("all", trips)),
        "by_pattern": [_score(line) for line in scorecard(trips, by_label)],
        "by_regime": [_score(line) for line in scorecard(trips, by_regime)],
        "by_exit": [_score(line) for line in scorecard(trips, by_reason)],
        "sessions": [_session(s) for book in books for s in book.sessions.values() if on is None or _began_on(s, on)],
    }


def _observations(book: Book, trips: list[RoundTrip]) -> dict[str, dict[str, Row]]:
    """What the market's journal says around these trades, by kind and reference."""
    since_ns = min((trip.entry_ns for trip in trips), default=0) - DAY_NS
    kinds = ("decision", "setup", "signal", "regime")
    return {kind: {s.row.ref: s.row for s in read_observations(book.folder, kind, since_ns)} if trips else {} for kind in kinds}


def _in_context(trip: RoundTrip, readings: Mapping[str, Row]) -> RoundTrip:
    """A trade that no decision of ours led to was made in some regime too: the newest reading before it, if there was one that
    was still true. Without one nobody knows in which."""
    before = [row for row in readings.values() if trip.entry_ns - REGIME_LIVES_NS <= row.ts_ns <= trip.entry_ns]
    if trip.context.get("regime") or not before:
        return trip
    regime = max(before, key=lambda row: row.ts_ns).payload.get("regime")
    return replace(trip, context={**trip.context, "regime": regime})


def _trade(book: Book, trip: RoundTrip, instrument: Instrument | None, seen: Mapping[str, Mapping[str, Row]]) -> dict[str, Json]:
    context = trip.context
    source = str(context.get("source", ""))
    found = seen["setup"].get(source) or seen["signal"].get(source)
    parts: Json = None
    patterns: Json = None
    if found is not None:
        parts, patterns = found.payload.get("parts"), found.payload.get("confirming", [found.payload.get("pattern")])

    def price(ticks: float) -> float:
        """An average lies off the grid: shown to the cent, or as fine as the grid where that is finer."""
        return float(ticks) if instrument is None else round(instrument.price(ticks), max(2, instrument.decimals))

    return {
        "run": book.run,
        "id": trip.id,
        "trade_date": None if trip.trade_date is None else trip.trade_date.isoformat(),
        "instrument": trip.instrument,
        "side": trip.side.name,
        "quantity": trip.quantity,
        "entry_ts": iso(trip.entry_ns),
        "entry_price": price(trip.entry_ticks),
        "exit_ts": iso(trip.exit_ns),
        "exit_price": price(trip.exit_ticks),
        "exit_reason": trip.reason.value,
        "gross": trip.gross_cents / 100,
        "commission": trip.fees_cents / 100,
        "net": trip.net_cents / 100,
        "mae_ticks": trip.mae_ticks,
        "mfe_ticks": trip.mfe_ticks,
        "slippage_ticks": trip.slippage_ticks,
        "setup": context.get("label"),
        "regime": context.get("regime"),
        "confidence": context.get("confidence"),
        "confidence_parts": parts,
        "patterns": patterns,
        "chain": [*_chain(book, trip, found, seen["decision"].get(str(context.get("decision", ""))), price)],
        "rule_breaks": list(trip.breaks),
    }


def _chain(
    book: Book, trip: RoundTrip, source: Row | None, decision: Row | None, price: Callable[[float], float]
) -> Iterator[Json]:
    """What led to the trade and what became of it, oldest first."""
    for row in (source, decision):
        if row is not None:
            reason = row.payload.get("reason")
            yield {"kind": row.kind, "id": row.ref, "ts": iso(row.ts_ns), **({} if reason is None else {"reason": reason})}
    if trip.intent_id:
        yield {"kind": "intent", "id": trip.intent_id}
    for fill in sorted(book.fills.values(), key=_filled_ns):
        own = fill.payload.get("instrument") == trip.instrument and trip.entry_ns <= _filled_ns(fill) <= trip.exit_ns
        if not own:
            continue
        at = fill.payload.get("price_ticks")
        shown = price(at) if isinstance(at, int) else None
        yield {
            "kind": "fill",
            "id": fill.ref,
            "ts": iso(_filled_ns(fill)),
            "order": fill.payload.get("order_id"),
            "quantity": fill.payload.get("quantity"),
            "price": shown,
        }


def _filled_ns(fill: Row) -> int:
    at = fill.payload.get("fill_ns")
    return at if isinstance(at, int) else fill.ts_ns


def _day(book: Book, row: Row) -> dict[str, Json]:
    """A day's result: ours and what of it was open, the broker's and how old its report was, the difference; null where the
    broker told none, and where the two are of different instants."""
    told: dict[str, Json] = {"run": book.run, "date": row.ref}
    for name in ("net", "open", "realised", "fees", "peak", "broker", "difference"):
        cents = row.payload.get(f"{name}_cents")
        told[name] = cents / 100 if isinstance(cents, int) else None
    return {
        **told,
        "broker_age_ms": row.payload.get("broker_age_ms"),
        "trades": row.payload.get("trades"),
        "wins": row.payload.get("wins"),
    }


def _score(line: Score) -> dict[str, Json]:
    def money(cents: float | None) -> float | None:
        return None if cents is None else round(cents) / 100  # whole cents, as the panel shows them

    return {
        "name": line.name,
        "trades": line.trades,
        "wins": line.wins,
        "win_share": None if line.win_share is None else round(line.win_share, 4),
        "net": money(line.net_cents),
        "expectancy": money(line.expectancy_cents),
        "expectancy_interval": money(line.interval_cents),
        "profit_factor": None if line.profit_factor is None else round(line.profit_factor, 4),
        "max_drawdown": money(line.drawdown_cents),
        "win_days": line.win_days,
        "days": line.days,
        "small_sample": line.small,
    }


def _session(session: dict[str, Json]) -> dict[str, Json]:
    return {name: session.get(name) for name in ("run", "id", "begin", "end")} | {"changes": session["changes_made"]}


def _began_on(session: dict[str, Json], on: date) -> bool:
    begin = session.get("begin")
    return isinstance(begin, dict) and begin.get("trade_date") == on.isoformat()


# -- for people -----------------------------------------------------------------------------------------------------------


def text(found: Mapping[str, Json]) -> str:
    """The document for people: trades, days, statistics and scorecards, one line each."""
    lines = [f"{broken_text(found)}\n"] if found["broken"] else []
    lines += [f"trades, mode {found['mode']}" + (f", {found['date']}" if found["date"] else "") + ", times of the exits in ET"]
    lines += [_trade_line(t) for t in _dicts(found["trades"])] or ["  none"]
    lines += ["", "days"]
    lines += [_day_line(d) for d in _dicts(found["days"])] or ["  none"]
    all_of_them = found["statistics"]
    assert isinstance(all_of_them, dict), "the document has statistics"
    lines += ["", "statistics", _score_line(all_of_them)]
    for name in ("by_pattern", "by_regime", "by_exit"):
        lines += ["", name.replace("_", " "), *(_score_line(s) for s in _dicts(found[name]))]
    sessions = _dicts(found["sessions"])
    lines += ["", f"{len(sessions)} session(s); --json shows their limits, changes and summaries"]
    return "\n".join(lines)


def broken_text(found: Mapping[str, Json]) -> str:
    """What is to be known before any figure is read; empty where every chain is whole."""
    lines = []
    for broken in _dicts(found["broken"]):
        place = "AS A WHOLE" if broken["row"] is None else f"AT ROW {broken['row']}"
        lines.append(f"BROKEN {place}: {broken['reason']} No figure from it can be trusted: docs/runbook.md, section 4")
    return "\n".join(lines)


def write_csv(found: Mapping[str, Json], stream: TextIO) -> None:
    """The trades as comma-separated values, one line each under a header."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for trade in _dicts(found["trades"]):
        writer.writerow([_cell(trade[name]) for name in COLUMNS])


def _cell(value: Json) -> Json:
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def _dicts(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _trade_line(trade: Mapping[str, Json]) -> str:
    breaks = trade["rule_breaks"]
    broke = f"  BROKE {'; '.join(map(str, breaks))}" if isinstance(breaks, list) and breaks else ""
    slip = "?" if trade["slippage_ticks"] is None else f"{trade['slippage_ticks']:+.1f}"
    return (
        f"  {_et(str(trade['exit_ts']))}  {trade['side']:<4} {trade['quantity']} {trade['instrument']}"
        f"  {trade['entry_price']} → {trade['exit_price']}  {trade['exit_reason']:<8} net {trade['net']:>9.2f}"
        f"  MAE {trade['mae_ticks']:.0f} MFE {trade['mfe_ticks']:.0f} slip {slip}"
        f"  {trade['setup'] or '?'} · {trade['regime'] or '?'}{broke}"
    )


def _et(ts: str) -> str:
    """An instant of a document as the screens show it."""
    return f"{datetime.fromisoformat(ts[:19]).replace(tzinfo=UTC).astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}"


def _day_line(day: Mapping[str, Json]) -> str:
    def shown(name: str) -> str:
        value = day[name]
        return "?" if not isinstance(value, int | float) else f"{value:.2f}"

    opened = f" (open {shown('open')})" if day["open"] else ""
    age = day["broker_age_ms"]
    ago = f" ({age // 1000} s earlier)" if isinstance(age, int) and day["broker"] is not None else ""
    return (
        f"  {day['date']}  {day['trades']} trade(s), {day['wins']} won  own {shown('net')}{opened}  broker {shown('broker')}{ago}"
        f"  difference {shown('difference')}"
    )


def _score_line(line: Mapping[str, Json]) -> str:
    def shown(name: str, form: str = ".2f") -> str:
        value = line[name]
        return "?" if not isinstance(value, int | float) else format(value, form)

    small = "  (few trades: says little)" if line["small_sample"] else ""
    return (
        f"  {line['name']:<28} {line['trades']:>4} trades  won {shown('win_share', '.0%')}  net {shown('net')}"
        f"  expectancy {shown('expectancy')} ± {shown('expectancy_interval')}  profit factor {shown('profit_factor')}"
        f"  drawdown {shown('max_drawdown')}  win days {line['win_days']} of {line['days']}{small}"
    )
