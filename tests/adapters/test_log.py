"""The log: no secret reaches the disk, files are ours alone, they do not grow for ever."""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from orderflow_tui.adapters.log import FILES_KEPT, RedactedFile, Redaction, standard_error_to, start_log, stop_log

CANARY = "canary-7f3a-secret"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = start_log(tmp_path / "log", [CANARY, "", "abc"])
    yield path
    stop_log()


def everything(path: Path) -> str:
    logger.complete()
    return "".join(p.read_text(encoding="utf-8") for p in path.parent.iterdir())


def test_a_secret_in_message_exception_or_variable_never_reaches_the_file(log: Path) -> None:
    def fail(key: str) -> None:
        raise ValueError(f"bad key {key} for DU1234567 at +1 (no) +14155238886")

    logger.info("key {}", CANARY)
    try:
        fail(CANARY)
    except ValueError:
        logger.exception("it failed")
    text = everything(log)
    assert CANARY not in text
    assert "bad key [secret] for [account]" in text
    assert "[phone]" in text
    assert "Traceback" in text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("sid AC" + "0f" * 16 + " end", "sid [AC sid] end"),
        ("key SK" + "0f" * 16, "key [SK sid]"),
        ("to whatsapp:+14155238886.", "to whatsapp:[phone]."),
        ("account U7654321 and DU1234567", "account [account] and [account]"),
        ("order of1-k3f9a-17-E at 6712.25 ES U26", "order of1-k3f9a-17-E at 6712.25 ES U26"),
        ("+12.50 ticks, pnl +58.12", "+12.50 ticks, pnl +58.12"),
    ],
)
def test_what_looks_private_is_replaced_and_nothing_else(text: str, cleaned: str) -> None:
    assert Redaction()(text) == cleaned


def test_text_of_others_is_never_a_format(log: Path) -> None:
    logging.getLogger("ib_insync.wrapper").error("odd {braces} and %s", "{more}")
    logging.getLogger("quiet").info("not worth a line")
    text = everything(log)
    assert "ib_insync.wrapper: odd {braces} and {more}" in text
    assert "not worth a line" not in text


def test_the_file_is_ours_alone_and_is_packed_away_when_it_is_big(tmp_path: Path) -> None:
    sink = RedactedFile(tmp_path / "o.log", Redaction(["hidden"]), rotate_bytes=1_000)
    for number in range(100):
        sink.write(f"{number:05d} hidden {'x' * 90}\n")
    sink.stop()
    files = sorted(p.name for p in tmp_path.iterdir())
    assert files == sorted(["o.log", *(f"o.log.{n}.gz" for n in range(1, FILES_KEPT + 1))])
    assert {p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {0o600}
    newest = gzip.decompress((tmp_path / "o.log.1.gz").read_bytes())
    assert b"hidden" not in newest
    assert newest.count(b"[secret]") == 10


def test_a_full_disk_silences_the_log_and_nothing_else(tmp_path: Path) -> None:
    sink = RedactedFile(tmp_path / "o.log", Redaction())
    os.close(sink._fd)
    sink._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        sink.write("x")
    sink.stop()


def test_standard_error_goes_to_a_file_and_comes_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    undo = standard_error_to(tmp_path / "stderr.log")
    os.write(2, b"from a library\n")
    undo()
    os.write(2, b"to the screen\n")
    assert (tmp_path / "stderr.log").read_text() == "from a library\n"
    assert capfd.readouterr().err == "to the screen\n"
