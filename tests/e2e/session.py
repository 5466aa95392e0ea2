"""A whole session at the broker with everything that can go wrong in it, played to the real command.

The command runs as a process of its own (`tests.e2e.operated`), without a screen or on a pseudo-terminal; the gateway is
another process. Both read one clock. What is accelerated: the *session*, not time. Clocks, timers and limits run at their
own speed; between the parts of the day both clocks leap (09:29:50, 09:35, 11:30, 14:00, 15:54:50, 15:59:55 New York), and
the market makes 20 steps a second whatever the hour. So a session's opening, trades, flat time and close come within
minutes, and every answer is still measured against real seconds.

Afterwards the gateway's own books are compared with the journal: `judge`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from orderflow_tui.adapters import control
from orderflow_tui.adapters.journal_memory import read_events
from tests.e2e.terminal import Terminal
from tests.gateway.clock import SharedClock
from tests.gateway.exposure import Exposed, longest_naked_s
from tests.gateway.process import ROOT, GatewayProcess

NEW_YORK = ZoneInfo("America/New_York")
DAY = (2026, 11, 18)  # a Wednesday
PATIENCE_S = 240.0  # how long a busy machine may take; a run that goes well never waits for it
SLOW_DISK = "JOURNAL_FAILED"
ENTRY_TRIES = 5
REFUSED_S = 5.0  # no order by then: it was refused
BETWEEN_ENTRIES_S = 2.7  # four entries in ten seconds are allowed
READABLE_S = 0.4  # what asks must have been readable before Enter counts
TICK = 0.25
MIDDLE = 6_700.0  # where the market begins
AWAY = 40  # ticks: beyond every stop and target
SETS = (
    "timing.fence_clear_ms=300",
    "timing.commit_wait_ms=1000",  # a busy machine's disk is slow
    "timing.cooldown_ms=200",
    "feed.tick_spacing_s=1",  # this gateway takes the next request at once
    "risk.daily_loss_cents=100000",
    "risk.max_drawdown_cents=100000",
    "risk.daily_profit_cents=0",
    "risk.max_consecutive_losses=100",
    "risk.max_trades_per_day=500",
    "session.lunch=[]",
    "console.tour=false",
)
Status = dict[str, Any]


def at(hour: int, minute: int, second: int = 0) -> int:
    """An instant of the day in New York, UTC ns."""
    return int(datetime(*DAY, hour, minute, second, tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Passed:
    """A fault that was played: between which instants of the house clock, and whether it had to fence."""

    name: str
    from_ns: int
    until_ns: int
    fences: bool


class Session:
    """Gateway and command while the session runs. Use as a context manager; `screen` puts the command on a terminal."""

    def __init__(self, folder: Path, *, screen: bool) -> None:
        self.folder, self.screen = folder, screen
        self.clock = SharedClock(folder / "clock")
        self.clock.leap_to(at(9, 29, 50))
        self.gateway = GatewayProcess("--clock", str(folder / "clock"), "--pace", "20")
        self.data = folder / "data"
        self.passed: list[Passed] = []
        self.trades = 0
        self._entered_s = 0.0
        self._options = ["run", "--mode", "paper", "--data-dir", str(self.data), "--set", f"ib.port={self.gateway.port}"]
        self._options += [word for key in SETS for word in ("--set", key)]
        self._terminal: Terminal | None = None
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        """The command, a new process."""
        command = [sys.executable, "-m", "tests.e2e.operated", str(self.folder / "clock")]
        surroundings = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(self.folder / "locks")}
        if self.screen:
            self._terminal = Terminal(self._options, cwd=self.folder, env=surroundings, command=command)
            return self._terminal.process
        return subprocess.Popen(
            [*command, *self._options, "--headless"],
            cwd=self.folder,
            env={**os.environ, **surroundings},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def killed_and_started(self) -> float:
        """Kill the command and start it on a fresh terminal; seconds until that shows position and stop as they are."""
        assert self._terminal is not None, "only what has a screen can show anything"
        self._process.kill()
        self._process.wait()
        self._terminal.__exit__()
        begin = time.monotonic()
        self._process = self._start()
        self._terminal.until(lambda text: "at broker" in text and "RECOVERING" not in text, "a truthful screen", PATIENCE_S)
        return time.monotonic() - begin

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._terminal is not None:
            self._terminal.__exit__()
        self.gateway.end()

    # -- looking -------------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """What the engine says of itself, empty while nobody answers."""
        if self._terminal is not None:
            self._terminal.pump(0.02)
        try:
            answer = control.ask(control.control_path(self.data), "status")
        except control.NoAnswer:
            return {}
        found = answer["status"]
        assert isinstance(found, dict)
        return dict(found)

    def now(self) -> Status:
        """The status, asked for until somebody answers."""
        return self.until(lambda _: True, "an answer")

    def until(self, seen: Callable[[Status], bool], what: str) -> Status:
        """Wait until the engine's status satisfies a condition."""
        limit, status = time.monotonic() + PATIENCE_S, {}
        while time.monotonic() < limit:
            status = self.status()
            if status.get("link_state") and seen(status):
                return status
            assert self._process.poll() is None, f"the command ended before {what}: {self._process.returncode}"
            time.sleep(0.03)
        raise AssertionError(f"never saw {what}: {status}\n{self._journal_tail()}")

    def _journal_tail(self) -> str:
        rows = read_events(self.data / "journal" / "paper")[-25:]
        return "\n".join(f"{e.row.ts_ns} {e.row.kind} {e.row.ref} {dict(e.row.payload)}" for e in rows)

    def books(self) -> dict[str, Any]:
        """The gateway's own."""
        found: dict[str, Any] = self.gateway.do("state")
        return found

    # -- acting --------------------------------------------------------------------------------------------------------

    def do(self, command: str, **arguments: Any) -> Any:
        """Tell the gateway something."""
        return self.gateway.do(command, **arguments)

    def leap(self, hour: int, minute: int, second: int = 0) -> None:
        """Both clocks are at another time of the day."""
        self.clock.leap_to(at(hour, minute, second))

    def past_close(self) -> bool:
        """Whether regular hours are over on both clocks."""
        return self.clock() >= at(16, 0, 1)

    def press(self, command: str, keys: str, **arguments: str) -> None:
        """What the operator does: a command without a screen, keys on one."""
        if self._terminal is not None:
            self._terminal.pump(0.05)
            self._terminal.type(keys)
            return
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def running(self) -> None:
        """Wait until entries are allowed. A disk too slow for the journal halts, rightly: then a person resumes."""
        self.until(self._runs_or_is_resumed, "READY and RUNNING")

    def resume(self) -> None:
        """A person ends a halt."""
        self.until(lambda s: s["trading_state"] == "HALTED", "a halt")
        with suppress(control.Declined):  # a cause that still stands: asked again
            control.ask(control.control_path(self.data), "resume", {"word": "RESUME"})

    def _runs_or_is_resumed(self, status: Status) -> bool:
        if status["trading_state"] == "HALTED" and {latch[0] for latch in status["latches"]} == {SLOW_DISK}:
            self.resume()
        return bool(status["link_state"] == "READY" and status["trading_state"] == "RUNNING")

    def fenced(self) -> None:
        """Wait until they are not."""
        self.until(lambda s: s["link_state"] != "READY" and s["trading_state"] != "RUNNING", "a fence")

    def ask_entry(self, arrived: Callable[[], bool] | None = None) -> None:
        """Ask for an entry until the gateway has it, by default as an order beyond those there; what comes of it is another
        matter. The house may refuse one rightly, since a fence came meanwhile or the market ran away: then it is asked anew."""
        placed = len(self.books()["orders"])
        seen = arrived or (lambda: len(self.books()["orders"]) > placed)
        for _ in range(ENTRY_TRIES):
            self._press_entry()
            if self._within(REFUSED_S, seen):
                return
        raise AssertionError(f"{ENTRY_TRIES} entries were refused\n{self._journal_tail()}")

    def _within(self, seconds: float, seen: Callable[[], bool]) -> bool:
        """Whether something is seen in time."""
        limit = time.monotonic() + seconds
        self.until(lambda _: seen() or time.monotonic() > limit, "an order, or none")
        return seen()

    def _press_entry(self) -> None:
        """Arm and send a bracket at the market, towards where it began."""
        if self.now()["position"]["local"] != 0:
            self.leave()
        self.running()
        side = "BUY" if self.do("quote", symbol="MES")["last"] < MIDDLE else "SELL"
        time.sleep(max(0.0, self._entered_s + BETWEEN_ENTRIES_S - time.monotonic()))
        if not self.now()["armed"]:
            self.press("arm", "A")
            self.until(lambda s: bool(s["armed"]), "armed")
        self.press("bracket", side[0], side=side)
        if self._terminal is not None:
            self._terminal.shows(f"{side} BRACKET")
            time.sleep(READABLE_S)
            self._terminal.type("\r")
        self._entered_s = time.monotonic()

    def enter(self) -> None:
        """A position with its stop at the broker."""
        self.ask_entry()
        self.until(lambda s: self._held(s) and s["protective_stop"] == "at broker", "a protected position")
        self.trades += 1

    @staticmethod
    def _held(status: Status) -> bool:
        position = status["position"]
        return bool(position["local"]) and bool(position["local"] == position["broker"])

    def hold(self) -> None:
        """Have a protected position, one that is there or a new one."""
        if self.now()["position"]["local"] == 0:
            self.enter()
        self.safe()

    def safe(self) -> None:
        """Ours and the broker's position agree; what is held has its stop at the broker. The market may have taken it."""
        self.until(
            lambda s: (
                s["position"]["local"] == s["position"]["broker"] == sum(self.books()["positions"].values())
                and s["protective_stop"] in {"at broker", "flat"}
            ),
            "flat or protected, and one truth",
        )

    def leave(self, won: bool = True) -> None:
        """The market takes the target, or the stop."""
        books = self.books()["positions"]
        if books:
            (quantity,) = books.values()
            last = self.do("quote", symbol="MES")["last"]
            self.do("jump", symbol="MES", price=last + TICK * AWAY * (1 if (quantity > 0) is won else -1))
        self.flat()

    def flat(self) -> None:
        """Nothing is held or works any more."""
        self.until(
            lambda s: s["position"] == {"broker": 0, "local": 0} and s["working_orders"] == 0 and not self.books()["positions"],
            "flat",
        )

    def round_trip(self, won: bool = True) -> None:
        """In and out."""
        self.enter()
        self.leave(won)

    def play(self, name: str, fault: Callable[[Session], None], *, fences: bool) -> None:
        """Play one fault to its end: afterwards the wire is calm and entries are allowed again."""
        self.running()
        from_ns = self.clock()
        fault(self)
        self.do("calm")
        self.running()
        self.passed.append(Passed(name, from_ns, self.clock(), fences))

    def end(self) -> int:
        """Leave in order; the exit code."""
        if self._terminal is not None:
            self._terminal.type("q")
            self._terminal.shows("QUIT?")
            time.sleep(READABLE_S)
            self._terminal.type("\r")
            return self._terminal.wait()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE_S)


@dataclass(slots=True)
class Verdict:
    """What gateway and journal say after the session."""

    trades: int = 0
    orders: int = 0
    executions: int = 0
    links: int = 0
    naked_s: float = 0.0
    faults: int = 0
    unasked: int = 0  # faults beside which a fence stood that they do not ask for
    wrong: list[str] = field(default_factory=list)

    def expect(self, right: bool, sentence: str) -> None:
        """Note what does not hold."""
        if not right:
            self.wrong.append(sentence)


def judge(session: Session, books: dict[str, Any], exposure: dict[str, Any]) -> Verdict:
    """Compare the gateway's books, asked for before it ended, with the journal, read after the command ended."""
    rows = list(read_events(session.data / "journal" / "paper"))
    verdict = Verdict(trades=session.trades, faults=len(session.passed))
    _orders(verdict, books, {entry.row.ref for entry in rows if entry.row.kind in {"order", "intent"}})
    _executions(verdict, books, [dict(e.row.payload) | {"exec_id": e.row.ref} for e in rows if e.row.kind == "fill"])
    links = [(entry.row.ts_ns, entry.row.ref) for entry in rows if entry.row.kind == "link"]
    verdict.links = len(links)
    _fences(verdict, session.passed, links)
    verdict.naked_s = longest_naked_s([Exposed(*entry) for entry in exposure["entries"]], exposure["now_ns"])
    verdict.expect(verdict.naked_s <= 5.0, f"a position stood without its stop for {verdict.naked_s:.2f} s")
    verdict.expect(not books["positions"], f"the session ends with {books['positions']}")
    live = [o["ref"] for o in books["orders"] if o["status"] in {"PreSubmitted", "Submitted"}]
    verdict.expect(not live, f"these orders still work: {live}")
    return verdict


def _orders(verdict: Verdict, books: dict[str, Any], journalled: set[str]) -> None:
    refs = [order["ref"] for order in books["orders"] if order["ref"]]
    verdict.orders = len(refs)
    twice = sorted({ref for ref in refs if refs.count(ref) > 1})
    verdict.expect(not twice, f"orders that were placed twice: {twice}")
    unknown = [ref for ref in refs if ref not in journalled]
    verdict.expect(not unknown, f"orders at the broker that the journal does not know: {unknown}")


def _executions(verdict: Verdict, books: dict[str, Any], fills: Iterable[dict[str, Any]]) -> None:
    """The newest revision of each execution, there and here."""
    theirs: dict[str, tuple[int, int]] = {}
    for exec_id, _, quantity, price in books["executions"]:
        theirs[exec_id.rpartition(".")[0]] = (quantity, price)
    ours: dict[str, tuple[int, int, int]] = {}
    for fill in fills:
        known = ours.get(fill["base_id"])
        verdict.expect(known is None or fill["revision"] > known[0], f"execution {fill['exec_id']} was booked twice")
        ours[fill["base_id"]] = (fill["revision"], fill["quantity"], fill["price_ticks"])
    verdict.executions = len(theirs)
    booked = {base: (quantity, price) for base, (_, quantity, price) in ours.items()}
    verdict.expect(booked == theirs, f"executions differ: {sorted(set(booked.items()) ^ set(theirs.items()))}")


def _fences(verdict: Verdict, passed: Iterable[Passed], links: list[tuple[int, str]]) -> None:
    """Each fault that fences left a row that leaves READY and one that comes back to it. That the others do not fence is
    proven in virtual time: here a busy machine may be silent long enough by itself."""
    for fault in passed:
        within = [ref for ts_ns, ref in links if fault.from_ns <= ts_ns <= fault.until_ns]
        fenced = any(ref != "READY" for ref in within)
        if fault.fences:
            verdict.expect(
                fenced and within[-1:] == ["READY"], f"{fault.name}: fence and unfence are not in the journal: {within}"
            )
        elif fenced:
            verdict.unasked += 1
