from collections.abc import Iterator

import pytest

from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.ports import Feed
from tests.adapters.ib_world import INSTRUMENTS, IbWorld, ib_settings
from tests.contract.broker_contract import BrokerContract
from tests.contract.feed_contract import FeedContract
from tests.gateway.listening import library_faults


class TestIbBrokerKeepsTheContract(BrokerContract):
    """The one suite of every broker, over the real client library and the wire-level gateway."""

    @pytest.fixture(autouse=True)
    def _stage(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        self._worlds: list[IbWorld] = []
        yield
        for world in self._worlds:
            world.close()
        assert library_faults(caplog.get_records("call")) == []

    def world(self) -> IbWorld:
        world = IbWorld().ready().still()
        self._worlds.append(world)
        world.events.clear()
        return world


class TestIbFeedKeepsTheContract(FeedContract):
    """The one suite of every feed: what it says is heard through the gateway, an outage in the middle."""

    def feed(self) -> Feed:
        session = IbSession(ib_settings(execution="ES"), INSTRUMENTS, lambda _: None, lambda: 0)
        return IbFeed(session, lambda: 0)

    def events(self) -> list[MarketEvent]:
        world = IbWorld(settings=ib_settings(execution="ES")).ready()
        world.pass_ms(3_000)
        world.do("cut")
        world.until(lambda: world.session.generation == 2 and len(world.market) > self.most)
        heard = list(world.market)
        world.close()
        return heard
