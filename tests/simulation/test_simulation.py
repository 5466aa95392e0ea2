"""The simulation itself: no seed fails, the same seed is the same run anywhere, shrinking keeps what broke."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation import chaos
from tests.simulation.chaos import moments
from tests.simulation.crew import run_many, total_of
from tests.simulation.faults import KINDS, Dose, Plan, alone, draw
from tests.simulation.flattens import Flattens
from tests.simulation.run import run_plan, run_seed
from tests.simulation.shrink import case, shrink
from tests.simulation.tally import Tally, report
from tests.simulation.world import Failure, Outcome, World

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 100  # six thousand more run beside the tests: tests/run
SAME = 50


def test_no_property_breaks_in_the_first_seeds() -> None:
    total = total_of(0, SEEDS, 1, 180)
    assert [(plan.seed, failure.sentence) for plan, failure in total.failures] == []
    assert total.entries > SEEDS, "the trader must really trade"
    assert sum(1 for kind in KINDS if total.injected[kind]) >= 60


def hashes(count: int, hash_seed: str) -> list[str]:
    """Trace hashes of the first seeds, made by a process of its own."""
    command = [sys.executable, "-m", "tests.simulation", "--hashes", "--seeds", str(count)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_same_seed_is_the_same_run_in_processes_that_hash_differently() -> None:
    first, second = hashes(SAME, "1"), hashes(SAME, "2")
    assert len(first) == SAME
    assert first == second
    assert len({line.split()[1] for line in first}) == SAME, "different seeds are different runs"


def test_there_are_at_least_sixty_kinds_and_each_is_drawn() -> None:
    assert len(KINDS) == len(set(KINDS)) >= 60
    drawn = {kind for seed in range(3_000) for kind in draw(seed).kinds}
    assert drawn == set(KINDS)


def test_an_honest_world_latches_nothing_but_limits_and_keys() -> None:
    outcome = run_plan(Plan(7, ()))
    assert outcome.failure is None
    assert outcome.injected.total() == 0
    assert outcome.entries


MISJUDGED = [120009395, 120070270, 120071036, 120081903, 120119838, 120139211, 120152415, 120159444, 120181490, 120182824]
MISJUDGED += [120188814, 110016075]


@pytest.mark.parametrize("seed", [*MISJUDGED, 100001641])
def test_seeds_that_failed_in_long_runs_hold(seed: int) -> None:
    """The oracle asked too much of all but the last, where a stop filled unheard."""
    assert run_seed(seed).failure is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_alone_strikes_and_is_survived(kind: str) -> None:
    struck, number = 0, KINDS.index(kind)
    for _ in range(40):  # a seed may have no opportunity for it: then the next one
        outcome = run_plan(alone(number))
        assert outcome.failure is None
        struck, number = struck + outcome.injected[kind], number + len(KINDS)
        if struck:
            break
    assert struck, f"{kind} never struck in 40 seeds"


def test_a_run_in_pieces_on_two_processes_counts_what_one_run_counts() -> None:
    whole = total_of(40, 60, 1, 30)
    parts = list(run_many(40, 60, 2, 30))
    assert [part.seeds for part in parts] == [25, 25, 10]
    assert sum(part.events for part in parts) == whole.events
    assert whole.naked_ms(0.5) <= whole.naked_ms(0.99) <= whole.naked_ms(1.0) <= 5_000


def test_leaving_a_kind_out_leaves_the_others_where_they_were() -> None:
    plan = Plan(3, (Dose("feed_silence", 3.0), Dose("stop_halt", 2.0), Dose("link_drop", 2.0)))
    kept = ("fault stop_halt", "fault link_drop")

    def struck(of: Plan) -> list[str]:
        return [line for line in run_plan(of, keep=True).lines if line.endswith(kept)]

    assert struck(plan) == struck(plan.without(["feed_silence"])) != []


def test_moments_strike_all_over_the_chaos_and_a_shorter_or_weaker_run_keeps_them_where_they_were() -> None:
    strong = Dose("link_drop", 4.0)
    times = [at_s for seed in range(500) for at_s, _ in moments(Plan(seed, ()), strong)]
    quarters = Counter(int(at_s // 45) for at_s in times)
    assert len(times) == 2_000
    assert set(quarters) == {0, 1, 2, 3}
    assert min(quarters.values()) > 400
    for seed in range(50):
        all_of_them = moments(Plan(seed, ()), strong)
        assert moments(Plan(seed, (), 90), strong) == [m for m in all_of_them if m[0] < 90]
        assert set(moments(Plan(seed, ()), Dose("link_drop", 2.0))) < set(all_of_them)


def test_a_moment_that_finds_nothing_to_act_upon_has_not_struck() -> None:
    nobody = World(Plan(1, tuple(Dose(kind, 1.0) for kind in ("crash", "loop_stall", "random_keys", "flatten_race"))))
    chaos.schedule(nobody)
    for _, _, act in sorted(nobody._agenda, key=lambda item: item[:2]):
        act()
    assert nobody.injected.total() == 0
    flat = run_plan(Plan(1, (Dose("reports_silent", 1.0),), 20, 20), keep=True)
    held = run_plan(Plan(1, (Dose("reports_silent", 1.0),)), keep=True)
    assert (flat.injected["reports_silent"], held.injected["reports_silent"]) == (0, 1)


def told(kind: str) -> list[str]:
    """What is heard at the moments of a kind alone."""
    lines = run_plan(Plan(1, (Dose(kind, 3.0),)), keep=True).lines
    return [lines[n + 1] for n, line in enumerate(lines) if line.endswith(f"fault {kind}")]


def test_a_stop_file_that_cannot_be_read_halts_and_flattens_nothing() -> None:
    lines = run_plan(Plan(1, (Dose("stop_unreadable", 3.0),)), keep=True).lines
    seen = [line for line in lines if " StopFileSeen" in line]
    assert seen
    assert all("action='halt', detail='STOP: unreadable'" in line for line in seen)


def test_a_trade_out_of_order_is_one_that_was_told_before() -> None:
    trades = [
        line.split() for line in run_plan(Plan(1, (Dose("feed_out_of_order", 3.0),)), keep=True).lines if " trades " in line
    ]
    again = [line.split() for line in told("feed_out_of_order")]
    assert again
    for at_s, _, count, price in again:
        assert count == "1"
        assert any(float(other[0]) < float(at_s) and other[3] == price for other in trades)


@pytest.mark.parametrize("seed", [2, 5, 15])
def test_leaving_incomplete_reports_out_leaves_the_fate_of_what_a_dropped_line_held_as_it_was(seed: int) -> None:
    plan = Plan(seed, (Dose("report_incomplete", 0.8), Dose("link_hung", 3.0), Dose("stop_halt", 2.0)))

    def fates(of: Plan) -> list[str]:
        return [line.split()[-1] for line in run_plan(of, keep=True).lines if " limbo " in line]

    both, without = fates(plan), fates(plan.without(["report_incomplete"]))
    common = min(len(both), len(without))
    assert both[:common] == without[:common] != []


def test_shrinking_keeps_only_what_the_failure_needs() -> None:
    plan = Plan(5, tuple(Dose(kind, 2.0) for kind in KINDS[:30]))
    needed = {KINDS[4], KINDS[21]}

    def run(candidate: Plan) -> Failure | None:
        return Failure("x", "x: broke", 1.0) if needed <= set(candidate.kinds) else None

    small = shrink(plan, "x", run)
    assert set(small.kinds) == needed
    assert small.chaos_s < 25
    assert all(dose.strength < 1 for dose in small.doses)


def test_a_failure_becomes_a_ready_test() -> None:
    text = case(Plan(9, (Dose("crash", 1.5),), 22), Failure("never naked", "never naked: +1", 3.0))
    assert text.startswith("def test_never_naked_in_seed_9() -> None:")
    compile(text, "case", "exec")


def test_the_report_tells_naked_time_reversals_and_what_struck_and_keeps_a_thousand_failures() -> None:
    total, reversal = Tally(), Failure("flatten never reverses", "flatten never reverses: -1", 9.0)
    for seed in range(1_200):
        struck = Counter({"crash": 1})
        naked_ns = 2_000_000_000 if seed % 200 else 4_900_000_000
        total.take(Outcome(Plan(seed, ()), reversal, struck, 10, 1, 1, 1, naked_ns, 3_000_000_000, (1_500_000_000,), ""))
    assert (total.seeds, total.failed, len(total.failures)) == (1_200, 1_200, 1_000)
    lines = report(total, 60.0, 180)
    assert "1,200 seeds/min" in lines[0]
    assert "1000 reversals by a flatten" in lines[1]
    assert lines[2].endswith("p99 2.00 s, max 4.90 s")
    assert lines[3].endswith("p99 3.00 s, max 3.00 s")
    assert lines[4].endswith("without any fault 1,200: p50 1.50 s, p99 1.50 s, max 1.50 s")
    assert f"1,200 of 1/{len(KINDS)} kinds" in lines[5]


def test_a_flatten_is_timed_while_it_can_act_and_what_it_leaves_without_a_stop_too() -> None:
    watch = Flattens()
    watch.look(0, running=True, counts=True, held=2, stopped=2)
    watch.look(1_000, running=True, counts=True, held=2, stopped=1)
    watch.look(1_500, running=True, counts=False, held=2, stopped=1)
    watch.look(9_000, running=True, counts=False, held=2, stopped=1)
    watch.look(9_000, running=True, counts=True, held=2, stopped=0)
    watch.look(9_700, running=True, counts=True, held=0, stopped=0)
    watch.look(12_000, running=False, counts=True, held=0, stopped=0)
    assert (watch.took_ns, watch.bare_ns, watch.runs) == ([1_700], 700, False)
    watch.leapt(3_600_000)
    watch.look(20_000, running=True, counts=True, held=0, stopped=0)
    watch.leapt(1_000)
    watch.look(22_000, running=True, counts=True, held=1, stopped=0)
    watch.look(23_000, running=True, counts=True, held=1, stopped=0)
    assert watch.bare_ns == 1_000
    assert watch.took_ns == [1_700], "nothing was held"


def test_the_trace_of_a_run_can_be_read() -> None:
    outcome = run_seed(1, 30, keep=True)
    assert len(outcome.lines) > 10
    assert outcome.trace == run_seed(1, 30).trace
