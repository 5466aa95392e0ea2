"""What a client asks, read from its fields."""

from __future__ import annotations

from dataclasses import dataclass

from tests.gateway.wire import UNSET_DOUBLE

CONTRACT_FIELDS = 12
PLACE_ORDER_FIELDS = 115


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contract as the client describes it."""

    con_id: int
    symbol: str
    security_type: str
    expiry: str
    exchange: str
    local_symbol: str

    @staticmethod
    def read(fields: list[str]) -> Wanted:
        """From the twelve contract fields."""
        return Wanted(int(fields[0] or 0), fields[1], fields[2], fields[3], fields[7], fields[10])


@dataclass(frozen=True, slots=True)
class OrderWanted:
    """An order as the client describes it. Prices are decimal, None where unset."""

    order_id: int
    contract: Wanted
    action: str
    quantity: int
    type: str
    limit: float | None
    aux: float | None
    tif: str
    oca_group: str
    account: str
    order_ref: str
    transmit: bool
    parent_id: int
    outside_rth: bool
    oca_type: int
    what_if: bool

    @staticmethod
    def read(fields: list[str]) -> OrderWanted:
        """From a whole place-order message of server version 176."""
        if len(fields) != PLACE_ORDER_FIELDS:
            raise ValueError(f"expected a place-order message of {PLACE_ORDER_FIELDS} fields, got {len(fields)}")
        return OrderWanted(
            order_id=int(fields[1]),
            contract=Wanted.read(fields[2 : 2 + CONTRACT_FIELDS]),
            action=fields[16],
            quantity=int(float(fields[17])),
            type=fields[18],
            limit=_price(fields[19]),
            aux=_price(fields[20]),
            tif=fields[21] or "DAY",
            oca_group=fields[22],
            account=fields[23],
            order_ref=fields[26],
            transmit=fields[27] == "1",
            parent_id=int(fields[28] or 0),
            outside_rth=fields[33] == "1",
            oca_type=int(fields[47] or 0),
            what_if=fields[85] == "1",
        )


def _price(field: str) -> float | None:
    if not field:
        return None
    value = float(field)
    return None if value == UNSET_DOUBLE else value
