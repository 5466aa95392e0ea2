from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.book import Operation, RowChange, Rows, differences

LIMIT = 5
sides = st.dictionaries(st.integers(1, 12), st.integers(1, 9), max_size=9).map(lambda d: tuple(sorted(d.items())))


def applied(rows: Rows, changes: list[RowChange]) -> Rows:
    now = list(rows)
    for change in changes:
        match change.operation:
            case Operation.INSERT:
                now.insert(change.position, (change.price, change.size))
                del now[LIMIT:]
            case Operation.UPDATE:
                now[change.position] = (change.price, change.size)
            case Operation.DELETE:
                del now[change.position]
    return tuple(now)


@given(sides, sides)
@settings(max_examples=100)
def test_the_changes_turn_the_old_side_into_the_new_one(old: Rows, new: Rows) -> None:
    assert applied(old[:LIMIT], differences(old, new, LIMIT)) == new[:LIMIT]


def test_an_emptied_best_row_is_a_delete_and_a_row_coming_into_view() -> None:
    old = ((10, 1), (11, 2), (12, 3))
    new = ((11, 2), (12, 3), (13, 4))
    assert differences(old, new, 3) == [RowChange(0, Operation.DELETE, 10, 1), RowChange(2, Operation.INSERT, 13, 4)]


def test_a_changed_size_is_one_update() -> None:
    assert differences(((10, 1),), ((10, 7),), 10) == [RowChange(0, Operation.UPDATE, 10, 7)]
