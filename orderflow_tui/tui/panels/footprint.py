"""The footprint: closed bars in one widget that repaints on a bar's close, the live bar in another of its own.

A cell reads `bid×ask`: left what hit the bid, right what lifted the ask. Diagonal imbalances are bold on their side,
stacked zones carry a bracket and tint what follows, the POC is boxed, the bar's value area shaded, unfinished extremes
send a ray to the right, signals stand as letter and arrow at their price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orderflow_tui.domain.value import ZoneState
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.live_grid import LiveGrid
from orderflow_tui.tui.palette import HEAT_STEPS, Palette
from orderflow_tui.tui.panels.panel import Box, CellMode, Panel, Sight, put
from orderflow_tui.view import BarCells, ConsoleView, FootprintView

COLUMN = 13  # letter and arrow 2, box 1, bid 4, × 1, ask 4, box or bracket 1
AXIS = 9
FOOTERS = 7
_UNKNOWN_SHARE = 0.05  # unknown-side volume is shown above this


def footprint_heading(view: ConsoleView, sight: Sight) -> str:
    """`FOOTPRINT · 5 min · bid×ask · ×3.0`; the method of the value area stands over the live bar."""
    foot = view.footprint
    return f"FOOTPRINT · {foot.bar_label} · {sight.cell_mode.value} · ×{foot.ratio:.1f}"


def history_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """Closed bars, newest right, as many columns as fit."""
    foot = view.footprint
    if foot.disabled_reason:
        return cells.sentence(foot.disabled_reason, sight.width, sight.height)
    if not foot.bars or sight.top is None:
        return cells.sentence("no bar has closed yet: the first stands here when it does", sight.width, sight.height)
    count = max(sight.width // COLUMN, 1)
    shown = foot.bars[-count:]
    pad = sight.width - COLUMN * len(shown)
    rows: list[Row] = [_join(pad, [_time(cell) for cell in shown])]
    price_rows = min(sight.price_rows, sight.height - 1)
    ticks = range(sight.top, sight.top - price_rows, -1)
    rows.extend(_join(pad, [_cell(foot, cell, tick, sight.cell_mode) for cell in shown]) for tick in ticks)
    feet = [_footers(cell, sight.height - len(rows)) for cell in shown]
    rows.extend(_join(pad, [foot_rows[n] for foot_rows in feet]) for n in range(sight.height - len(rows)))
    return tuple(rows)


def live_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """The open bar and the price axis beside it."""
    foot, live = view.footprint, view.footprint.live
    if sight.top is None:
        return cells.fill([], sight.width, sight.height)
    head: list[Span] = list(_time(live, live=True)) if live else [(" " * COLUMN, "text")]
    rows: list[Row] = [(*head, (" " * AXIS, "text"))]
    price_rows = min(sight.price_rows, sight.height - 1)
    for tick in range(sight.top, sight.top - price_rows, -1):
        cell = _cell(foot, live, tick, sight.cell_mode) if live and not foot.disabled_reason else ((" " * COLUMN, "text"),)
        rows.append((*cell, *_axis(view, tick)))
    left = sight.height - len(rows)
    feet = _footers(live, left) if live and not foot.disabled_reason else [cells.blank(COLUMN)] * left
    rows.extend((*row, (" " * AXIS, "text")) for row in feet)
    return tuple(rows)


def _join(pad: int, columns: list[Row]) -> Row:
    spans: list[Span] = [(" " * pad, "text")] if pad > 0 else []
    for column in columns:
        spans.extend(column)
    return tuple(spans)


def _time(cell: BarCells, live: bool = False) -> Row:
    text = cells.et_minute(cell.bar.start_ns) + (" ◄live" if live else "")
    partial = " ~gap" if cell.bar.partial else ""
    return ((f"{text}{partial}".center(COLUMN), "bold bright" if live else "dim"),)


def _axis(view: ConsoleView, tick: int) -> Row:
    text = f" {view.instrument.text(tick)} "
    return ((cells.left(text, AXIS), "bold ink on last" if tick == view.dom.last else "dim"),)


def _cell(foot: FootprintView, cell: BarCells, tick: int, mode: CellMode) -> Row:
    bar = cell.bar
    mark = next((f"{letter}{_arrow(side)}" for price, letter, side in cell.marks if price == tick), "  ")
    mark_ink = "bold brake" if mark != "  " else "text"
    bracket = _bracket(foot, cell, tick)
    if not bar.low <= tick <= bar.high or not bar.bid:
        return ((mark, mark_ink), _empty(foot, cell, tick), bracket or (" ", "text"))
    index = tick - bar.low
    bid, ask = bar.bid[index], bar.ask[index]
    back = "value" if cell.value is not None and cell.value.val <= tick <= cell.value.vah else "base"
    poc = tick == bar.poc
    box_ink = f"bold poc on {back}"
    middle = _numbers(cell, tick, bid, ask, bar.unknown[index], back, mode)
    right = ("]", bracket[1] if bracket else box_ink) if poc else bracket or (" ", box_ink)
    return ((mark, mark_ink), ("[" if poc else " ", box_ink), *middle, right)


def _numbers(cell: BarCells, tick: int, bid: int, ask: int, unknown: int, back: str, mode: CellMode) -> tuple[Span, ...]:
    """Nine cells inside the box."""
    bought, sold = tick in cell.buys, tick in cell.sells
    bid_ink = f"bold ask on {back}" if sold else f"text on {back}"
    ask_ink = f"bold bid on {back}" if bought else f"text on {back}"
    match mode:
        case CellMode.BID_ASK:
            return ((f"{bid:>4d}", bid_ink), ("×", f"faint on {back}"), (f"{ask:<4d}", ask_ink))
        case CellMode.IMBALANCE:
            return (
                (f"{bid:>4d}" if sold else "   ·", bid_ink if sold else f"faint on {back}"),
                (" ", f"text on {back}"),
                (f"{ask:<4d}" if bought else "·   ", ask_ink if bought else f"faint on {back}"),
            )
        case CellMode.DELTA:
            delta = ask - bid
            largest = max((abs(a - b) for a, b in zip(cell.bar.ask, cell.bar.bid, strict=True)), default=0)
            heat = cells.step(abs(delta), largest, HEAT_STEPS)
            side = "bid" if delta > 0 else "ask"
            return (
                (
                    f"{delta:+d}".center(9),
                    f"bold {'ink' if heat == HEAT_STEPS else 'bright'} on {side}{heat}" if heat else f"dim on {back}",
                ),
            )
        case CellMode.VOLUME | CellMode.HEAT:
            total = bid + ask + unknown
            largest = max(b + a + u for b, a, u in zip(cell.bar.bid, cell.bar.ask, cell.bar.unknown, strict=True))
            heat = cells.step(total, largest, HEAT_STEPS)
            if mode is CellMode.HEAT:
                ink = f"heat{heat}" if heat else back
                return ((f"{total:d}".center(9), f"{'ink' if heat >= 4 else 'bright'} on {ink}"),)
            width = round(total / largest * 9) if largest else 0
            text = f"{total:>6d}   "
            return ((text[:width], "bold bright on cursor"), (text[width:], f"text on {back}"))


def _empty(foot: FootprintView, cell: BarCells, tick: int) -> Span:
    """Ten cells where the bar did not trade: a ray, a zone's tint, or nothing."""
    for ray in foot.rays:
        if ray.price == tick and ray.born_ns < cell.bar.end_ns:
            return "┄" * 10, "bid" if ray.side > 0 else "ask"
    for zone in foot.zones:
        if zone.low <= tick <= zone.high and zone.born_ns < cell.bar.start_ns and zone.state is not ZoneState.BROKEN:
            return " " * 10, f"text on {'zone_buy' if zone.side > 0 else 'zone_sell'}"
    return " " * 10, "text"


def _bracket(foot: FootprintView, cell: BarCells, tick: int) -> Span | None:
    bar = cell.bar
    for zone in foot.zones:
        if zone.state is ZoneState.BROKEN or not zone.low <= tick <= zone.high:
            continue
        if bar.start_ns <= zone.born_ns < bar.end_ns:
            ink = "bold bid" if zone.side > 0 else "bold ask"
            if zone.low == zone.high:
                return "]", ink
            return ("┐" if tick == zone.high else "┘" if tick == zone.low else "┃"), ink
    return None


def _arrow(side: int) -> str:
    return "▲" if side > 0 else "▼" if side < 0 else "·"


def _footers(cell: BarCells, height: int) -> list[Row]:
    """What the bar adds up to; unknown where the source cannot know it."""
    bar = cell.bar
    delta_ink = "text" if bar.delta is None else "up" if bar.delta >= 0 else "down"
    percent = cells.UNKNOWN if bar.delta is None or not bar.volume else f"{100 * bar.delta / bar.volume:+.1f}%"
    extremes = f"{cells.signed(bar.min_delta)}/{cells.signed(bar.max_delta)}"
    trades = cells.UNKNOWN if bar.trades is None else f"{bar.trades:,d}"
    unknown = bar.unknown_volume / bar.volume if bar.volume else 0.0
    overnight = bar.cvd_globex if bar.cvd_rth is None else None
    seconds = (bar.end_ns - bar.start_ns) // 1_000_000_000
    last = ("side?", f"{100 * unknown:.0f}%", "warn") if unknown > _UNKNOWN_SHARE else ("dur", cells.clock(seconds * 1000), "dim")
    rows: list[Row] = [
        _figure("V", f"{bar.volume:,d}", "bold text"),
        _figure("Δ", cells.signed(bar.delta), f"bold {delta_ink}"),
        _figure("Δ%", percent, delta_ink),
        _figure("↕", extremes, "dim"),
        _figure("CVD" if overnight is None else "CVDg", cells.signed(bar.cvd_rth if overnight is None else overnight), "text"),
        _figure("n", trades, "dim"),
        _figure(*last),
    ]
    rows.extend(cells.blank(COLUMN) for _ in range(height - len(rows)))
    return rows[:height]


def _figure(name: str, value: str, ink: str) -> Row:
    return ((f" {name}", "faint"), (cells.right(value, COLUMN - 2 - len(name)), ink), (" ", "text"))


class LiveBar(Panel):
    """The open bar and the price axis: the volatile column, every second frame."""

    panel_id = "footprint-live"
    every = 2
    left_edge = False

    def heading(self, view: ConsoleView, _sight: Sight) -> str:
        """How the value area is made; the history's frame says the rest."""
        return view.footprint.value_method

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """The open bar."""
        return live_rows(view, sight)


class FootprintPanel(Panel):
    """The closed bars, painted again only when something about them changed, beside the live bar."""

    panel_id = "footprint"
    word = "FOOTPRINT"
    every = 2
    right_edge = False

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette)
        self.live = LiveBar(palette)
        self._drawn: tuple[object, ...] = ()

    def grids(self) -> tuple[LiveGrid, ...]:
        """History and live bar."""
        return (self, self.live)

    def place(self, box: Box | None) -> None:
        """History left, live bar and axis right."""
        self.box = box
        self._drawn = ()
        if box is None:
            put(self, None)
            self.live.place(None)
            return
        live_width = min(COLUMN + AXIS + 1, box.width)
        own = Box(box.x, box.y, box.width - live_width, box.height)
        put(self, own if own.width > 2 else None)
        self.live.place(Box(box.x + own.width, box.y, live_width, box.height))

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        return footprint_heading(view, sight)

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """The closed bars."""
        return history_rows(view, sight)

    def paint(self, view: ConsoleView | None, sight: Sight) -> int:
        """The live bar always, the history when bars, zones, rays or the way of looking changed."""
        if self.box is None:
            return 0
        live_width = min(COLUMN + AXIS + 1, self.box.width)
        history_width = self.box.width - live_width
        lines = self.live.paint(view, _narrow(sight, live_width - 1))
        foot = view.footprint if view else None
        drawn = (foot and foot.bars, foot and foot.zones, foot and foot.rays, foot and foot.disabled_reason, sight)
        if history_width > 2 and (view is None or len(self._drawn) != len(drawn) or any(map(_differs, drawn, self._drawn))):
            self._drawn = drawn
            box = Box(self.box.x, self.box.y, history_width, self.box.height)
            lines += self._paint_into(box, view, _narrow(sight, history_width - 1))
        return lines

    def paint_fault(self, reason: str) -> None:
        """Both parts say it: bars beside a fault would look current."""
        self.live.paint_fault(reason)
        if self.box is not None:
            self._fault_into(self.box._replace(width=self.box.width - min(COLUMN + AXIS + 1, self.box.width)), reason)
            self._drawn = ()

    def forget(self) -> None:
        """Make every line again, history included."""
        self._drawn = ()
        super().forget()


def _differs(one: object, other: object) -> bool:
    return one is not other and one != other


def _narrow(sight: Sight, width: int) -> Sight:
    return replace(sight, width=width)
