"""`python -m tests.gateway.bench_feed`: whether the engine keeps up with the market, through the real client over TCP.

The gateway in its own process plays ES with trades, quotes of ES and MES and ten rows of depth; a whole house in mode
paper takes it in: client, feed, inbox, driver, engine, tape, journal, pictures for a screen. Nothing is thinned out on
the way to it. Printed for each load: messages and trades a second, trades sent against trades in the footprints of
closed bars (`lost` must be 0), the longest queue in front of the engine, how old a trade was when the engine had it,
how far the house was behind the gateway, the longest pause of the engine's loop, processor time of the whole house (its
pictures included), which alone says something on a busy machine: at 20,000 a second 50 µs a message are one processor.

`--bursts 6 --burst-s 5` are bursts with pauses as long; `--steady-s 600` is a load without pauses. First what decoding
and feed cost without sockets and engine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loguru import logger

from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.domain.action import Action, Observation, Row
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import Trades
from orderflow_tui.house import House
from orderflow_tui.runtime import Runtime
from tests.adapters.ib_world import IbWorld
from tests.e2e.paper_desk import Build, PaperDesk

BEAT_S = 0.01
LOOK_S = 0.5
BAR_S = 60
MESSAGES_A_STEP = 5.0  # a first guess, measured before the loads
HISTORY_LIMIT_S = 300.0
PLAIN_PACE = 20.0


@dataclass(slots=True)
class Witness:
    """What is seen of a house under load. Ages in nanoseconds, pauses in seconds."""

    footprint_trades: int = 0
    footprints: int = 0
    blocks: int = 0
    taken: int = 0
    most_waiting: int = 0
    longest_pause_s: float = 0.0
    ages_ns: list[int] = field(default_factory=list)
    most_behind: int = 0

    def around(self, build: Build) -> Build:
        """Ears in the house: at the engine, at what it publishes, beside it on its loop."""

        async def listening(runtime: Runtime) -> House:
            house = await build(runtime)
            self._hear_engine(house)
            services = (*house.services, self._beats(runtime, house))
            return replace(house, row_of=self._hear_rows(house.row_of), services=services)

        return listening

    def _hear_engine(self, house: House) -> None:
        on, clock = house.engine.on, house.clock

        def hearing(event: Event) -> list[Action]:
            if isinstance(event, Trades) and event.instrument == house.engine.params.analysis.symbol:
                self.blocks += 1
                self.taken += len(event)
                self.ages_ns.append(clock() - int(event.ts_ns[0]))
            return on(event)

        house.engine.on = hearing  # type: ignore[method-assign]

    def _hear_rows(self, row_of: Callable[[Observation], Row]) -> Callable[[Observation], Row]:
        def hearing(item: Observation) -> Row:
            if isinstance(item, FootprintBar):
                self.footprints += 1
                self.footprint_trades += item.trades or 0
            return row_of(item)

        return hearing

    def _beats(self, runtime: Runtime, house: House) -> Callable[[], Any]:
        async def beats() -> None:
            while True:
                begin = time.perf_counter()
                await asyncio.sleep(BEAT_S)
                self.longest_pause_s = max(self.longest_pause_s, time.perf_counter() - begin - BEAT_S)
                self.most_waiting = max(self.most_waiting, len(runtime.inbox) + len(feed_of(house).queue))

        return beats

    def begin(self) -> None:
        """A load begins: extremes count from here."""
        self.blocks = self.most_waiting = self.most_behind = 0
        self.longest_pause_s = 0.0
        self.ages_ns.clear()

    def age_ms(self, share: float) -> float:
        """The age of a trade when the engine had it, at this share of all blocks."""
        ages = sorted(self.ages_ns) or [0]
        return ages[min(len(ages) - 1, int(share * len(ages)))] / 1e6


def session_of(house: House) -> IbSession:
    """The connection of a house at the broker."""
    session: IbSession = house.broker._session  # type: ignore[union-attr]
    return session


def feed_of(house: House) -> IbFeed:
    """Its feed."""
    return next(follower for follower in session_of(house).followers if isinstance(follower, IbFeed))


class Bench:
    """A house and a gateway, ready, under loads one after the other."""

    def __init__(self, folder: Path, **desk: Any) -> None:
        self.witness = Witness()
        sets = (f"bars.seconds={BAR_S}",)
        self.desk = PaperDesk(folder, "--pace", str(PLAIN_PACE), sets=sets, around=self.witness.around, **desk)
        self.per_step = MESSAGES_A_STEP

    def ready(self) -> None:
        """RUNNING, the history worked in, and a measure of how many messages a step makes."""
        self.desk.running()
        limit = time.monotonic() + HISTORY_LIMIT_S
        while time.monotonic() < limit and not self._past_settled():
            time.sleep(LOOK_S)
        self.desk.gateway.do("play", on=False)
        self.quiet()
        before = self.messages
        self.desk.gateway.do("pace", steps_per_second=0, families=["SPX"])
        steps = 500
        self.desk.gateway.do("step", count=steps)
        time.sleep(2 * LOOK_S)
        self.per_step = (self.messages - before) / steps
        self.quiet()

    def _past_settled(self) -> bool:
        told = [alert.text for _, alert, _ in tuple(self.desk.runtime.alerts)]
        return any("history: complete" in text or "no history" in text for text in told)

    @property
    def messages(self) -> int:
        """Messages the client has decoded on the present line."""
        line = session_of(self.desk.runtime.house).line
        return 0 if line is None else int(line.client.connectionStats().numMsgRecv)

    @property
    def prints(self) -> int:
        """Trades the gateway has played so far."""
        count: int = self.desk.gateway.do("prints", symbol="ES")
        return count

    def quiet(self) -> None:
        """Wait until the market that stands has ended its bar: then every trade is in a footprint."""
        closes_ns = (self.desk.runtime.house.clock() // (BAR_S * 10**9) + 1) * BAR_S * 10**9
        while self.desk.runtime.house.clock() < closes_ns + 10**9:
            time.sleep(LOOK_S)

    def load(self, name: str, per_second: float, pattern: list[tuple[float, float]]) -> str:
        """Play stretches of (seconds, share of the rate), then count. The link must hold throughout."""
        gateway, witness, session = self.desk.gateway, self.witness, session_of(self.desk.runtime.house)
        generation, skipped = session.generation, feed_of(self.desk.runtime.house).queue.skipped
        first_prints, first_taken, first_in_bars = self.prints, witness.taken, witness.footprint_trades
        witness.begin()
        first_messages, cpu, begin = self.messages, time.process_time(), time.perf_counter()
        busy_s, busy_messages = 0.0, 0
        for seconds, share in pattern:
            at_begin, from_s = self.messages, time.perf_counter()
            gateway.do("pace", steps_per_second=share * per_second / self.per_step, families=["SPX"])
            gateway.do("play", on=share > 0)
            self._watch(seconds, first_prints, first_taken)
            if share > 0:
                gateway.do("play", on=False)
                busy_s += time.perf_counter() - from_s
                busy_messages += self.messages - at_begin
        took, busy_cpu = time.perf_counter() - begin, time.process_time() - cpu
        waited = time.perf_counter()
        while witness.taken - first_taken < self.prints - first_prints and time.perf_counter() - waited < 10:
            time.sleep(BEAT_S)
        caught_up_s = time.perf_counter() - waited
        messages = self.messages - first_messages
        self.quiet()
        sent, in_bars = self.prints - first_prints, witness.footprint_trades - first_in_bars
        held = "held" if session.generation == generation else "WENT DOWN"
        return (
            f"{name}: {messages:,} messages, {busy_messages / busy_s:,.0f} a second while playing for {busy_s:.0f} s; "
            f"trades sent {sent:,}, in footprints {in_bars:,}, lost {sent - in_bars}\n"
            f"    queue at most {witness.most_waiting:,} events; a trade was {witness.age_ms(0.5):.0f} ms old when the engine "
            f"had it (p99 {witness.age_ms(0.99):.0f}, most {witness.age_ms(1):.0f}); behind the gateway at most "
            f"{witness.most_behind:,} trades, caught up {caught_up_s:.2f} s after the end\n"
            f"    longest pause of the loop {1000 * witness.longest_pause_s:.0f} ms; processor {100 * busy_cpu / took:.0f} %, "
            f"{1e6 * busy_cpu / max(1, messages):.0f} µs a message; "
            f"pictures replaced {feed_of(self.desk.runtime.house).queue.skipped - skipped:,}; link {held}"
        )

    def _watch(self, seconds: float, first_prints: int, first_taken: int) -> None:
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            time.sleep(min(LOOK_S, left))
            behind = (self.prints - first_prints) - (self.witness.taken - first_taken)
            self.witness.most_behind = max(self.witness.most_behind, behind)


class _Collector:
    """An outlet that keeps what the gateway writes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.parts.append(data)

    def close(self) -> None:
        """Nothing to close."""

    def abort(self) -> None:
        """Nothing to cut."""


def decoder(steps: int, chunk_bytes: int = 65_536) -> str:
    """What decoding and the feed cost alone: the bytes of `steps` steps handed to the real client in one go."""
    world = IbWorld().ready()
    world.do("play", on=False)
    world.pass_ms(100)
    collector = _Collector()
    client = world.stage.gateway.house.ready_clients()[0]
    outlet, client.outlet = client.outlet, collector
    world.do("pace", steps_per_second=0, families=["SPX"])
    world.do("step", count=steps)
    client.outlet = outlet
    whole = b"".join(collector.parts)
    line = world.session.line
    assert line is not None, "READY has a line"
    before = sum(len(e) for e in world.market if isinstance(e, Trades))
    begin = time.process_time()

    def receive() -> None:
        for start in range(0, len(whole), chunk_bytes):
            line.client.conn.data_received(whole[start : start + chunk_bytes])

    world.call(receive)
    took = time.process_time() - begin
    world.pass_ms(100)
    lost = steps - (sum(len(e) for e in world.market if isinstance(e, Trades)) - before)
    world.close()
    count = len(collector.parts)
    return f"decoder and feed alone: {count:,} messages in {took:.2f} s of processor, {count / took:,.0f} messages/s, lost {lost}"


def say(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Print what each load came to."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.bench_feed", description=__doc__)
    parser.add_argument("--bursts", type=int, default=6, help="bursts of --burst-rate messages a second")
    parser.add_argument("--burst-s", type=float, default=5.0, help="how long each burst and each pause after it")
    parser.add_argument("--burst-rate", type=float, default=20_000.0)
    parser.add_argument("--steady-s", type=float, default=60.0, help="how long the steady load; 600 is the goal's")
    parser.add_argument("--steady-rate", type=float, default=5_000.0)
    options = parser.parse_args(argv)
    logger.remove()
    say(f"{os.cpu_count()} processors, load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    say(decoder(20_000))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder  # locks of accounts lie there: others may run benches too
        bench = Bench(Path(folder))
        with bench.desk:
            bench.ready()
            say(f"a step of the market makes {bench.per_step:.2f} messages")
            if options.bursts:
                pattern = [(options.burst_s, 1.0), (options.burst_s, 0.0)] * options.bursts
                say(bench.load(f"bursts of {options.burst_rate:,.0f} messages/s", options.burst_rate, pattern))
            if options.steady_s:
                say(bench.load(f"steady {options.steady_rate:,.0f} messages/s", options.steady_rate, [(options.steady_s, 1.0)]))
    say(f"load average at the end {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
