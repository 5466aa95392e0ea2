"""Planted bugs are caught: some on every push; the whole table at night and by `python -m tests.simulation.mutants`."""

from __future__ import annotations

import pytest

from tests.simulation.mutant_table import MUTANTS
from tests.simulation.mutants import ROOT, WITHIN, WrongPatch, hunt, patched

# caught within a few seeds, one for each part of the oracle: these run with every push
QUICK = (
    "entry_without_commit",
    "send_first",
    "order_numbers_from_one",
    "stop_on_the_wrong_side",
    "entry_without_stop",
    "children_for_the_day",
    "no_account",
    "trading_state_ignored",
    "collar_of_any_width",
    "no_rule_concurrent_trades",
    "no_dedupe",
    "exact_dedupe",
    "fills_not_journalled",
    "silence_means_cancelled",
    "no_recovery",
    "no_naked_check",
    "guard_asleep",
    "flatten_stale_position",
    "flatten_one_too_many",
    "flatten_key_does_nothing",
    "stop_file_does_not_flatten",
    "stop_swallow",
    "halt_key_does_nothing",
    "resume_despite_stop_file",
    "fills_forgotten_by_restart",
    "outbox_ignores_stop",
    "one_lot_marked",
    "emergency_stop_wrong_side",
    "daily_latch_resumed",
    "engine_never_wakes_for_the_desk",
)
QUICK_SEEDS = 100


def test_the_table_is_large_and_names_each_bug_once() -> None:
    assert len(MUTANTS) >= 60
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_every_patch_still_fits_the_product(mutant) -> None:  # type: ignore[no-untyped-def]
    source = (ROOT / mutant.file).read_text()
    compile(patched(source, mutant), mutant.file, "exec")


def test_a_patch_that_does_not_fit_says_so() -> None:
    with pytest.raises(WrongPatch, match="found 0 times"):
        patched("nothing here", MUTANTS[0])


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_caught_quickly(name: str) -> None:
    mutant = next(m for m in MUTANTS if m.name == name)
    catch = hunt(mutant, seeds=QUICK_SEEDS)
    assert catch.seed is not None, f"{name} survived {QUICK_SEEDS} seeds"


def test_without_a_bug_nothing_is_caught() -> None:
    assert hunt(None, seeds=QUICK_SEEDS).seed is None


@pytest.mark.nightly
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_every_planted_bug_is_caught_within_a_thousand_seeds(mutant) -> None:  # type: ignore[no-untyped-def]
    assert hunt(mutant, seeds=WITHIN).seed is not None
