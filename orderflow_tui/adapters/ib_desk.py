"""The contracts of this session: asked from the broker, the month chosen by volume, ES and MES alike.

The contract to trade changes only when flat: a month that is held stays, whatever the volume says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from orderflow_tui.adapters.ib_contracts import Listed, leading, nearest, parse_expiry, parse_hours, same_month
from orderflow_tui.adapters.ib_line import Line, NoAnswer, Refused
from orderflow_tui.adapters.ib_snapshot import Held
from orderflow_tui.domain.instrument import Instrument


@dataclass(frozen=True, slots=True)
class Traded:
    """An instrument with its qualified contract. `held_back` says why it is not the leading month."""

    instrument: Instrument
    listed: Listed
    contract: Any
    held_back: str = ""


class WrongContract(LookupError):
    """The broker's contract is not the instrument we are configured for."""


class ContractDesk:
    """Asks for contract details and volumes on one line."""

    def __init__(self, line: Line, instruments: Mapping[str, Instrument], limit_s: float, clock_ns: Callable[[], int]) -> None:
        self._line = line
        self._instruments = instruments
        self._limit_s = limit_s
        self._clock_ns = clock_ns

    async def choose(self, analysis: str, execution: str, held: Sequence[Held]) -> Mapping[str, Traded]:
        """The contracts to analyse and to trade, by symbol. Raises LookupError, NoAnswer, Refused."""
        listed, contracts = await self._listed(analysis)
        today = datetime.fromtimestamp(self._clock_ns() / 1e9, UTC).date()
        volume = await self._volumes(listed, contracts, today)
        chosen = leading(listed, volume, today, self._instruments[analysis].roll_months)
        traded = {analysis: Traded(self._instruments[analysis], chosen, contracts[chosen.con_id])}
        if execution != analysis:
            listed, contracts = await self._listed(execution)
        months = {h.month for h in held if h.symbol == execution}
        month = min(months) if months else chosen.month
        pinned = same_month(listed, month)
        why = "" if month == chosen.month else f"{execution} {month} is held, {chosen.month} leads"
        traded[execution] = Traded(self._instruments[execution], pinned, contracts[pinned.con_id], why)
        return traded

    async def _listed(self, symbol: str) -> tuple[list[Listed], dict[int, Any]]:
        """What the broker lists of a root, with its contracts by id."""
        instrument, line = self._instruments[symbol], self._line
        wanted = line.library.future(symbol, instrument.exchange)
        details = await line.ask_numbered(lambda request: line.client.reqContractDetails(request, wanted), self._limit_s)
        listed, contracts = [], {}
        for found in details:
            contract = found.contract
            _check(instrument, contract, found.minTick)
            contract.lastTradeDateOrContractMonth = contract.lastTradeDateOrContractMonth.split()[0]
            contracts[contract.conId] = contract
            expiry = parse_expiry(contract.lastTradeDateOrContractMonth)
            hours = parse_hours(found.tradingHours, _zone(found.timeZoneId))
            listed.append(Listed(contract.conId, symbol, expiry, found.contractMonth, hours))
        return listed, contracts

    async def _volumes(self, listed: Sequence[Listed], contracts: Mapping[int, Any], today: date) -> dict[int, int]:
        """Volume of the last completed regular session of the two nearest months; empty when history does not answer."""
        volumes: dict[int, int] = {}
        line = self._line
        for entry in nearest(listed, today):
            contract = contracts[entry.con_id]

            def request(number: int, contract: Any = contract) -> None:
                line.client.reqHistoricalData(number, contract, "", "2 D", "1 day", "TRADES", True, 1, False, [])

            try:
                bars = await line.ask_numbered(request, self._limit_s)
            except (NoAnswer, Refused):
                return {}
            done = [bar for bar in bars if _day(bar.date) < today]
            if done:
                volumes[entry.con_id] = int(done[-1].volume)
        return volumes


def _day(value: Any) -> date:
    """The day of a daily bar, as text or already parsed."""
    return parse_expiry(value) if isinstance(value, str) else date(value.year, value.month, value.day)


def _zone(name: str) -> str:
    """Time zones by their old names."""
    return {"US/Central": "America/Chicago", "US/Eastern": "America/New_York", "EST5EDT": "America/New_York"}.get(name, name)


def _check(instrument: Instrument, contract: Any, min_tick: float) -> None:
    """Multiplier and grid as configured, or nothing is traded."""
    multiplier = int(float(contract.multiplier or 0))
    if multiplier != instrument.multiplier or round(min_tick * 1e9) != instrument.tick_e9:
        raise WrongContract(
            f"{instrument.symbol} is configured with multiplier {instrument.multiplier} and tick {instrument.tick_e9 / 1e9}, "
            f"the broker says {multiplier} and {min_tick}; correct instruments.toml"
        )
