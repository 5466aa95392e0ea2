"""`python -m tests.simulation.mutants [--jobs 2] [--seeds 1000] [--only NAME…]`: plant each bug, see who catches it.

Each mutant lives in a copy of the package in a temporary folder and is simulated by a process of its own, seed by seed
until a property breaks. The product without a bug runs first: what it broke would prove nothing. Prints the table; exit 0
when all were caught.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.mutant_table import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("orderflow_tui", "tests/__init__.py", "tests/builders.py", "tests/simulation")
WITHIN = 1_000
LONGEST_S = 7_200


@dataclass(frozen=True, slots=True)
class Catch:
    """How a mutant ended: the seed and the property that caught it, or neither."""

    mutant: Mutant
    seed: int | None
    name: str
    took_s: float


class WrongPatch(Exception):
    """A mutant whose text does not occur exactly once: the product moved on, the table must follow."""


def patched(source: str, mutant: Mutant) -> str:
    """The source with the bug in it. Raises WrongPatch."""
    for old, new in ((mutant.old, mutant.new), *mutant.also):
        count = source.count(old)
        if count != 1:
            raise WrongPatch(f"{mutant.name}: expected its text once in {mutant.file}, found {count} times: {old!r}")
        source = source.replace(old, new)
    return source


@contextmanager
def planted(mutant: Mutant | None) -> Iterator[Path]:
    """A folder with a copy of the package and the bug in it (None: as it is)."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        for needed in NEEDED:
            source, target = ROOT / needed, folder / needed
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
        if mutant is not None:
            file = folder / mutant.file
            file.write_text(patched(file.read_text(), mutant))
        yield folder


def hunt(mutant: Mutant | None, seeds: int = WITHIN, first: int = 0) -> Catch:
    """Simulate until a property breaks."""
    began = time.perf_counter()
    with planted(mutant) as folder:
        command = [sys.executable, "-m", "tests.simulation", "--first", str(first), "--seeds", str(seeds), "--until-failure"]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    took = time.perf_counter() - began
    shown = mutant or Mutant("(none)", "", "", "")
    if done.returncode == 0:
        return Catch(shown, None, "", took)
    if done.returncode != 1 or "\t" not in done.stdout:
        raise RuntimeError(f"{shown.name}: the simulation did not run: {done.stderr[-2000:]}")
    seed, name = done.stdout.strip().splitlines()[-1].split("\t", 1)
    return Catch(shown, int(seed), name, took)


def hunt_all(mutants: Sequence[Mutant], jobs: int, seeds: int) -> Iterator[Catch]:
    """Every mutant's end, as it is known."""
    with ThreadPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(hunt, mutant, seeds) for mutant in mutants]):
            yield future.result()


def main() -> int:
    """Run the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=WITHIN)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.only or m.name in options.only]
    if not options.only:
        control = hunt(None, options.seeds)
        if control.seed is not None:
            sys.stdout.write(f"without any bug seed {control.seed} breaks {control.name}: mend that first\n")
            return 1
        sys.stdout.write(f"without any bug {options.seeds} seeds hold, {control.took_s:.1f} s\n")
        sys.stdout.flush()
    survived: list[str] = []
    width = max(len(m.name) for m in MUTANTS)
    for catch in hunt_all(chosen, options.jobs, options.seeds):
        seed = "survived" if catch.seed is None else f"seed {catch.seed}"
        sys.stdout.write(f"{catch.mutant.name:<{width}}  {seed:>9}  {catch.took_s:6.1f} s  {catch.name}\n")
        sys.stdout.flush()
        if catch.seed is None:
            survived.append(catch.mutant.name)
    sys.stdout.write(f"{len(chosen) - len(survived)} of {len(chosen)} mutants caught within {options.seeds} seeds\n")
    if survived:
        sys.stdout.write(f"survived: {', '.join(survived)}\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
