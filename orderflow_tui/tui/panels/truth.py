"""The truth bar: who we are, what state holds, what we own here and at the broker, and whether anything is still alive.

Every item has a fixed width, so the bar flows into as many lines as the screen is wide and nothing ever moves.
"""

from __future__ import annotations

from typing import assert_never

from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.market import Grade
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import STALE_MS
from orderflow_tui.tui.picture import SILENT_ENGINE_MS
from orderflow_tui.view import ConsoleView, Light, LightState, Protection, Truth

METER = 7
NARROW = 100  # cells under which the bar saves what it can
LONG = 99
_LIGHT_SIZES = (
    (LONG, LONG),
    (14, LONG),
    (10, LONG),
    (7, LONG),
    (0, LONG),
    (0, 4),
    (0, 3),
)  # cells of word and name, roomiest first
_LIGHTS = {
    LightState.OFF: ("○", "dim"),
    LightState.GREEN: ("●", "ok"),
    LightState.AMBER: ("◐", "warn"),
    LightState.RED: ("■", "bold alarm"),
}


def truth_rows(view: ConsoleView | None, beat_ms: int | None, alive: bool, width: int) -> tuple[Row, ...]:
    """The truth bar in as many lines as `width` needs. `beat_ms` is computed by the screen's own clock: while it is too old
    the state carries a question mark and what the engine said last is dim."""
    if view is None:
        text = " starting: waiting for the engine " if alive else " ENGINE NOT RUNNING: quit (q) and look at the log "
        return (cells.fit(((text, "bold ink on warn" if alive else "bold bright on live"),), width, "text on row"),)
    return _flow(_items(view, beat_ms, alive, narrow=width < NARROW), width)


def _flow(items: list[Row], width: int) -> tuple[Row, ...]:
    space = 2 if sum(map(cells.width, items)) + 2 * (len(items) - 1) <= width else 1
    lines: list[list[Span]] = [[]]
    used = 0
    for item in items:
        size = cells.width(item)
        gap = space if used else 0
        if used and used + gap + size > width:
            lines.append([])
            used = gap = 0
        lines[-1] += [(" " * gap, "text on row"), *item]
        used += gap + size
    return tuple(cells.fit(line, width, "text on row") for line in lines)


def _items(view: ConsoleView, beat_ms: int | None, alive: bool, narrow: bool) -> list[Row]:
    """The cells of the bar. Where it is narrow they shrink and change places so that two lines of 80 hold them all."""
    truth = view.truth
    silent = not alive or beat_ms is None or beat_ms > SILENT_ENGINE_MS
    work: Row = (("work ", "dim on row"), (f"{truth.working_orders:<2d}", "text on row"))
    owned = [_position(view), *((work, _stop(truth)) if narrow else (_stop(truth), work)), _net(truth)]
    return [
        _mode(truth, narrow),
        _state(truth, view.closing, silent),
        _armed(truth, narrow),
        *(map(_doubted, owned) if silent else owned),
        _feed(truth),
        _reconciled(truth),
        _beat(beat_ms, alive),
    ]


def _mode(truth: Truth, narrow: bool) -> Row:
    inks = {"live": "bold bright on live", "paper": "bold ink on paper"}
    account = f"{'' if narrow else ' '}·{truth.account_suffix}" if truth.account_suffix else ""
    traded = f"→{truth.execution}" if truth.execution and truth.execution != truth.instrument else ""
    return (
        (f" {truth.mode.upper()}{account} ", inks.get(truth.mode.lower(), "bold bright on calm")),
        (f" {truth.instrument} {truth.contract}{traded}", "bold text on row"),
    )


def _doubted(row: Row) -> Row:
    """What a silent engine said last."""
    return tuple((text, "stale on row") for text, _ in row)


def _state(truth: Truth, closing: bool, silent: bool) -> Row:
    width = max(len(state.value) for state in TradingState)
    if closing:
        return ((f" {'CLOSING':^{width}} ", "bold ink on warn"),)
    if silent:
        return ((f" {truth.state.value + '?':^{width + 1}}", "bold ink on warn"),)
    match truth.state:
        case TradingState.RUNNING:
            ink = "bold ink on ok"
        case TradingState.RECOVERING | TradingState.FENCED:
            ink = "bold ink on warn"
        case TradingState.REDUCE_ONLY | TradingState.HALTED | TradingState.FLATTENING | TradingState.LOCKED:
            ink = "bold ink on alarm"
        case _:
            assert_never(truth.state)
    return ((f" {truth.state.value:^{width}} ", ink),)


def _armed(truth: Truth, narrow: bool) -> Row:
    side = "" if narrow else " "
    if truth.armed_left_ms > 0:
        return ((f"{side}armed {cells.clock(truth.armed_left_ms):>4}{side}", "bold ink on armed"),)
    return ((f"{side}disarmed  {side}", "dim on row"),)


def _position(view: ConsoleView) -> Row:
    truth = view.truth
    width = 24
    if truth.elsewhere:
        return _positions(truth, width)
    if truth.broker_position is None:
        text, ink = f"pos UNKNOWN local {truth.local_position:+d}", "bold ink on warn"
    elif truth.broker_position != truth.local_position:
        text, ink = f"pos broker {truth.broker_position:+d} ≠ {truth.local_position:+d} local", "bold bright on live"
    elif not truth.local_position:
        return ((cells.left("pos flat = local", width), "text on row"),)
    else:
        at = cells.UNKNOWN if truth.avg_price_ticks is None else view.instrument.text(round(truth.avg_price_ticks))
        side = "up" if truth.local_position > 0 else "down"
        rest = cells.left(f" @ {at} = local", width - 4 - len(f"{truth.local_position:+d}"))
        return (("pos ", "dim on row"), (f"{truth.local_position:+d}", f"bold {side} on row"), (rest, "text on row"))
    return ((cells.left(text, width), ink),)


def _positions(truth: Truth, width: int) -> Row:
    """More than the execution instrument is held: all of it, in the same room, without the price."""
    here = (truth.broker_position, truth.local_position)
    told = [here, *((broker, local) for _, broker, local in truth.elsewhere)]
    others = [f"{symbol} {cells.both(broker, local)}" for symbol, broker, local in truth.elsewhere]
    text = " · ".join([f"pos {'flat' if here == (0, 0) else cells.both(*here)}", *others])
    if any(broker is not None and broker != local for broker, local in told):
        ink = "bold bright on live"
    else:
        ink = "bold ink on warn" if any(broker is None for broker, _ in told) else "bold warn on row"
    return ((cells.left(text, width), ink),)


def _stop(truth: Truth) -> Row:
    width = 11
    match truth.protection:
        case Protection.NONE_NEEDED:
            glyph, word, ink = "–", "flat", "dim on row"
        case Protection.AT_BROKER:
            glyph, word, ink = "●", "at broker", "ok on row"
        case Protection.PENDING:
            glyph, word, ink = "◐", "pending", "bold warn on row"
        case Protection.MISSING:
            glyph, word, ink = "■", "MISSING", "bold bright on live"
        case Protection.UNKNOWN:
            glyph, word, ink = "?", "UNKNOWN", "bold ink on warn"
        case _:
            assert_never(truth.protection)
    return (("stop ", "dim on row"), (cells.left(f"{glyph} {word}", width), ink))


def _net(truth: Truth) -> Row:
    limit, net = abs(truth.loss_limit_cents), truth.net_cents
    left = min(max((limit + net) / limit, 0.0), 1.0) if limit and net is not None else 0.0
    ink = "ok" if left > 0.5 else "warn" if left > 0.2 else "alarm"
    return (
        ("net ", "dim on row"),
        (cells.money(net, 9), f"bold {'warn' if net is None else 'up' if net >= 0 else 'down'} on row"),
        (" ▕", "frame on row"),
        (cells.bar(left, METER), f"{ink} on well"),
        (f"▏{cells.whole_money(-limit)}", "dim on row"),
    )


def _feed(truth: Truth) -> Row:
    stale = truth.data_age_ms is None or truth.data_age_ms > STALE_MS
    grade = truth.grade.value[:4]
    share = truth.inferred_pct
    inferred = cells.UNKNOWN if share is None else "100%" if share > 99 else f"~{share:.0f}%"
    grade_ink = "text" if truth.grade in (Grade.A, Grade.B) else "warn"
    return (
        ("feed ", "dim on row"),
        (f"{grade} ", f"bold {grade_ink} on row"),
        (f"{inferred:>4} ", "dim on row"),
        (cells.age(truth.data_age_ms), "bold ink on warn" if stale else "text on row"),
    )


def _reconciled(truth: Truth) -> Row:
    ink = "warn on row" if truth.reconcile_age_ms is None else "text on row"
    return (("rec ", "dim on row"), (cells.age(truth.reconcile_age_ms), ink))


def _beat(beat_ms: int | None, alive: bool) -> Row:
    if not alive:
        return (("BEAT DEAD", "bold bright on live"),)
    ink = "text on row" if beat_ms is not None and beat_ms <= SILENT_ENGINE_MS else "bold bright on live"
    return (("beat ", "dim on row"), (cells.age(beat_ms), ink))


def lights_row(view: ConsoleView | None, bright: bool, width: int, silent: bool = False) -> Row:
    """Traffic lights with word and glyph; the clock of the exchange at the right. `bright` is the beat of a pulse; all of it
    is dim while the engine is silent, the clock is the engine's."""
    if view is None:
        return cells.blank(width)
    time: Row = ((f"{view.truth.et_clock} ET ", "bold text"),)
    for word_cells, name_cells in _LIGHT_SIZES:
        spans: list[Span] = [(" ", "text")]
        for light in view.lights:
            spans += _light(light, bright, word_cells, name_cells)
        if cells.width(spans) + cells.width(time) <= width:
            break
    row = cells.spread(spans, time, width)
    return cells.faded([row])[0] if silent else row


def _glyph(light: Light, bright: bool) -> Span:
    glyph, ink = _LIGHTS[light.state]
    return glyph, "bold bright" if light.pulse and bright else ink


def _light(light: Light, bright: bool, word_cells: int, name_cells: int) -> Row:
    """A light with as much of its word and name as there is room for."""
    roomy = name_cells >= LONG
    gap = (" " if roomy else "", "text")
    ink = "bold text" if word_cells else "text"
    name = light.name[:name_cells]
    word = f" {cells.left(light.word, word_cells).rstrip()}" if word_cells and light.word else ""
    return (_glyph(light, bright), gap, (name, ink), (word, "dim"), ("  " if roomy and word_cells >= LONG else " ", "text"))
