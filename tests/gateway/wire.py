"""Frames of the TWS socket protocol: a 4-byte big-endian length and fields that each end with a NUL byte."""

from __future__ import annotations

import struct
from enum import IntEnum

SERVER_VERSION = 176
GREETING = b"API\0"
MAX_FRAME_BYTES = 1 << 20
UNSET_DOUBLE = 1.7976931348623157e308
_LENGTH = struct.Struct(">I")

Field = str | int | float | bool | None


class WireError(Exception):
    """What arrived is not the protocol."""


class Ask(IntEnum):
    """Messages from the client to the gateway, by their number on the wire."""

    MARKET_DATA = 1
    CANCEL_MARKET_DATA = 2
    PLACE_ORDER = 3
    CANCEL_ORDER = 4
    OPEN_ORDERS = 5
    ACCOUNT_UPDATES = 6
    EXECUTIONS = 7
    IDS = 8
    CONTRACT_DETAILS = 9
    DEPTH = 10
    CANCEL_DEPTH = 11
    AUTO_OPEN_ORDERS = 15
    ALL_OPEN_ORDERS = 16
    MANAGED_ACCOUNTS = 17
    HISTORICAL_BARS = 20
    CANCEL_HISTORICAL_BARS = 25
    CURRENT_TIME = 49
    GLOBAL_CANCEL = 58
    MARKET_DATA_TYPE = 59
    POSITIONS = 61
    ACCOUNT_SUMMARY = 62
    CANCEL_ACCOUNT_SUMMARY = 63
    CANCEL_POSITIONS = 64
    START_API = 71
    ACCOUNT_UPDATES_MULTI = 76
    CANCEL_ACCOUNT_UPDATES_MULTI = 77
    PNL = 92
    CANCEL_PNL = 93
    PNL_SINGLE = 94
    CANCEL_PNL_SINGLE = 95
    HISTORICAL_TICKS = 96
    TICK_BY_TICK = 97
    CANCEL_TICK_BY_TICK = 98
    COMPLETED_ORDERS = 99


class Tell(IntEnum):
    """Messages from the gateway to the client, by their number on the wire."""

    TICK_PRICE = 1
    TICK_SIZE = 2
    ORDER_STATUS = 3
    ERROR = 4
    OPEN_ORDER = 5
    ACCOUNT_VALUE = 6
    PORTFOLIO = 7
    NEXT_VALID_ID = 9
    CONTRACT_DETAILS = 10
    EXECUTION = 11
    DEPTH = 12
    DEPTH_L2 = 13
    MANAGED_ACCOUNTS = 15
    HISTORICAL_BARS = 17
    CURRENT_TIME = 49
    CONTRACT_DETAILS_END = 52
    OPEN_ORDER_END = 53
    ACCOUNT_DOWNLOAD_END = 54
    EXECUTION_END = 55
    MARKET_DATA_TYPE = 58
    COMMISSION = 59
    POSITION = 61
    POSITION_END = 62
    ACCOUNT_SUMMARY = 63
    ACCOUNT_SUMMARY_END = 64
    ACCOUNT_UPDATE_MULTI = 73
    ACCOUNT_UPDATE_MULTI_END = 74
    TICK_REQ_PARAMS = 81
    PNL = 94
    PNL_SINGLE = 95
    HISTORICAL_TICKS = 96
    HISTORICAL_TICKS_BID_ASK = 97
    HISTORICAL_TICKS_LAST = 98
    TICK_BY_TICK = 99
    COMPLETED_ORDER = 101
    COMPLETED_ORDERS_END = 102


def text(value: Field) -> str:
    """A field as the protocol writes it: flags as 1 and 0, absent as empty, whole floats without a fraction."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(int(value)) if isinstance(value, int) else value


def prefixed(payload: bytes) -> bytes:
    """A payload behind its length."""
    return _LENGTH.pack(len(payload)) + payload


def frame(*fields: Field) -> bytes:
    """One message, ready for the socket."""
    return prefixed("".join(f"{text(f)}\0" for f in fields).encode())


def fields_of(payload: bytes) -> list[str]:
    """The fields of a payload."""
    return payload.decode(errors="backslashreplace").split("\0")[:-1]


class Frames:
    """Cuts a byte stream into payloads, however the stream was split. Holds at most one unfinished frame."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads completed by `data`, in order. Raises WireError on an impossible length."""
        self._rest += data
        payloads: list[bytes] = []
        while len(self._rest) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._rest)
            if length > MAX_FRAME_BYTES:
                raise WireError(f"expected a frame of at most {MAX_FRAME_BYTES} bytes, its header says {length}")
            end = _LENGTH.size + length
            if len(self._rest) < end:
                break
            payloads.append(self._rest[_LENGTH.size : end])
            self._rest = self._rest[end:]
        return payloads
