"""Signals newest first with their verdict, and the setups with their 90/10 score under them."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.view import ConsoleView, SetupRow, SignalRow

_VERDICTS = {"accepted": ("✓", "bold ok"), "refused": ("✗", "warn"), "noted": ("·", "dim")}
_REGIMES = {"TRENDING_UP": "TREND_UP", "TRENDING_DOWN": "TREND_DN", "NO_TRADE": "NO_TRADE"}

WITH_REGIME = 80  # cells from which the regime has a column of its own
WITH_PARTS = 10  # rows from which the best setup tells its parts
TWO_SETUPS = 14


def signals_heading(view: ConsoleView, sight: Sight) -> str:
    """`SIGNALS · 12 · Enter opens the chain`."""
    count = len(view.signals.rows)
    return f"SIGNALS · {count}" + (" · ↑↓ Enter opens the chain" if sight.focused and count else "")


def signals_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """The list around the selected row, then the best setups."""
    signals = view.signals
    if not signals.rows and not signals.setups:
        return cells.sentence(signals.empty_reason or "no signal yet", sight.width, sight.height)
    setups = _setups(view, sight)
    room = max(sight.height - len(setups), 1)
    selected = min(sight.selected, max(len(signals.rows) - 1, 0))
    first = max(min(selected - room // 2, len(signals.rows) - room), 0) if sight.focused else 0
    rows: list[Row] = []
    for n, row in enumerate(signals.rows[first : first + room], first):
        rows.append(_signal(view, row, sight.width, sight.focused and n == selected))
    if not signals.rows:
        rows.append(((f" {signals.empty_reason}", "dim"),))
    rows.extend(cells.blank(sight.width) for _ in range(room - len(rows)))
    rows.extend(setups)
    return tuple(rows)


def _signal(view: ConsoleView, row: SignalRow, width: int, selected: bool) -> Row:
    """Time, pattern, price, strength, regime where there is room, and the verdict with as much room as it needs."""
    side = "bid" if row.direction > 0 else "ask" if row.direction < 0 else "text"
    back = " on cursor" if selected else ""
    glyph, verdict_ink = _VERDICTS.get(row.verdict, ("·", "dim"))
    regime = _REGIMES.get(row.regime, row.regime)
    pattern = 20 if width >= 76 else 16 if width >= 68 else 12
    spans: list[Span] = [
        (f" {row.et_clock[:8]:<8} ", f"dim{back}"),
        (f"{row.letter[:1]} ", f"bold brake{back}"),
        (f"{cells.left(row.pattern, pattern)} ", f"bold {side}{back}"),
        (f"{_arrow(row.direction)} ", f"bold {side}{back}"),
        (f"{cells.right(view.instrument.text(row.price), 8)} ", f"text{back}"),
        (f"{row.strength:.2f} "[1 if row.strength < 1 else 0 :].rjust(5), f"text{back}"),
    ]
    if width >= WITH_REGIME:
        spans.append((f"{cells.left(regime, 8)} ", f"dim{back}"))
    spans.append((f"{glyph} ", f"{verdict_ink}{back}"))
    room = max(width - cells.width(spans), 0)
    spans.append((cells.left(brief(row), room) if room else "", f"{'text' if row.verdict != 'noted' else 'dim'}{back}"))
    return tuple(spans)


def brief(row: SignalRow) -> str:
    """The verdict's rule and numbers without what the row says anyway; the chain shows it whole."""
    reason = row.reason or row.verdict
    for known in (f"{row.pattern} is ", "nothing is enabled in ", "regime "):
        reason = reason.removeprefix(known)
    for regime, short in _REGIMES.items():
        reason = reason.replace(regime, short)
    _, against, bias = reason.partition(" against the ")
    return f"against the {bias.partition(' of ')[0]}" if against else reason


def _setups(view: ConsoleView, sight: Sight) -> list[Row]:
    """The best setups under the list: one with its parts on a second line, two where the panel is high."""
    setups = view.signals.setups[: 2 if sight.height >= TWO_SETUPS else 1]
    if sight.height < WITH_PARTS:
        return [_setup(view, setup, sight.width) for setup in setups]
    return [row for setup in setups for row in (_setup(view, setup, sight.width), _parts(setup, sight.width))]


def _setup(view: ConsoleView, setup: SetupRow, width: int) -> Row:
    side = "bid" if setup.direction > 0 else "ask"
    weight = setup.context_weight
    score = f" = {weight:.2f}·{setup.context:.1f} + {1 - weight:.2f}·{setup.flow:.0f}"
    spans: tuple[Span, ...] = (
        (" ✓ " if setup.tradable else " ✗ ", "bold ok" if setup.tradable else "warn"),
        (f"{setup.name} {_arrow(setup.direction)} ", f"bold {side}"),
        (f"{view.instrument.text(setup.level)}  ", "text"),
        (f"{setup.confidence:.1f}", "bold bright"),
        (score, "dim"),
        (f"  {setup.reason}" if setup.reason else "  tradable", "warn" if setup.reason else "ok"),
    )
    return cells.fit(spans, width)


def _parts(setup: SetupRow, width: int) -> Row:
    """`location 30 value 20 …`: the points that make the context, shortened where they would not fit."""
    for letters in (12, 3):
        spans: list[Span] = [("   context ", "dim")]
        for name, points in setup.parts:
            spans += [(f" {name[:letters]} ", "dim"), (f"{points:.0f}", "text")]
        spans.append((f" = {setup.context:.1f} of 100", "dim"))
        if cells.width(spans) <= width:
            break
    return cells.fit(spans, width)


def _arrow(direction: int) -> str:
    return "▲" if direction > 0 else "▼" if direction < 0 else "·"


class SignalsPanel(Panel):
    """The list on the screen, every fifth frame."""

    panel_id = "signals"
    word = "SIGNALS"
    every = 5
    market = False

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        return signals_heading(view, sight)

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """Signals and setups."""
        return signals_rows(view, sight)
