"""Commissions of executions: as the broker told them, expected until then. Money in cents.

A corrected execution has a new id, and its commission may be told again under it, or never. Until it is, what was told for the
version before stands, in proportion to the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import Fill
from orderflow_tui.trading.trade import Execution


class Fees:
    """What each execution cost. Versions are kept by base id, oldest first."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._told: dict[str, int] = {}  # by execution id
        self._versions: dict[str, list[Fill]] = {}
        self._bases: dict[str, list[str]] = {}  # by execution id: the base ids it is a version of

    def know(self, base_id: str, fill: Fill) -> None:
        """A version of an execution came: what is told for it is told for all its contracts."""
        self._versions.setdefault(base_id, []).append(fill)
        self._bases.setdefault(fill.exec_id, []).append(base_id)

    def tell(self, exec_id: str, cents: int) -> bool:
        """The broker told a commission, perhaps before the execution itself. Whether it was news."""
        news = self._told.get(exec_id) != cents
        self._told[exec_id] = cents
        return news

    def bases(self, exec_id: str) -> tuple[str, ...]:
        """The base ids of the executions that pay what is told for an execution id."""
        return tuple(self._bases.get(exec_id, ()))

    def of(self, execution: Execution) -> int:
        """The commission of an execution, by the newest version of it for which one was told."""
        fill = execution.fill
        for version in reversed(self._versions[fill.base_id]):
            told = self._told.get(version.exec_id)
            if told is not None and version.quantity == fill.quantity:
                return told
            if told is not None and version.quantity:
                return told * fill.quantity // version.quantity
        return self._instruments[fill.instrument].commission_cents * fill.quantity
