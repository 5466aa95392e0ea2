"""The regime with all that fed it: class, confidence, scores with their terms, inputs, session clock, news, size, patterns."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.signal import Regime, RegimeReading, RegimeTerm
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.view import ConsoleView, RegimeView

LARGEST_SCORE = 8.5
WRITTEN_OUT = 24  # rows from which every term has a line of its own
ORDER = (Regime.TRENDING_UP, Regime.TRENDING_DOWN, Regime.RANGING, Regime.VOLATILE)  # of a reading's scores
_NAMES = {"TRENDING_UP": "UP", "TRENDING_DOWN": "DOWN", "RANGING": "RNG", "VOLATILE": "VOL", "NO_TRADE": "NO_TRADE"}
_SHADES = ("up", "down", "accent", "warn")
# how a term begins, or what it contains, and the word for it on the bar
_WORDS = (
    ("ADX slope", "↑"), ("ADX", "ADX"), ("EMA9", "EMA"), ("price to VWAP", "VW"), ("|price to VWAP|", "VW"),
    ("higher highs", "HH"), ("higher lows", "HL"), ("lower highs and", "LL"), ("lower highs", "LH"), ("CD", "CD"), ("|CD|", "CD"),
    ("neither", "flat"), ("ATR percentile", "ATR"), ("mean bar range", "rng"), ("volume", "vol"), ("|delta slope|", "Δslp"),
)  # fmt: skip
_PARTS = (("bars in a box", "box"),)
_LOOKS = {
    Regime.TRENDING_UP: ("▲", "bold up"),
    Regime.TRENDING_DOWN: ("▼", "bold down"),
    Regime.RANGING: ("◆", "bold accent"),
    Regime.VOLATILE: ("▲▼", "bold warn"),
    Regime.NO_TRADE: ("■", "bold alarm"),
}
# label and key of the reading's inputs, in the order they are shown
_INPUTS = (
    ("ADX", "adx", 1), ("slope", "adx_slope", 1), ("EMA", "ema_trend", 1), ("vwap", "price_vs_vwap", 1),
    ("ATR%", "atr_percentile", 0), ("vol×", "volume_vs_average", 1), ("CVD", "cumulative_delta", 0), ("Δslope", "delta_slope", 0),
    ("box", "range_bound_bars", 0),
)  # fmt: skip
_FLAGS = (("HH", "higher_highs"), ("HL", "higher_lows"), ("LH", "lower_highs"), ("LL", "lower_lows"))


def regime_heading(view: ConsoleView, _sight: Sight) -> str:
    """`REGIME · 10:10`: when the reading was made."""
    reading = view.regime.reading
    return "REGIME" if reading is None else f"REGIME · {cells.et_minute(reading.ts_ns)}"


def regime_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """Everything at any size: terms as short words beside their score, or written out where the panel is high."""
    regime, reading = view.regime, view.regime.reading
    rows: list[Row] = []
    if reading is None:
        rows.extend(((f" {line}", "dim"),) for line in cells.wrap(regime.empty_reason or "warming up", sight.width - 2))
        rows.append(())
        rows.extend(_session(regime, sight.width))
    elif sight.height < WRITTEN_OUT:
        rows.append(_headline(reading, sight.width))
        rows.extend(_score(reading, n, sight.width) for n in range(len(ORDER)))
        rows.extend(_inputs(reading, sight.width))
        rows.extend(_session(regime, sight.width))
    else:
        rows.append(_headline(reading, sight.width))
        rows.append(())
        for n in range(len(ORDER)):
            rows.extend(_written_out(reading, n, sight.width))
        rows.append(())
        rows.extend(_inputs(reading, sight.width))
        rows.extend(_session(regime, sight.width))
        rows.extend(_patterns(regime, sight.width))
        rows.append(((" last readings ", "dim"), (" ".join(_NAMES.get(name, name) for name in regime.history), "text")))
    return cells.fill(rows, sight.width, sight.height)


def _headline(reading: RegimeReading, width: int) -> Row:
    glyph, ink = _LOOKS[reading.regime]
    left: list[Span] = [(f" {glyph} {reading.regime.value}", ink)]
    right: tuple[Span, ...] = (("conf ", "dim"), (f"{reading.confidence:.2f} ", "bold bright"))
    room = width - cells.width(left) - cells.width(right) - 2
    reason = reading.reason.replace("TRENDING_", "")  # `TRENDING_UP 1 of 2 bars`: another one is winning
    if reason:
        left.append((f" {cells.left(reason, room).rstrip()}", "warn"))
    return cells.spread(left, right, width)


def _score(reading: RegimeReading, n: int, width: int) -> Row:
    """`UP 6.5 ADX1 EMA1.5 …`: the terms lie on the bar, its length is the score."""
    score = reading.scores[n]
    ink = "bold bright" if score == max(reading.scores) and score > 0 else "text"
    head: Span = (f" {_NAMES[ORDER[n].value]:<4}{score:4.1f} ", ink)
    room = max(width - len(head[0]), 0)
    words = " ".join(f"{_word(term.text)}{term.points:.1f}".replace(".0", "").replace("0.", ".") for term in _of(reading, n))
    lit = round(min(score / LARGEST_SCORE, 1.0) * room)
    text = cells.left(words, room)
    shade = _SHADES[n]
    return head, (text[:lit], f"bold {shade} on cursor"), (text[lit:], shade)


def _of(reading: RegimeReading, n: int) -> list[RegimeTerm]:
    return [term for term in reading.terms if term.regime is ORDER[n]]


def _word(text: str) -> str:
    """A term's comparison in one short word; its first word where nobody gave it one."""
    return next((word for start, word in _WORDS if text.startswith(start)), None) or next(
        (word for part, word in _PARTS if part in text), text.split(maxsplit=1)[0]
    )


def _written_out(reading: RegimeReading, n: int, width: int) -> list[Row]:
    """A score with its bar, and under it each term with its points and numbers."""
    score = reading.scores[n]
    ink = "bold bright" if score == max(reading.scores) and score > 0 else "text"
    bar = cells.bar(score / LARGEST_SCORE, max(min(width - 26, 40), 4))
    rows: list[Row] = [((f" {ORDER[n].value:<14}", "bold text"), (f"{score:4.1f} ", ink), (bar, _SHADES[n]))]
    terms = sorted(_of(reading, n), key=lambda term: -term.points)
    rows.extend(((f"   +{term.points:.1f}  ", "dim"), (cells.left(term.text, max(width - 9, 4)), "text")) for term in terms)
    return rows


def _inputs(reading: RegimeReading, width: int) -> list[Row]:
    """Every input with its value, wrapped by whole items."""
    items: list[tuple[Span, Span]] = []
    for label, key, places in _INPUTS:
        value = reading.inputs.get(key)
        number = None if value is None else float(value)
        sign = number is not None and key not in ("adx", "atr_percentile", "volume_vs_average", "range_bound_bars")
        text = cells.UNKNOWN if number is None else f"{number:+,.{places}f}" if sign else f"{number:,.{places}f}"
        items.append(((f" {label} ", "dim"), (text, "text")))
    known = [label for label, key in _FLAGS if reading.inputs.get(key)]
    items.append(((" swings ", "dim"), (" ".join(known) or "none", "text")))
    rows: list[Row] = []
    row: list[Span] = []
    for item in items:
        if cells.width((*row, *item)) > width:
            rows.append(tuple(row))
            row = []
        row.extend(item)
    rows.append(tuple(row))
    return rows


def _session(regime: RegimeView, width: int) -> list[Row]:
    """Auction, hours, news, size and what may be acted on, in two lines."""
    size = cells.UNKNOWN if regime.size_factor is None else f"×{regime.size_factor:.2f}"
    news = (regime.news or cells.UNKNOWN).removeprefix("news ")
    hours = _hours(regime)
    return [
        (*hours, (" news ", "dim"), (cells.left(news, max(width - cells.width(hours) - 6, 4)), "text")),
        ((" size ", "dim"), (size, "bold text"), (" on ", "dim"), (regime.letters or "none", "bold brake"),
         ("  ", "dim"), (regime.auction or "auction ?", "text")),
    ]  # fmt: skip


def _patterns(regime: RegimeView, width: int) -> list[Row]:
    """The patterns that may be acted on, by name."""
    lines = cells.wrap(", ".join(regime.enabled) or "none", max(width - 12, 8))
    return [((" enabled    " if n == 0 else " " * 12, "dim"), (line, "text")) for n, line in enumerate(lines)]


def _hours(regime: RegimeView) -> tuple[Span, ...]:
    since, left = regime.minutes_since_open, regime.minutes_to_close
    if since is not None and since < 0:
        return (" opens in ", "dim"), (cells.minutes(-since), "bold text")
    if left is not None and left <= 0:
        return ((" regular hours are over", "dim"),)
    return (" open +", "dim"), (cells.minutes(since), "text"), (" close -", "dim"), (cells.minutes(left), "text")


class RegimePanel(Panel):
    """The regime on the screen, every fifth frame."""

    panel_id = "regime"
    word = "REGIME"
    every = 5
    market = False

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        return regime_heading(view, sight)

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """Scores and inputs."""
        return regime_rows(view, sight)
