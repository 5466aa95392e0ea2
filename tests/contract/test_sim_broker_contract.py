"""The simulated broker keeps every broker's promises."""

from __future__ import annotations

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import trades_of
from tests.contract.broker_contract import ES, MES, BrokerContract, BrokerWorld

MS = 1_000_000


class VirtualTime:
    """Drives a SimBroker by hand: fires what is due, prints trades with quotes."""

    def __init__(self, broker: SimBroker) -> None:
        self.broker = broker
        self.events: list[Event] = []
        self.now_ns = 1_000_000_000
        self.print_trade(20_000)

    def pass_ms(self, ms: int) -> None:
        self.now_ns += ms * MS
        while (due := self.broker.watch.due_ns) <= self.now_ns:
            self.events += self.broker.on_time(due)

    def print_trade(self, price_ticks: int, size: int = 1) -> None:
        self.pass_ms(1)
        quote = [price_ticks], [price_ticks + 1]
        block = trades_of("ES", [self.now_ns], [price_ticks], [size], [-1], bid=quote[0], ask=quote[1])
        self.events += self.broker.on_market(block)


class TestSimBroker(BrokerContract):
    def world(self) -> BrokerWorld:
        return VirtualTime(SimBroker([ES, MES], "ES"))
