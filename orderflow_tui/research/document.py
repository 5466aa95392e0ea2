"""What the engine concluded, as the stable JSON of `analyze`: decimal prices, ISO times, null for what nobody can know."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from orderflow_tui.adapters.importers import Source
from orderflow_tui.domain.action import Json
from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.signal import Context, Direction, Evidence, Hypothesis, RegimeReading, SetupReading, Signal
from orderflow_tui.domain.value import SessionProfile, ValueArea
from orderflow_tui.market.tpo import singles_of, tails_of
from orderflow_tui.signals.conditions import net_score
from orderflow_tui.signals.rule80 import SKIPPED
from orderflow_tui.signals.value import character, migration, span

SCHEMA = "orderflow-tui/analyze/1"
SECOND_NS = 1_000_000_000
DAY_S = 86_400
EPOCH = date(1970, 1, 1).toordinal()
_SCORES = ("TRENDING_UP", "TRENDING_DOWN", "RANGING", "VOLATILE")
Object = dict[str, Json]


def iso(ts_ns: int) -> str:
    """`2026-03-05T14:30:00.000000000Z`."""
    seconds, rest = divmod(ts_ns, SECOND_NS)
    day, second = divmod(seconds, DAY_S)
    return f"{_date(day)}T{_clock(second)}.{rest:09d}Z"


@lru_cache(maxsize=16)
def _date(day: int) -> str:
    """A day since 1970. A document tells few days and few times of day over and over."""
    return date.fromordinal(EPOCH + day).isoformat()


@lru_cache(maxsize=4096)
def _clock(second: int) -> str:
    """A second of a day."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def source_json(source: Source) -> Object:
    """What was read of one file."""
    return {
        "path": str(source.path),
        "format": source.format,
        "kind": str(source.kind),
        "records": source.records,
        "rejected": dict(source.rejected),
        "first": None if source.first_ns is None else iso(source.first_ns),
        "last": None if source.last_ns is None else iso(source.last_ns),
        "timezone": source.timezone,
        "sides": dict(source.sides),
    }


def bar_hash(bar: FootprintBar) -> str:
    """Twelve hexadecimal digits over everything the bar holds: equal bars, equal hashes, on any machine."""
    values = (
        *(bar.instrument, bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.bid_volume),
        *(bar.ask_volume, bar.unknown_volume, bar.trades, bar.delta, bar.min_delta, bar.max_delta, bar.cvd_rth),
        *(bar.cvd_globex, bar.poc, bar.bid, bar.ask, bar.unknown, bar.rth, bar.source.value, bar.partial),
    )
    return hashlib.sha256(repr(values).encode("ascii")).hexdigest()[:12]


def bar_json(bar: FootprintBar, instrument: Instrument, *, levels: bool) -> Object:
    """One bar. Bars of a source without trades have no levels and no sides they were not given."""
    sided = bar.source is not BarSource.BARS
    found: Object = {
        "start": iso(bar.start_ns),
        "end": iso(bar.end_ns),
        "open": instrument.price(bar.open),
        "high": instrument.price(bar.high),
        "low": instrument.price(bar.low),
        "close": instrument.price(bar.close),
        "volume": bar.volume,
        "bid_volume": bar.bid_volume if sided else None,
        "ask_volume": bar.ask_volume if sided else None,
        "unknown_volume": bar.unknown_volume,
        "delta": bar.delta,
        "min_delta": bar.min_delta,
        "max_delta": bar.max_delta,
        "cvd_rth": bar.cvd_rth,
        "trades": bar.trades,
        "poc": _price(bar.poc, instrument),
        "hash": bar_hash(bar),
    }
    if levels:
        found["levels"] = _levels(bar, instrument) if bar.source is BarSource.TRADES else None
    return found


def _levels(bar: FootprintBar, instrument: Instrument) -> list[Json]:
    rows = zip(bar.bid, bar.ask, bar.unknown, strict=True)
    return [[instrument.price(bar.low + i), bid, ask, unknown] for i, (bid, ask, unknown) in enumerate(rows)]


def session_json(profile: SessionProfile, context: Context | None, instrument: Instrument) -> Object:
    """One completed session with the context that stood at its close."""
    value, tpo = profile.value, profile.tpo_value
    hypothesis = None if context is None else context.hypothesis
    tails = tails_of(profile.tpo)
    return {
        "date": profile.trade_date.isoformat(),
        "half_day": profile.half_day,
        "rth": {
            "open": instrument.price(profile.open),
            "high": instrument.price(profile.high),
            "low": instrument.price(profile.low),
            "close": instrument.price(profile.close),
            "volume": profile.volume,
            "delta": profile.delta,
            "vah": instrument.price(value.vah),
            "poc": instrument.price(value.poc),
            "val": instrument.price(value.val),
            "tpo_poc": None if tpo is None else instrument.price(tpo.poc),
            "tpo_vah": None if tpo is None else instrument.price(tpo.vah),
            "tpo_val": None if tpo is None else instrument.price(tpo.val),
            "tails": {"high": tails[0], "low": tails[1]},
            "singles": [[instrument.price(a), instrument.price(b)] for a, b in singles_of(profile.low_tick, profile.tpo)],
            "ib_high": _price(profile.ib_high, instrument),
            "ib_low": _price(profile.ib_low, instrument),
            "vwap": _price(profile.vwap, instrument),
            "vwap_sd": _price(profile.vwap_sd, instrument),
            "ib_extension": _extension_json(context, instrument),
            "opening_type": None if context is None else context.opening_type,
            "opening_direction": None if context is None else Direction(context.opening_direction).name,
            "opening_drive": None if context is None else context.drive,
            "day_type": None if context is None else context.day_type,
            "poor_high": profile.poor_high,
            "poor_low": profile.poor_low,
        },
        "overnight": {
            "high": _price(profile.on_high, instrument),
            "low": _price(profile.on_low, instrument),
            "inventory": None if context is None or context.inventory_share is None else context.inventory,
            "inventory_share": None if context is None else context.inventory_share,
            "inventory_note": "" if context is None else context.inventory_note,
        },
        "cva": _cva_json(context, instrument),
        "migration": None if context is None or context.migration is None else context.migration.value,
        "overlap": None if context is None else context.overlap,
        "daily": _daily_json(profile, context),
        "aligned_vas": None if context is None else context.aligned_vas,
        **_around_json(context, instrument),
        "hypothesis": None if hypothesis is None else hypothesis_json(hypothesis, instrument),
        "rule_80": None if context is None else _rule_80_json(context.rule_80),
        "approx": profile.approx,
        "notes": [] if context is None else list(context.notes),
    }


def _extension_json(context: Context | None, instrument: Instrument) -> Json:
    """Beyond the initial balance, in points and in multiples of it."""
    if context is None or context.extension is None:
        return None
    up, down, up_ib, down_ib = context.extension
    return {"up": instrument.price(up), "down": instrument.price(down), "up_ib": up_ib, "down_ib": down_ib}


def _daily_json(profile: SessionProfile, context: Context | None) -> Object:
    """The day's own area against the day before: class and character of the thirty-day table."""
    before = None if context is None else context.pva
    if before is None:
        return {"migration": None, "character": None}
    pair = span(profile.value), span(before)
    return {"migration": migration(*pair).value, "character": character(*pair)}


def _around_json(context: Context | None, instrument: Instrument) -> Object:
    """Levels carried forward, conditions and rotation as they stood at the close."""
    if context is None:
        return {"naked_pocs": [], "stacked_levels": [], "conditions": [], "net_score": 0.0, "rotation": None}
    return {
        "naked_pocs": [instrument.price(tick) for tick in context.naked_pocs],
        "stacked_levels": [[instrument.price(tick), days, kind] for tick, days, kind in context.stacked_levels],
        "conditions": [
            {
                "name": c.name,
                "direction": c.direction.name,
                "confidence": c.confidence,
                "level": instrument.price(c.level),
            }
            for c in context.conditions
        ],
        "net_score": net_score(context.conditions),
        "rotation": {"auction": context.rotation, "combined": context.auction},
    }


def _cva_json(context: Context | None, instrument: Instrument) -> Object:
    """`status` COMPLETE, PARTIAL(n) or null where no session stands behind it."""
    area: ValueArea | None = None if context is None else context.cva
    days = 0 if context is None else context.cva_days
    partial = context is not None and any(note.startswith("CVA partial") for note in context.notes)
    return {
        "days": days,
        "status": None if not days else f"PARTIAL({days})" if partial else "COMPLETE",
        "vah": None if area is None else instrument.price(area.vah),
        "poc": None if area is None else instrument.price(area.poc),
        "val": None if area is None else instrument.price(area.val),
    }


def hypothesis_json(hypothesis: Hypothesis, instrument: Instrument) -> Object:
    """The plan of the day and what the close said about it."""
    return {
        "bias": "UNKNOWN" if hypothesis.bias is None else hypothesis.bias.name,
        "confidence": hypothesis.confidence,
        "condition": hypothesis.condition,
        "votes": list(hypothesis.votes),
        "reason": hypothesis.reason,
        "levels": [[name, instrument.price(tick)] for name, tick in hypothesis.levels],
        "scenarios": [
            {
                "if": s.when,
                "then": s.then,
                "targets": [instrument.price(tick) for tick in s.targets],
                "invalidation": _price(s.invalidation, instrument),
            }
            for s in hypothesis.scenarios
        ],
        "frozen": hypothesis.frozen,
        "grade": hypothesis.grade,
    }


def _rule_80_json(text: str | None) -> Json:
    """`SHORT TRIGGERED` as direction and state; null where the rule had nothing to watch."""
    if text is None or text == SKIPPED:
        return None
    direction, _, state = text.rpartition(" ")
    return {"state": state, "direction": direction or None}


def signal_json(signal: Signal, instrument: Instrument) -> Object:
    """One signal."""
    return {
        "id": signal.id,
        "ts": iso(signal.ts_ns),
        "pattern": signal.pattern.value,
        "direction": signal.direction.name,
        "strength": signal.strength,
        "ref_price": instrument.price(signal.ref_price),
        "trigger_price": instrument.price(signal.trigger_price),
        "quality": signal.quality.value,
        "evidence": evidence_json(signal.evidence, instrument),
    }


def evidence_json(evidence: Evidence, instrument: Instrument) -> Object:
    """Evidence with its prices decimal: both ends of a `zone`, the first cell of each row of `levels`."""
    found: Object = {}
    for name, value in evidence.items():
        cells: Any = value
        if name == "zone":
            found[name] = [instrument.price(tick) for tick in cells]
        elif name == "levels" and isinstance(value, list):
            found[name] = [[instrument.price(row[0]), *row[1:]] for row in cells]
        else:
            found[name] = cells
    return found


def regime_json(reading: RegimeReading) -> Object:
    """One regime reading with every input it used."""
    return {
        "ts": iso(reading.ts_ns),
        "regime": reading.regime.value,
        "confidence": reading.confidence,
        "scores": dict(zip(_SCORES, reading.scores, strict=True)),
        "inputs": dict(reading.inputs),
        "reason": reading.reason,
    }


def setup_json(setup: SetupReading) -> Object:
    """One setup with the parts of its confidence."""
    parts: Sequence[tuple[str, float, float]] = setup.parts
    return {
        "ts": iso(setup.ts_ns),
        "setup": setup.setup.value,
        "direction": setup.direction.name,
        "confidence": setup.confidence,
        "parts": [{"name": name, "weight": weight, "value": value} for name, weight, value in parts],
        "tradable": setup.tradable,
        "reason": setup.reason,
    }


def _price(ticks: float | None, instrument: Instrument) -> float | None:
    return None if ticks is None else instrument.price(ticks)
