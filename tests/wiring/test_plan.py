"""What is decided before anything starts, and what is refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orderflow_tui.config import ConfigFault
from orderflow_tui.console import prove_keys
from orderflow_tui.modes import UnknownMode
from orderflow_tui.wiring import Wish, plan_of
from orderflow_tui.wiring.plan import WrongUsage, prove_fed, tour_mark

COMMAND = [sys.executable, "-m", "orderflow_tui"]


def test_the_tour_opens_on_the_first_run_only(tmp_path: Path) -> None:
    assert plan_of(Wish(data_dir=tmp_path)).tour
    tour_mark(tmp_path).parent.mkdir()
    tour_mark(tmp_path).touch()
    assert not plan_of(Wish(data_dir=tmp_path)).tour


def test_an_unknown_mode_names_the_known_ones() -> None:
    with pytest.raises(UnknownMode, match=r"unknown mode 'dmo': one of demo, replay, .*live"):
        plan_of(Wish(mode="dmo"))


@pytest.mark.parametrize("mode", ["replay", "backtest"])
def test_a_mode_that_plays_recordings_says_how_to_name_them(mode: str) -> None:
    with pytest.raises(WrongUsage, match="orderflow-tui replay PATH"):
        prove_fed(plan_of(Wish(mode=mode)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mode", "dmo"], "unknown mode 'dmo'"),
        (["--mode", "replay", "--headless"], "orderflow-tui replay PATH"),
        (["--instrument", "XX", "--headless"], "unknown instrument 'XX': instruments.toml knows ES, MES, NQ"),
    ],
)
def test_wrong_usage_of_run_is_one_sentence_and_exit_2(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = subprocess.run([*COMMAND, "run", *arguments, "--data-dir", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_a_replay_believes_the_instrument_it_is_told(tmp_path: Path) -> None:
    tape = tmp_path / "trades.csv"
    tape.write_text("ts_utc,price,size,side\n2026-03-05T15:00:00Z,6713.25,2,B\n2026-03-05T15:00:01Z,6713.50,1,S\n")
    command = [*COMMAND, "replay", str(tape), "--headless", "--speed", "max", "--for", "4", "--data-dir", str(tmp_path)]
    nameless = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (nameless.returncode, "--instrument ES" in nameless.stderr) == (1, True)
    named = subprocess.run([*command, "--instrument", "ES"], capture_output=True, text=True, check=False)
    assert named.returncode == 0, named.stderr


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('flaten = ["F"]', "unknown id 'flaten'; did you mean 'flatten'?"),
        ('centre = ["X"]', "'X' would mean both 'cancel_entries' and 'centre'; the brakes keep their keys"),
        ('theme = ["R"]', "'R' is kept for reversing a position"),
    ],
)
def test_a_keymap_that_cannot_be_used_refuses_to_start_and_names_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, sentence: str
) -> None:
    (tmp_path / "orderflow.toml").write_text("[console]\nfps = 20\n")
    (tmp_path / "keymap.toml").write_text(f"[keys]\n{line}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigFault) as fault:
        prove_keys(plan_of(Wish()))
    assert f"{tmp_path / 'keymap.toml'}: " in str(fault.value)
    assert sentence in str(fault.value)


@pytest.mark.parametrize(
    ("text", "moved", "stop"),
    [
        ("", False, "STOP"),
        ("", True, "moved/STOP"),
        ('[paths]\ndata = "other"\n', False, "other/STOP"),
        ('[paths]\nstop = "halt/STOP"\n', False, "halt/STOP"),
        ('[paths]\nstop = "halt/STOP"\n', True, "halt/STOP"),
        ('[paths]\ndata = "other"\nstop = "halt/STOP"\n', False, "halt/STOP"),
        ('[paths]\ndata = "other"\nstop = "STOP"\n', False, "STOP"),
    ],
)
def test_a_stop_file_that_was_placed_stays_there_whatever_becomes_of_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, moved: bool, stop: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orderflow.toml").write_text(text)
    assert plan_of(Wish(data_dir=Path("moved") if moved else None)).stop_file == tmp_path / stop
