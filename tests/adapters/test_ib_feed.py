import pytest

from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_feed_rules import FeedRules
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.event import stamp_of
from orderflow_tui.domain.market import Aggressor, Depth, FeedState, FeedStatus, Quote, SideMethod, Trades
from orderflow_tui.wiring import Wish, plan_of
from orderflow_tui.wiring.interactive import feed_pace, feed_rules
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.adapters.ib_world import IbWorld
from tests.gateway import messages
from tests.gateway.client import Client
from tests.gateway.house import House, Settings

__all__ = ["worlds"]

RISING = (Link.CONNECTING, Link.SYNCING, Link.WARMUP, Link.READY)


def trades(world: IbWorld, symbol: str = "ES") -> list[tuple[int, int, int, int]]:
    """(stamp, price, size, side) of every trade the engine would see."""
    found = []
    for event in world.market:
        if isinstance(event, Trades) and event.instrument == symbol:
            found += list(zip(*(c.tolist() for c in (event.ts_ns, event.price, event.size, event.aggressor)), strict=True))
    return found


def printed(world: IbWorld) -> list[tuple[int, int]]:
    """(price, size) of the prints of the gateway since its start."""
    return [(p.price, p.size) for p in world.stage.gateway.house.markets.prints["SPX"]]


def states(world: IbWorld, symbol: str = "ES") -> list[FeedState]:
    return [e.state for e in world.market if isinstance(e, FeedStatus) and e.instrument == symbol]


def quotes(world: IbWorld, symbol: str) -> list[Quote]:
    return [e for e in world.market if isinstance(e, Quote) and e.instrument == symbol]


def test_every_print_arrives_once_and_in_order(worlds: MakeWorld) -> None:
    world = worlds(Settings(steps_per_second=200)).ready()
    world.pass_ms(20_000)
    world.do("play", on=False)
    world.pass_ms(100)
    got = [(price, size) for _, price, size, _ in trades(world)]
    assert len(got) > 3_000
    assert got == printed(world)[-len(got) :]


def test_stamps_never_decrease_over_all_events(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(10_000)
    stamps = [stamp_of(e) for e in world.market]
    assert stamps == sorted(stamps)
    assert all(s <= world.now_ns for s in stamps)


def test_sides_follow_the_quotes(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(30_000)
    blocks = [e for e in world.market if isinstance(e, Trades)]
    methods = [int(m) for b in blocks for m in b.method]
    sides = [side for *_, side in trades(world)]
    by_quote = sum(m in {SideMethod.QUOTE, SideMethod.QUOTE_PREV} for m in methods)
    assert by_quote / len(methods) > 0.95
    assert Aggressor.BUY in sides
    assert Aggressor.SELL in sides


def test_the_depth_is_the_book_of_the_gateway(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(30_000)
    world.do("play", on=False)
    world.pass_ms(200)
    newest = [e for e in world.market if isinstance(e, Depth)][-1]
    truth = world.do("quote", symbol="ES")
    assert [list(row) for row in newest.bids] == truth["bids"][:10]
    assert [list(row) for row in newest.asks] == truth["asks"][:10]


def test_the_traded_instrument_has_quotes_and_the_analysed_one_everything(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(5_000)
    assert quotes(world, "MES")
    assert quotes(world, "ES")
    assert trades(world, "MES") == []
    assert world.do("state")["subscriptions"] == [{"last": 1, "bid_ask": 2, "depth": 1, "level1": 0}]


def test_a_lost_stretch_is_announced_before_the_first_event_after_it(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(2_000)
    world.do("cut")
    world.until(lambda: world.session.generation == 2 and world.session.link is Link.READY)
    world.pass_ms(2_000)
    again = [FeedState.GAP, FeedState.LIVE]  # single ticks are not granted so soon: quotes come first, prints later
    assert states(world) == [FeedState.DOWN, FeedState.GAP, FeedState.LIVE, *again]
    assert silences(world, 0) == (1, 1)
    down = next(i for i, e in enumerate(world.market) if isinstance(e, FeedStatus))
    after = [e for e in world.market[down:] if not (isinstance(e, FeedStatus) and e.state is FeedState.DOWN)]
    assert isinstance(after[0], FeedStatus)
    assert after[0].state is FeedState.GAP


def silences(world: IbWorld, since: int, longest_s: float = 5.0) -> tuple[int, int]:
    """How many silences between prints of ES since an event were longer, and how many of those had a GAP told in them."""
    before, gap, found, told = None, False, 0, 0
    for event in world.market[since:]:
        if isinstance(event, FeedStatus) and event.instrument == "ES":
            gap |= event.state is FeedState.GAP
        elif isinstance(event, Trades):
            for at in event.ts_ns.tolist():
                if before is not None and at - before > longest_s * 1e9:
                    found, told = found + 1, told + gap
                before, gap = at, False
    return found, told


@pytest.mark.parametrize("code", [2103, 2105])
def test_what_a_broken_farm_took_is_announced_once(worlds: MakeWorld, code: int) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    world.do("farm", down=True, code=code)
    world.pass_ms(25_000)
    assert states(world) == [FeedState.DOWN]
    world.do("farm", down=False)
    world.pass_ms(8_000)
    assert states(world) == [FeedState.DOWN, FeedState.GAP, FeedState.LIVE]
    assert silences(world, 0) == (1, 1)


def test_the_farm_of_contract_definitions_takes_no_prints(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("error", code=2157, text="Sec-def data farm connection is broken:secdefnj")
    world.pass_ms(3_000)
    assert "2157" in world.feed.impairment()
    assert states(world) == []


def test_what_another_session_took_is_announced_once(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    world.do("compete")
    world.pass_ms(25_000)
    world.do("compete", on=False)
    world.pass_ms(8_000)
    assert states(world) == [FeedState.DOWN, FeedState.GAP, FeedState.LIVE]
    assert silences(world, 0) == (1, 1)


Step = tuple[str, dict[str, object]]
AWAY: Step = ("error", {"code": 1100, "text": "Connectivity lost"})
BACK: Step = ("error", {"code": 1102, "text": "restored - data maintained"})
FARM: Step = ("error", {"code": 2103, "text": "Market data farm connection is broken:usfuture"})
FARM_BACK: Step = ("error", {"code": 2104, "text": "Market data farm connection is OK:usfuture"})
TAKEN: Step = ("data-error", {"code": 10197})


@pytest.mark.parametrize(("begin", "end"), [(AWAY, BACK), (FARM, FARM_BACK), (TAKEN, None)])
def test_prints_on_their_way_when_a_loss_began_do_not_end_it(worlds: MakeWorld, begin: Step, end: Step | None) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    world.do(begin[0], **begin[1])
    world.pass_ms(700)
    world.do("play", on=False)
    world.pass_ms(25_000)
    if end is not None:
        world.do(end[0], **end[1])
    world.do("play", on=True)
    world.pass_ms(8_000)
    assert silences(world, 0) == (1, 1)
    assert states(world)[-1] is FeedState.LIVE


def test_a_broker_that_is_back_without_having_been_told_away_took_something(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    world.do(BACK[0], **BACK[1])
    world.pass_ms(3_000)
    assert states(world) == [FeedState.DOWN, FeedState.GAP, FeedState.LIVE]


def test_subscribing_anew_announces_the_loss_before_the_first_quote_and_before_the_first_print(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(1_000)
    since = len(world.market)
    world.call(world.feed.resubscribe)
    world.pass_ms(20_000)
    assert states(world) == [FeedState.DOWN, FeedState.GAP, FeedState.LIVE, FeedState.GAP, FeedState.LIVE]
    assert silences(world, since - 100) == (1, 1), "the broker takes no request for single ticks so soon"


def test_after_a_loss_snapshots_are_still_snapshots(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("answer", what="TICK_BY_TICK", code=10189, count=99)
    world.start()
    world.ready()
    world.pass_ms(3_000)
    world.do("farm", down=True)
    world.pass_ms(5_000)
    world.do("farm", down=False)
    world.pass_ms(3_000)
    told = [e.state for e in world.market if isinstance(e, FeedStatus)]
    assert FeedState.DOWN in told
    assert told[-1] is FeedState.SNAPSHOT, "what is analysed speaks last"


def test_no_gap_is_announced_on_the_first_start(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("restart", down_s=5)
    world.start()
    world.ready()
    world.pass_ms(1_000)
    assert states(world) == []


@pytest.mark.parametrize("code", [10189, 10190, 354, 200, 322])
def test_refused_ticks_degrade_to_snapshots_and_come_back(worlds: MakeWorld, code: int) -> None:
    world = worlds(start=False)
    world.do("answer", what="TICK_BY_TICK", code=code, count=1)
    world.start()
    world.ready()
    world.pass_ms(5_000)
    assert states(world) == [FeedState.SNAPSHOT]
    snapshots = trades(world)
    assert snapshots
    assert {side for *_, side in snapshots} == {int(Aggressor.UNKNOWN)}
    world.pass_ms(20_000)
    assert states(world) == [FeedState.SNAPSHOT, FeedState.GAP, FeedState.LIVE]
    world.pass_ms(2_000)
    assert trades(world)[-1][3] != Aggressor.UNKNOWN


def test_what_was_refused_is_known_by_stream(worlds: MakeWorld) -> None:
    world = worlds(Settings(tick_by_tick_limit=2)).ready()
    world.pass_ms(3_000)
    assert {str(stream): why[:5] for stream, why in world.feed.refused.items()} == {"BidAsk of ES": "10190"}
    assert states(world) == []


def test_snapshots_count_every_contract(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("answer", what="TICK_BY_TICK", code=10189, count=99)
    world.start()
    world.ready()
    begin = world.stage.gateway.house.markets.volume["SPX"]
    seen = sum(size for _, _, size, _ in trades(world))
    world.pass_ms(10_000)
    world.do("play", on=False)
    world.pass_ms(1_000)
    grown = world.stage.gateway.house.markets.volume["SPX"] - begin
    assert sum(size for _, _, size, _ in trades(world)) - seen == pytest.approx(grown, abs=60)


def test_a_partial_permission_changes_nothing(worlds: MakeWorld) -> None:
    world = worlds().ready()
    request = next(r for r, s in world.feed.subscriptions.by_request.items() if s.kind.value == "Last")
    world.do("error", code=10090, request=request)
    world.pass_ms(1_000)
    assert world.session.link is Link.READY
    assert states(world) == []


def test_a_warning_about_a_stream_changes_nothing(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("data-error", code=2119)
    world.pass_ms(1_000)
    assert world.do("state")["subscriptions"] == [{"last": 1, "bid_ask": 2, "depth": 1, "level1": 0}]
    assert states(world) == []


def test_without_depth_permission_the_feed_goes_on_without_a_book(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("answer", what="DEPTH", code=354)
    world.start()
    world.ready()
    world.pass_ms(3_000)
    assert not [e for e in world.market if isinstance(e, Depth)]
    assert quotes(world, "ES")


def test_a_reset_book_is_cleared_and_subscribed_under_a_new_id(worlds: MakeWorld) -> None:
    world = worlds().ready()
    before = {r["fields"][2] for r in world.sent("DEPTH")}
    world.do("reset-depth", resend=False)
    world.pass_ms(1_000)
    after = {r["fields"][2] for r in world.sent("DEPTH")}
    assert len(after - before) == 1
    assert world.do("state")["subscriptions"][0]["depth"] == 1
    world.pass_ms(2_000)
    assert world.feed.streams["ES"].book.valid
    assert world.session.link is Link.READY


@pytest.mark.parametrize("code", [316, 2152, 555])
def test_an_error_of_the_book_that_is_no_refusal_does_not_end_it(worlds: MakeWorld, code: int) -> None:
    world = worlds().ready()
    request = next(r for r, s in world.feed.subscriptions.by_request.items() if s.kind.value == "depth")
    world.do("error", code=code, request=request)
    world.pass_ms(7_000)
    assert world.do("state")["subscriptions"][0]["depth"] == 1
    assert world.feed.streams["ES"].book.valid
    world.until(lambda: world.session.link is Link.READY, 6)
    assert world.session.generation == 1


def test_a_book_that_stays_broken_is_asked_for_with_pauses(worlds: MakeWorld) -> None:
    world = worlds().ready()
    before = len(world.sent("DEPTH"))
    world.do("answer", what="DEPTH", code=316, count=3)
    world.do("reset-depth", resend=False)
    world.pass_ms(14_000)
    assert len(world.sent("DEPTH")) == before + 3
    world.pass_ms(5_000)
    assert world.feed.streams["ES"].book.valid


def test_a_book_that_is_refused_again_and_again_for_reasons_nobody_knows_is_done_without(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("answer", what="DEPTH", code=555, count=9)
    world.start()
    assert world.until(lambda: world.session.link is Link.READY, 20) < 12
    world.pass_ms(20_000)
    assert len(world.sent("DEPTH")) == 3


def test_a_row_that_cannot_be_is_answered_with_a_new_book(worlds: MakeWorld) -> None:
    world = worlds().ready()
    request = next(r for r, s in world.feed.subscriptions.by_request.items() if s.kind.value == "depth")
    world.call(lambda: world.feed.on_depth(request, 17, 1, 0, 6700.0, 3))
    world.pass_ms(2_000)
    assert request not in world.feed.subscriptions.by_request
    assert world.feed.streams["ES"].book.valid


def test_data_under_a_stale_id_is_nobodys(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("play", on=False)
    world.pass_ms(100)
    count = len(trades(world))
    world.call(lambda: world.feed.on_trade(12_345, world.now_ns // 10**9, 6700.0, 5, False))
    world.pass_ms(100)
    assert len(trades(world)) == count


def test_prints_of_combinations_off_grid_and_empty_ones_are_left_out(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("play", on=False)
    world.pass_ms(100)
    request = next(r for r, s in world.feed.subscriptions.by_request.items() if s.kind.value == "Last")
    count, second = len(trades(world)), world.now_ns // 10**9
    for price, size, unreported in (
        (6700.0, 5, True),
        (6700.1, 5, False),
        (6700.0, 0, False),
        (-1.0, 1, False),
        (33_500.0, 1, False),
    ):
        world.call(lambda p=price, s=size, u=unreported: world.feed.on_trade(request, second, p, s, u))  # type: ignore[misc]
    world.pass_ms(100)
    assert len(trades(world)) == count


def test_delayed_data_is_not_traded_on(worlds: MakeWorld) -> None:
    world = worlds().ready()
    request = next(iter(world.feed.subscriptions.by_request))
    world.call(lambda: world.feed.on_data_type(request, 3))
    world.until(lambda: world.session.link is Link.DATA_BLOCKED, 1)


def test_within_the_fifteen_second_rule_quotes_come_later_and_the_book_stands_in(worlds: MakeWorld) -> None:
    world = worlds(Settings(tick_spacing_s=15)).ready()
    world.pass_ms(5_000)
    assert world.do("state")["subscriptions"][0]["bid_ask"] == 1
    assert trades(world)[-1][3] != Aggressor.UNKNOWN
    world.pass_ms(20_000)
    assert world.do("state")["subscriptions"][0]["bid_ask"] == 2


def test_a_new_line_soon_after_the_first_waits_until_the_broker_takes_requests_for_ticks_again(worlds: MakeWorld) -> None:
    world = worlds(Settings(tick_spacing_s=15)).ready()
    begin_s = world.now_s
    world.pass_ms(20_000)
    world.do("cut")
    world.until(lambda: world.session.generation == 2 and world.session.link is Link.READY)
    assert 16 <= world.now_s - begin_s < 40
    world.pass_ms(1_000)
    assert FeedState.SNAPSHOT not in states(world)


def test_subscriptions_kept_by_the_broker_are_not_made_twice(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    world.do("lose-broker")
    world.pass_ms(2_000)
    world.do("regain-broker", kept=True)
    world.ready()
    world.pass_ms(3_000)
    assert world.do("state")["subscriptions"] == [{"last": 1, "bid_ask": 2, "depth": 1, "level1": 0}]
    assert states(world)[-2:] == [FeedState.GAP, FeedState.LIVE]
    count = len(trades(world))
    world.pass_ms(1_000)
    assert 15 <= len(trades(world)) - count <= 25


def test_the_book_after_an_outage_is_asked_for_anew_although_the_broker_kept_it(worlds: MakeWorld) -> None:
    world = worlds().ready()
    before = next(r for r, s in world.feed.subscriptions.by_request.items() if s.kind.value == "depth")
    world.do("lose-broker")
    world.pass_ms(2_000)
    world.do("regain-broker", kept=True)
    world.pass_ms(1_000)
    assert before not in world.feed.subscriptions.by_request
    world.do("play", on=False)
    world.pass_ms(200)
    newest, truth = [e for e in world.market if isinstance(e, Depth)][-1], world.do("quote", symbol="ES")
    assert [list(row) for row in newest.bids] == truth["bids"][:10]


def test_the_data_another_session_took_are_good_again_once_they_flow(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("compete")
    world.until(lambda: world.session.link is Link.DEGRADED, 1)
    world.do("compete", on=False)
    assert world.until(lambda: world.session.link is Link.READY, 15) >= 5
    assert world.session.generation == 1


@pytest.mark.parametrize("farm", ["ushmds", "usfarm.nj"])
def test_a_farm_that_rests_is_named_after_a_dot_and_not_broken_any_more(worlds: MakeWorld, farm: str) -> None:
    world = worlds().ready()
    world.do("error", code=2105, text=f"HMDS data farm connection is broken:{farm}")
    world.pass_ms(200)
    assert farm in world.feed.impairment()
    world.do("error", code=2107, text=f"HMDS data farm connection is inactive but should be available upon demand.{farm}")
    world.pass_ms(200)
    assert world.feed.impairment() == ""


def test_a_farm_that_is_broken_when_the_line_opens_is_known_to_be(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("farm", down=True)
    world.start()
    world.until(lambda: world.session.link is Link.WARMUP)
    world.pass_ms(2_000)
    assert "2103" in world.feed.impairment()
    world.do("farm", down=False)
    world.ready()


def greeted_with(monkeypatch: pytest.MonkeyPatch, world: IbWorld, *words: tuple[int, str]) -> None:
    """Every connection from now on begins with these notices."""
    house = world.stage.gateway.house
    greet = type(house).tell_ids

    def and_more(self: House, client: Client) -> None:
        greet(self, client)
        for code, text in words:
            client.tell(*messages.error(-1, code, text))

    monkeypatch.setattr(type(house), "tell_ids", and_more)


FOREIGN_FARMS = (
    (2103, "Market data farm connection is broken:cashfarm"),
    (2105, "HMDS data farm connection is broken:euhmds"),
    (2157, "Sec-def data farm connection is broken:secdefeu"),
)


def test_farms_that_are_broken_in_every_greeting_and_take_nothing_keep_nobody_from_trading(
    worlds: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds(start=False)
    greeted_with(monkeypatch, world, *FOREIGN_FARMS)
    world.start()
    assert 5 <= world.until(lambda: world.session.link is Link.READY, 30) <= 12
    world.pass_ms(120_000)
    world.do("cut")
    world.until(lambda: world.session.generation == 2 and world.session.link is Link.READY, 60)
    world.pass_ms(20_000)
    since = len(world.market)
    world.do("pace", steps_per_second=0.2)
    world.pass_ms(60_000)
    assert world.links() == [*RISING, Link.BACKOFF, *RISING]
    assert not [e for e in world.market[since:] if isinstance(e, FeedStatus)], "a quiet market is no loss"


def test_a_broken_farm_fences_until_all_that_is_subscribed_came_some_other_way(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    world.do("error", code=2103, text="Market data farm connection is broken:eufarm")
    assert world.until(lambda: world.session.link is Link.DEGRADED, 1) <= 0.2
    world.pass_ms(4_500)
    assert "eufarm" in world.feed.impairment()
    assert 4.5 <= world.until(lambda: world.session.link is Link.READY, 20) <= 7.0
    world.do("error", code=2103, text="Market data farm connection is broken:eufarm")
    world.pass_ms(3_000)
    assert world.session.link is Link.READY, "said again it is no news"
    assert states(world)[:3] == [FeedState.DOWN, FeedState.GAP, FeedState.LIVE]
    world.do("error", code=2104, text="Market data farm connection is OK:eufarm")
    world.do("error", code=2103, text="Market data farm connection is broken:eufarm")
    assert world.until(lambda: world.session.link is Link.DEGRADED, 1) <= 0.2, "broken anew it has to be proven again"


@pytest.mark.parametrize("silent", ["last", "bid_ask", "depth"])
def test_a_broken_farm_that_took_one_of_the_streams_goes_on_fencing(worlds: MakeWorld, silent: str) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    (client,) = world.stage.gateway.house.ready_clients()
    getattr(client, silent).clear()
    world.do("error", code=2103, text="Market data farm connection is broken:usfarm.nj")
    world.pass_ms(14_000)
    assert "usfarm.nj" in world.feed.impairment()
    assert world.session.link is Link.DEGRADED


def test_data_that_stop_after_all_fence_when_they_are_stale(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("error", code=2103, text="Market data farm connection is broken:usfuture")
    world.until(lambda: world.session.link is Link.DEGRADED, 1)
    world.ready()
    world.do("play", on=False)
    assert world.until(lambda: world.session.link is Link.DEGRADED, 20) <= 16


def test_a_farm_that_was_broken_on_the_last_line_is_forgotten_with_it(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("error", code=2105, text="HMDS data farm connection is broken:ushmds")
    world.pass_ms(200)
    world.do("cut")
    world.until(lambda: world.session.generation == 2 and world.session.link is Link.READY)
    assert world.feed.impairment() == ""


def test_a_closed_market_is_quiet_and_not_impaired(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("play", on=False)
    world.loop.now_s += 7 * 3600 + 300  # 16:05 Chicago, the daily pause
    world.pass_ms(1_000)
    assert world.feed.impairment() == ""


def test_quotes_of_the_traded_contract_that_stop_degrade_and_are_asked_for_anew(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(5_000)
    (client,) = world.stage.gateway.house.ready_clients()
    for request in [r for r, listing in client.bid_ask.items() if listing.product.symbol == "MES"]:
        del client.bid_ask[request]
    assert 14 <= world.until(lambda: world.session.link is Link.DEGRADED, 20) <= 16
    assert "no quote of MES for 15 s" in [e.reason for e in world.events if isinstance(e, LinkStatus)][-1]
    assert 30 <= world.until(lambda: world.session.link is Link.READY, 60) <= 45
    assert world.session.generation == 1


def request_of(world: IbWorld, stream: str) -> int:
    return next(r for r, s in world.feed.subscriptions.by_request.items() if str(s) == stream)


def test_the_aggregate_speaks_where_quotes_that_ran_are_ended_by_the_broker(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(5_000)
    request = request_of(world, "BidAsk of MES")
    (client,) = world.stage.gateway.house.ready_clients()
    del client.bid_ask[request]
    world.do("error", code=10225, request=request)
    world.pass_ms(200)
    count = len(quotes(world, "MES"))
    world.pass_ms(5_000)
    assert len(quotes(world, "MES")) > count
    world.pass_ms(15_000)
    assert world.feed.streams["MES"].quotes_live, "asked for again, and granted"


def test_the_book_stands_in_while_quotes_are_asked_for_anew(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(5_000)
    world.call(world.feed.resubscribe)
    world.pass_ms(100)
    count = len(quotes(world, "ES"))
    world.pass_ms(3_000)
    assert world.do("state")["subscriptions"][0]["bid_ask"] == 0
    assert len(quotes(world, "ES")) > count


# -- the keys of the feed ------------------------------------------------------------------------------------------------


def rules_of(*sets: str) -> FeedRules:
    return feed_rules(plan_of(Wish(mode="paper", sets=sets)))


def ruled(worlds: MakeWorld, *sets: str) -> IbWorld:
    world = worlds(start=False)
    rules = rules_of(*sets)
    world.call(lambda: world.session.followers.remove(world.feed))
    world.feed = world.call(lambda: IbFeed(world.session, lambda: world.loop.now_ns, rules=rules))
    world.start()
    return world.ready()


def test_the_configured_quotes_of_the_book_save_a_tick_by_tick_line_and_settle_sides_as_well(worlds: MakeWorld) -> None:
    world = ruled(worlds, 'feed.quotes="dom0"')
    world.pass_ms(30_000)
    assert world.do("state")["subscriptions"] == [{"last": 1, "bid_ask": 1, "depth": 1, "level1": 0}]
    methods = [int(m) for b in world.market if isinstance(b, Trades) for m in b.method]
    assert sum(m in {SideMethod.QUOTE, SideMethod.QUOTE_PREV} for m in methods) / len(methods) > 0.95


def test_without_a_book_the_quotes_come_tick_by_tick(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.call(lambda: world.session.followers.remove(world.feed))
    world.feed = world.call(lambda: IbFeed(world.session, lambda: world.loop.now_ns, rules=rules_of('feed.quotes="dom0"')))
    world.do("answer", what="DEPTH", code=354)
    world.start()
    world.ready()
    world.pass_ms(5_000)
    assert quotes(world, "ES")
    assert world.do("state")["subscriptions"] == [{"last": 1, "bid_ask": 2, "depth": 0, "level1": 0}]


def test_quotes_of_the_aggregate_can_be_configured(worlds: MakeWorld) -> None:
    world = ruled(worlds, 'feed.quotes="mktdata"')
    world.pass_ms(5_000)
    assert quotes(world, "ES")
    assert quotes(world, "MES")
    assert world.do("state")["subscriptions"] == [{"last": 1, "bid_ask": 0, "depth": 1, "level1": 2}]


@pytest.mark.parametrize("prints", ["Last", "AllLast"])
def test_the_kind_of_prints_is_the_configured_one(worlds: MakeWorld, prints: str) -> None:
    world = ruled(worlds, f'feed.trades="{prints}"')
    kinds = {r["fields"][14] for r in world.sent("TICK_BY_TICK")}
    assert kinds == {prints, "BidAsk"}


def test_settling_time_and_age_of_quotes_are_the_configured_ones() -> None:
    rules = rules_of("feed.settle_ms=80", "feed.max_quote_age_s=7")
    assert (rules.sides.settle_ms, rules.sides.max_quote_age_s) == (80, 7)


def test_the_pause_before_single_ticks_are_asked_for_again_is_the_configured_one() -> None:
    assert feed_pace(plan_of(Wish(mode="paper"))).spacing_s == 15
    assert feed_pace(plan_of(Wish(mode="paper", sets=("feed.tick_spacing_s=1",)))).spacing_s == 1
