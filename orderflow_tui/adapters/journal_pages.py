"""Rows as they lie in the pages of an SQLite file and its WAL, read without SQLite.

Theory. SQLite finds a table's rows from its root: where the first page, the root or the whole file is gone it finds none,
however many pages of them are left, and opening an empty file it deletes the WAL that holds them all. But a page of rows says
of itself that it is one, and ours prove themselves. So every page is looked at, wherever it lies, and whatever reads like a
row is handed out; whoever asks proves it. Nothing is written, not even beside.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Bytes = bytes | mmap.mmap
Page = tuple[int, Bytes, int]  # its number, in what it lies, from which byte on

USUAL_SIZE = 4096
SIZES = frozenset(1 << n for n in range(9, 16))  # bytes a page may have
ROWS = 0x0D  # what a page of a table's rows begins with
WAL_HEADER, FRAME_HEADER = 32, 24
WIDTHS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}  # bytes of a number, by its code; a float is none of ours
ZERO, TEXTS = 8, 12  # codes: the number 0, the number 1; from here on bytes and text


@contextmanager
def mapped(path: Path) -> Iterator[Bytes]:
    """A file's bytes; none where it is empty or not there."""
    if not path.exists() or not path.stat().st_size:
        yield b""
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def rows_in_pages(path: Path, columns: int) -> Iterator[tuple[object, ...]]:
    """Whatever reads like a row of so many columns, the first of which is its number: of the file, then of what was committed
    to its WAL. The same row may come many times."""
    with mapped(path) as file, mapped(Path(f"{path}-wal")) as wal:
        size = _page_size(file, wal)
        pages = [*_of_file(file, size), *_of_wal(wal, size)]
        newest = {number: (content, start) for number, content, start in pages}
        for _, content, start in pages:
            if content[start] != ROWS:
                continue
            page = content[start : start + size]
            for n in range(_number(page[3:5])):
                try:
                    found = _row(page, _number(page[8 + 2 * n : 10 + 2 * n]), newest)
                except (IndexError, KeyError, ValueError):
                    continue
                if len(found) == columns:
                    yield found


def _page_size(file: Bytes, wal: Bytes) -> int:
    told = (_number(file[16:18]), _number(wal[8:12]))
    return next((size for size in told if size in SIZES), USUAL_SIZE)


def _of_file(file: Bytes, size: int) -> Iterator[Page]:
    """Whole pages only."""
    yield from ((start // size + 1, file, start) for start in range(0, len(file) - size + 1, size))


def _of_wal(wal: Bytes, size: int) -> Iterator[Page]:
    """Pages of its present round up to the last commit; what is left of earlier rounds bears other salts. A frame whose sum is
    wrong ends nothing here: the rows after it prove themselves."""
    step = FRAME_HEADER + size
    salts = {wal[16:24], wal[WAL_HEADER + 8 : WAL_HEADER + 16]}  # of the whole and of its first frame: one of them may be damaged
    frames = [at for at in range(WAL_HEADER, len(wal) - step + 1, step) if wal[at + 8 : at + 16] in salts]
    committed = max((at for at in frames if _number(wal[at + 4 : at + 8])), default=0)
    yield from ((_number(wal[at : at + 4]), wal, at + FRAME_HEADER) for at in frames if at <= committed)


def _row(page: bytes, at: int, newest: Mapping[int, tuple[Bytes, int]]) -> tuple[object, ...]:
    """The row of a cell. Raises IndexError, KeyError or ValueError where there is none."""
    length, at = _varint(page, at)
    number, at = _varint(page, at)
    payload = _payload(page, at, length, newest)
    end, at = _varint(payload, 0)
    place, values = end, list[object]()
    while at < end:
        code, at = _varint(payload, at)
        width = (code - TEXTS) // 2 if code >= TEXTS else WIDTHS[code]
        values.append(_value(code, payload[place : place + width]))
        place += width
    return (number, *values[1:])  # the first is stored as the row's own number


def _payload(page: bytes, at: int, length: int, newest: Mapping[int, tuple[Bytes, int]]) -> bytes:
    """A cell's content, its further pages included. Raises KeyError or ValueError where they are not there."""
    size = len(page)
    if length > size * len(newest):
        raise ValueError("longer than everything there is")  # or a circle of pages would have no end
    most, least = size - 35, (size - 12) * 32 // 255 - 23
    if length <= most:
        return page[at : at + length]
    local = least + (length - least) % (size - 4)
    local = local if local <= most else least
    parts, left, further = [page[at : at + local]], length - local, _number(page[at + local : at + local + 4])
    while left > 0:
        content, start = newest[further]
        parts.append(content[start + 4 : start + min(size, 4 + left)])
        left, further = left - (size - 4), _number(content[start : start + 4])
    return b"".join(parts)


def _value(code: int, raw: bytes) -> object:
    if code >= TEXTS:
        return raw.decode() if code % 2 else raw
    if code == 0:
        return None
    return code - ZERO if code >= ZERO else int.from_bytes(raw, "big", signed=True)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
