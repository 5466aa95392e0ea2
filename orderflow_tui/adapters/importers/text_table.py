"""Text files with columns: what their first lines say, and their rows in batches with line numbers.

Reads `.gz` and `.zst` as they are. Broken lines never stop the reading: a line with too few or too many fields is told
to the tally and skipped; blank lines are nothing at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zstandard
from pyarrow import csv

from orderflow_tui.adapters.importers.rows import RowBatch
from orderflow_tui.adapters.importers.source import ImportFault, Rejection, Tally
from orderflow_tui.domain.market import I64

SAMPLE_BYTES = 65_536
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCK_BYTES, _SAMPLE_BLOCK_BYTES = 4_194_304, 131_072
_DELIMITERS = (";", "\t", "|", ",")
_WIDE_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a file, decompressed, and as lines of text."""

    path: Path
    raw: bytes
    encoding: str
    lines: tuple[str, ...]

    def header(self, skip: int = 0) -> tuple[str, ...]:
        """Column names of the line after `skip` lines, lower case, blanks cut off."""
        if len(self.lines) <= skip:
            return ()
        line = self.lines[skip]
        return tuple(cell.strip().strip('"').lower() for cell in line.split(delimiter_of(line)))


def read_head(path: Path) -> Head:
    """The first 64 KiB of a file; nothing of a folder. Raises ImportFault when it cannot be read or is empty."""
    if path.is_dir():
        return Head(path, b"", "latin-1", ())
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            raw = stream.read(SAMPLE_BYTES)
        if raw.startswith(ZSTD_MAGIC):
            raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)[:SAMPLE_BYTES]
    except FileNotFoundError as error:
        raise ImportFault(f"{path}: there is no such file") from error
    except (OSError, pa.ArrowException, zstandard.ZstdError) as error:
        why = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else error
        raise ImportFault(f"{path} cannot be read: {why}") from error
    if not raw.strip():
        raise ImportFault(f"{path.name} is empty: expected market data")
    encoding = _WIDE_MARKS.get(raw[:2], "utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "latin-1")
    return Head(path, raw, encoding, tuple(raw.decode(encoding, errors="replace").splitlines()))


def delimiter_of(line: str) -> str:
    """The separator that occurs most often in a header line; a semicolon, tab or bar beats the comma of a decimal."""
    return max(_DELIMITERS, key=lambda mark: (line.count(mark) > 0 and mark != ",", line.count(mark)))


@dataclass(frozen=True, slots=True)
class TextTable:
    """A text file with a header in its line `skip` + 1. `columns` are its names in order, lower case."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    skip: int = 0

    @classmethod
    def of(cls, head: Head, skip: int = 0) -> TextTable:
        """The table a head announces."""
        if len(head.lines) <= skip:
            raise ImportFault(f"{head.path.name} ends before its header: expected column names in line {skip + 1}")
        return cls(head.path, head.encoding, delimiter_of(head.lines[skip]), head.header(skip), skip)

    def require(self, names: Sequence[str]) -> None:
        """Raise ImportFault naming the columns that are not there."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise ImportFault(
                f"{self.path.name}: column {', '.join(missing)} is missing; its columns are {', '.join(self.columns)}"
            )

    def batches(self, wanted: Sequence[str], tally: Tally) -> Iterator[RowBatch]:
        """The rows in batches of about 4 MiB, `wanted` columns as text."""
        first_line = self.skip + 2
        broken: list[int] = []

        def on_broken(row: csv.InvalidRow) -> str:
            few = row.actual_columns < row.expected_columns
            broken.append(row.number)
            tally.refuse(row.number, Rejection.MISSING_FIELD if few else Rejection.EXTRA_FIELD, row.text or "")
            return "skip"

        names = [f"c{i}" for i in range(len(self.columns))]
        keys = [names[self.columns.index(name)] for name in wanted]
        try:
            with pa.input_stream(str(self.path), compression="detect") as stream:
                reader = csv.open_csv(
                    stream,
                    csv.ReadOptions(
                        use_threads=False,
                        block_size=_SAMPLE_BLOCK_BYTES if tally.sample else _BLOCK_BYTES,
                        column_names=names,
                        skip_rows=self.skip + 1,
                        encoding=self.encoding,
                    ),
                    csv.ParseOptions(delimiter=self.delimiter, ignore_empty_lines=False, invalid_row_handler=on_broken),
                    csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()), include_columns=keys, strings_can_be_null=False
                    ),
                )
                next_line = first_line
                for part in reader:
                    lines = line_numbers(next_line, len(part), broken)
                    next_line = int(lines[-1]) + 1 if len(lines) else next_line
                    yield _without_blank_lines(RowBatch(dict(zip(wanted, part.columns, strict=True)), lines))
        except (OSError, pa.ArrowException, UnicodeError) as error:
            if _nothing_below(error):
                return
            raise ImportFault(f"{self.path.name} cannot be read as a table: {error}") from error


def line_numbers(start: int, count: int, broken: Sequence[int]) -> I64:
    """Line numbers of the next `count` good rows from line `start`, stepping over broken lines."""
    taken = np.asarray([line for line in broken if line >= start], dtype=np.int64)
    lines = np.arange(start, start + count + len(taken), dtype=np.int64)
    good: I64 = lines[~np.isin(lines, taken)][:count]
    return good


def _without_blank_lines(batch: RowBatch) -> RowBatch:
    empty = np.ones(len(batch), dtype=np.bool_)
    for column in batch.columns.values():
        empty &= pc.equal(pc.binary_length(column), 0).to_numpy(zero_copy_only=False).astype(np.bool_)
        if not empty.any():
            return batch
    keep = pa.array(~empty)
    return RowBatch({name: column.filter(keep) for name, column in batch.columns.items()}, batch.lines[~empty])


def _nothing_below(error: Exception) -> bool:
    """Whether the reader only complains that there is no row below the header."""
    return isinstance(error, pa.ArrowInvalid) and "Empty CSV" in str(error)
