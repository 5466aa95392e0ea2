"""The account: positions, money, P&L. Decimal dollars; the broker's average cost includes multiplier and commission."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from tests.gateway.contracts import Listing
from tests.gateway.orders import Execution

ZERO = Decimal(0)


@dataclass(slots=True)
class Holding:
    """A position in one contract. `cost` is the sum paid for what is held (negative when short), fees included."""

    listing: Listing
    quantity: int = 0
    cost: Decimal = ZERO
    realised: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal:
        """avgCost as the broker tells it: price × multiplier, commission included."""
        return self.cost / self.quantity if self.quantity else ZERO


@dataclass(slots=True)
class Account:
    """One account of one person."""

    id: str
    cash: Decimal
    price_of: Callable[[Listing], int]
    holdings: dict[int, Holding] = field(default_factory=dict)
    fees: Decimal = ZERO
    currency: str = "USD"  # that the summary tells money in

    def book(self, execution: Execution, sign: int = 1) -> Decimal:
        """Post a fill (sign −1 takes one back, for corrections). Returns the commission."""
        listing = execution.order.listing
        holding = self.holdings.setdefault(listing.con_id, Holding(listing))
        quantity = execution.quantity * execution.order.sign * sign
        fee = listing.product.commission * execution.quantity * sign
        value = Decimal(execution.price) * listing.product.tick * listing.product.multiplier
        self._move(holding, quantity, value)
        holding.cost += fee if holding.quantity else ZERO
        self.fees += fee
        return fee

    @staticmethod
    def _move(holding: Holding, quantity: int, value: Decimal) -> None:
        """`quantity` signed contracts at `value` dollars a contract."""
        closes = min(abs(quantity), abs(holding.quantity)) if quantity * holding.quantity < 0 else 0
        if closes:
            sign = 1 if holding.quantity > 0 else -1
            average = holding.average_cost
            holding.realised += closes * sign * (value - average)
            holding.cost -= closes * sign * average
            holding.quantity -= closes * sign
            quantity += closes * sign
        holding.quantity += quantity
        holding.cost += quantity * value

    def value_of(self, holding: Holding) -> Decimal:
        """What the position would bring at the last price."""
        product = holding.listing.product
        return holding.quantity * self.price_of(holding.listing) * product.tick * product.multiplier

    def unrealised(self, holdings: Iterable[Holding] | None = None) -> Decimal:
        """Open profit at the last price."""
        chosen = self.holdings.values() if holdings is None else holdings
        return sum((self.value_of(h) - h.cost for h in chosen), ZERO)

    def realised(self) -> Decimal:
        """Closed profit of the day."""
        return sum((h.realised for h in self.holdings.values()), ZERO)

    def margin(self) -> Decimal:
        """Initial margin of what is held."""
        return sum((abs(h.quantity) * h.listing.product.initial_margin for h in self.holdings.values()), ZERO)

    def equity(self) -> Decimal:
        """Net liquidation."""
        return self.cash + self.realised() + self.unrealised()

    def values(self) -> dict[str, Decimal]:
        """Account values by the broker's tags."""
        equity, margin = self.equity(), self.margin()
        return {
            "NetLiquidation": equity,
            "TotalCashValue": self.cash + self.realised(),
            "InitMarginReq": margin,
            "MaintMarginReq": margin * 9 / 10,
            "AvailableFunds": equity - margin,
            "ExcessLiquidity": equity - margin * 9 / 10,
            "RealizedPnL": self.realised(),
            "UnrealizedPnL": self.unrealised(),
        }
