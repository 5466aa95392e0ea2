"""Rows of styled cells: what every panel makes, what every grid paints, what every test reads.

A row is a tuple of spans, a span is (text, ink). Ink is a phrase of the palette's words: `bold ask on ask2`.
Every character used is one cell wide, so lengths are counted with `len`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from math import isfinite
from zoneinfo import ZoneInfo

Span = tuple[str, str]
Row = tuple[Span, ...]

EIGHTHS = " ▏▎▍▌▋▊▉█"
SPARKS = "▁▂▃▄▅▆▇█"
UNKNOWN = "?"
_EXCHANGE_TIME = ZoneInfo("America/New_York")
_MINUTE_NS = 60_000_000_000


def width(row: Iterable[Span]) -> int:
    """Cells a row takes."""
    return sum([len(text) for text, _ in row])  # a list: twice as quick as a generator


def fit(row: Sequence[Span], cells: int, ink: str = "text") -> Row:
    """The row padded with `ink` or cut to exactly `cells`; where something was cut away the last cell says so with `…`."""
    if isinstance(row, tuple) and width(row) == cells:
        return row
    out: list[Span] = []
    left = cells
    lost = ""
    for text, style in row:
        if text and left > 0:
            out.append((text[:left], style))
        if len(text) > left:
            lost += text[max(left, 0) :]
        left -= len(text)
    if left > 0:
        out.append((" " * left, ink))
    if out and not lost.isspace() and lost:
        text, style = out[-1]
        out[-1] = (f"{text[:-1]}…", style)
    return tuple(out)


def blank(cells: int, ink: str = "text") -> Row:
    """An empty row."""
    return ((" " * cells, ink),) if cells > 0 else ()


def spread(left: Sequence[Span], right: Sequence[Span], cells: int, ink: str = "text") -> Row:
    """`left` flush left, `right` flush right; the left one is cut when both do not fit."""
    room = cells - width(right)
    if room <= 0:
        return fit(right, cells, ink)
    return fit((*fit(left, room, ink), *right), cells, ink)


def fill(rows: Sequence[Row], cells: int, height: int) -> tuple[Row, ...]:
    """Exactly `height` rows of exactly `cells` cells."""
    fitted = [fit(row, cells) for row in rows[:height]]
    fitted.extend(blank(cells) for _ in range(height - len(fitted)))
    return tuple(fitted)


def sentence(text: str, cells: int, height: int, ink: str = "dim") -> tuple[Row, ...]:
    """A sentence wrapped and centred in an otherwise empty panel: the honest empty state."""
    lines = wrap(text, max(cells - 4, 8))
    top = max((height - len(lines)) // 2, 0)
    rows: list[Row] = [blank(cells) for _ in range(top)]
    rows.extend(((" " * max((cells - len(line)) // 2, 0), "text"), (line, ink)) for line in lines)
    return fill(rows, cells, height)


def wrap(text: str, cells: int) -> list[str]:
    """Words in lines of at most `cells`; a longer word is cut."""
    lines, line = [], ""
    for long_word in text.split():
        word = long_word
        while len(word) > cells:
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:cells])
            word = word[cells:]
        if line and len(line) + 1 + len(word) > cells:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        lines.append(line)
    return lines


def right(text: str, cells: int) -> str:
    """Right-aligned in `cells`; a text too long keeps its end and shows that it was cut."""
    return text.rjust(cells) if len(text) <= cells else "…" + text[len(text) - cells + 1 :]


def left(text: str, cells: int) -> str:
    """Left-aligned in `cells`; a text too long keeps its start and shows that it was cut."""
    return text.ljust(cells) if len(text) <= cells else text[: cells - 1] + "…"


def signed(value: int | None, cells: int = 0) -> str:
    """`+12`, `-7`, `+0`, `?` for unknown, right-aligned."""
    return right(UNKNOWN if value is None else f"{value:+d}", cells) if cells else UNKNOWN if value is None else f"{value:+d}"


def both(broker: int | None, local: int) -> str:
    """A position: one number where the broker's and ours are the same, else first the broker's."""
    return f"{local:+d}" if broker == local else f"{signed(broker)}≠{local:+d}"


def money(cents: int | None, cells: int = 0) -> str:
    """`+1,258.12` from cents, `?` for unknown, right-aligned."""
    text = UNKNOWN if cents is None else f"{'-' if cents < 0 else '+'}{abs(cents) // 100:,d}.{abs(cents) % 100:02d}"
    return right(text, cells) if cells else text


def whole_money(cents: int) -> str:
    """`-300` from cents: whole units for scales and limits."""
    return f"{'-' if cents < 0 else '+' if cents > 0 else ''}{abs(cents) // 100:,d}"


def ratio(value: float | None, places: int = 2) -> str:
    """A number with fixed decimals, `?` for unknown."""
    return UNKNOWN if value is None or not isfinite(value) else f"{value:.{places}f}"


def age(ms: int | None) -> str:
    """An age in four cells: ` 0.1s`, `  12s`, `   3m`; `?` for unknown."""
    if ms is None:
        return "   ?"
    if ms < 10_000:
        return f"{max(ms, 0) / 1000:3.1f}s"
    seconds = ms // 1000
    if seconds < 600:
        return f"{seconds:3d}s"
    return f"{min(seconds // 60, 999):3d}m" if seconds < 36_000 else f"{min(seconds // 3600, 999):3d}h"


def clock(ms: int) -> str:
    """A countdown `0:42`, `12:05`."""
    seconds = max(ms, 0) // 1000
    return f"{seconds // 60}:{seconds % 60:02d}"


def minutes(count: int | None) -> str:
    """`44m`, `5:46`, `?`."""
    if count is None:
        return UNKNOWN
    return f"{count}m" if count < 60 else f"{count // 60}:{count % 60:02d}"


def bar(fraction: float, cells: int) -> str:
    """A horizontal bar in eighths of a cell, padded to `cells`."""
    return eighths(round(min(max(fraction, 0.0), 1.0) * cells * 8), cells)


def eighths(count: int, cells: int) -> str:
    """A bar of `count` eighths of a cell, padded to `cells`."""
    full, rest = divmod(count, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(cells)


def spark(values: Sequence[int], cells: int) -> str:
    """A sparkline of the newest `cells` values, oldest left, padded right."""
    shown = values[-cells:]
    if not shown:
        return " " * cells
    low, span = min(shown), max(shown) - min(shown)
    return "".join(SPARKS[(v - low) * 7 // span] if span else SPARKS[3] for v in shown).ljust(cells)


def step(value: float, top: float, steps: int) -> int:
    """Heat step 0…steps of a value against the largest; 0 only for nothing."""
    if value <= 0 or top <= 0:
        return 0
    return min(steps, 1 + int(value * steps / top * 0.999))


@lru_cache(maxsize=4096)
def _exchange_minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, _EXCHANGE_TIME).strftime("%H:%M")


def et_minute(ts_ns: int) -> str:
    """`09:35`, exchange time of an instant."""
    return _exchange_minute(ts_ns // _MINUTE_NS)


@lru_cache(maxsize=4096)
def _exchange_moment(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, _EXCHANGE_TIME).strftime("%Y-%m-%d %H:%M")


def et_moment(ts_ns: int) -> str:
    """`2022-01-24 09:35`, exchange date and time of an instant."""
    return _exchange_moment(ts_ns // _MINUTE_NS)


def faded(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The same rows dimmed: numbers that can no longer be trusted to be current."""
    return tuple(tuple((text, "stale") for text, _ in row) for row in rows)
