"""The stability hold: a setup must stand for one second of event time before it is acted on, once.

New market data never restarts a hold (a trailing timer would never fire in a busy market). The candidate's facts are
frozen when it appears; a bar's close, where everything is judged anew, renews those of a setup that goes on standing and
does not begin its second again. The hold is broken when the setup is not tradable any more, by a trade outside its band, by
a change of the feed's grade or by an opposite signal, and by nothing else; a timer ends it.

A setup has an id, `trade date | setup | direction | level | n`. An emitted one is not emitted again until it is
re-armed: price went well to the other side of the level, or the setup was gone for a minute and a quarter hour passed.
Levels that drift (a developing edge) are the same level while they stay within the re-arm distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS
from orderflow_tui.domain.signal import Direction, Setup, SetupReading
from orderflow_tui.domain.watch import NEVER, NO_ABOVE, NO_BELOW, Watch

SPACING_NS = SECOND_NS  # at most one emission a second overall
TABLE_ORDER = {setup: rank for rank, setup in enumerate(Setup)}


@dataclass(frozen=True, slots=True)
class HoldParams:
    """`hold_s` of event time; re-arm distance in ticks; minutes a setup must be gone and since its emission."""

    hold_s: float = 1.0
    rearm_ticks: int = 8
    rearm_gone_s: float = 60.0
    rearm_after_min: float = 15.0


@dataclass(slots=True)
class _Emitted:
    setup: Setup
    direction: Direction
    level: int
    n: int
    ts_ns: int | None  # None: emitted before this run began
    gone_since_ns: int | None = None
    rearmed: bool = False


@dataclass(slots=True)
class _Pending:
    reading: SetupReading
    due_ns: int
    grade: Grade


class Holds:
    """Candidates waiting out their second, and what was already emitted today."""

    __slots__ = ("_date", "_emitted", "_last_ns", "_params", "_pending")

    def __init__(self, params: HoldParams) -> None:
        self._params = params
        self._date: date | None = None
        self._emitted: list[_Emitted] = []
        self._pending: dict[str, _Pending] = {}
        self._last_ns: int | None = None

    def new_day(self, trade_date: date | None, ids: Sequence[str] = ()) -> None:
        """Begin a trade date; `ids` emitted earlier on it stay emitted."""
        self._date = trade_date
        self._pending.clear()
        self._emitted = [e for e in map(_parse, (i for i in ids if i.startswith(f"{trade_date}|"))) if e is not None]

    def remember(self, ids: Sequence[str]) -> None:
        """Ids emitted earlier on the running date, learnt only now: candidates under them are void."""
        for emitted in (_parse(i) for i in ids if i.startswith(f"{self._date}|")):
            if emitted is None:
                continue
            known = self._find(emitted.setup, emitted.direction, emitted.level)
            if known is None:
                self._emitted.append(emitted)
            else:
                known.n = max(known.n, emitted.n)
        self._pending = {key: p for key, p in self._pending.items() if key not in ids}

    @property
    def pending(self) -> tuple[SetupReading, ...]:
        """Candidates in their hold."""
        return tuple(p.reading for p in self._pending.values())

    @property
    def waiting(self) -> bool:
        """Whether any candidate is in its hold."""
        return bool(self._pending)

    def identify(self, now_ns: int, setup: Setup, direction: Direction, level: int) -> tuple[str, str | None]:
        """The id this setup would have now, and the id it was emitted under when it is not re-armed yet."""
        known = self._find(setup, direction, level)
        if known is None:
            return self._id(setup, direction, level, 1), None
        gone, since = known.gone_since_ns, known.ts_ns
        waited = since is None or now_ns - since >= round(self._params.rearm_after_min * MINUTE_NS)
        if gone is not None and now_ns - gone >= round(self._params.rearm_gone_s * SECOND_NS) and waited:
            known.rearmed = True
        if known.rearmed:
            return self._id(setup, direction, level, known.n + 1), None
        spent = self._id(setup, direction, known.level, known.n)
        return spent, spent

    def evaluate(self, now_ns: int, readings: Sequence[SetupReading], grade: Grade, renewed: bool = False) -> None:
        """The setups that stand now. Tradable ones begin (or go on with) their hold; missing ones are broken.

        `renewed`: a bar closed, so what goes on standing does so with the facts of this close.
        """
        alive = {r.id: r for r in readings if r.tradable}
        self._pending = {key: p for key, p in self._pending.items() if key in alive}
        for key, reading in alive.items():
            if key in self._pending:
                self._pending[key].reading = reading if renewed else self._pending[key].reading
            else:
                due = now_ns + round(self._params.hold_s * SECOND_NS)
                self._pending[key] = _Pending(reading, due, grade)
        for known in self._emitted:
            present = any(self._same(known, r.setup, r.direction, r.level) for r in readings)
            if present:
                known.gone_since_ns = None
            elif known.gone_since_ns is None:
                known.gone_since_ns = now_ns

    def clear(self) -> None:
        """Nothing stands any more."""
        self._pending.clear()

    def against(self, direction: Direction) -> None:
        """A signal in this direction breaks the holds of the other one."""
        self._pending = {k: p for k, p in self._pending.items() if p.reading.direction != -direction}

    def on_price(self, price: int) -> None:
        """A trade; outside a candidate's band it breaks that candidate."""
        for key in [k for k, p in self._pending.items() if _outside(p.reading, price)]:
            del self._pending[key]

    @property
    def follows_prices(self) -> bool:
        """Whether re-arming depends on where price goes."""
        return any(not known.rearmed for known in self._emitted)

    def on_range(self, low: int, high: int) -> None:
        """Price traded between these since the last call."""
        far = self._params.rearm_ticks
        for known in self._emitted:
            reached = low <= known.level - far if known.direction > 0 else high >= known.level + far
            known.rearmed = known.rearmed or reached

    def watch(self) -> Watch:
        """When a hold ends, and the prices that break one."""
        due, below, above = NEVER, NO_BELOW, NO_ABOVE
        for pending in self._pending.values():
            due = min(due, pending.due_ns)
            below = max(below, NO_BELOW if pending.reading.invalid_below is None else pending.reading.invalid_below)
            above = min(above, NO_ABOVE if pending.reading.invalid_above is None else pending.reading.invalid_above)
        return Watch(due_ns=due, below=below, above=above)

    def ripen(self, now_ns: int) -> None:
        """Holds that nothing can break any more end now."""
        for pending in self._pending.values():
            pending.due_ns = min(pending.due_ns, now_ns)

    def fire(self, now_ns: int, grade: Grade) -> SetupReading | None:
        """The setup to emit at this instant: the most confident of those whose hold ended, by the table on a tie.

        The others wait for their own second. A candidate whose feed grade changed is broken.
        """
        for key in [k for k, p in self._pending.items() if p.due_ns <= now_ns and p.grade is not grade]:
            del self._pending[key]
        ready = [(k, p) for k, p in self._pending.items() if p.due_ns <= now_ns]
        if not ready:
            return None
        chosen = None
        if self._last_ns is None or now_ns - self._last_ns >= SPACING_NS:
            key, pending = min(ready, key=lambda kp: (-kp[1].reading.confidence, TABLE_ORDER[kp[1].reading.setup], kp[0]))
            chosen = replace(pending.reading, ts_ns=now_ns)
            del self._pending[key]
            self._remember(chosen, now_ns)
            self._last_ns = now_ns
        assert self._last_ns is not None
        for pending in self._pending.values():
            if pending.due_ns <= now_ns:
                pending.due_ns = self._last_ns + SPACING_NS
        return chosen

    def shift(self, ticks: int) -> None:
        """The contract rolled: nothing may be pending across it, remembered levels move."""
        self._pending.clear()
        for known in self._emitted:
            known.level += ticks

    def _remember(self, reading: SetupReading, now_ns: int) -> None:
        known = self._find(reading.setup, reading.direction, reading.level)
        if known is None:
            self._emitted.append(_Emitted(reading.setup, reading.direction, reading.level, 1, now_ns))
        else:
            known.level, known.n, known.ts_ns = reading.level, known.n + 1, now_ns
            known.gone_since_ns, known.rearmed = None, False

    def _find(self, setup: Setup, direction: Direction, level: int) -> _Emitted | None:
        found: Iterable[_Emitted] = (e for e in self._emitted if self._same(e, setup, direction, level))
        return min(found, key=lambda e: abs(e.level - level), default=None)

    def _same(self, known: _Emitted, setup: Setup, direction: Direction, level: int) -> bool:
        return known.setup is setup and known.direction is direction and abs(known.level - level) < self._params.rearm_ticks

    def _id(self, setup: Setup, direction: Direction, level: int, n: int) -> str:
        return f"{self._date}|{setup.value}|{direction.name}|{level}|{n}"


def _outside(reading: SetupReading, price: int) -> bool:
    below, above = reading.invalid_below, reading.invalid_above
    return (below is not None and price <= below) or (above is not None and price >= above)


def _parse(setup_id: str) -> _Emitted | None:
    """An id from an earlier run; None when it is not one of ours."""
    parts = setup_id.split("|")
    if len(parts) != 5 or parts[1] not in Setup.__members__ or parts[2] not in Direction.__members__:
        return None
    try:
        return _Emitted(Setup[parts[1]], Direction[parts[2]], int(parts[3]), int(parts[4]), None)
    except ValueError:
        return None
