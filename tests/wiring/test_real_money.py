"""What mode live asks for before it starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orderflow_tui.wiring.plan import Refused, Wish, plan_of, prove_meant
from tests.e2e.terminal import COMMAND

ACCOUNT = "ib.account=U7654321"


def live(*sets: str) -> Wish:
    return Wish(mode="live", live=True, sets=sets)


def nobody_asked(question: str) -> str:
    raise AssertionError(f"nobody was to be asked: {question}")


def test_without_the_option_live_is_refused() -> None:
    with pytest.raises(Refused, match="start it with --live"):
        plan_of(Wish(mode="live", sets=(ACCOUNT,)))


def test_without_an_account_in_the_configuration_live_is_refused() -> None:
    with pytest.raises(Refused, match=r"ib\.account; it is empty"):
        prove_meant(plan_of(live()), "4321", nobody_asked)


@pytest.mark.parametrize("typed", ["1234", "U7654321", "432"])
def test_another_suffix_is_refused(typed: str) -> None:
    with pytest.raises(Refused, match="does not match"):
        prove_meant(plan_of(live(ACCOUNT)), typed, nobody_asked)


def test_without_a_terminal_the_suffix_must_be_an_option() -> None:
    with pytest.raises(Refused, match="--account-suffix"):
        prove_meant(plan_of(live(ACCOUNT)), None, None)


def test_the_suffix_typed_at_the_terminal_is_enough() -> None:
    asked: list[str] = []

    def person(question: str) -> str:
        asked.append(question)
        return "4321\n"

    prove_meant(plan_of(live(ACCOUNT)), None, person)
    assert len(asked) == 1
    assert "last 4 characters" in asked[0]


def test_an_empty_answer_is_a_no() -> None:
    with pytest.raises(Refused):
        prove_meant(plan_of(live(ACCOUNT)), None, lambda _: "\n")


def test_other_modes_ask_nothing() -> None:
    prove_meant(plan_of(Wish(mode="paper")), None, nobody_asked)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--mode", "live"], "start it with --live"),
        (["--mode", "live", "--live"], "it is empty"),
        (["--mode", "live", "--live", "--set", ACCOUNT], "--account-suffix"),
        (["--mode", "live", "--live", "--set", ACCOUNT, "--account-suffix", "0000"], "does not match"),
    ],
)
def test_the_command_refuses_with_exit_code_3_and_a_sentence(tmp_path: Path, options: list[str], sentence: str) -> None:
    command = [*COMMAND, "run", "--headless", "--data-dir", str(tmp_path / "data"), *options]
    done = subprocess.run(
        command, cwd=tmp_path, env=dict(os.environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert sentence in done.stderr
    assert not (tmp_path / "data").exists()
