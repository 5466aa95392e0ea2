"""The last lines: what holds trading and what a key just did, the replay bar, the keys."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.latch import TradingState
from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.desk import refusal
from orderflow_tui.tui.keymap import Group, KeyId, Keymap
from orderflow_tui.view import ConsoleView, OrderRow, ReplayView

# shown while the width lasts; the brakes come first
_SHOWN: tuple[tuple[tuple[KeyId, ...], str, Group], ...] = (
    ((KeyId.FLATTEN,), "flatten", Group.BRAKE),
    ((KeyId.CANCEL_ENTRIES,), "cancel entries", Group.BRAKE),
    ((KeyId.HALT,), "halt", Group.BRAKE),
    ((KeyId.STOP,), "STOP", Group.BRAKE),
    ((KeyId.ARM,), "arm", Group.RISK),
    ((KeyId.BUY, KeyId.SELL), "bracket", Group.RISK),
    ((KeyId.HELP,), "help", Group.HOUSE),
    ((KeyId.QUIT,), "quit", Group.HOUSE),
    ((KeyId.CENTRE,), "centre", Group.LOOK),
    ((KeyId.NEXT_PANEL,), "panel", Group.LOOK),
    ((KeyId.ZOOM,), "zoom", Group.LOOK),
    ((KeyId.CELL_MODE,), "cells", Group.LOOK),
    ((KeyId.RESUME,), "unlatch", Group.RISK),
    ((KeyId.PALETTE,), "palette", Group.HOUSE),
    ((KeyId.THEME,), "theme", Group.LOOK),
    ((KeyId.SCREENSHOT,), "screenshot", Group.HOUSE),
)
_INKS = {
    Group.BRAKE: "bold brake",
    Group.RISK: "bold armed",
    Group.LOOK: "bold accent",
    Group.REPLAY: "bold accent",
    Group.HOUSE: "bold accent",
}
_BRAKES = 4
FRESH_NS = 15_000_000_000  # how long an alert or refusal stands beside what holds trading


def key_row(keymap: Keymap, width: int) -> Row:
    """The keys that fit; all brakes always do, with shorter words if they must."""
    spans: list[Span] = [(" ", "text on row")]
    words = {"cancel entries": "cancel"} if width < 100 else {}
    for n, (ids, word, group) in enumerate(_SHOWN):
        item: Row = (
            (f"{'/'.join(keymap.shown(i) for i in ids)}", f"{_INKS[group]} on row"),
            (f" {words.get(word, word)}  ", "dim on row"),
        )
        if n >= _BRAKES and cells.width(spans) + cells.width(item) > width:
            break
        spans += item
    return cells.fit(spans, width, "text on row")


def replay_row(replay: ReplayView, mode: str, keymap: Keymap, width: int) -> Row:
    """Mode, source, state, speed, the instant played, how far that is where the end is known, and the keys."""
    state = "ended" if replay.ended else "paused" if replay.paused else "playing"
    glyph = "■" if replay.ended else "‖" if replay.paused else "►"
    speed = f"{replay.speed:g}×"
    keys = "  ".join(
        f"{keymap.shown(key_id)} {word}"
        for key_id, word in (
            (KeyId.PLAY, "play/pause"), (KeyId.STEP_TRADE, "trade"), (KeyId.STEP_BAR, "bar"),
            (KeyId.FASTER, "faster"), (KeyId.SLOWER, "slower"),
        )
    )  # fmt: skip
    left: list[Span] = [
        (f" {mode.upper()} {glyph} {state:<8}", "bold ink on calm"),
        (f" {speed:>6} ", "bold text"),
        (f"{cells.et_moment(replay.position_ns)} ET ", "text"),
    ]
    span = replay.last_ns - replay.first_ns
    done = min(max((replay.position_ns - replay.first_ns) / span, 0.0), 1.0) if span > 0 else None
    right: list[Span] = [] if done is None else [(f" {100 * done:3.0f}% ", "text")]
    if width >= 120:
        right += [(f"{keys} ", "dim")]
    room = width - cells.width(left) - cells.width(right)
    if room > 24:
        left.append((cells.left(replay.source, min(room - 12, 40)) + " ", "dim"))
        room = width - cells.width(left) - cells.width(right)
    if done is None:  # a market without an end, or a file whose end nobody has read yet
        return cells.spread(left, right, width)
    return cells.fit((*left, (cells.bar(done, max(room, 4)), "accent on well"), *right), width)


def notice_row(view: ConsoleView | None, said: str, width: int) -> Row:
    """Left what holds trading, then what happened last: while something holds it, for as long as that is fresh; right what the
    last key did."""
    feedback: Row = ((f" {said} ", "bold ink on accent"),) if said else ()
    if view is None:
        return cells.spread((), feedback, width)
    truth = view.truth
    if truth.state is not TradingState.RUNNING:
        reason = truth.state_reason or "no reason told"
        passing = truth.state in (TradingState.RECOVERING, TradingState.FENCED, TradingState.FLATTENING)
        ink = "bold ink on warn" if passing else "bold ink on alarm"
        latest = view.latest
        fresh = latest is not None and latest.kind != "news" and truth.now_ns - latest.ts_ns < FRESH_NS
        news = _news(latest) if latest is not None and fresh and latest.state not in reason else ()
        held: Sequence[Span] = ((f" {truth.state.value}: {reason} ", ink), *news, ("" if passing else _way_out(view), "dim"))
    elif view.latest is not None:
        held = _news(view.latest)
    else:
        held = ((f" K writes {truth.stop_file}", "faint"),)
    return cells.spread(held, feedback, width)


def _way_out(view: ConsoleView) -> str:
    """What ends the worst latch: a key where a person may clear it at once, else the sentence of the latch."""
    how = view.latches[0][2] if view.latches else ""
    return " U unlatches" if how in ("", "resume") else f" {how}: U"


def _news(row: OrderRow) -> Row:
    if row.kind == "alert":
        return (f" {row.et_clock} ", "dim"), (row.state, "warn"), (f" ({row.note})" if row.note else "", "dim")
    if row.kind == "refused":
        return (f" {row.et_clock} ", "dim"), (refusal(row), "warn")
    what = " ".join(part for part in (row.kind, row.side, str(row.quantity or ""), row.price) if part)
    return ((f" {row.et_clock} {what} ", "dim"), (" ".join(part for part in (row.state, row.note) if part), "text"))


def tabs_row(words: Sequence[tuple[str, bool]], width: int) -> Row:
    """Names of panels that share a place, the shown one marked."""
    spans: list[Span] = [(" ", "text")]
    for word, shown in words:
        spans.append((f" {word} ", "bold ink on focus" if shown else "dim on row"))
        spans.append((" ", "text"))
    return cells.fit((*spans, (" Tab", "faint")), width)
