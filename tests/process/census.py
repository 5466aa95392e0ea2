"""The parent: holds the account, kills the child at random instants, counts what was lost, doubled or orphaned."""

from __future__ import annotations

import os
import select
import signal
import socket
import sqlite3
import struct
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from orderflow_tui.adapters.journal_store import ORDERS_FILE
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.order import Order
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.ports import NotSent
from tests.process.mortal import live, params
from tests.process.wire import Gone, receive, send
from tests.simulation.house import ACCOUNT, BALANCE_CENTS, USUAL

MOST_REQUESTS = 60  # of a life
LAST_BREATH_S = 0.003
PATIENCE_S = 60.0
CHANGES_AT = 8  # bytes into the index, as SQLite lays it out


@dataclass
class Census:
    """One account, one journal folder, many lives."""

    folder: Path
    seed: int
    mode: str = "paper"
    kills: int = 0
    recoveries: int = 0  # starts that built the index of the dead life's WAL anew, and did not take it as it lay
    sent: dict[str, Order] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)  # at the broker before their row was on disk
    doubles: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    settled: tuple[int, tuple[str, ...], tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        house = params("x")
        self.now_ns = USUAL.days[1].midnight_ns + 10 * 3_600_000 * MS_NS
        rules = FillRules(latency_ns=40 * MS_NS)
        self.sim = SimBroker(
            list(house.instruments.values()), "ES", rules=rules, balance_cents=BALANCE_CENTS, account=ACCOUNT, table=USUAL
        )
        self._rng = Random(f"kill:{self.seed}")
        self._left_changes = 0

    # -- lives --------------------------------------------------------------------------------------------------------

    def one_life(self, *, last: bool = False) -> None:
        """Start a child, serve it, kill it at a random instant (never, when it is the last)."""
        ours, theirs = socket.socketpair()
        run = f"{self.seed}-{self.kills}{'-last' if last else ''}"
        self._left_changes = self._changes()
        pid = os.fork()
        if pid == 0:
            ours.close()
            live(theirs, self.folder, run, self.seed, self.mode, last=last)
        theirs.close()
        try:
            self._serve(ours, pid, last=last)
        finally:
            ours.close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.sim.disconnect(self.now_ns, "the process died")

    def _serve(self, sock: socket.socket, pid: int, *, last: bool) -> None:
        """Answer so many requests; then the end comes within an instant, wherever the child is."""
        deadline, left_to_live = time.monotonic() + PATIENCE_S, self._rng.randint(1, MOST_REQUESTS)
        while True:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([sock], [], [], max(0.0, left))
            if not readable:
                os.kill(pid, signal.SIGKILL)
                if last or left_to_live > 0:
                    self.failures.append(f"a life stood still for {PATIENCE_S:.0f} s")
                self.kills += 1
                return
            try:
                name, args = receive(sock)
                left_to_live -= 0 if last else 1
                if left_to_live == 0:
                    deadline = time.monotonic() + self._rng.random() * LAST_BREATH_S
                if name == "failed":
                    self.failures.append(str(args[0]))
                    return
                send(sock, self._answer(name, args))
            except Gone:
                return
            if name == "settled":
                return

    def _answer(self, name: str, args: tuple[object, ...]) -> tuple[object, ...]:
        refused, result = None, None
        try:
            result = self._do(name, args)
        except NotSent as fault:
            refused = str(fault)
        return refused, result, self.now_ns

    def _do(self, name: str, args: tuple[object, ...]) -> object:
        match name:
            case "hello":
                return None
            case "settled":
                self.settled = args  # type: ignore[assignment]
                return None
            case "connect":  # the journal is open
                self.recoveries += self._changes() < self._left_changes
            case "send":
                self._judge(args[0])  # type: ignore[arg-type]
            case "step":
                return self._step(args[0])  # type: ignore[arg-type]
            case _:
                pass
        return getattr(self.sim, name)(*args)

    def _step(self, trades: Trades) -> list[Event]:
        """The tape goes on: what was due until then, then the match."""
        self.now_ns = max(self.now_ns, int(trades.ts_ns[-1]))
        return [*self.sim.on_time(self.now_ns), *self.sim.on_market(trades)]

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, orders: tuple[Order, ...]) -> None:
        on_disk = self.journal("order")
        for order in orders:
            if order.id not in on_disk:
                self.orphans.append(order.id)
            if order.id in self.sent or self.numbers.get(order.number, order.id) != order.id:
                self.doubles.append(order.id)
            self.sent[order.id] = order
            self.numbers[order.number] = order.id

    def journal(self, kind: str) -> set[str]:
        """The refs of a kind that are on disk, read by a connection that ends with the answer: one that stayed open would keep
        the index of the WAL alive beyond every death, and no start would ever recover."""
        with closing(sqlite3.connect(f"file:{self.folder / ORDERS_FILE}?mode=ro", uri=True)) as reader:
            return {str(ref) for (ref,) in reader.execute("SELECT ref FROM event WHERE kind = ?", (kind,))}

    def _changes(self) -> int:
        """The count of transactions in the header of the WAL's index, 0 without one. A recovery begins it anew."""
        try:
            with (self.folder / f"{ORDERS_FILE}-shm").open("rb") as index:
                index.seek(CHANGES_AT)
                (changes,) = struct.unpack("=I", index.read(4))
        except (FileNotFoundError, struct.error):
            return 0
        return int(changes)

    def lost_fills(self) -> set[str]:
        """Executions of the account that the journal does not have."""
        return {fill.exec_id for fill in self.sim.truth().fills} - self.journal("fill")

    def lost_intents(self) -> set[str]:
        """Orders that left and whose intent is not in the journal."""
        return {order.intent_id for order in self.sent.values()} - self.journal("intent")
