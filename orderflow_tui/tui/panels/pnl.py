"""Money of the trade date: what was made, what is open, what it would be if every stop filled, and how far the limits are."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.view import ConsoleView, PnlView

MONEY_AND_AGE = 74  # cells that four amounts and their age need
WORST_STOPPED = 40  # cells from which the first line has room for the whole name
SMALL_SAMPLE = 30  # fewer trades than this and the expectancy says so


def pnl_heading(view: ConsoleView, _sight: Sight) -> str:
    """`P&L · PAPER`."""
    return f"P&L · {view.truth.mode.upper()}"


def pnl_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """Most important first; what does not fit is left out from below."""
    pnl = view.pnl
    wins = f"{pnl.wins}/{pnl.trades}"
    expectancy = cells.money(pnl.expectancy)
    small = " n small" if 0 < pnl.trades < SMALL_SAMPLE else ""
    expectancy_ink = "text" if pnl.expectancy is None else _ink(pnl.expectancy)
    tier = " ".join(part for part in ("" if pnl.tier is None else str(pnl.tier), pnl.tier_text) if part) or cells.UNKNOWN
    net_ink, worst_ink = _ink(pnl.net), _ink(pnl.worst_case)
    worst = " worst stopped " if sight.width >= WORST_STOPPED else "  worst "
    spark_room = max(sight.width - 18, 8)
    rows: list[Row] = [
        ((" net ", "dim"), (cells.money(pnl.net, 10), f"bold {net_ink}"),
         (worst, "dim"), (cells.money(pnl.worst_case, 10), worst_ink)),
        (*_amount(" real", pnl.realised), *_amount("  open", pnl.open)),
        (*_amount(" fees", -abs(pnl.fees)), *_amount("    dd", None if pnl.drawdown is None else -abs(pnl.drawdown))),
        limit_meter(pnl, sight.width),
        ((" ", "text"), (cells.spark(pnl.equity, spark_room), "accent"), (" peak ", "dim"), (cells.money(pnl.peak, 10), "text")),
        ((" wins ", "dim"), (wins, "text"), (" streak ", "dim"), (cells.signed(pnl.streak), _ink(pnl.streak)),
         ("  exp ", "dim"), (expectancy, expectancy_ink), (small, "dim")),
        ((" tier ", "dim"), (tier, "text"),
         ("  size ", "dim"), (str(pnl.contracts_allowed), "text"),
         ("  today ", "dim"), (f"{pnl.begun}/{pnl.trades_allowed}", "text")),
        _brackets(view),
        ((" last MAE ", "dim"), (_ticks(pnl.mae_ticks), "text"), ("  MFE ", "dim"), (_ticks(pnl.mfe_ticks), "text"),
         ("  slip ", "dim"), (_ticks(pnl.slippage_ticks), "text")),
    ]  # fmt: skip
    return cells.fill(rows, sight.width, sight.height)


def money_row(view: ConsoleView | None, width: int, silent_ms: int | None = None) -> Row:
    """Everything about money that must be seen at any size, in one line; `silent_ms`: the age of a silent engine's word."""
    if view is None:
        return cells.blank(width)
    pnl = view.pnl
    amounts: tuple[tuple[str, int | None], ...] = (
        ("net", pnl.net),
        ("real", pnl.realised),
        ("open", pnl.open),
        ("worst", pnl.worst_case),
    )
    if silent_ms is not None and width < MONEY_AND_AGE:
        amounts = tuple(amount for amount in amounts if amount[0] != "real")
    figures = tuple(
        span for name, cents in amounts for span in ((f" {name} ", "dim"), (cells.money(cents, 9), f"bold {_ink(cents)}"))
    )
    if silent_ms is not None:
        (dimmed,) = cells.faded([figures])
        return cells.fit((*dimmed, (f"  STALE {cells.age(silent_ms).strip()} ", "bold ink on warn")), width)
    room = width - cells.width(figures)
    return cells.fit((*figures, *limit_meter(pnl, room)) if room >= 24 else figures, width)


def limit_meter(pnl: PnlView, width: int) -> Row:
    """From loss limit to profit target: `▓` the stretch between worst case and net, `█` net now, `|` zero. Instead of it, why
    these are unknown."""
    if pnl.net is None or pnl.worst_case is None:
        return ((f" no price of {pnl.unpriced} is known", "bold warn"),)
    low, high = _loss(pnl), max(pnl.profit_target, 1)
    left, right = f" {cells.whole_money(low)} ▕", f"▏ {cells.whole_money(high)} "
    room = max(width - len(left) - len(right), 5)

    def place(value: int) -> int:
        return min(max(round((value - low) / (high - low) * (room - 1)), 0), room - 1)

    zero, now, worst = place(0), place(pnl.net), place(pnl.worst_case)
    line: list[Span] = []
    for n in range(room):
        if n == now:
            line.append(("█", f"bold {_ink(pnl.net)}"))
        elif min(worst, now) <= n <= max(worst, now):
            line.append(("▓", "warn" if worst > place(low) + room // 6 else "alarm"))
        elif n == zero:
            line.append(("│", "bright"))
        else:
            line.append(("░", "faint"))
    return ((left, "dim"), *_merged(line), (right, "dim"))


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    out: list[Span] = []
    for text, ink in spans:
        if out and out[-1][1] == ink:
            out[-1] = (out[-1][0] + text, ink)
        else:
            out.append((text, ink))
    return tuple(out)


def _loss(pnl: PnlView) -> int:
    return -abs(pnl.loss_limit) or -1


def _ink(value: int | None) -> str:
    if value is None:
        return "warn"
    return "up" if value > 0 else "down" if value < 0 else "text"


def _amount(name: str, cents: int | None) -> tuple[Span, Span]:
    return (f"{name} ", "dim"), (cells.money(cents, 10), _ink(cents))


def _ticks(value: float | None) -> str:
    return cells.UNKNOWN if value is None else f"{value:.1f}t"


def _brackets(view: ConsoleView) -> Row:
    """Stop and target with their distance from the last trade; when flat, what a bracket would carry, or what is held beside."""
    dom, pnl, truth = view.dom, view.pnl, view.truth
    if not truth.local_position and truth.elsewhere:
        held = " · ".join(f"{symbol} {cells.both(broker, local)}" for symbol, broker, local in truth.elsewhere)
        return ((f" {truth.execution} flat · held ", "dim"), (held, "bold warn"))
    if not truth.local_position:
        stop, target = (cells.UNKNOWN if ticks is None else f"{ticks}t" for ticks in (pnl.stop_ticks, pnl.target_ticks))
        return ((" flat · bracket stop ", "dim"), (stop, "text"), (" target ", "dim"), (target, "text"))
    prices = {text[:1]: price for price, text in dom.own}
    spans: list[Span] = []
    for name, letter, ink in ((" stop ", "S", "down"), ("  target ", "T", "up")):
        price = prices.get(letter)
        spans.append((name, "dim"))
        if price is None:
            spans.append((cells.UNKNOWN, "bold alarm"))
            continue
        spans.append((view.instrument.text(price), "text"))
        if dom.last is not None:
            spans.append((f" {price - dom.last:+d}t", ink))
    return tuple(spans)


class PnlPanel(Panel):
    """The money on the screen, every fifth frame."""

    panel_id = "pnl"
    word = "P&L"
    every = 5
    market = False

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        return pnl_heading(view, sight)

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """The figures."""
        return pnl_rows(view, sight)
