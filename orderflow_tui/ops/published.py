"""The form of what other programs read: times in ISO-8601 UTC, money in account currency.

Inside, times are nanoseconds and money is cents, and the names say so (`began_ns`, `net_cents`). A document that leaves the
house says `began` and `net`. Limits keep the names and units of their settings, which is what a person types to change them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from orderflow_tui.domain.action import Json

TIME, MONEY = "_ns", "_cents"
SETTINGS = frozenset({"limits", "limits_in_force"})


def iso(ts_ns: int) -> str:
    """An instant as documents write it: ISO-8601 UTC with nanoseconds."""
    seconds, rest = divmod(ts_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def published(inner: dict[str, Json]) -> dict[str, Json]:
    """The same facts under the names and in the units of a document, whatever they are nested in."""
    return dict(_published(name, value) for name, value in inner.items())


def _published(name: str, value: Json) -> tuple[str, Json]:
    if name in SETTINGS:
        return name, value
    if name.endswith(TIME):
        return name.removesuffix(TIME), iso(value) if isinstance(value, int) else value
    if name.endswith(MONEY):
        return name.removesuffix(MONEY), round(value / 100, 2) if isinstance(value, int) else value
    return name, _inside(value)


def _inside(value: Json) -> Json:
    match value:
        case dict():
            return published(value)
        case list():
            return [_inside(part) for part in value]
        case _:
            return value
