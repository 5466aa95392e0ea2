"""Planted bugs are caught: some on every push; the whole table by `python -m tests.simulation.mutants`."""

from __future__ import annotations

import pytest

from tests.simulation.mutant_table import MUTANTS
from tests.simulation.mutants import ROOT, WrongPatch, hunt, patched

QUICK = (
    "entry_without_stop",
    "no_dedupe",
    "flatten_no_cancel",
    "halt_volatile",
    "no_naked_check",
    "outbox_ignores_stop",
)


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


@pytest.mark.nightly
@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_caught(name: str) -> None:
    mutant = next(m for m in MUTANTS if m.name == name)
    catch = hunt(mutant, seeds=60)
    assert catch.seed is not None, f"{name} survived 60 seeds"
