"""Depth as the gateway sends it: rows that shift, told as insert, update and delete of positions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

Rows = tuple[tuple[int, int], ...]  # (price ticks, size), best first


class Operation(IntEnum):
    """What a depth message does to the row at its position."""

    INSERT = 0
    UPDATE = 1
    DELETE = 2


@dataclass(frozen=True, slots=True)
class RowChange:
    """One depth message of one side."""

    position: int
    operation: Operation
    price: int
    size: int


def differences(old: Rows, new: Rows, limit: int) -> list[RowChange]:
    """The messages that turn `old` into `new`. Rows below an insert move down and rows below a delete move up;
    the client drops what an insert pushes beyond `limit`, and the row that comes into view is sent as an insert."""
    old, new = old[:limit], new[:limit]
    rows = list(old)
    wanted = {price for price, _ in new}
    gone = [position for position in range(len(rows) - 1, -1, -1) if rows[position][0] not in wanted]
    changes = [RowChange(position, Operation.DELETE, *rows.pop(position)) for position in gone]
    for position, (price, size) in enumerate(new):
        if position < len(rows) and rows[position][0] == price:
            if rows[position][1] != size:
                rows[position] = (price, size)
                changes.append(RowChange(position, Operation.UPDATE, price, size))
        else:
            rows.insert(position, (price, size))
            changes.append(RowChange(position, Operation.INSERT, price, size))
    return changes
