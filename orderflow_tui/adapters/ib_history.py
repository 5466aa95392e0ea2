"""The past for the first start: one-minute bars of the last thirty sessions, asked for within the broker's pacing rules.

Requests of five trading days, going backwards from now, at least 2.2 seconds apart and never the same twice within
fifteen; a refused one is asked again after a pause. Bars of the analysed contract only: before its time as the leading
month its volume is thin, which the bars then show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from orderflow_tui.adapters.ib_desk import Traded
from orderflow_tui.adapters.ib_line import Line, NoAnswer, Refused
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Bars

SESSIONS = 30
BAR_S = 60
MIDS_S = 120
HOUR_S = 3_600
CHUNK_DAYS = 5
MOST_CHUNKS = 12
PAUSE_S = 2.2
REFUSED_PAUSE_S = 16.0
TRIES = 3
ANSWER_LIMIT_S = 60.0
CHICAGO = ZoneInfo("America/Chicago")

Progress = Callable[[int, int], None]


class HistoryMissing(Exception):
    """The broker did not deliver its history."""


async def backfill(line: Line, traded: Traded, now_ns: int, sessions: int = SESSIONS, progress: Progress | None = None) -> Bars:
    """Bars of the last `sessions` trading days, oldest first, the running minute left out.

    `progress(done, wanted)` counts trading days. Raises HistoryMissing or ConnectionError.
    """
    rows: dict[int, Any] = {}
    end = ""
    for chunk in range(MOST_CHUNKS):
        if chunk:
            await asyncio.sleep(PAUSE_S)
        found = await _ask(line, traded, end)
        fresh = {int(bar.date): bar for bar in found if int(bar.date) not in rows}
        if not fresh:
            break
        rows |= fresh
        days = _trade_dates(rows)
        if progress is not None:
            progress(min(len(days), sessions), sessions)
        if len(days) > sessions:
            break
        end = f"{datetime.fromtimestamp(min(rows), UTC):%Y%m%d-%H:%M:%S}"
    wanted = set(sorted(_trade_dates(rows))[-sessions:])
    hours = {hour for hour in {s // HOUR_S for s in rows} if _trade_date(hour) in wanted}
    chosen = sorted(s for s in rows if s // HOUR_S in hours and (s + BAR_S) * 1_000_000_000 <= now_ns)
    return _bars(traded.instrument, [rows[s] for s in chosen])


async def _ask(line: Line, traded: Traded, end: str) -> list[Any]:
    """One request, with patience for pacing."""
    trouble = ""
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(REFUSED_PAUSE_S)
        try:
            return await line.ask_numbered(lambda request: _request(line, traded, request, end), ANSWER_LIMIT_S)
        except (Refused, NoAnswer) as fault:
            trouble = str(fault)
    raise HistoryMissing(f"no bars of {traded.listed.symbol} up to {end or 'now'} after {TRIES} tries: {trouble}")


async def spread_ticks(line: Line, front: Traded, following: Traded, minute_end_ns: int) -> int | None:
    """`following` − `front` in ticks: their mids at the end of a minute, rounded. None where either has none there."""
    mids: list[float] = []
    end = f"{datetime.fromtimestamp(minute_end_ns / 1e9, UTC):%Y%m%d-%H:%M:%S}"
    for traded in (front, following):
        try:
            rows = await line.ask_numbered(partial(_mids, line, traded, end), ANSWER_LIMIT_S)
        except (Refused, NoAnswer):
            return None
        wanted = minute_end_ns // 1_000_000_000 - BAR_S
        mids += [float(bar.close) for bar in rows if int(bar.date) == wanted and bar.close > 0][:1]
    if len(mids) < 2:
        return None
    return round((mids[1] - mids[0]) * 1e9 / front.instrument.tick_e9)


def _mids(line: Line, traded: Traded, end: str, request: int) -> None:
    duration = f"{MIDS_S} S"
    line.client.reqHistoricalData(request, traded.contract, end, duration, "1 min", "MIDPOINT", False, 2, False, [])


def _request(line: Line, traded: Traded, request: int, end: str) -> None:
    line.client.reqHistoricalData(request, traded.contract, end, f"{CHUNK_DAYS} D", "1 min", "TRADES", False, 2, False, [])


def _trade_date(hour: int) -> date:
    """The trading day of an hour since the epoch: it rolls at 17:00 Chicago."""
    return (datetime.fromtimestamp(hour * HOUR_S, CHICAGO) + timedelta(hours=7)).date()


def _trade_dates(rows: dict[int, Any]) -> set[date]:
    return {_trade_date(hour) for hour in {s // HOUR_S for s in rows}}


def _bars(instrument: Instrument, rows: list[Any]) -> Bars:
    """Columns in ticks; bars with a price off the grid are left out."""
    columns: list[tuple[int, int, int, int, int, int]] = []
    for bar in rows:
        prices = [instrument.ticks(p) for p in (bar.open, bar.high, bar.low, bar.close)]
        known = [p for p in prices if p is not None]
        if len(known) == len(prices):
            columns.append((int(bar.date) * 1_000_000_000, known[0], known[1], known[2], known[3], int(bar.volume)))
    table = np.array(columns, dtype=np.int64).reshape(-1, 6)
    start, opened, high, low, close, volume = (np.ascontiguousarray(table[:, i]) for i in range(6))
    counts = np.array([max(0, int(bar.barCount)) for bar in rows], dtype=np.int64) if len(columns) == len(rows) else None
    return Bars(instrument.symbol, BAR_S, start, opened, high, low, close, volume, trades=counts)
