"""Written times of every kind turned into UTC nanoseconds, whole columns at once.

Exchange files name days and wall clocks; only a few thousand different ones occur in any batch, so each different text
is parsed once. A time zone's offset is looked up once per hour that occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orderflow_tui.adapters.importers.rows import Mask, RowBatch, RowCheck
from orderflow_tui.adapters.importers.source import ImportFault, Rejection
from orderflow_tui.domain.market import I64

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
EARLIEST_NS, LATEST_NS = 1_199_163_600 * SECOND_NS, 1_924_930_800 * SECOND_NS  # 2008-01-01 … 2030-12-31 in New York
_DAY_S = 86_400
_DATE = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{8}"
_CLOCK = r"(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d{1,9}))?"
_STAMP = rf"^(?:(?P<date>{_DATE})[T ]+)?{_CLOCK}(?P<zone> ?Z|[+-]\d{{2}}:?\d{{2}})?$"
_EPOCH_DIGITS = r"^\d{9,19}$"
_Parse = Callable[[str], int | None]  # a number of seconds, None when the text means nothing


@dataclass(frozen=True, slots=True)
class TimeColumns:
    """Where a format keeps its times.

    `stamp` holds date and clock, or the clock alone where `day` names a column of dates. `zone` is the IANA zone of
    times that carry none. `unpadded_micros`: digits after the point are a plain number of microseconds.
    `shift_s` is added at the end: −60 turns the end of a one-minute bar into its start.
    """

    stamp: str
    day: str | None
    zone: str
    unpadded_micros: bool = False
    shift_s: int = 0


def known_zone(name: str) -> str:
    """The zone's name if it exists."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ImportFault(f'unknown time zone "{name}": expected an IANA name such as America/New_York or UTC') from error
    return name


def utc_ns(batch: RowBatch, where: TimeColumns, check: RowCheck) -> I64:
    """UTC ns of every row; rows whose time cannot be read are refused."""
    text = pc.utf8_trim_whitespace(batch.columns[where.stamp])
    days = None if where.day is None else pc.utf8_trim_whitespace(batch.columns[where.day])
    empty = pc.equal(pc.utf8_length(text), 0).to_numpy(zero_copy_only=False).astype(np.bool_)
    if days is not None:
        empty |= pc.equal(pc.utf8_length(days), 0).to_numpy(zero_copy_only=False).astype(np.bool_)
    check.refuse(empty, Rejection.MISSING_FIELD)
    found = _read(text, days, where, check, empty) + where.shift_s * SECOND_NS
    check.refuse((found < EARLIEST_NS) | (found >= LATEST_NS), Rejection.BAD_TIME)
    return found


def _read(text: pa.Array, days: pa.Array | None, where: TimeColumns, check: RowCheck, empty: Mask) -> I64:
    if days is None and len(text) and pc.all(pc.or_(pc.match_substring_regex(text, _EPOCH_DIGITS), pa.array(empty))).as_py():
        return _epochs(pc.if_else(pa.array(empty), "0", text))
    return _written(text, days, where, check)


def _written(text: pa.Array, days: pa.Array | None, where: TimeColumns, check: RowCheck) -> I64:
    parts = pc.extract_regex(text, _STAMP)
    understood = pc.is_valid(parts).to_numpy(zero_copy_only=False).astype(np.bool_)
    day_text = parts.field("date") if days is None else days
    midnight, bad_day = _looked_up(pc.fill_null(day_text, ""), _midnight_s)
    clock, bad_clock = _looked_up(pc.fill_null(parts.field("clock"), ""), _clock_s)
    fraction, bad_fraction = _fractions(pc.fill_null(parts.field("fraction"), ""), where.unpadded_micros)
    bad = ~understood | bad_day | bad_clock | bad_fraction
    check.refuse(bad, Rejection.BAD_TIME)
    local = np.where(bad, 0, (midnight + clock) * SECOND_NS + fraction)
    zones = pc.fill_null(parts.field("zone"), "")
    offset, no_zone = _looked_up(zones, _offset_s)
    if no_zone.all():
        return to_utc(local, where.zone)
    return np.where(no_zone, to_utc(local, where.zone), local - offset * SECOND_NS)


def to_utc(local_ns: I64, zone: str) -> I64:
    """UTC ns of wall-clock nanoseconds (counted as if the wall were UTC). An hour that occurs twice is its first."""
    if zone == "UTC":
        return local_ns
    info = ZoneInfo(zone)
    hours, inverse = np.unique(local_ns // HOUR_NS, return_inverse=True)
    offsets = np.empty(len(hours), dtype=np.int64)
    for i, hour in enumerate(hours):
        wall = datetime.fromtimestamp(int(hour) * 3_600, UTC).replace(tzinfo=info)
        shift = wall.utcoffset()
        assert shift is not None
        offsets[i] = int(shift.total_seconds()) * SECOND_NS
    return local_ns - offsets[inverse]


def _epochs(text: pa.Array) -> I64:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by how many digits they have."""
    values: I64 = pc.cast(text, pa.int64()).to_numpy(zero_copy_only=False).astype(np.int64)
    scale = np.select([values < 10**11, values < 10**14, values < 10**17], [SECOND_NS, 10**6, 10**3], default=1)
    return values * scale.astype(np.int64)


def _looked_up(column: pa.Array, parse: _Parse) -> tuple[I64, Mask]:
    """Every different text parsed once: values, and where the text means nothing."""
    encoded = pc.dictionary_encode(column)
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    parsed = [parse(word) for word in encoded.dictionary.to_pylist()]
    values = np.array([0 if v is None else v for v in parsed], dtype=np.int64)
    missing = np.array([v is None for v in parsed], dtype=np.bool_)
    return values[indices], missing[indices]


def _midnight_s(text: str) -> int | None:
    parts = [text[:4], text[4:6], text[6:]] if text.isdigit() else text.replace("/", "-").replace(".", "-").split("-")
    try:
        year, month, day = (int(part) for part in parts)
        return (date(year, month, day) - date(1970, 1, 1)).days * _DAY_S
    except (ValueError, OverflowError):
        return None


def _clock_s(text: str) -> int | None:
    parts = [int(part) for part in text.split(":")] if text else []
    if len(parts) not in {2, 3} or parts[0] > 23 or any(part > 59 for part in parts[1:]):
        return None
    return parts[0] * 3_600 + parts[1] * 60 + (parts[2] if len(parts) == 3 else 0)


def _offset_s(text: str) -> int | None:
    if not text:
        return None
    if text.strip() == "Z":
        return 0
    digits = text[1:].replace(":", "")
    seconds = int(digits[:2]) * 3_600 + int(digits[2:]) * 60
    return -seconds if text[0] == "-" else seconds


def _fractions(text: pa.Array, unpadded_micros: bool) -> tuple[I64, Mask]:
    """Nanoseconds after the second."""
    if unpadded_micros:
        micros: I64 = pc.cast(pc.if_else(pc.equal(pc.utf8_length(text), 0), "0", text), pa.int64()).to_numpy(zero_copy_only=False)
        return micros * 1_000, micros >= 1_000_000
    nanos: I64 = pc.cast(pc.utf8_rpad(text, 9, "0"), pa.int64()).to_numpy(zero_copy_only=False)
    return nanos, np.zeros(len(nanos), dtype=np.bool_)
