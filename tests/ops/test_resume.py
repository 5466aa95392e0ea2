from __future__ import annotations

import io
from pathlib import Path

import pytest

from orderflow_tui.domain.action import Json
from orderflow_tui.ops import resume


def answering(monkeypatch: pytest.MonkeyPatch, **status: Json) -> None:
    monkeypatch.setattr(resume, "ask", lambda *_: {"status": status})


def test_the_prompt_names_the_word_and_either_case_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, resume_word="GOON")
    monkeypatch.setattr("sys.stdin", io.StringIO("goon\n"))
    assert resume.resume_args(tmp_path, "", terminal=True) == {"word": "GOON"}
    assert "type the word goon to resume: " in capsys.readouterr().err


def test_an_engine_that_does_not_tell_its_word_is_asked_for_one_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.StringIO("Resume\n"))
    assert resume.resume_args(tmp_path, "", terminal=True) == {"word": "RESUME"}
    assert "type the word to resume: " in capsys.readouterr().err


def test_a_word_given_is_taken_in_either_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    assert resume.resume_args(tmp_path, "resume", terminal=False) == {"word": "RESUME"}
