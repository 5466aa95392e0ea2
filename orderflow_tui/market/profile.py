"""Volume by price: profile, point of control, value area, and the spreading of bars that hold no levels.

The value area grows from the POC: the two rows above against the two below, the larger pair joins whole, until the share
is reached (Dalton; `one_row` is the CBOT hand-out's walk). The shortcut of taking the largest rows wherever they lie is
not a value area: rows need not touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from orderflow_tui.domain.market import I64, Trades
from orderflow_tui.domain.value import ValueArea

MAX_SPAN = 1 << 20  # ticks between the lowest and the highest price of one profile
MARGIN = 64  # ticks of room beyond a new extreme
SOLD, UNSIDED, BOUGHT, SPREAD = range(4)  # columns of a table of levels: three kinds of traded volume, and volume laid out


class WildPrice(ValueError):
    """Prices lie further apart than any market moves: a broken file, or two contracts in one stream."""


def check_span(low: int, high: int) -> None:
    """Refuse a range that no session has."""
    if high - low >= MAX_SPAN:
        raise WildPrice(
            f"prices from tick {low} to {high} in one session: expected fewer than {MAX_SPAN} ticks. "
            "Check the instrument's tick size and that the source holds one contract only"
        )


def poc_index(rows: Sequence[int]) -> int:
    """Index of the largest row. Ties: nearest to the middle of the range, then the half with more volume, then lower.

    The first and last row must not be empty: they are the range.
    """
    most = max(rows)
    best = rows.index(most)
    if rows.count(most) == 1:
        return best
    span = len(rows) - 1  # twice the middle
    candidates = [i for i, volume in enumerate(rows) if volume == most]
    nearest = min(abs(2 * i - span) for i in candidates)
    ties = [i for i in candidates if abs(2 * i - span) == nearest]
    if len(ties) == 1:
        return ties[0]
    below = sum(rows[: (span + 1) // 2])
    above = sum(rows[span // 2 + 1 :])
    return ties[1] if above > below else ties[0]


def value_rows(rows: Sequence[int], poc: int, permille: int, width: int) -> tuple[int, int, int]:
    """Lowest row, highest row and volume of the value area; `width` rows are compared at a time (2 or 1).

    A tie goes up. A side with fewer rows left offers what it has. Empty edges are trimmed.
    """
    last = len(rows) - 1
    need = permille * sum(rows)
    up = down = poc
    held = rows[poc]
    above = sum(rows[up + 1 : up + 1 + width]) if up < last else -1
    below = sum(rows[max(down - width, 0) : down]) if down > 0 else -1
    while 1000 * held < need and (up < last or down > 0):  # without min and max: a wide profile takes a hundred steps
        if above >= below:
            up, held = up + width if up + width < last else last, held + above
            above = sum(rows[up + 1 : up + 1 + width]) if up < last else -1
        else:
            down, held = down - width if down > width else 0, held + below
            below = sum(rows[down - width if down > width else 0 : down]) if down > 0 else -1
    while rows[up] == 0:
        up -= 1
    while rows[down] == 0:
        down += 1
    return down, up, held


def value_area(low: int, volumes: Sequence[int], permille: int, method: str, row_ticks: int = 1) -> ValueArea | None:
    """Value area of dense `volumes` from tick `low`; None when nothing traded.

    With rows of more than one tick, VAH is the top tick of its row, VAL the bottom tick, POC the (lower) middle one.
    """
    base, rows = rows_of(low, volumes, row_ticks)
    if not rows:
        return None
    return _area(base, rows, poc_index(rows), (permille, method), row_ticks)


def _area(base: int, rows: Sequence[int], poc: int, key: tuple[int, str], row_ticks: int) -> ValueArea:
    """The value area of rows from row number `base`; `key` is permille and method."""
    permille, method = key
    down, up, held = value_rows(rows, poc, permille, 2 if method == "two_row" else 1)
    middle = (row_ticks - 1) // 2
    return ValueArea(
        val=(base + down) * row_ticks,
        poc=(base + poc) * row_ticks + middle,
        vah=(base + up) * row_ticks + row_ticks - 1,
        volume=held,
        total=sum(rows),
    )


def rows_of(low: int, volumes: Sequence[int], row_ticks: int) -> tuple[int, Sequence[int]]:
    """Row number of the first traded row, and the rows' volumes from there to the last traded one."""
    first, last = 0, len(volumes) - 1
    while first <= last and volumes[first] == 0:
        first += 1
    while last > first and volumes[last] == 0:
        last -= 1
    if last < first:
        return 0, ()
    if row_ticks == 1:
        return low + first, volumes if last - first + 1 == len(volumes) else volumes[first : last + 1]
    base = (low + first) // row_ticks
    rows = [0] * ((low + last) // row_ticks - base + 1)
    for i in range(first, last + 1):
        rows[(low + i) // row_ticks - base] += volumes[i]
    return base, rows


def spread(volume: int, low: int, high: int, close: int) -> tuple[int, int, int]:
    """How a bar's volume is laid over its ticks: (each tick's share, first and last tick that get one contract more).

    The remainder goes one each to the ticks nearest the close, lower first; first > last when there is none.
    """
    share, rest = divmod(volume, high - low + 1)
    if rest == 0:
        return share, 0, -1
    first = close - rest // 2
    first = min(max(first, low), high - rest + 1)
    return share, first, first + rest - 1


class VolumeProfile:
    """Volume at price by side, dense and growing. `approx` once a bar was spread into it."""

    __slots__ = (
        "_areas",
        "_base",
        "_dense_kept",
        "_kept_version",
        "_poc_kept",
        "_rows_kept",
        "_table",
        "approx",
        "high",
        "low",
        "row_ticks",
        "spread",
        "total",
        "version",
    )

    def __init__(self, row_ticks: int = 1) -> None:
        self.row_ticks = row_ticks
        self.low: int | None = None  # lowest and highest traded tick
        self.high: int | None = None
        self.total = 0
        self.spread = 0  # of the total, what was laid out from bars
        self.approx = False
        self.version = 0  # changes with the contents
        self._base = 0
        self._table: I64 = np.zeros((0, 4), dtype=np.int64)  # columns SOLD, UNSIDED, BOUGHT, SPREAD from tick _base
        self._kept_version = -1
        self._dense_kept: tuple[int, ...] = ()
        self._rows_kept: tuple[int, Sequence[int], int] = (0, (), 0)  # first row number, rows, index of the POC
        self._poc_kept: int | None = None
        self._areas: dict[tuple[int, str], ValueArea | None] = {}

    # -- adding -------------------------------------------------------------------------------------------------------

    def add_table(self, low: int, table: I64, volume: int) -> None:
        """Add int64[levels, 4] from tick `low`, `volume` in all; the first and the last level must have traded."""
        count = len(table)
        self._cover(low, low + count - 1)
        start = low - self._base
        self._table[start : start + count] += table
        self.total += volume

    def add_levels(self, low: int, volumes: I64) -> None:
        """Add volume of unknown side at the ticks low, low+1, …; the first and the last must have traded."""
        self._cover(low, low + len(volumes) - 1)
        start = low - self._base
        self._table[start : start + len(volumes), UNSIDED] += volumes
        self.total += int(volumes.sum())

    def add(self, block: Trades) -> None:
        """Add trades."""
        low, high = int(block.price.min()), int(block.price.max())
        check_span(low, high)
        at = ((block.price - low) << 2) + block.aggressor + 1
        counts = np.bincount(at, weights=block.size, minlength=4 * (high - low + 1))
        self.add_table(low, counts.astype(np.int64).reshape(-1, 4), int(block.size.sum()))

    def add_bar(self, low: int, high: int, close: int, volume: int) -> None:
        """Spread a bar's volume evenly over its ticks. A bar with less volume than ticks leaves some of them empty."""
        share, first, last = spread(volume, low, high, close)
        if volume <= 0:
            return
        self._cover(low if share else first, high if share else last)
        if share:
            self._table[low - self._base : high - self._base + 1, SPREAD] += share
        if last >= first:
            self._table[first - self._base : last - self._base + 1, SPREAD] += 1
        self.total += volume
        self.spread += volume
        self.approx = True

    def shift(self, ticks: int) -> None:
        """Move every price."""
        self._base += ticks
        self.low = None if self.low is None else self.low + ticks
        self.high = None if self.high is None else self.high + ticks
        self.version += 1

    def _cover(self, low: int, high: int) -> None:
        """Make room for the ticks low..high and count them as traded range."""
        self.version += 1
        if self.low is None or self.high is None:
            check_span(low, high)
            self._base = low - MARGIN
            self._table = np.zeros((high - low + 1 + 2 * MARGIN, 4), dtype=np.int64)
            self.low, self.high = low, high
            return
        if low >= self.low and high <= self.high:
            return
        self.low, self.high = min(low, self.low), max(high, self.high)
        check_span(self.low, self.high)
        before = max(self._base - low, 0)
        after = max(high - self._base - len(self._table) + 1, 0)
        if before or after:
            room = (before + MARGIN if before else 0, after + MARGIN if after else 0)
            self._table = np.pad(self._table, (room, (0, 0)))
            self._base -= room[0]

    # -- reading ------------------------------------------------------------------------------------------------------

    def volumes(self) -> tuple[int, ...]:
        """Dense volume from `low` to `high`; the same object while nothing changes."""
        self._refresh()
        return self._dense_kept

    def poc(self) -> int | None:
        """Tick of the point of control, None when nothing traded."""
        self._refresh()
        return self._poc_kept

    def value_area(self, permille: int, method: str) -> ValueArea | None:
        """The value area; the same object while nothing changes."""
        self._refresh()
        if self.low is None:
            return None
        key = (permille, method)
        if key not in self._areas:
            base, rows, poc = self._rows_kept
            self._areas[key] = _area(base, rows, poc, key, self.row_ticks) if rows else None
        return self._areas[key]

    def delta_at(self, ticks: int) -> int:
        """Buys minus sells at a tick, as far as trades told."""
        return self.delta_window(ticks, 1)[0]

    def volume_at(self, ticks: int) -> int:
        """Volume at a tick."""
        return self.window(ticks, 1)[0]

    def window(self, base: int, count: int) -> tuple[int, ...]:
        """Volume at the ticks base … base+count-1, zero outside the traded range."""
        return self._window(base, count, np.add.reduce(self._rows(base, count), axis=1).tolist())

    def delta_window(self, base: int, count: int) -> tuple[int, ...]:
        """Delta at the ticks base … base+count-1."""
        rows = self._rows(base, count)
        return self._window(base, count, (rows[:, BOUGHT] - rows[:, SOLD]).tolist())

    def volume_above(self, ticks: int) -> int:
        """Volume traded above a tick."""
        return int(self._table[max(ticks + 1 - self._base, 0) :].sum())

    def volume_below(self, ticks: int) -> int:
        """Volume traded below a tick."""
        return int(self._table[: max(ticks - self._base, 0)].sum())

    def table(self) -> I64:
        """A view of int64[levels, 4] from `low` to `high`: sold, unknown, bought, spread from bars."""
        if self.low is None or self.high is None:
            return self._table[:0]
        return self._table[self.low - self._base : self.high - self._base + 1]

    def _refresh(self) -> None:
        """Compute what is kept between changes."""
        if self._kept_version == self.version:
            return
        self._kept_version = self.version
        self._areas = {}
        if self.low is None or self.high is None:
            return
        self._dense_kept = tuple(np.add.reduce(self.table(), axis=1).tolist())
        base, rows = rows_of(self.low, self._dense_kept, self.row_ticks)
        self._rows_kept = (base, rows, poc_index(rows))
        self._poc_kept = (base + self._rows_kept[2]) * self.row_ticks + (self.row_ticks - 1) // 2

    def _rows(self, base: int, count: int) -> I64:
        start = base - self._base
        return self._table[max(start, 0) : max(start + count, 0)]

    def _window(self, base: int, count: int, inside: list[int]) -> tuple[int, ...]:
        before = min(max(self._base - base, 0), count)
        return (0,) * before + tuple(inside) + (0,) * (count - before - len(inside))


def merged(profiles: Iterable[VolumeProfile], row_ticks: int = 1) -> VolumeProfile:
    """The sum of profiles, row by row. The order does not matter."""
    whole = VolumeProfile(row_ticks)
    for profile in profiles:
        if profile.low is not None:
            whole.add_table(profile.low, profile.table(), profile.total)
            whole.spread += profile.spread
            whole.approx = whole.approx or profile.approx
    return whole
