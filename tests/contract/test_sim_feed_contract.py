"""The simulated market keeps every feed's promises."""

from __future__ import annotations

from datetime import date
from math import inf

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.sim_market import SimMarket
from orderflow_tui.ports import Feed
from tests.contract.broker_contract import ES
from tests.contract.feed_contract import FeedContract

TABLE = session_table(date(2026, 10, 1), date(2026, 10, 30))
DAY = TABLE.day_of(date(2026, 10, 14))


class TestSimMarket(FeedContract):
    most = 60

    def feed(self) -> Feed:
        assert DAY is not None
        return SimMarket(ES, TABLE, seed=11, start_ns=DAY.at(9, 31), clock=Pace(), speed=inf)
