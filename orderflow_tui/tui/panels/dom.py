"""The DOM ladder: price in the middle, what rests and what traded beside it, own orders and P&L at every price.

Left to right: own orders · session delta at price · pulling/stacking · recent sells · bids | price | asks · recent buys ·
session volume at price · tags · P&L if the position were closed here. Narrow ladders leave out the last ones first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.tui.panels.pressure import pressure_row
from orderflow_tui.view import ConsoleView

# name, width; in the order of the screen. `vol` takes what is left.
_COLUMNS = (
    ("own", 5), ("delta", 6), ("pull", 6), ("sold", 5), ("bid", 6), ("price", 10),
    ("ask", 6), ("bought", 5), ("vol", 5), ("tag", 6), ("pnl", 6),
)  # fmt: skip
_GIVEN_UP = ("pull", "pnl", "vol", "tag", "delta", "own")  # first to go when the ladder is narrow
_HEADS = {
    "own": "own", "delta": "Δ@px", "pull": "±rest", "sold": "sold", "bid": "bid", "price": "price", "ask": "ask",
    "bought": "bght", "vol": " vol", "tag": " tag", "pnl": "P&L",
}  # fmt: skip
SIZE = 6  # cells of a resting size
HEAVY = 0.65  # share of the shown book that is coloured as leaning
PRINT = 14  # cells of a trade in the foot: `▲6712.25×137 `
_LEFT_ALIGNED = frozenset({"own", "vol", "tag"})


Columns = tuple[tuple[str, int], ...]


@lru_cache(maxsize=64)
def dom_columns(width: int) -> Columns:
    """The columns that fit into `width` cells, and how wide each is."""
    names = dict(_COLUMNS)
    for name in _GIVEN_UP:
        if sum(names.values()) <= width:
            break
        del names[name]
    spare = width - sum(names.values())
    if spare > 0:
        wide = "vol" if "vol" in names else "price"
        names[wide] += spare
    return tuple(names.items())


def dom_heading(view: ConsoleView, sight: Sight) -> str:
    """`DOM · ES Z6 · last 6712.50 ▲ 12`, and what the ladder is doing."""
    dom = view.dom
    parts = [f"DOM · {view.truth.instrument} {view.truth.contract}"]
    if dom.last is not None:
        parts.append(f"last {view.instrument.text(dom.last)} {_glyph(dom.last_side)} {dom.last_size}")
    if not dom.book_valid:
        parts.append("NO BOOK")
    if sight.scrolled:
        parts.append("SCROLLED: Space centres")
    elif sight.flashing:
        parts.append("CENTRING")
    return " · ".join(parts)


def dom_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """Heading row, one row a price from `sight.top` down, totals under them."""
    dom = view.dom
    if sight.top is None:
        return cells.sentence(dom.empty_reason or "waiting for the first price", sight.width, sight.height)
    columns = dom_columns(sight.width)
    price_rows = sight.price_rows or max(sight.height - 3, 1)
    ticks = range(sight.top, sight.top - price_rows, -1)
    rows: list[Row] = [_head(columns, sight.flashing)]
    rows.extend(_level_row(level, columns) for level in _levels(view, ticks, dict(columns).get("vol", 1) - 1, sight.flashing))
    rows.extend(_foot(view, sight.width, sight.height - len(rows)))
    return tuple(rows)


class _Level(NamedTuple):
    """All that one row of the ladder says. `lit` cells of the resting size are lit, `wall` when it is among the largest;
    `share` is the volume bar in eighths; `last` is the glyph of the last
    trade where it was at this price."""

    price: str
    own: str
    delta: int
    strong: bool
    pulled: int
    sold: int
    bought: int
    bid: int | None
    ask: int | None
    lit: int
    wall: bool
    best: bool
    share: int
    tag: str
    last: str
    price_ink: str
    pnl: int | None


def _levels(view: ConsoleView, ticks: range, bar_cells: int, flashing: bool) -> Iterator[_Level]:
    """The rows of these prices, measured against the largest of what is shown."""
    dom, text = view.dom, view.instrument.text
    bids, asks = dict(dom.bids), dict(dom.asks)
    best_bid = dom.bids[0][0] if dom.bids else None
    best_ask = dom.asks[0][0] if dom.asks else None
    largest = max(max(bids.values(), default=0), max(asks.values(), default=0))
    seen = slice(max(ticks[-1] - dom.base, 0), max(ticks[0] + 1 - dom.base, 0))
    most_volume = max(dom.volume[seen], default=0)
    most_delta = max(max(dom.delta[seen], default=0), -min(dom.delta[seen], default=0))
    own, tags = _joined(view), dict(dom.tags)
    average = round(dom.avg_price_ticks) if dom.position and dom.avg_price_ticks is not None else None
    for tick in ticks:
        index = tick - dom.base
        known = 0 <= index < len(dom.volume)
        delta = dom.delta[index] if known else 0
        bid, ask = bids.get(tick), asks.get(tick)
        size = bid or ask or 0
        best = tick in (best_bid, best_ask)
        ink = "bold price" if best else "text" if best_bid is not None else "dim"
        if flashing:
            ink = "armed"
        elif tick == average:
            ink = "bold underline bright"
        tag = tags.get(tick, "")
        last = _glyph(dom.last_side) if tick == dom.last else ""
        yield _Level(
            price=text(tick),
            own=own.get(tick, ""),
            delta=delta,
            strong=abs(delta) * 2 >= most_delta,
            pulled=dom.pulled[index] if known else 0,
            sold=dom.sold[index] if known else 0,
            bought=dom.bought[index] if known else 0,
            bid=bid,
            ask=ask,
            lit=max(round(size * SIZE / largest), 1) if size else 0,
            wall=size * 5 > largest * 4,
            best=best,
            share=round(dom.volume[index] * bar_cells * 8 / most_volume) if known and most_volume else 0,
            tag=tag if tag or not last else f"{dom.last_size}{last}",
            last=last,
            price_ink=ink,
            pnl=None
            if average is None or dom.avg_price_ticks is None
            else round((tick - dom.avg_price_ticks) * dom.position * dom.tick_cents / 100),
        )


def _joined(view: ConsoleView) -> dict[int, str]:
    """The position and own orders by price; a second thing at the same price adds its letter."""
    dom = view.dom
    texts: dict[int, str] = {}
    if dom.position and dom.avg_price_ticks is not None:
        texts[round(dom.avg_price_ticks)] = f"P {dom.position:+d}"
    for price, text in dom.own:
        texts[price] = f"{texts[price]}{text[:1]}" if price in texts else text
    return texts


def _head(columns: Columns, flashing: bool) -> Row:
    ink = "armed" if flashing else "dim"
    spans: list[Span] = []
    for name, width in columns:
        head = _HEADS[name]
        aligned = cells.left if name in _LEFT_ALIGNED else cells.right
        spans.append((head.center(width) if name == "price" else aligned(head, width), ink))
    return tuple(spans)


@lru_cache(maxsize=8192)
def _level_row(level: _Level, columns: Columns) -> Row:
    """The spans of a row; most rows of a frame were there in the last one."""
    spans: list[Span] = []
    for name, width in columns:
        match name:
            case "own":
                spans.append(_own(level.own, width))
            case "delta":
                spans.append(_delta(level, width))
            case "pull":
                spans.append(_change(level.pulled, width))
            case "sold":
                spans.append(_recent(level.sold, "ask", width))
            case "bought":
                spans.append(_recent(level.bought, "bid", width))
            case "bid":
                spans.extend(_resting(level.bid, level, width, "bid"))
            case "ask":
                spans.extend(_resting(level.ask, level, width, "ask"))
            case "price":
                spans.extend(_price(level, width))
            case "vol":
                spans.append((" " + cells.eighths(level.share, width - 1), "faint"))
            case "tag":
                spans.append(_tag(level, width))
            case _:
                spans.append(_pnl(level.pnl, width))
    return tuple(spans)


def _own(text: str, width: int) -> Span:
    inks = {"P": "bold ink on armed", "S": "bold alarm", "T": "bold ok", "": "text"}
    return cells.left(text, width), inks.get(text[:1], "bold bright")


def _delta(level: _Level, width: int) -> Span:
    if not level.delta:
        return " " * width, "text"
    side = "up" if level.delta > 0 else "down"
    return cells.signed(level.delta, width), f"bold {side}" if level.strong else "dim"


def _change(value: int, width: int) -> Span:
    if not value:
        return " " * width, "text"
    return cells.signed(value, width), "text" if value > 0 else "faint"


def _recent(value: int, side: str, width: int) -> Span:
    return (cells.right(str(value), width), f"bold {side}") if value else (" " * width, "text")


def _resting(size: int | None, level: _Level, width: int, side: str) -> list[Span]:
    """A size with its bar: the cells nearest the price are lit in proportion."""
    if size is None:
        return [(" " * width, "text on row")]
    text = cells.right(str(size), width - 1) + " " if side == "bid" else " " + cells.right(str(size), width - 1)
    weight = "bold " if level.best else ""
    heat = f"{side}{3 if level.wall else 2}"
    if side == "bid":
        return [(text[: width - level.lit], f"{weight}{side} on row"), (text[width - level.lit :], f"{weight}bright on {heat}")]
    return [(text[: level.lit], f"{weight}bright on {heat}"), (text[level.lit :], f"{weight}{side} on row")]


def _price(level: _Level, width: int) -> list[Span]:
    ink = "bold ink on last" if level.last else level.price_ink
    return [("│", "frame"), ((level.price + (level.last or " ")).center(width - 2), ink), ("│", "frame")]


def _tag(level: _Level, width: int) -> Span:
    tag = level.tag
    if level.last and tag[:1].isdigit():
        return cells.left(f" {tag}", width), "last"
    ink = "bold poc" if "POC" in tag else "vwap" if "VWAP" in tag or "σ" in tag else "accent"
    return cells.left(f" {tag}" if tag else "", width), ink


def _pnl(whole: int | None, width: int) -> Span:
    if whole is None:
        return " " * width, "text"
    return cells.signed(whole, width), "up" if whole > 0 else "down" if whole < 0 else "dim"


def _glyph(side: int) -> str:
    return "▲" if side > 0 else "▼" if side < 0 else "·"


def _foot(view: ConsoleView, width: int, height: int) -> list[Row]:
    """Totals of what is shown and, where the footprint's footer leaves room, pressure and the newest trades."""
    dom = view.dom
    bid, ask = sum(size for _, size in dom.bids), sum(size for _, size in dom.asks)
    total = bid + ask
    part = bid / total if bid and ask else None  # one empty side says nothing
    share = cells.UNKNOWN if part is None else f"{100 * part:.0f}"
    heavy = "text" if part is None else "bold up" if part > HEAVY else "bold down" if part < 1 - HEAVY else "text"
    cut = round(bid / total * 16) if total else 8
    totals: Row = (
        (" Σ bid ", "dim"), (cells.right(f"{bid:,d}", 6), "bold bid"), (f" {share:>3} % ", heavy),
        ("█" * cut, "bid"), ("█" * (16 - cut), "ask"),
        (" Σ ask ", "dim"), (cells.right(f"{ask:,d}", 6), "bold ask"),
    )  # fmt: skip
    rows: list[Row] = [totals]
    if height > 2:
        rows.append(pressure_row("pressure 60 s", view.signals.pressure_60, width))
        rows.append(pressure_row("pressure  5 m", view.signals.pressure_300, width))
    rows.extend(_prints(view, width, height - len(rows)))
    return rows[:height]


def _prints(view: ConsoleView, width: int, height: int) -> list[Row]:
    """The newest trades, newest first, as many as fit: a tape for screens too narrow for one."""
    rows: list[Row] = []
    prints = iter(view.tape)
    for _ in range(max(height, 0)):
        row: list[Span] = [(" tape ", "dim") if not rows else ("      ", "dim")]
        while cells.width(row) + PRINT <= width and (one := next(prints, None)) is not None:
            side = "bid" if one.side > 0 else "ask" if one.side < 0 else "dim"
            row.append((cells.left(f"{_glyph(one.side)}{view.instrument.text(one.price)}×{one.size}", PRINT), side))
        rows.append(tuple(row))
    return rows


class DomPanel(Panel):
    """The ladder on the screen, every frame."""

    panel_id = "dom"
    word = "DOM"
    every = 1

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        return dom_heading(view, sight)

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """The ladder."""
        return dom_rows(view, sight)
