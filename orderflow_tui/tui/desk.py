"""What a key means now: the one place where keys become commands, free of any terminal.

Theory. Reducing risk is looked at first, whatever is on the screen, and is never filtered, asked or delayed. Raising risk
passes, in this order: not a repeat within 300 ms, not part of a paste, nothing forbids it (`why_not`), a preview, and
Enter on that preview after it has been readable for 300 ms. A brake pressed meanwhile throws the preview away. A terminal
tells no key-up: a key that was also the last one before, less than `HELD_NS` ago, may still be held down and confirms nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.order import Side
from orderflow_tui.tui.keymap import BRAKES, KEYS, KeyId, Keymap, KeyRow, coming
from orderflow_tui.tui.preview import Preview, preview, why_not
from orderflow_tui.view import ConsoleView, OrderRow

MS = 1_000_000
FLATTEN_WINDOW_NS = 1_000 * MS
REPEAT_NS = 300 * MS
HELD_NS = 1_200 * MS  # longer than keyboards wait before they repeat a key for the first time
MUTE_NS = 1_000 * MS  # how long the keys must rest after a brake broke into what was being typed
PASTE_NS = 15 * MS  # keys closer than this were not typed by a hand
SAID_FOR_NS = 4_000 * MS
REFUSED_FOR_NS = 10_000 * MS
TYPED_LIMIT = 64
NOTHING = -1  # no row of the palette is chosen: nobody has typed or moved yet
SPEEDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Overlay(Enum):
    """What lies over the panels. Panels and brakes go on beneath it."""

    TOUR = "tour"
    HELP = "help"
    PREVIEW = "preview"
    RESUME = "resume"
    QUIT = "quit"
    PALETTE = "palette"
    CHAIN = "chain"


@dataclass(frozen=True, slots=True)
class Send:
    """A command for the engine."""

    command: Command
    args: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feed:
    """A command for the replay."""

    name: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """Something the screen does by itself."""

    id: KeyId


@dataclass(frozen=True, slots=True)
class Leave:
    """Stop the engine in order and close the screen. `interrupted` by Ctrl-C rather than by a decision."""

    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Pages:
    """How long a text over the panels is, how much of it is in sight, and the lines where its chapters begin."""

    lines: int = 0
    height: int = 0
    chapters: tuple[int, ...] = ()


Deed = Send | Feed | Look | Leave
RAISES_RISK = frozenset({KeyId.ARM, KeyId.BUY, KeyId.SELL, KeyId.RESUME})
_BRAKE_COMMANDS = {
    KeyId.CANCEL_ENTRIES: Command.CANCEL_ENTRIES,
    KeyId.HALT: Command.HALT,
    KeyId.STOP: Command.STOP,
    KeyId.DISARM: Command.DISARM,
}
_OPENS = {KeyId.HELP: Overlay.HELP, KeyId.PALETTE: Overlay.PALETTE, KeyId.QUIT: Overlay.QUIT}


class Desk:
    """Keys in, deeds out. `now_ns` is the monotonic clock; the view is the newest one, None before the first."""

    def __init__(self, keymap: Keymap, overlay: Overlay | None = None, resume_word: str = "RESUME") -> None:
        self.keymap = keymap
        self.overlay = overlay
        self.resume_word = resume_word
        self.preview: Preview | None = None
        self.typed = ""
        self.secret = ""
        self.in_secret = False
        self.chosen = 0
        self.pages = Pages()
        self.said = ""
        self.said_until_ns = -(1 << 62)
        self._refused: tuple[int, str, str] | None = None
        self._opened_ns = 0
        self._last_key = ""
        self._last_key_ns = -(1 << 62)
        self._held = False
        self._muted = False
        self._first_f_ns = -(1 << 62)
        self._last_raise: dict[KeyId, int] = {}

    def press(self, key: str, now_ns: int, view: ConsoleView | None) -> Deed | None:
        """The deed of a key, None when it only changed what is shown or meant nothing."""
        pasted = now_ns - self._last_key_ns < PASTE_NS
        self._held = key == self._last_key and now_ns - self._last_key_ns < HELD_NS
        self._muted = self._muted and now_ns - self._last_key_ns < MUTE_NS
        self._last_key, self._last_key_ns = key, now_ns
        key_id = self.keymap.by_key.get(key)
        if key_id in BRAKES:
            return self._brake(key_id, now_ns)
        if key_id is KeyId.INTERRUPT:
            return Leave(interrupted=True)
        if self._muted:  # the rest of a word or key that somebody goes on typing
            return None
        if self.overlay is not None:
            return self._on_overlay(self.overlay, key, key_id, now_ns, pasted, view)
        if key_id is None:
            if what := coming(key):
                self.say(f"{key}: {what} is not in this console yet", now_ns)
            return None
        return self._act(key_id, now_ns, pasted, view)

    def say(self, text: str, now_ns: int, for_ns: int = SAID_FOR_NS) -> None:
        """Tell the trader what a key did or why it did nothing."""
        self.said, self.said_until_ns = text, now_ns + for_ns

    def check(self, now_ns: int, view: ConsoleView | None) -> None:
        """Each frame: a new refusal is said, like the answer that it is; a preview shows what would be sent now, and does not
        outlive what allowed it."""
        row = next((row for row in view.news if row.kind == "refused"), None) if view is not None else None
        newest = (0, "", "") if row is None else (row.ts_ns, row.id, row.note)
        if row is not None and self._refused not in (None, newest):
            self.say(refusal(row), now_ns, REFUSED_FOR_NS)
        if view is not None:
            self._refused = newest
        if self.overlay is Overlay.PREVIEW and (reason := self._renew(now_ns, view)):
            self.close()
            self.say(f"preview closed, nothing sent: {reason}", now_ns)

    def _renew(self, now_ns: int, view: ConsoleView | None) -> str:
        """Make the preview anew from this view; says why it is not to be confirmed, empty when it may be."""
        seen = self.preview
        if (reason := why_not(view, now_ns)) or view is None or seen is None:
            return reason or "no preview"
        now = preview(view, seen.side)
        self.preview = replace(now, opened_at=seen.opened_at)
        return seen.other_order(now)

    def close(self) -> None:
        """Back to the panels; whatever was typed is gone."""
        self.overlay = self.preview = None
        self.typed = self.secret = ""
        self.in_secret = False
        self.chosen = 0

    def _brake(self, key_id: KeyId | None, now_ns: int) -> Deed | None:
        if self.overlay is Overlay.RESUME:
            self._muted = True
        if self.overlay in (Overlay.PREVIEW, Overlay.RESUME, Overlay.TOUR):
            self.close()
        if key_id is KeyId.FLATTEN:
            if now_ns - self._first_f_ns <= FLATTEN_WINDOW_NS:
                self._first_f_ns = -(1 << 62)
                return Send(Command.FLATTEN)
            self._first_f_ns = now_ns
            self.say("F once more within 1 s: cancel everything, exit at market, latch HALT", now_ns)
            return None
        assert key_id is not None
        return Send(_BRAKE_COMMANDS[key_id])

    def _act(self, key_id: KeyId, now_ns: int, pasted: bool, view: ConsoleView | None) -> Deed | None:
        if key_id in RAISES_RISK:
            return self._raise_risk(key_id, now_ns, pasted, view)
        if key_id in _OPENS:
            self.open(_OPENS[key_id], now_ns)
            return None
        if key_id is KeyId.RECONCILE:
            return Send(Command.RECONCILE)
        if key_id in (KeyId.PLAY, KeyId.STEP_TRADE, KeyId.STEP_BAR, KeyId.FASTER, KeyId.SLOWER):
            return self._replay(key_id, view)
        return Look(key_id)

    def open(self, overlay: Overlay, now_ns: int) -> None:
        """Lay something over the panels."""
        self.close()
        self.overlay = overlay
        self.chosen = NOTHING if overlay is Overlay.PALETTE else 0
        self._opened_ns = now_ns

    def _raise_risk(self, key_id: KeyId, now_ns: int, pasted: bool, view: ConsoleView | None) -> Deed | None:
        before = self._last_raise.get(key_id, -(1 << 62))
        self._last_raise[key_id] = now_ns
        if pasted or now_ns - before < REPEAT_NS:
            return None
        if key_id is KeyId.ARM:
            return Send(Command.ARM)
        if key_id is KeyId.RESUME:
            if view is not None and view.truth.state is TradingState.RUNNING:
                self.say("nothing to unlatch: trading is RUNNING", now_ns)
            else:
                self.open(Overlay.RESUME, now_ns)
            return None
        if (reason := why_not(view, now_ns)) or view is None:
            self.say(f"no order: {reason}", now_ns)
            return None
        self.open(Overlay.PREVIEW, now_ns)
        self.preview = preview(view, Side.BUY if key_id is KeyId.BUY else Side.SELL)
        return None

    def _on_overlay(
        self, overlay: Overlay, key: str, key_id: KeyId | None, now_ns: int, pasted: bool, view: ConsoleView | None
    ) -> Deed | None:
        if key_id is KeyId.BACK or overlay in (Overlay.TOUR, Overlay.HELP, Overlay.CHAIN):
            return self._turn_page(overlay, key_id)
        readable = not pasted and not self._held and now_ns - self._opened_ns >= REPEAT_NS
        match overlay:
            case Overlay.QUIT:
                return Leave() if readable and (key == "enter" or key_id is KeyId.QUIT) else None
            case Overlay.PREVIEW:
                if key == "enter" and self._held:
                    self.say("nothing sent: Enter may still be held down; let go, then once more", now_ns)
                return self._confirm(now_ns, view) if readable and key == "enter" else None
            case Overlay.RESUME:
                return self._type_resume(key, readable, now_ns, view)
            case Overlay.PALETTE:
                return self._choose(key, now_ns, pasted, view)

    def _turn_page(self, overlay: Overlay, key_id: KeyId | None) -> Deed | None:
        page = max(self.pages.height - 1, 1)
        steps = {KeyId.DOWN: 1, KeyId.PAGE_DOWN: page, KeyId.UP: -1, KeyId.PAGE_UP: -page}
        if overlay in (Overlay.HELP, Overlay.CHAIN) and key_id in steps:
            self.chosen = min(max(self.chosen + steps[key_id], 0), max(self.pages.lines - self.pages.height, 0))
        elif overlay is Overlay.HELP and key_id is KeyId.NEXT_PANEL:
            self.chosen = next((line for line in self.pages.chapters if line > self.chosen), self.chosen)
        elif overlay is Overlay.HELP and key_id is KeyId.PREVIOUS_PANEL:
            self.chosen = next((line for line in reversed(self.pages.chapters) if line < self.chosen), 0)
        else:
            self.close()
        return None

    def _confirm(self, now_ns: int, view: ConsoleView | None) -> Deed | None:
        reason, seen = self._renew(now_ns, view), self.preview
        self.close()
        if reason or seen is None:
            self.say(f"nothing sent: {reason}", now_ns)
            return None
        return Send(Command.BRACKET, {"side": seen.side.name, "quantity": str(seen.quantity)})

    def _type_resume(self, key: str, readable: bool, now_ns: int, view: ConsoleView | None) -> Deed | None:
        if key == "tab" and asks_key(view):
            self.in_secret = not self.in_secret
        elif key == "backspace":
            if self.in_secret:
                self.secret = self.secret[:-1]
            else:
                self.typed = self.typed[:-1]
        elif len(key) == 1 and self.in_secret:
            self.secret = (self.secret + key)[:TYPED_LIMIT]
        elif len(key) == 1:
            self.typed = (self.typed + key)[:TYPED_LIMIT]
        elif key == "enter" and readable:
            if self.typed.upper() != self.resume_word.upper():
                self.say(f"nothing sent: type the word {self.resume_word.lower()}", now_ns)
                return None
            if asks_key(view) and not self.in_secret:
                self.in_secret = True
                return None
            args = {"word": self.resume_word} | ({"key": self.secret} if self.secret else {})
            self.close()
            return Send(Command.RESUME, args)
        return None

    def _choose(self, key: str, now_ns: int, pasted: bool, view: ConsoleView | None) -> Deed | None:
        found = matching(self.typed)
        if key == "up":
            self.chosen = max(self.chosen - 1, 0)
        elif key == "down":
            self.chosen = min(self.chosen + 1, max(len(found) - 1, 0))
        elif key == "enter" and self.chosen == NOTHING:
            return None
        elif key == "enter":
            row = found[self.chosen] if self.chosen < len(found) else None
            self.close()
            if row is None:
                return None
            if row.id is KeyId.FLATTEN:
                return Send(Command.FLATTEN)
            return self._brake(row.id, now_ns) if row.id in BRAKES else self._act(row.id, now_ns, pasted, view)
        else:
            character = " " if key == "space" else key
            self.typed = self.typed[:-1] if key == "backspace" else (self.typed + character * (len(character) == 1))[:TYPED_LIMIT]
            self.chosen = 0 if self.typed else NOTHING
        return None

    def _replay(self, key_id: KeyId, view: ConsoleView | None) -> Deed | None:
        if view is None or view.replay is None:
            return None
        speed = view.replay.speed
        match key_id:
            case KeyId.PLAY:
                return Feed("play" if view.replay.paused else "pause")
            case KeyId.STEP_TRADE:
                return Feed("step_trade")
            case KeyId.STEP_BAR:
                return Feed("step_bar")
            case KeyId.FASTER:
                return Feed("speed", next((s for s in SPEEDS if s > speed), SPEEDS[-1]))
            case _:
                return Feed("speed", next((s for s in reversed(SPEEDS) if s < speed), SPEEDS[0]))


def refusal(row: OrderRow) -> str:
    """A refusal as the screen writes it: the rule that refused, and its numbers."""
    return f"refused, {row.state}: {row.note}"


def asks_key(view: ConsoleView | None) -> bool:
    """Whether unlatching may need the safety key: real accounts, and latches that lock."""
    return view is not None and (view.truth.mode.lower() in ("paper", "live") or view.truth.state is TradingState.LOCKED)


def matching(typed: str) -> tuple[KeyRow, ...]:
    """Actions of the palette whose name or meaning holds every word typed: names that begin so first, then the order of the
    key table."""
    words = typed.lower().split()
    found = [row for row in KEYS if row.word and all(w in f"{row.id.value} {row.word} {row.meaning}".lower() for w in words)]
    begun = " ".join(words)
    return tuple(sorted(found, key=lambda row: not (row.word.lower().startswith(begun) or row.id.value.startswith(begun))))
