"""instruments.toml: what can be analysed and traded, proven to be consistent in itself."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from orderflow_tui.config.entry import read_entry
from orderflow_tui.config.fault import ConfigFault, Problem
from orderflow_tui.config.section import SYMBOL_PATTERN, Section
from orderflow_tui.config.toml_file import read_toml
from orderflow_tui.domain.instrument import E9, Instrument

TICK_PATTERN = r"^\d{1,4}(\.\d{1,9})?$"


class InstrumentTable(Section):
    """One table of the file. `tick` is decimal text, because binary fractions cannot hold 0.01."""

    name: str = Field(min_length=1, max_length=60)
    exchange: str = Field(pattern=r"^[A-Z]{2,10}$")
    hours: str = Field(min_length=1, max_length=40)
    tick: str = Field(pattern=TICK_PATTERN)
    tick_cents: int = Field(ge=1, le=1_000_000)
    multiplier: int = Field(ge=1, le=1_000_000)
    commission_cents: int = Field(ge=0, le=100_000)
    margin_cents: int = Field(ge=1, le=100_000_000)
    stop_ticks: int = Field(ge=1, le=400)
    target_ticks: int = Field(ge=1, le=2_000)
    imbalance_min_volume: int = Field(ge=1, le=1_000_000)
    absorption_min_volume: int = Field(ge=1, le=1_000_000)
    roll_months: str = Field(pattern=r"^[FGHJKMNQUVXZ]{1,12}$")


def read_instruments(path: Path) -> dict[str, tuple[Instrument, str]]:
    """Every instrument by symbol, with its table of sessions.toml. Raises ConfigFault with all problems."""
    problems: list[Problem] = []
    found: dict[str, tuple[Instrument, str]] = {}
    for symbol, table in read_toml(path).items():
        problems += [] if is_symbol(symbol) else [Problem(str(path), f'[{symbol}] is no symbol; expected letters such as "ES"')]
        entry = read_entry(InstrumentTable, table, str(path), symbol, problems)
        if entry is None:
            continue
        tick = Decimal(entry.tick)
        worth = tick * entry.multiplier * 100
        if worth != entry.tick_cents:
            said = f"a tick of {entry.tick} at multiplier {entry.multiplier} is worth {worth.normalize():f} cents"
            problems.append(Problem(str(path), f"{symbol}.tick_cents is {entry.tick_cents}; {said}"))
        instrument = Instrument(symbol=symbol, tick_e9=int(tick * E9), **entry.model_dump(exclude={"tick", "hours"}))
        found[symbol] = (instrument, entry.hours)
    if problems:
        raise ConfigFault(problems)
    if not found:
        raise ConfigFault([Problem(str(path), "holds no instrument; expected tables such as [ES]")])
    return found


def is_symbol(text: str) -> bool:
    """Whether a table's name can be a symbol."""
    return re.match(SYMBOL_PATTERN, text) is not None
