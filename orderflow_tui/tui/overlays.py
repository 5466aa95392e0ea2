"""The boxes over the panels, as rows: preview, resume, quit, help, palette, tour, the chain behind a signal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from orderflow_tui.domain.order import Side
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row
from orderflow_tui.tui.desk import Desk, Overlay, Pages, asks_key, matching
from orderflow_tui.tui.keymap import BRAKES, COMING, KEYS, Group, KeyId, KeyRow, printed
from orderflow_tui.tui.preview import Preview
from orderflow_tui.view import ConsoleView, SignalRow

SIMULATED = ("demo", "replay", "sim")
TOUR = (
    ("Truth bar", "the first line: mode, state, arming, broker and local position, the stop, net, feed, engine beat"),
    ("Ladder", "price in the middle, bids left, asks right; Space centres, the wheel scrolls"),
    ("Footprint", "left of × what hit the bid, right what lifted the ask; bold is a diagonal imbalance; m changes cells"),
    ("Profile", "composite value left of the axis, today's developing value right"),
    ("Brakes", "F F flatten · X cancel entries · H halt · K STOP file: from everywhere, at once, without a question"),
    ("Trading", "A arms, B or S shows a preview, Enter sends it with its stop; Esc backs out of anything"),
    ("More", "Tab moves focus, z zooms, ? shows every key and definition, q quits and says what stays at the broker"),
)


def title(overlay: Overlay, desk: Desk) -> str:
    """The heading of an overlay."""
    match overlay:
        case Overlay.TOUR:
            return "WELCOME · any key begins"
        case Overlay.HELP:
            return f"KEYS AND DEFINITIONS{_where(desk)} · ↑↓ PgDn · Tab chapter · Esc back"
        case Overlay.PREVIEW:
            side = desk.preview.side.name if desk.preview else ""
            return f"{side} BRACKET AT MARKET · Enter sends · Esc backs out"
        case Overlay.RESUME:
            return "UNLATCH · Esc backs out"
        case Overlay.QUIT:
            return "QUIT? · Enter quits · Esc stays"
        case Overlay.PALETTE:
            return "ACTIONS · type, ↑↓, Enter · Esc backs out"
        case Overlay.CHAIN:
            return f"SIGNAL{_where(desk)} · ↑↓ scroll · Esc back"
        case _:
            assert_never(overlay)


def rows(overlay: Overlay, desk: Desk, view: ConsoleView | None, signal: SignalRow | None, width: int, height: int) -> list[Row]:
    """The content of an overlay for at most `width` × `height` cells; the box shrinks to what is returned."""
    match overlay:
        case Overlay.TOUR:
            return _tour(width)
        case Overlay.HELP:
            lines, chapters = _help(desk, view, width)
            return _scrolled(lines, desk, height, chapters)
        case Overlay.PREVIEW:
            return _preview(desk, view)
        case Overlay.RESUME:
            return _resume(desk, view, width)
        case Overlay.QUIT:
            return _quit(view, width)
        case Overlay.PALETTE:
            return _palette(desk, width, height)
        case Overlay.CHAIN:
            return _scrolled(_chain(signal, width), desk, height)
        case _:
            assert_never(overlay)


def _scrolled(lines: list[Row], desk: Desk, height: int, chapters: tuple[int, ...] = ()) -> list[Row]:
    """The part that is in sight; the desk learns how far it can scroll and where chapters begin."""
    desk.chosen = min(desk.chosen, max(len(lines) - height, 0))
    desk.pages = Pages(len(lines), height, chapters)
    return lines[desk.chosen : desk.chosen + height]


def _where(desk: Desk) -> str:
    """` · 1–20 of 140`, nothing while everything is in sight."""
    pages = desk.pages
    if pages.lines <= pages.height:
        return ""
    return f" · {desk.chosen + 1}–{min(desk.chosen + pages.height, pages.lines)} of {pages.lines}"


def _pair(name: str, text: str, width: int, ink: str = "text", column: int = 16) -> list[Row]:
    """A name and a text wrapped beside it."""
    lines = cells.wrap(text, max(width - column, 12)) or [""]
    return [
        ((cells.left(name if n == 0 else "", column - 1) + " ", "bold accent" if n == 0 else "text"), (line, ink))
        for n, line in enumerate(lines)
    ]


def _tour(width: int) -> list[Row]:
    lines: list[Row] = [(("One minute with the console.", "bold bright"),), ()]
    for name, text in TOUR:
        lines.extend(_pair(name, text, width, column=11))
    return lines


def _help(desk: Desk, view: ConsoleView | None, width: int) -> tuple[list[Row], tuple[int, ...]]:
    """What holds trading, every key, every definition in force; and the lines where chapters begin."""
    lines: list[Row] = []
    starts: list[int] = []

    def chapter(title: str, pairs: Iterable[tuple[str, str]], column: int, ink: str = "bold title", text: str = "text") -> None:
        if lines:
            lines.append(())
        starts.append(len(lines))
        lines.append((("▌ ", "accent"), (title, ink)))
        for name, meaning in pairs:
            lines.extend(_pair(name, meaning, width, text, column))

    if view is not None and view.latches:
        held = ((kind, f"{why} · to clear: {how}") for kind, why, how in view.latches)
        chapter("Holding trading now", held, 18, "bold alarm", "alarm")
    for group in Group:
        keys = ((_keys_of(desk, row), row.meaning) for row in KEYS if row.group is group)
        chapter(group.value, keys, 18, "bold brake" if group is Group.BRAKE else "bold title")
    chapter("Not in this console yet", ((" ".join(keys), what) for keys, what in COMING), 18, "bold dim", "dim")
    if view is not None:
        for part in view.definitions:
            chapter(part.title, part.lines, 18)
        chapter(
            "STOP file", (("path", f"{view.truth.stop_file}: creating it stops everything, removing it resumes nothing"),), 18
        )
    return lines, tuple(starts)


def _keys_of(desk: Desk, row: KeyRow) -> str:
    if row.id is KeyId.FLATTEN:
        return " or ".join(f"{printed(key)} {printed(key)}" for key in desk.keymap.by_id[row.id])
    return " ".join(printed(key) for key in desk.keymap.by_id[row.id])


def _preview(desk: Desk, view: ConsoleView | None) -> list[Row]:
    seen = desk.preview
    if seen is None or view is None:
        return [(("the preview is gone", "warn"),)]
    buy = seen.side is Side.BUY
    side_ink = "bold bid" if buy else "bold ask"
    glyph = "▲" if buy else "▼"

    def at(price: int | None) -> str:
        return cells.UNKNOWN if price is None else view.instrument.text(price)

    return [
        ((f"{glyph} {seen.side.name} {seen.quantity} {seen.instrument}", side_ink), ("  at market, about ", "text"),
         (at(seen.price), "bold"), *_ran(seen)),
        (),
        (("stop    ", "dim"), (f"{at(seen.stop)}  {-seen.stop_ticks:+5d} ticks  ", "text"),
         (cells.money(seen.risk_cents, 12), "bold down")),
        (("target  ", "dim"), (f"{at(seen.target)}  {seen.target_ticks:+5d} ticks  ", "text"),
         (cells.money(seen.reward_cents, 12), "bold up")),
        (),
        (("position ", "dim"), (f"{seen.position_now:+d} → {seen.position_after:+d}", "bold"), (" once filled", "dim")),
        (("net today ", "dim"), (cells.money(view.pnl.net), "text"),
         ("   limit ", "dim"), (cells.whole_money(-abs(view.pnl.loss_limit)), "text"),
         ("   armed ", "dim"), (cells.clock(view.truth.armed_left_ms), "armed")),
        (),
        (("The stop goes to the broker with the entry. The gate looks once more.", "dim"),),
    ]  # fmt: skip


def _ran(seen: Preview) -> Row:
    """How far the price went since the trader pressed the key."""
    if not seen.ran:
        return ()
    return ((f"  {'ran away' if seen.ran > 0 else 'came back'} {abs(seen.ran)} ticks", "bold warn" if seen.ran > 0 else "text"),)


def _resume(desk: Desk, view: ConsoleView | None, width: int) -> list[Row]:
    lines: list[Row] = []
    for kind, why, how in view.latches if view else ():
        lines.extend(_pair(kind, f"{why} · {how}", width, "alarm", 22))
    lines += [
        (),
        (("Type ", "text"), (desk.resume_word.lower(), "bold bright"), (" and Enter: trading may raise risk again.", "text")),
        (),
    ]
    cursor = "▏"
    lines.append((("word  ", "dim"), (desk.typed + ("" if desk.in_secret else cursor), "bold")))
    if asks_key(view):
        shown = "•" * len(desk.secret) + (cursor if desk.in_secret else "")
        lines.append((("key   ", "dim"), (shown, "bold"), ("  safety key; empty when none is set; Tab moves", "dim")))
        letters = " ".join(key for row in KEYS if row.id in BRAKES for key in desk.keymap.by_id[row.id] if len(key) == 1)
        lines.append(((f"{letters} stay brakes while you type and close this box.", "dim"),))
    if desk.said.startswith("nothing sent"):
        lines.append(((desk.said, "warn"),))
    return lines


def _quit(view: ConsoleView | None, width: int) -> list[Row]:
    if view is None:
        return [(("The engine has shown nothing yet.", "text"),)]
    truth = view.truth
    simulated = truth.mode.lower() in SIMULATED
    position = cells.UNKNOWN if truth.broker_position is None else f"{truth.broker_position:+d}"
    lines: list[Row] = [
        (("Position at the broker  ", "dim"), (f"{position} {truth.execution}", "bold" if truth.local_position else "text")),
        *(((" " * 24, "dim"), (f"{cells.signed(broker)} {symbol}", "bold")) for symbol, broker, _ in truth.elsewhere),
        (("Protective stop         ", "dim"), (truth.protection.value, "text")),
        (),
    ]
    if simulated:
        text = "The broker is simulated inside this program: position and orders end with it, the journal keeps them."
        return [*lines, *(((line, "text"),) for line in cells.wrap(text, width))]
    if not view.orders:
        lines.append((("No order of ours is working there.", "text"),))
    else:
        lines.append((("These keep working at the broker:", "bold warn"),))
        lines.extend(
            ((f"  {order.kind:<8} {order.side:<4} {order.quantity:>3} {order.price:>10}  {order.state}", "text"),)
            for order in view.orders[:8]
        )
    if truth.local_position or truth.broker_position or truth.elsewhere:
        text = "Quitting closes nothing: FF flattens first, if that is what you want."
        lines += [(), *(((line, "bold alarm"),) for line in cells.wrap(text, width))]
    return lines


def _palette(desk: Desk, width: int, height: int) -> list[Row]:
    found = matching(desk.typed)
    lines: list[Row] = [(("> ", "accent"), (desk.typed + "▏", "bold"))]
    room = max(height - 1, 1)
    first = max(min(desk.chosen - room // 2, len(found) - room), 0)
    for n, row in enumerate(found[first : first + room], first):
        back = " on cursor" if n == desk.chosen else ""
        ink = "brake" if row.group is Group.BRAKE else "text"
        name = f" {row.word:<16}"
        key = cells.right(desk.keymap.shown(row.id), 6)
        meaning = cells.left(row.meaning, max(width - 26, 8))
        lines.append(((name, f"bold {ink}{back}"), (meaning, f"dim{back}"), (f" {key} ", f"accent{back}")))
    if not found:
        lines.append(((" no action of that name", "dim"),))
    return lines


def _chain(signal: SignalRow | None, width: int) -> list[Row]:
    if signal is None:
        return [(("no signal selected", "dim"),)]
    arrow = {1: "▲", -1: "▼"}.get(signal.direction, "·")
    lines: list[Row] = [
        ((f"{signal.et_clock} {signal.letter} {signal.pattern} {arrow}", "bold bright"),),
        ((f"strength {signal.strength:.2f} · regime {signal.regime}", "text"),),
        ((f"{signal.verdict}: {signal.reason}", "text"),),
        (),
    ]
    for line in signal.detail:
        lines.extend(((part, "text"),) for part in cells.wrap(line, width))
    if not signal.detail:
        lines.append((("no further evidence was told", "dim"),))
    return lines
