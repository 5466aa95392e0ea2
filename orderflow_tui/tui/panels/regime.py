"""The regime with everything that fed it: class, confidence, scores, inputs, session clock, news, size, patterns."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.signal import Regime, RegimeReading
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.view import ConsoleView, RegimeView

LARGEST_SCORE = 8.5
_NAMES = ("UP", "DOWN", "RANGE", "VOL")
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
)  # fmt: skip
_FLAGS = (("HH", "higher_highs"), ("HL", "higher_lows"), ("LH", "lower_highs"), ("LL", "lower_lows"))


def regime_heading(view: ConsoleView, _sight: Sight) -> str:
    """`REGIME · 10:10`: when the reading was made."""
    reading = view.regime.reading
    return "REGIME" if reading is None else f"REGIME · {cells.et_minute(reading.ts_ns)}"


def regime_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """Most important first; what does not fit is left out from below."""
    regime, reading = view.regime, view.regime.reading
    rows: list[Row] = []
    if reading is None:
        rows.extend(((f" {line}", "dim"),) for line in cells.wrap(regime.empty_reason or "warming up", sight.width - 2))
        rows.append(())
    else:
        rows.append(_headline(reading, sight.width))
        rows.extend(_scores(reading, sight.width))
        rows.extend(_inputs(reading, sight.width))
    rows.extend(_session(regime, sight.width))
    if reading is not None and len(rows) < sight.height:
        rows.extend(_terms(reading, sight.width, sight.height - len(rows)))
    return cells.fill(rows, sight.width, sight.height)


def _headline(reading: RegimeReading, width: int) -> Row:
    glyph, ink = _LOOKS[reading.regime]
    left: list[Span] = [(f" {glyph} {reading.regime.value}", ink)]
    if reading.candidate is not reading.regime:
        left.append((f" → {reading.candidate.value}?", "dim"))
    if reading.reason:
        left.append((f"  {reading.reason}", "warn"))
    return cells.spread(left, (("conf ", "dim"), (f"{reading.confidence:.2f} ", "bold bright")), width)


def _scores(reading: RegimeReading, width: int) -> list[Row]:
    half = (width - 1) // 2
    room = max(half - 12, 2)
    best = max(reading.scores)
    parts: list[list[Span]] = []
    for name, score in zip(_NAMES, reading.scores, strict=True):
        ink = "bold bright" if score == best and score > 0 else "text"
        shade = {"UP": "up", "DOWN": "down", "RANGE": "accent", "VOL": "warn"}[name]
        parts.append([(f" {name:<6}", "dim"), (cells.bar(score / LARGEST_SCORE, room), shade), (f"{score:4.1f}", ink)])
    return [(*cells.fit(parts[0], half), *parts[1]), (*cells.fit(parts[2], half), *parts[3])]


def _inputs(reading: RegimeReading, width: int) -> list[Row]:
    """Every input with its value, wrapped by whole items."""
    items: list[tuple[Span, Span]] = []
    for label, key, places in _INPUTS:
        value = reading.inputs.get(key)
        number = None if value is None else float(value)
        sign = number is not None and key not in ("adx", "atr_percentile", "volume_vs_average")
        text = cells.UNKNOWN if number is None else f"{number:+,.{places}f}" if sign else f"{number:,.{places}f}"
        items.append(((f" {label} ", "dim"), (text, "text")))
    holds = " ".join(label for label, key in _FLAGS if reading.inputs.get(key))
    items.append(((" swings ", "dim"), (holds or "none", "text")))
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
    size = cells.UNKNOWN if regime.size_factor is None else f"×{regime.size_factor:.2f}"
    news = (regime.news or cells.UNKNOWN).removeprefix("news ")
    enabled = f"{len(regime.enabled)} patterns " + " ".join(regime.enabled) if regime.enabled else "none"
    return [
        ((" auction ", "dim"), (regime.auction or cells.UNKNOWN, "text")),
        (*_hours(regime), ("  news ", "dim"), (news, "text")),
        ((" size ", "dim"), (size, "bold text"), ("  on ", "dim"), (cells.left(enabled, max(width - 17, 4)), "text")),
    ]


def _hours(regime: RegimeView) -> tuple[Span, ...]:
    since, left = regime.minutes_since_open, regime.minutes_to_close
    if since is not None and since < 0:
        return (" opens in ", "dim"), (cells.minutes(-since), "bold text")
    if left is not None and left <= 0:
        return ((" regular hours are over", "dim"),)
    return (" open +", "dim"), (cells.minutes(since), "text"), ("  close -", "dim"), (cells.minutes(left), "text")


def _terms(reading: RegimeReading, width: int, room: int) -> list[Row]:
    terms = sorted(reading.terms, key=lambda term: -term.points)[:room]
    return [
        ((f" +{term.points:.1f} ", "dim"), (f"{term.regime.value} ", "dim"), (cells.left(term.text, max(width - 22, 4)), "text"))
        for term in terms
    ]


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
