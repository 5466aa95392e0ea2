"""Two consoles at once, through the real command line: the second is refused with exit 75 and told who holds the lock."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.process.headless import PATIENCE_S, ROOT, command, environment, running


def start(data_dir: Path, seconds: float, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(data_dir, seconds), *words],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_second_instance_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        second = start(tmp_path, 1)
        assert second.returncode == 75
        assert str(first.pid) in second.stderr
        first.send_signal(signal.SIGKILL)
        first.wait()
        third = start(tmp_path, 1)
    assert third.returncode == 0, third.stderr


@pytest.mark.slow
def test_one_account_is_one_process_s_whatever_the_data_folder_and_the_folder_for_passing_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    words = ("--mode", "paper", "--set", "ib.port=1", "--set", "ib.account=DU1234567")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "one"))
    with running(tmp_path / "one" / "data", *words) as first:
        monkeypatch.setenv("TMPDIR", str(tmp_path / "two"))
        second = start(tmp_path / "two" / "data", 1, *words)
    assert second.returncode == 75
    assert str(first.pid) in second.stderr


@pytest.mark.parametrize(
    ("place", "folder", "words"),
    [
        ("journal/demo", False, "a file stands where a folder is needed; move it away"),
        ("state/control.sock", True, "a folder stands where a file is needed; move it away"),
    ],
)
def test_what_stands_in_the_way_of_an_engine_is_told_in_words(tmp_path: Path, place: str, folder: bool, words: str) -> None:
    path = tmp_path / place
    path.parent.mkdir()
    path.mkdir() if folder else path.touch()
    ended = start(tmp_path, 5)
    assert ended.returncode == 1
    assert f"the engine ended: {path}" in ended.stderr
    assert words in ended.stderr
    assert "Errno" not in ended.stderr
