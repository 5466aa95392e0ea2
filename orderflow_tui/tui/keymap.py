"""Every key in one table with ids. Remapping is validated at start; the brakes keep their keys whatever is remapped.

A key is written as on the keyboard (`F`, `?`, `>`) or by its name (`space`, `enter`, `ctrl+p`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum


class Group(Enum):
    """What a key does to risk; the order of the help page."""

    BRAKE = "Reduce risk: always work, never armed, never asked"
    RISK = "Increase risk: armed first, then a preview with Enter"
    LOOK = "Look"
    REPLAY = "Replay"
    HOUSE = "House"


class KeyId(Enum):
    """Ids of all keys, as `config/keymap.toml` names them."""

    FLATTEN = "flatten"
    CANCEL_ENTRIES = "cancel_entries"
    HALT = "halt"
    STOP = "stop"
    DISARM = "disarm"
    ARM = "arm"
    BUY = "buy"
    SELL = "sell"
    RESUME = "resume"
    CENTRE = "centre"
    CELL_MODE = "cell_mode"
    ZOOM = "zoom"
    THEME = "theme"
    NEXT_PANEL = "next_panel"
    PREVIOUS_PANEL = "previous_panel"
    UP = "up"
    DOWN = "down"
    PAGE_UP = "page_up"
    PAGE_DOWN = "page_down"
    OPEN = "open"
    TRADE = "trade_screen"
    PLAY = "play"
    STEP_TRADE = "step_trade"
    STEP_BAR = "step_bar"
    FASTER = "faster"
    SLOWER = "slower"
    HELP = "help"
    PALETTE = "palette"
    RECONCILE = "reconcile"
    SCREENSHOT = "screenshot"
    QUIT = "quit"
    BACK = "back"
    INTERRUPT = "interrupt"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of the key table. `word` is for the key bar, `meaning` for help and palette."""

    id: KeyId
    keys: tuple[str, ...]
    group: Group
    word: str
    meaning: str


KEYS: tuple[KeyRow, ...] = (
    KeyRow(KeyId.FLATTEN, ("F",), Group.BRAKE, "flatten", "twice within 1 s: cancel all, exit at market, latch HALT"),
    KeyRow(KeyId.CANCEL_ENTRIES, ("X",), Group.BRAKE, "cancel entries", "cancel entry orders; stops and targets stay"),
    KeyRow(KeyId.HALT, ("H",), Group.BRAKE, "halt", "no new entries; exits stay"),
    KeyRow(KeyId.STOP, ("K",), Group.BRAKE, "STOP", "create the STOP file: halt until a person removes it and resumes"),
    KeyRow(KeyId.DISARM, ("D",), Group.BRAKE, "disarm", "take back arming"),
    KeyRow(KeyId.ARM, ("A",), Group.RISK, "arm", "allow entries for a short while; times out"),
    KeyRow(KeyId.BUY, ("B",), Group.RISK, "buy", "bracket at market, after a preview"),
    KeyRow(KeyId.SELL, ("S",), Group.RISK, "sell", "bracket at market, after a preview"),
    KeyRow(KeyId.RESUME, ("U",), Group.RISK, "unlatch", "clear what holds trading, after a typed word"),
    KeyRow(KeyId.CENTRE, ("space",), Group.LOOK, "centre", "centre the ladder and follow price again"),
    KeyRow(KeyId.CELL_MODE, ("m",), Group.LOOK, "cells", "footprint cells: bid×ask, delta, volume, imbalance, heat"),
    KeyRow(KeyId.ZOOM, ("z",), Group.LOOK, "zoom", "maximise the panel in focus, and back"),
    KeyRow(KeyId.THEME, ("t",), Group.LOOK, "theme", "next theme"),
    KeyRow(KeyId.NEXT_PANEL, ("tab",), Group.LOOK, "panel", "focus the next panel"),
    KeyRow(KeyId.PREVIOUS_PANEL, ("shift+tab",), Group.LOOK, "", "focus the previous panel"),
    KeyRow(KeyId.UP, ("up",), Group.LOOK, "", "scroll the ladder or the list in focus up"),
    KeyRow(KeyId.DOWN, ("down",), Group.LOOK, "", "scroll the ladder or the list in focus down"),
    KeyRow(KeyId.PAGE_UP, ("pageup",), Group.LOOK, "", "scroll up by ten"),
    KeyRow(KeyId.PAGE_DOWN, ("pagedown",), Group.LOOK, "", "scroll down by ten"),
    KeyRow(KeyId.OPEN, ("enter",), Group.LOOK, "open", "the chain behind the signal selected; confirms a preview"),
    KeyRow(KeyId.TRADE, ("1",), Group.LOOK, "trade", "the Trade screen"),
    KeyRow(KeyId.PLAY, ("p",), Group.REPLAY, "play/pause", "play or pause"),
    KeyRow(KeyId.STEP_TRADE, (".",), Group.REPLAY, "trade", "stand still and play the next trade"),
    KeyRow(KeyId.STEP_BAR, (",",), Group.REPLAY, "bar", "stand still and play to the end of the bar"),
    KeyRow(KeyId.FASTER, (">",), Group.REPLAY, "faster", "next higher speed"),
    KeyRow(KeyId.SLOWER, ("<",), Group.REPLAY, "slower", "next lower speed"),
    KeyRow(KeyId.HELP, ("?",), Group.HOUSE, "help", "all keys and the definitions in force"),
    KeyRow(KeyId.PALETTE, ("ctrl+p",), Group.HOUSE, "palette", "every action by name"),
    KeyRow(KeyId.RECONCILE, ("ctrl+r",), Group.HOUSE, "reconcile", "ask the broker for everything and compare"),
    KeyRow(KeyId.SCREENSHOT, ("s",), Group.HOUSE, "screenshot", "save the screen as SVG"),
    KeyRow(KeyId.QUIT, ("q", "ctrl+q"), Group.HOUSE, "quit", "says what stays working at the broker, then asks"),
    KeyRow(KeyId.BACK, ("escape",), Group.HOUSE, "back", "back out of anything"),
    KeyRow(KeyId.INTERRUPT, ("ctrl+c",), Group.HOUSE, "", "orderly shutdown at once"),
)
BRAKES = frozenset(row.id for row in KEYS if row.group is Group.BRAKE)
NAMED_KEYS = frozenset(
    ("space", "enter", "escape", "tab", "shift+tab", "up", "down", "left", "right", "pageup", "pagedown", "home", "end", "insert")
) | {f"f{n}" for n in range(1, 13)}
# keys that are spoken for: pressing one says so, the keymap gives them to nothing else
COMING: tuple[tuple[tuple[str, ...], str], ...] = (
    (("2", "3", "4", "5", "6"), "Context, Orders, Journal, System and Replay screen"),
    (("R",), "reversing a position"),
    (("Y",), "taking the selected setup"),
    (("O",), "changing the automation"),
    (("[", "]"), "changing the bar length"),
    (("/",), "filtering signals"),
)
RESERVED = frozenset(key for keys, _ in COMING for key in keys)
_PRINTED = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "up": "↑", "down": "↓", "left": "←", "right": "→"}
FIXED = frozenset({KeyId.BACK, KeyId.INTERRUPT})


class KeymapError(ValueError):
    """A keymap that cannot be used. The message says what was expected, what came and what to do."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys in force: key -> id, and id -> keys for showing."""

    by_key: Mapping[str, KeyId]
    by_id: Mapping[KeyId, tuple[str, ...]]

    def shown(self, key_id: KeyId) -> str:
        """The first key of an id, as printed: `Space`, `^P`, `FF`."""
        return printed(self.by_id[key_id][0]) * (2 if key_id is KeyId.FLATTEN else 1)


def brake_letters(remap: Mapping[str, tuple[str, ...]]) -> str:
    """The characters that are brakes under this remapping: what nobody can type on screen without braking."""
    rows = (row for row in KEYS if row.id in BRAKES)
    keys = (key for row in rows for key in (*row.keys, *remap.get(row.id.value, ())))
    return "".join(dict.fromkeys(key for key in keys if len(key) == 1))


def coming(key: str) -> str:
    """What a key is kept for, empty for any other key."""
    return next((what for keys, what in COMING if key in keys), "")


def printed(key: str) -> str:
    """A key as the screen writes it."""
    if len(key) == 1:
        return key
    if key.startswith("ctrl+") and len(key) == 6:
        return f"^{key[5:].upper()}"
    return _PRINTED.get(key) or key.replace("+", "-").capitalize()


def resolve(remap: Mapping[str, tuple[str, ...]]) -> Keymap:
    """The table with `remap` applied (id -> keys). Brakes gain keys, they never lose theirs. Raises KeymapError."""
    known = {row.id.value: row for row in KEYS}
    for name, keys in remap.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known ids: {', '.join(known)}"
            raise KeymapError(f"keymap: unknown id {name!r}{hint}")
        if known[name].id in FIXED:
            raise KeymapError(f"keymap: {name!r} cannot be remapped; remove the line")
        for key in keys:
            _check_key(name, key)
        if not keys:
            raise KeymapError(f"keymap: {name!r} has no key; give at least one or remove the line")
    by_id: dict[KeyId, tuple[str, ...]] = {}
    for row in KEYS:
        wanted = tuple(remap.get(row.id.value, row.keys))
        by_id[row.id] = tuple(dict.fromkeys((*row.keys, *wanted))) if row.id in BRAKES else wanted
    return Keymap(_by_key(by_id), by_id)


def _check_key(name: str, key: str) -> None:
    plain = key.removeprefix("ctrl+").removeprefix("alt+")
    if not (len(plain) == 1 and plain.isprintable() and not plain.isspace()) and plain not in NAMED_KEYS:
        raise KeymapError(f"keymap: {name!r}: {key!r} is no key; write one character, or a name such as space, enter, f5, ctrl+p")
    if key in RESERVED:
        raise KeymapError(f"keymap: {name!r}: {key!r} is kept for {coming(key)}; choose another key")


def _by_key(by_id: Mapping[KeyId, tuple[str, ...]]) -> dict[str, KeyId]:
    by_key: dict[str, KeyId] = {}
    for key_id, keys in by_id.items():
        for key in keys:
            other = by_key.get(key)
            if other is not None and other is not key_id:
                brake = key_id in BRAKES or other in BRAKES
                why = "the brakes keep their keys" if brake else "one key does one thing"
                raise KeymapError(f"keymap: {key!r} would mean both {other.value!r} and {key_id.value!r}; {why}, choose another")
            by_key[key] = key_id
    return by_key
