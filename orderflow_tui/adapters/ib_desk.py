"""The contracts of this session: asked from the broker, the leading month by volume or calendar, ES and MES alike.

A month stays what it was until it is rolled on purpose, whatever else is held: that is not ours. Where nothing is known from
before, a contract that is held is the one that is traded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from orderflow_tui.adapters.ib_codec import zone_name
from orderflow_tui.adapters.ib_contracts import (
    Listed,
    NoContract,
    leading,
    nearest,
    parse_expiry,
    parse_hours,
    same_month,
    trade_date_at,
)
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


Months = Mapping[str, str]  # YYYYMM by symbol


@dataclass(frozen=True, slots=True)
class Choice:
    """`traded`: what is analysed and traded now, by symbol; `leads`: the same in the leading month. `unsure`: volumes were
    wanted and not told, so the calendar alone decided."""

    traded: Mapping[str, Traded]
    leads: Mapping[str, Traded]
    unsure: bool = False


class WrongContract(LookupError):
    """The broker's contract is not the instrument we are configured for."""


class ContractDesk:
    """Asks for contract details and volumes on one line."""

    def __init__(
        self,
        line: Line,
        instruments: Mapping[str, Instrument],
        limit_s: float,
        clock_ns: Callable[[], int],
        *,
        by_volume: bool = True,
    ) -> None:
        self._by_volume = by_volume
        self._line = line
        self._instruments = instruments
        self._limit_s = limit_s
        self._clock_ns = clock_ns

    async def choose(self, analysis: str, execution: str, held: Sequence[Held], known: Months | None = None) -> Choice:
        """The contracts to analyse and to trade. Raises LookupError, NoAnswer, Refused.

        A month that is `known` from before stays while it is listed: to change it is a step of its own (`wiring/roll.py`). Where
        nothing is known, the contract that is `held` is traded, the nearest of several; else the leading month is taken.
        """
        known = known or {}
        listed, contracts = await self._listed(analysis)
        today = trade_date_at(self._clock_ns())
        volume = await self._volumes(listed, contracts, today) if self._by_volume else {}
        chosen = leading(listed, volume, today, self._instruments[analysis].roll_months)
        lead = Traded(self._instruments[analysis], chosen, contracts[chosen.con_id])
        leads = {analysis: lead}
        if execution != analysis:
            others, more = await self._listed(execution)
            twin = same_month(others, chosen.month)
            leads[execution] = Traded(self._instruments[execution], twin, more[twin.con_id])
        else:
            others, more = listed, contracts
        traded = {analysis: _kept(lead, listed, contracts, known.get(analysis, ""), "is analysed")}
        kept, why = staying(others, known.get(execution, ""), [h for h in held if h.symbol == execution])
        beside = leads[execution] if known.get(execution) or kept or execution == analysis else None
        if beside is None:  # the first start: both alike
            twin = same_month(others, traded[analysis].listed.month)
            beside = Traded(self._instruments[execution], twin, more[twin.con_id])
        traded[execution] = _kept(beside, others, more, kept, why)
        return Choice(traded, leads, self._by_volume and not volume)

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
            hours = parse_hours(found.tradingHours, zone_name(found.timeZoneId))
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


def staying(listed: Sequence[Listed], known: str, held: Sequence[Held]) -> tuple[str, str]:
    """The month that stays and why; empty where none does. What is held is found by its contract: the month of a last trading
    day may be another than the contract's, and counts only where the broker told no contract id."""
    months = {entry.con_id: entry.month for entry in listed}
    if known in months.values():
        return known, "is traded"
    ours = {months.get(h.con_id, "" if h.con_id else h.month) for h in held} & {*months.values()}
    return (min(ours), "is held") if ours else ("", "")


def _kept(lead: Traded, listed: Sequence[Listed], contracts: Mapping[int, Any], month: str, why: str) -> Traded:
    """The contract of a month that is to stay, the leading one where there is none or it is not listed any more."""
    if month in ("", lead.listed.month):
        return lead
    try:
        old = same_month(listed, month)
    except NoContract:
        return lead
    return Traded(lead.instrument, old, contracts[old.con_id], f"{old.symbol} {month} {why}, {lead.listed.month} leads")


def _day(value: Any) -> date:
    """The day of a daily bar, as text or already parsed."""
    return parse_expiry(value) if isinstance(value, str) else date(value.year, value.month, value.day)


def _check(instrument: Instrument, contract: Any, min_tick: float) -> None:
    """Multiplier and grid as configured, or nothing is traded."""
    multiplier = int(float(contract.multiplier or 0))
    if multiplier != instrument.multiplier or round(min_tick * 1e9) != instrument.tick_e9:
        raise WrongContract(
            f"{instrument.symbol} is configured with multiplier {instrument.multiplier} and tick {instrument.tick_e9 / 1e9}, "
            f"the broker says {multiplier} and {min_tick}; correct instruments.toml"
        )
