"""`python -m tests.e2e.session_run [--console] [--all] [--only TEXT]`: a session of the real command through scripted faults.

Prints each fault as it has passed and the verdict of each session (many faults take two); exit code 1 when anything did not
hold. `--all` plays every fault there is, the default the quick ones; `--only` those whose names hold a text.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.session import Session, Verdict, judge
from tests.e2e.session_faults import FAULTS, Fault

Say = Callable[[str], None]
LEAPS = ((11, 30, 0), (14, 0, 0))
STOPPED = {0, 143}
MOST = 45  # faults a session: sixty entries an hour are allowed, and a leap of the clock makes no hour shorter


def chosen(*, screen: bool, quick: bool) -> list[Fault]:
    """The faults of a run. On a terminal the quick run plays those that fence, and what a person does between them."""
    wanted = [fault for fault in FAULTS if fault.quick or not quick]
    return [fault for fault in wanted if fault.fences or "rejected" in fault.name] if screen and quick else wanted


def play_session(folder: Path, faults: list[Fault], *, screen: bool, say: Say = lambda _: None) -> Verdict:
    """Opening, faults with trades among them in three parts of the day, flat time, close; then the verdict."""
    part = -(-len(faults) // (len(LEAPS) + 1))
    with Session(folder, screen=screen) as session:
        session.until(lambda s: s["link_state"] == "READY", "READY before the opening")
        session.leap(9, 35, 1)
        session.running()
        session.round_trip()
        for number, fault in enumerate(faults):
            if number and number % part == 0:
                session.leap(*LEAPS[number // part - 1])
            began = time.monotonic()
            session.play(fault.name, fault.play, fences=fault.fences)
            say(f"{fault.name}: passed in {time.monotonic() - began:.1f} s")
        session.hold()
        session.leap(15, 54, 55)
        session.flat()  # the flat time is five seconds away: nobody presses anything
        session.until(lambda s: s["working_orders"] == 0, "nothing at work")
        session.leap(15, 59, 58)
        session.until(lambda s: s["engine_time_ns"] > session.clock() - 2_000_000_000 and session.past_close(), "the close")
        books, exposure = session.books(), session.do("exposure")
        code = session.end()
        verdict = judge(session, books, exposure)
    verdict.expect(code in STOPPED, f"the command ended with {code}")
    return verdict


def main(argv: list[str] | None = None) -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.session_run", description=__doc__)
    parser.add_argument("--console", action="store_true", help="on a pseudo-terminal, with keys")
    parser.add_argument("--all", action="store_true", help="every fault, not only the quick ones")
    parser.add_argument("--only", metavar="TEXT", default="", help="of all faults those whose names hold this")
    options = parser.parse_args(argv)
    faults = chosen(screen=options.console, quick=not (options.all or options.only))
    faults = [fault for fault in faults if options.only in fault.name]

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    right = True
    for first in range(0, len(faults), MOST):
        right = _session(faults[first : first + MOST], screen=options.console, say=say) and right
    return 0 if right else 1


def _session(faults: list[Fault], *, screen: bool, say: Say) -> bool:
    """One session, told; whether everything held."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        verdict = play_session(Path(folder), faults, screen=screen, say=say)
    say(
        f"{verdict.faults} faults, {verdict.trades} trades, {verdict.orders} orders, {verdict.executions} executions, "
        f"{verdict.links} link rows in {time.monotonic() - began:.0f} s; longest without a stop {verdict.naked_s:.2f} s; "
        f"{verdict.unasked} faults with a fence that they do not ask for"
    )
    for sentence in verdict.wrong:
        say(f"WRONG: {sentence}")
    return not verdict.wrong


if __name__ == "__main__":
    sys.exit(main())
