"""The DOM ladder: price in the middle, what rests and what traded beside it, own orders and P&L at every price.

Left to right: own orders · session delta at price · pulling/stacking · recent sells · bids | price | asks · recent buys ·
session volume at price · tags · P&L if the position were closed here. Narrow ladders leave out the last ones first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.tui.panels.pressure import pressure_row
from orderflow_tui.view import ConsoleView, DomView

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
PRINT = 14  # cells of a trade in the foot: `▲6712.25×137 `
_LEFT_ALIGNED = frozenset({"own", "vol", "tag"})


@dataclass(frozen=True, slots=True)
class _Scale:
    """Largest values shown, so that bars and heat compare with each other."""

    size: int
    volume: int
    delta: int


def dom_columns(width: int) -> tuple[tuple[str, int], ...]:
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
    book = {**dict(dom.bids), **dict(dom.asks)}
    seen = slice(max(ticks[-1] - dom.base, 0), max(ticks[0] + 1 - dom.base, 0))
    scale = _Scale(
        max(book.values(), default=0), max(dom.volume[seen], default=0), max((abs(value) for value in dom.delta[seen]), default=0)
    )
    own: dict[int, str] = {}
    for price, text in dom.own:
        own[price] = f"{own[price]}{text[:1]}" if price in own else text
    tags: dict[int, str] = {}
    for price, text in dom.tags:
        tags.setdefault(price, text)
    rows: list[Row] = [_head(columns, sight.flashing)]
    rows.extend(_price_row(view, tick, columns, scale, book, own, tags, sight.flashing) for tick in ticks)
    rows.extend(_foot(view, sight.width, sight.height - len(rows)))
    return tuple(rows)


def _head(columns: tuple[tuple[str, int], ...], flashing: bool) -> Row:
    ink = "armed" if flashing else "dim"
    spans: list[Span] = []
    for name, width in columns:
        head = _HEADS[name]
        text = (
            head.center(width)
            if name == "price"
            else cells.left(head, width)
            if name in _LEFT_ALIGNED
            else cells.right(head, width)
        )
        spans.append((text, ink))
    return tuple(spans)


def _price_row(
    view: ConsoleView,
    tick: int,
    columns: tuple[tuple[str, int], ...],
    scale: _Scale,
    book: dict[int, int],
    own: dict[int, str],
    tags: dict[int, str],
    flashing: bool,
) -> Row:
    dom = view.dom
    index = tick - dom.base
    known = 0 <= index < len(dom.volume)
    best_bid = dom.bids[0][0] if dom.bids else None
    best_ask = dom.asks[0][0] if dom.asks else None
    spans: list[Span] = []
    for name, width in columns:
        match name:
            case "own":
                spans.append(_own(own.get(tick, ""), width))
            case "delta":
                spans.append(_delta(dom.delta[index] if known else 0, scale.delta, width))
            case "pull":
                spans.append(_change(dom.pulled[index] if known else 0, width))
            case "sold":
                spans.append(_recent(dom.sold[index] if known else 0, "ask", width))
            case "bought":
                spans.append(_recent(dom.bought[index] if known else 0, "bid", width))
            case "bid":
                resting = book.get(tick) if best_bid is not None and tick <= best_bid else None
                spans.extend(_resting(resting, scale.size, width, "bid", tick == best_bid))
            case "ask":
                resting = book.get(tick) if best_ask is not None and tick >= best_ask else None
                spans.extend(_resting(resting, scale.size, width, "ask", tick == best_ask))
            case "price":
                spans.extend(_price(view, tick, width, best_bid, best_ask, flashing))
            case "vol":
                spans.append(
                    (" " + cells.bar(dom.volume[index] / scale.volume if known and scale.volume else 0, width - 1), "faint")
                )
            case "tag":
                spans.append(_tag(dom, tick, tags.get(tick, ""), width))
            case _:
                spans.append(_pnl(dom, tick, width))
    return tuple(spans)


def _own(text: str, width: int) -> Span:
    inks = {"S": "bold alarm", "T": "bold ok", "": "text"}
    return cells.left(text, width), inks.get(text[:1], "bold ink on armed")


def _delta(value: int, largest: int, width: int) -> Span:
    if not value:
        return " " * width, "text"
    strong = abs(value) * 2 >= largest
    side = "up" if value > 0 else "down"
    return cells.signed(value, width), f"bold {side}" if strong else "dim"


def _change(value: int, width: int) -> Span:
    if not value:
        return " " * width, "text"
    return cells.signed(value, width), "text" if value > 0 else "faint"


def _recent(value: int, side: str, width: int) -> Span:
    return (cells.right(str(value), width), f"bold {side}") if value else (" " * width, "text")


def _resting(size: int | None, largest: int, width: int, side: str, best: bool) -> list[Span]:
    """A size with its bar: the cells nearest the price are lit in proportion."""
    if size is None:
        return [(" " * width, "text on row")]
    text = cells.right(str(size), width - 1) + " " if side == "bid" else " " + cells.right(str(size), width - 1)
    weight = "bold " if best else ""
    lit = min(max(round(size / largest * width) if largest else 0, 1), width)
    heat = f"{side}{4 if size * 5 > largest * 4 else 3}"
    if side == "bid":
        return [(text[: width - lit], f"{weight}{side} on row"), (text[width - lit :], f"{weight}bright on {heat}")]
    return [(text[:lit], f"{weight}bright on {heat}"), (text[lit:], f"{weight}{side} on row")]


def _price(view: ConsoleView, tick: int, width: int, best_bid: int | None, best_ask: int | None, flashing: bool) -> list[Span]:
    dom = view.dom
    text = view.instrument.text(tick)
    if tick == dom.last:
        return [("│", "frame"), ((text + _glyph(dom.last_side)).center(width - 2), "bold ink on last"), ("│", "frame")]
    ink = "bold price" if tick in (best_bid, best_ask) else "text" if best_bid is not None else "dim"
    if flashing:
        ink = "armed"
    elif dom.avg_price_ticks is not None and dom.position and tick == round(dom.avg_price_ticks):
        ink = "bold underline bright"
    return [("│", "frame"), ((text + " ").center(width - 2), ink), ("│", "frame")]


def _tag(dom: DomView, tick: int, tag: str, width: int) -> Span:
    if tick == dom.last and not tag:
        return cells.left(f" {dom.last_size}{_glyph(dom.last_side)}", width), "last"
    return cells.left(
        f" {tag}" if tag else "", width
    ), "bold poc" if "POC" in tag else "vwap" if "VWAP" in tag or "σ" in tag else "accent"


def _pnl(dom: DomView, tick: int, width: int) -> Span:
    if not dom.position or dom.avg_price_ticks is None:
        return " " * width, "text"
    whole = round((tick - dom.avg_price_ticks) * dom.position * dom.tick_cents / 100)
    return cells.signed(whole, width), "up" if whole > 0 else "down" if whole < 0 else "dim"


def _glyph(side: int) -> str:
    return "▲" if side > 0 else "▼" if side < 0 else "·"


def _foot(view: ConsoleView, width: int, height: int) -> list[Row]:
    """Totals of what is shown and, where the footprint's footer leaves room, pressure and session figures."""
    dom = view.dom
    bid, ask = sum(size for _, size in dom.bids), sum(size for _, size in dom.asks)
    total = bid + ask
    share = f"{100 * bid // total:3d}" if total else "  ?"
    cut = round(bid / total * 16) if total else 8
    totals: Row = (
        (" Σ bid ", "dim"), (cells.right(f"{bid:,d}", 6), "bold bid"), (f" {share} % ", "text"),
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
