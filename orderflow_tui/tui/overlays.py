"""The boxes over the panels, as rows: preview, resume, quit, help, palette, tour, the chain behind a signal."""

from __future__ import annotations

from typing import assert_never

from orderflow_tui.domain.order import Side
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row
from orderflow_tui.tui.desk import Desk, Overlay, asks_key, matching
from orderflow_tui.tui.keymap import KEYS, Group, KeyId
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
            return "KEYS AND DEFINITIONS · ↑↓ scroll · Esc back"
        case Overlay.PREVIEW:
            side = desk.preview.side.name if desk.preview else ""
            return f"{side} BRACKET AT MARKET · Enter sends · Esc backs out"
        case Overlay.RESUME:
            return "UNLATCH · Esc backs out"
        case Overlay.QUIT:
            return "QUIT? · q or Enter quits · Esc stays"
        case Overlay.PALETTE:
            return "ACTIONS · type, ↑↓, Enter · Esc backs out"
        case Overlay.CHAIN:
            return "SIGNAL · ↑↓ scroll · Esc back"
        case _:
            assert_never(overlay)


def rows(overlay: Overlay, desk: Desk, view: ConsoleView | None, signal: SignalRow | None, width: int, height: int) -> list[Row]:
    """The content of an overlay for at most `width` × `height` cells; the box shrinks to what is returned."""
    match overlay:
        case Overlay.TOUR:
            return _tour(width)
        case Overlay.HELP:
            return _scrolled(_help(desk, view, width), desk, height)
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


def _scrolled(lines: list[Row], desk: Desk, height: int) -> list[Row]:
    desk.chosen = min(desk.chosen, max(len(lines) - height, 0))
    return lines[desk.chosen : desk.chosen + height]


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


def _help(desk: Desk, view: ConsoleView | None, width: int) -> list[Row]:
    lines: list[Row] = []
    for group in Group:
        lines.append(((group.value, "bold brake" if group is Group.BRAKE else "bold title"),))
        for row in KEYS:
            if row.group is group:
                keys = " ".join(cells_of_key(key) for key in desk.keymap.by_id[row.id])
                keys = f"{keys} {keys}" if row.id is KeyId.FLATTEN and " " not in keys else keys
                lines.extend(_pair(keys, row.meaning, width, column=12))
        lines.append(())
    lines.append((("Definitions in force", "bold title"),))
    for note in view.notes if view else ():
        lines.extend(((line, "text"),) for line in cells.wrap(note, width))
    if view is None or not view.notes:
        lines.append((("none told yet", "dim"),))
    lines.append(())
    lines.append((("Holding trading", "bold title"),))
    if view is None or not view.latches:
        lines.append((("no latch is open", "dim"),))
    else:
        for kind, why, how in view.latches:
            lines.extend(_pair(kind, f"{why} · to clear: {how}", width, "alarm", 22))
    if view is not None:
        lines.append(())
        lines.extend(_pair("STOP file", view.truth.stop_file, width, column=12))
    return lines


def cells_of_key(key: str) -> str:
    """A key as help prints it."""
    return {"space": "Space", "escape": "Esc", "enter": "Enter", "tab": "Tab", "ctrl+p": "^P"}.get(key, key)


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
         (at(seen.price), "bold")),
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
        lines.append((("F X H K D stay brakes while you type: use other letters in the key.", "dim"),))
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
    if truth.local_position or truth.broker_position:
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
