"""What is told, when and in which words, before any messenger is called. Pure: every call is handed the time.

An alert is told unless the same (kind, subject) was told within the cooldown and no less loudly. Held-back repeats are
counted and told together when the cooldown ends, when its first telling failed, or with the last message of a run, so nothing
is silenced for good. News that ends a matter (reconnected, resume) ends its cooldown too: the next disconnect or halt is told
at once.

A CRITICAL alert is tried for as long as the program runs: where the messenger refuses it, once in a cooldown's time.

Messages leave 3 s apart and at most 20 an hour, the last five kept for CRITICAL alerts. When more than a few wait they
leave together as one digest, and digests leave ever more slowly: a storm of a thousand alerts is a handful of messages.

States, as the screen shows them: "waiting", "waiting: why", "sent" (taken by the messenger, not yet delivered),
"failed: why", "failed: why, tried again in n min", "repeat ×n" (held back; "sent" once a later message counted it).
"""

from __future__ import annotations

import base64
import hashlib
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import assert_never
from zoneinfo import ZoneInfo

from orderflow_tui.domain.action import Alert, Tier

MOST_WAITING = 200
MOST_CRITICAL = 1_000  # CRITICAL ones wait beyond the others' limit
MOST_KEYS = 1_000
DIGEST_ABOVE = 3  # waiting alerts; more leave as one message
GAP_S, LONGEST_GAP_S = 3.0, 60.0
HOUR_S, PER_HOUR, PER_HOUR_CALM = 3_600.0, 20, 15
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 30.0)
RATE_WAIT_S = 30.0
DOUBTFUL_TRIES = 3
GIVE_UP_S = 1_800.0  # an outage of the line is when alerts matter: keep trying for half an hour, for CRITICAL ones always
LONGEST_TEXT = 1_500  # the messenger refuses 1,600
NEW_YORK = ZoneInfo("America/New_York")
NEVER = float("-inf")

WAITING, SENT, FAILED, REPEAT = "waiting", "sent", "failed", "repeat"
OnState = Callable[[str, str], None]  # (alert id, state)


class Verdict(Enum):
    """What became of an attempt."""

    SENT = "sent"
    TRANSIENT = "transient"  # the line or the other side: try again for a while
    RATE = "rate"  # too many: try again later
    DOUBTFUL = "doubtful"  # an answer we do not know: a few tries
    PERMANENT = "permanent"  # will never work like this


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt's verdict and its reason, free of secrets."""

    verdict: Verdict
    why: str = ""


@dataclass(slots=True)
class Letter:
    """An alert on its way. `held_back`: repeats before it that were not told, `counts` the ids of the newest of them.

    One that the messenger refused rests until `rests_until_s`.
    """

    id: str
    alert: Alert
    queued_s: float
    order: int
    held_back: int = 0
    tries: int = 0
    counts: tuple[str, ...] = ()
    rests_until_s: float = NEVER

    @property
    def key(self) -> tuple[str, str]:
        """What it is a repeat of."""
        return self.alert.kind, self.alert.subject


@dataclass(slots=True)
class _Told:
    """The last telling of a key, and the newest of the repeats held back since."""

    tier: Tier
    until_s: float
    held_back: int = 0
    newest: Alert | None = None
    held: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))  # ids of the repeats


def alert_id(alert: Alert) -> str:
    """Five letters that name an alert: in the message, on screen, and in an acknowledgement."""
    text = f"{alert.ts_ns}|{alert.kind}|{alert.subject}|{alert.text}"
    return base64.b32encode(hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest())[:5].decode("ascii")


def restart_alert(ts_ns: int, unclean: int) -> Alert | None:
    """What a start tells when earlier runs never noted a clean stop (their number); None when all did."""
    if unclean <= 0:
        return None
    runs = "the run before this one" if unclean == 1 else f"{unclean} runs before this one"
    return Alert(ts_ns, "restart", f"started again: {runs} ended without a clean stop", Tier.WARNING)


def ended_by(alert: Alert) -> tuple[tuple[str, str | None], ...]:
    """The keys whose cooldown this news ends; a subject of None means every subject."""
    match alert.kind, alert.subject:
        case "recovered" | "reconnected", _:
            return (("link", None),)
        case "link", _:
            return (("recovered", None), ("reconnected", None))
        case "resume", subject:
            return (("latch", subject),)
        case "latch", subject:
            return (("resume", subject),)
        case "flatten", "end":
            return (("flatten", ""), ("flatten", "pending"), ("flatten", "everything"), ("naked", None))
        case "flatten", "":
            return (("flatten", "end"),)
        case "trade", _:
            return (("naked", None),)
        case _:
            return ()


class AlertQueue:
    """Decides what leaves next. Not thread-safe: its owner holds a lock. Times are monotonic seconds."""

    def __init__(self, cooldown_s: float, on_state: OnState) -> None:
        self._cooldown_s = cooldown_s
        self._on_state = on_state
        self._waiting: list[Letter] = []
        self._told: dict[tuple[str, str], _Told] = {}
        self._left: deque[float] = deque(maxlen=PER_HOUR)
        self._not_before_s = NEVER
        self._gap_s = GAP_S
        self._faults = 0
        self._count = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    # -- in ---------------------------------------------------------------------------------------------------------

    def put(self, alert: Alert, now_s: float) -> None:
        """Take an alert in, or count it as a repeat."""
        for kind, subject in ended_by(alert):
            for key in [k for k in self._told if k[0] == kind and subject in {None, k[1]}]:
                self._end(key, now_s)
        self._trim(now_s)
        told = self._told.get((alert.kind, alert.subject))
        if told is not None and now_s < told.until_s and alert.tier.value >= told.tier.value:
            told.held_back += 1
            told.newest = alert
            told.held.append(alert_id(alert))
            self._on_state(alert_id(alert), f"{REPEAT} ×{told.held_back}")
            return
        self._queue(alert, now_s)

    def _queue(self, alert: Alert, now_s: float) -> None:
        """Let an alert wait for its turn, with the repeats that were held back before it."""
        key = (alert.kind, alert.subject)
        told = self._told.pop(key, None)  # the newest key goes last
        held_back, counts = (told.held_back, tuple(told.held)) if told is not None else (0, ())
        self._post(alert, now_s, held_back, counts)
        while len(self._told) >= MOST_KEYS:
            self._end(next(iter(self._told)), now_s)
        self._told[key] = _Told(alert.tier, now_s + self._cooldown_s)
        self._trim(now_s)

    def _post(self, alert: Alert, now_s: float, held_back: int, counts: tuple[str, ...]) -> None:
        """Into the queue. What rests of the same key gives way: the newer one tells it, with its count."""
        name = alert_id(alert)
        key = (alert.kind, alert.subject)
        for old in [letter for letter in self._waiting if letter.rests_until_s > now_s and letter.key == key]:
            self._waiting.remove(old)
            held_back, counts = held_back + old.held_back + 1, (*old.counts, old.id, *counts)[-MOST_WAITING:]
        self._count += 1
        counts = tuple(other for other in counts if other != name)
        self._wait(Letter(name, alert, now_s, self._count, held_back, counts=counts))
        self._on_state(name, WAITING)

    def _wait(self, letter: Letter) -> None:
        """Loudest first, oldest first."""
        insort(self._waiting, letter, key=_rank)

    def _end(self, key: tuple[str, str], now_s: float) -> None:
        """A cooldown is over: of the repeats it held back the newest is told, the others as its count."""
        told = self._told.pop(key)
        if told.newest is not None:
            self._post(told.newest, now_s, told.held_back - 1, tuple(told.held))

    def _trim(self, now_s: float) -> None:
        """Where too many wait the oldest of the quietest gives way; the next message says how many did."""
        while self._waiting:
            quietest = self._waiting[-1].alert.tier
            most = MOST_CRITICAL if quietest is Tier.CRITICAL else MOST_WAITING
            if len(self._waiting) <= most:
                return
            victim = next(letter for letter in self._waiting if letter.alert.tier is quietest)
            self._waiting.remove(victim)
            self._dropped += 1
            self._fail(victim, f"more than {most} alerts wait", now_s)

    # -- out --------------------------------------------------------------------------------------------------------

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until `take` has something, 0 when it has it now, None when nothing waits."""
        ends = [told.until_s for told in self._told.values() if told.newest is not None]
        ends += [letter.rests_until_s for letter in self._waiting if letter.rests_until_s > now_s]
        found = [max(0.0, min(ends) - now_s)] if ends else []
        if ready := self._ready(now_s):
            found.append(max(0.0, self._not_before_s - now_s, self._free_in_s(ready[0], now_s)))
        return min(found, default=None)

    def take(self, now_s: float, *, last: bool = False) -> list[Letter]:
        """What leaves now as one message, loudest first; empty when nothing may. `last`: everything, gaps do not count.

        Every taken list must come back through `settle`.
        """
        self._tell_repeats(now_s, last=last)
        ready = self._waiting if last else self._ready(now_s)
        if not ready:
            return []
        if not last and (now_s < self._not_before_s or self._free_in_s(ready[0], now_s) > 0):
            return []
        taken = ready[:] if last or len(ready) > DIGEST_ABOVE else ready[:1]
        gone = {letter.order for letter in taken}
        self._waiting = [letter for letter in self._waiting if letter.order not in gone]
        return taken

    def _tell_repeats(self, now_s: float, *, last: bool) -> None:
        """What cooldowns that are over have held back is told, and the next cooldown begins with it. `last`: all are over."""
        for key, told in [(k, told) for k, told in self._told.items() if last or now_s >= told.until_s]:
            self._end(key, now_s)
            if told.newest is not None:
                self._told[key] = _Told(told.newest.tier, now_s + self._cooldown_s)
        self._trim(now_s)

    def _ready(self, now_s: float) -> list[Letter]:
        return [letter for letter in self._waiting if letter.rests_until_s <= now_s]

    def _free_in_s(self, loudest: Letter, now_s: float) -> float:
        """Seconds until the hour has room for the loudest that may leave."""
        while self._left and now_s - self._left[0] >= HOUR_S:
            self._left.popleft()
        allowed = PER_HOUR if loudest.alert.tier is Tier.CRITICAL else PER_HOUR_CALM
        if len(self._left) < allowed:
            return 0.0
        return self._left[len(self._left) - allowed] + HOUR_S - now_s

    def settle(self, taken: Sequence[Letter], outcome: Outcome, now_s: float) -> None:
        """What became of a message."""
        match outcome.verdict:
            case Verdict.SENT:
                self._sent(taken, now_s)
            case Verdict.PERMANENT:
                self._faults = 0
                self._not_before_s = now_s + GAP_S
                for letter in taken:
                    self._refused(letter, outcome.why, now_s)
                self._trim(now_s)
            case Verdict.TRANSIENT | Verdict.RATE | Verdict.DOUBTFUL:
                self._again(taken, outcome, now_s)
            case _:
                assert_never(outcome.verdict)

    def _sent(self, taken: Sequence[Letter], now_s: float) -> None:
        self._faults = self._dropped = 0
        self._left.append(now_s)
        self._gap_s = GAP_S if len(taken) == 1 else min(LONGEST_GAP_S, 2 * self._gap_s)
        self._not_before_s = now_s + self._gap_s
        for letter in taken:
            for name in (*letter.counts, letter.id):
                self._on_state(name, SENT)

    def _again(self, taken: Sequence[Letter], outcome: Outcome, now_s: float) -> None:
        """Back into the queue; the whole sender pauses, since the fault is rarely the letter's."""
        pause_s = BACKOFF_S[min(self._faults, len(BACKOFF_S) - 1)]
        self._not_before_s = now_s + (max(pause_s, RATE_WAIT_S) if outcome.verdict is Verdict.RATE else pause_s)
        self._faults += 1
        for letter in taken:
            letter.tries += outcome.verdict is Verdict.DOUBTFUL
            late = now_s - letter.queued_s >= GIVE_UP_S and letter.alert.tier is not Tier.CRITICAL
            if letter.tries >= DOUBTFUL_TRIES or late:
                self._refused(letter, outcome.why, now_s)
            else:
                self._wait(letter)
                self._on_state(letter.id, f"{WAITING}: {outcome.why}")
        self._trim(now_s)

    def _refused(self, letter: Letter, why: str, now_s: float) -> None:
        """It will not be taken like this. A CRITICAL one is tried again all the same, once in a cooldown's time: a person may
        mend what the messenger did not like."""
        if letter.alert.tier is not Tier.CRITICAL:
            self._fail(letter, why, now_s)
            return
        letter.rests_until_s, letter.tries = now_s + self._cooldown_s, 0
        self._wait(letter)
        self._untold(letter, f"{why}, tried again in {self._cooldown_s / 60:.0f} min", now_s)

    def give_up(self, why: str, now_s: float) -> None:
        """Nothing leaves any more: everything that waits or was held back has failed."""
        for key in list(self._told):
            self._end(key, now_s)
        waiting, self._waiting = self._waiting, []
        for letter in waiting:
            self._fail(letter, why, now_s)

    def _fail(self, letter: Letter, why: str, now_s: float) -> None:
        """It is over with this one, and with the repeats it counted."""
        for name in letter.counts:
            self._on_state(name, f"{FAILED}: {why}")
        self._untold(letter, why, now_s)

    def _untold(self, letter: Letter, why: str, now_s: float) -> None:
        """Not told: so the next one of its kind is no repeat, and those held back since are told in its place."""
        self._on_state(letter.id, f"{FAILED}: {why}")
        if letter.key in self._told:
            self._end(letter.key, now_s)

    # -- words ------------------------------------------------------------------------------------------------------

    def lines(self, taken: Sequence[Letter]) -> list[str]:
        """A message as lines without line breaks inside, at most LONGEST_TEXT characters together.

        One alert: a head and its text. Several: a head, one line an alert, and a count by kind of what had no room.
        """
        loudest = taken[0]
        if len(taken) == 1:
            held = f" ({loudest.held_back} more like it held back)" if loudest.held_back else ""
            said = [f"[{loudest.alert.tier.name}] {_head(loudest)}", _flat(loudest.alert.text)[: LONGEST_TEXT - 200] + held]
        else:
            said = [f"[{loudest.alert.tier.name}] {len(taken)} alerts", *_fitting(taken)]
        return [*said, f"{self._dropped} earlier alerts had no room"] if self._dropped else said


def _rank(letter: Letter) -> tuple[int, int]:
    return letter.alert.tier.value, letter.order


def _fitting(taken: Sequence[Letter]) -> list[str]:
    """A line an alert while there is room, then how many of which kind are left."""
    found: list[str] = []
    room = LONGEST_TEXT - 300
    for place, letter in enumerate(taken):
        line = f"{_head(letter)}: {_flat(letter.alert.text)[:160]}"
        room -= len(line) + 1
        if room < 0:
            kinds = Counter(rest.alert.kind for rest in taken[place:])
            return [*found, "and " + ", ".join(f"{kind} ×{n}" for kind, n in kinds.most_common(8))]
        found.append(line)
    return found


def _head(letter: Letter) -> str:
    local = datetime.fromtimestamp(letter.alert.ts_ns // 1_000_000_000, UTC).astimezone(NEW_YORK)
    about = _flat(f"{letter.alert.kind} {letter.alert.subject}")[:60]
    return f"{about} #{letter.id} {local:%H:%M:%S} ET"


def _flat(text: str) -> str:
    return " ".join(text.split())
