from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orderflow_tui.adapters.ib_codec import Proof
from orderflow_tui.adapters.ib_contracts import in_reset_window
from orderflow_tui.domain.account import Link
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Purpose
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.adapters.ib_world import ACCOUNT, ib_settings
from tests.contract.broker_contract import bracket
from tests.gateway import messages
from tests.gateway.account import Holding
from tests.gateway.client import Client
from tests.gateway.house import Settings
from tests.gateway.virtual import Stage
from tests.gateway.wire import Field, Tell

__all__ = ["worlds"]


def test_a_start_goes_through_every_state_and_proves_account_and_contracts(worlds: MakeWorld) -> None:
    world = worlds().ready()
    assert world.links() == [Link.CONNECTING, Link.SYNCING, Link.WARMUP, Link.READY]
    assert world.session.account == ACCOUNT
    assert {s: t.listed.month for s, t in world.session.traded.items()} == {"ES": "202612", "MES": "202612"}
    (report,) = world.reports()
    assert report.complete
    assert report.epoch == world.session.generation == 1
    assert report.equity_cents == 10_000_000


def test_the_next_order_number_is_told_with_the_account(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.stage.gateway.house.exchange.highest[11] = 41
    world.start()
    world.ready()
    assert world.session.next_number == 42


def test_order_numbers_that_leave_no_room_for_requests_block_with_a_sentence(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.stage.gateway.house.exchange.highest[11] = 2_100_000_000
    world.start()
    world.until(lambda: world.session.link is Link.BLOCKED)
    (trouble,) = world.troubles()
    assert trouble.latch is LatchKind.CLIENT_ID
    assert "2,100,000,001" in trouble.reason
    assert "reset the API order ID sequence" in trouble.reason
    assert world.session.generation == 1


def test_boot_with_an_open_position_is_truthful_within_ten_seconds(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("manual", symbol="MES", side="BUY", quantity=2)
    world.start()
    assert world.until(lambda: bool(world.reports()), 10) < 10
    assert world.reports()[0].positions == (("MES", 2),)
    (held,) = world.session.held
    ask = world.reports()[0].fills[0].price_ticks * 0.25
    assert held.entry_price == pytest.approx(ask + 0.62 / 5)


@pytest.mark.parametrize(
    ("proof", "served", "configured", "passes"),
    [
        (Proof.PAPER, "DU1234567", "", True),
        (Proof.PAPER, "U1234567", "", False),
        (Proof.EXACT, "U1234567", "U1234567", True),
        (Proof.EXACT, "DU1234567", "DU1234567", False),
    ],
)
@pytest.mark.parametrize("port", [4001, 4002])
def test_the_eight_account_cases_are_decided_by_the_account_and_never_by_the_port(
    worlds: MakeWorld, proof: Proof, served: str, configured: str, passes: bool, port: int
) -> None:
    world = worlds(Settings(accounts=(served,)), ib_settings(proof=proof, account=configured, port=port), start=False)
    world.loop.gateways[port] = world.loop.gateways[Stage.PORT]
    world.start()
    world.until(lambda: world.session.link in {Link.READY, Link.BLOCKED})
    assert (world.session.link is Link.READY) == passes
    assert [t.latch for t in world.troubles()] == ([] if passes else [LatchKind.WRONG_ACCOUNT])
    assert passes == (world.session.refusal(Purpose.ENTRY) == "")
    assert world.sent("PLACE_ORDER") == []


def test_without_a_configured_account_the_first_proven_one_is_that_of_the_run(worlds: MakeWorld) -> None:
    """Somebody logs the gateway in to another paper account: its positions and orders are not those this run knows."""
    world = worlds().ready()
    house = world.stage.gateway.house
    served, house.settings = house.settings, replace(house.settings, accounts=("DU7654321",))
    reports = len(world.reports())
    world.do("cut")
    world.until(lambda: world.session.link is Link.BLOCKED)
    assert [t.latch for t in world.troubles()] == [LatchKind.WRONG_ACCOUNT]
    assert world.troubles()[0].reason == f"this run began with account {ACCOUNT}, the gateway serves DU7654321 now"
    assert len(world.reports()) == reports
    house.settings = served
    world.call(world.session.acknowledge)
    world.ready()
    assert world.session.account == ACCOUNT


def test_an_account_that_what_is_remembered_is_not_of_is_a_wrong_one_and_says_nothing(worlds: MakeWorld) -> None:
    settings = ib_settings(not_ours=lambda account: "" if account == ACCOUNT else f"the journal is not of {account}")
    world = worlds(Settings(accounts=("DU7654321",)), settings, start=False)
    world.start()
    world.until(lambda: world.session.link is Link.BLOCKED)
    assert [(t.latch, t.reason) for t in world.troubles()] == [
        (LatchKind.WRONG_ACCOUNT, "the journal is not of DU7654321"),
    ]
    assert (world.reports(), world.session.account) == ([], "")
    house = world.stage.gateway.house
    house.settings = replace(house.settings, accounts=(ACCOUNT,))
    world.call(world.session.acknowledge)
    world.ready()
    assert world.session.account == ACCOUNT


def test_a_client_id_in_use_locks_after_three_tries_and_never_takes_another(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("refuse-id", count=99)
    world.start()
    world.until(lambda: world.session.link is Link.BLOCKED)
    assert [t.latch for t in world.troubles()] == [LatchKind.CLIENT_ID]
    assert {r["fields"][2] for r in world.sent("START_API")} == {"11"}
    assert len(world.sent("START_API")) == 3
    world.do("refuse-id", count=0)
    world.call(world.session.acknowledge)
    world.ready()


def test_a_client_id_that_becomes_free_is_taken_on_a_later_try(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("refuse-id", count=1)
    world.start()
    world.ready()
    assert world.troubles() == []


@pytest.mark.parametrize("what", ["POSITIONS", "ALL_OPEN_ORDERS", "COMPLETED_ORDERS", "EXECUTIONS"])
def test_silence_is_never_flat(worlds: MakeWorld, what: str) -> None:
    world = worlds(start=False)
    world.do("manual", symbol="MES", side="BUY", quantity=2)
    world.do("mute", what=what, count=1)
    world.start()
    world.until(lambda: Link.BACKOFF in world.links(), 30)
    (report,) = world.reports()
    assert not report.complete
    assert report.missing == (what.lower().replace("_", " ").replace("all ", ""),)
    world.ready()
    assert world.reports()[-1].complete
    assert world.reports()[-1].positions == (("MES", 2),)


@pytest.mark.parametrize("end", ["POSITION_END", "OPEN_ORDER_END", "COMPLETED_ORDERS_END", "EXECUTION_END"])
def test_a_missing_end_marker_fails_the_synchronisation(worlds: MakeWorld, end: str) -> None:
    world = worlds(start=False)
    world.do("drop", what=end, count=1)
    world.start()
    world.until(lambda: Link.BACKOFF in world.links(), 30)
    assert not world.reports()[0].complete
    world.ready()


def test_a_report_without_positions_forgets_none_that_are_held(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("manual", symbol="MES", side="BUY", quantity=2)
    world.start()
    world.ready()
    world.do("mute", what="POSITIONS", count=1)
    world.call(world.session.ask_report)
    world.pass_ms(20_000)
    assert any(report.missing == ("positions",) for report in world.reports())
    assert [held.quantity for held in world.session.held] == [2]


HELD = ["POSITION", "POSITION_END"]


def test_the_late_end_of_an_answer_given_up_never_makes_the_next_one_flat(worlds: MakeWorld) -> None:
    """Long two, one slow answer: its end marker arrived first thing during the next question, before any position did."""
    world = worlds(start=False)
    world.do("manual", symbol="MES", side="BUY", quantity=2)
    world.start()
    world.ready()
    world.do("hold", what=["POSITION_END"])
    world.broker.ask_report(world.now_ns)
    world.until(lambda: not world.reports()[-1].complete)
    world.do("hold", what=HELD)
    told = len(world.reports())
    world.broker.ask_report(world.now_ns)
    world.pass_ms(500)
    world.do("release")
    world.until(lambda: len(world.reports()) > told)
    assert world.reports()[-1].complete
    assert {report.positions for report in world.reports() if report.complete} == {(("MES", 2),)}
    assert world.session.generation == 1


def test_the_late_end_of_an_interrupted_answer_never_makes_the_next_one_flat(worlds: MakeWorld) -> None:
    """The broker goes and comes back while positions are asked for: the rest of the first answer comes during the second."""
    world = worlds(start=False)
    world.do("manual", symbol="MES", side="BUY", quantity=2)
    world.start()
    world.ready()
    told = len(world.reports())
    world.do("lose-broker")
    world.pass_ms(200)
    world.do("hold", what=["POSITION_END"])
    asked = len(world.sent("POSITIONS"))
    world.do("regain-broker")
    world.until(lambda: len(world.sent("POSITIONS")) > asked, 1)
    world.do("lose-broker")
    world.until(lambda: world.session.link is Link.BROKER_LOST, 1)
    world.do("hold", what=HELD)
    world.do("regain-broker")
    world.until(lambda: len(world.sent("POSITIONS")) > asked + 1, 1)
    world.pass_ms(200)
    world.do("release")
    world.ready()
    assert {report.positions for report in world.reports()[told:] if report.complete} == {(("MES", 2),)}
    assert world.session.generation == 1


def test_two_answers_about_the_account_that_never_come_end_the_line(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("mute", what="POSITIONS", count=2)
    for _ in range(2):
        told = len(world.reports())
        world.broker.ask_report(world.now_ns)
        world.until(lambda told=told: len(world.reports()) > told or Link.BACKOFF in world.links())  # type: ignore[misc]
    world.until(lambda: Link.BACKOFF in world.links())
    world.ready()
    assert world.session.generation == 2
    assert world.reports()[-1].complete


def test_a_lost_socket_fences_within_a_tenth_of_a_second(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("cut")
    assert world.until(lambda: world.session.refusal(Purpose.PROTECT) != "", 1) <= 0.1
    assert world.until(lambda: world.links()[-1] is Link.BACKOFF, 1) <= 0.1
    world.ready()
    assert world.session.generation == 2


def test_a_hung_gateway_is_fenced_within_five_seconds(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.loop.frozen = True
    assert world.until(lambda: world.links()[-1] is not Link.READY, 10) <= 5.0
    assert world.session.link in {Link.BACKOFF, Link.CONNECTING}
    world.loop.thaw()
    world.ready()


def test_a_clock_that_comes_apart_from_the_gateways_while_connected_is_noticed_and_the_line_stays_up(worlds: MakeWorld) -> None:
    world = worlds().ready()
    assert world.session.skew_s is not None
    assert abs(world.session.skew_s) <= 1.5
    world.session.clock_ns = lambda: world.loop.now_ns + 9_000_000_000
    world.until(lambda: (world.session.skew_s or 0) > 7, 3)
    world.pass_ms(5_000)
    assert world.session.link is Link.READY
    assert world.session.refusal(Purpose.FLATTEN) == ""


def test_entries_are_refused_after_the_first_missed_probe(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.loop.frozen = True
    world.until(lambda: "probe" in world.session.refusal(Purpose.ENTRY), 3)
    assert world.session.refusal(Purpose.FLATTEN) == ""
    world.loop.thaw()
    world.until(lambda: world.session.refusal(Purpose.ENTRY) == "", 5)
    assert world.session.link is Link.READY


def test_a_late_answer_to_one_probe_is_not_taken_for_the_next_ones(worlds: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway 2.6 s behind: each answer came in time for the question after its own, and the link stayed READY."""
    world = worlds().ready()
    tell = Client.tell

    def behind(client: Client, *fields: Field) -> None:
        if fields[0] is Tell.CURRENT_TIME:
            world.loop.call_later(2.6, lambda: tell(client, *fields))
        else:
            tell(client, *fields)

    monkeypatch.setattr(Client, "tell", behind)
    assert world.until(lambda: world.links()[-1] is not Link.READY, 10) <= 5.0
    monkeypatch.undo()
    world.ready()


def test_one_late_answer_costs_one_probe_and_keeps_the_line(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("hold", what=["CURRENT_TIME"])
    world.until(lambda: "probe" in world.session.refusal(Purpose.ENTRY), 4)
    world.do("release")
    world.pass_ms(10_000)
    assert world.session.refusal(Purpose.ENTRY) == ""
    assert world.session.generation == 1


def test_after_the_loop_stood_still_an_entry_waits_for_an_answer(worlds: MakeWorld) -> None:
    """A machine that slept: no probe was missed, and nobody knows what is behind the line."""
    world = worlds().ready()
    world.pass_ms(2_000)
    assert world.session.refusal(Purpose.ENTRY) == ""
    world.session.clock_ns = lambda: world.loop.now_ns + 3_000_000_000
    assert "s ago" in world.session.refusal(Purpose.ENTRY)
    assert world.session.refusal(Purpose.PROTECT) == ""
    world.until(lambda: world.session.refusal(Purpose.ENTRY) == "", 1.5)


@pytest.mark.parametrize("code", [1100, 2110])
@pytest.mark.parametrize("kept", [True, False])
def test_a_lost_broker_fences_and_its_return_synchronises_before_ready(worlds: MakeWorld, code: int, kept: bool) -> None:
    world = worlds().ready()
    subscriptions = len(world.sent("TICK_BY_TICK"))
    world.do("lose-broker", code=code)
    assert world.until(lambda: world.session.link is Link.BROKER_LOST, 1) <= 0.1
    assert world.session.refusal(Purpose.FLATTEN) != ""
    world.pass_ms(5_000)
    before = len(world.reports())
    world.do("regain-broker", kept=kept)
    world.ready()
    assert world.links()[-4:] == [Link.BROKER_LOST, Link.SYNCING, Link.WARMUP, Link.READY]
    assert len(world.reports()) == before + 1
    world.pass_ms(3_000)
    again = len(world.sent("TICK_BY_TICK")) - subscriptions
    assert again == (0 if kept else 3)
    assert world.session.generation == 1


def test_a_broker_that_stays_away_leads_to_a_new_connection(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("lose-broker")
    world.until(lambda: Link.BACKOFF in world.links(), 130)
    world.do("regain-broker")
    world.ready()
    assert world.session.generation >= 2


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("code", [1100, 2110])
def test_a_broker_told_unreachable_with_the_greeting_fences_until_it_is_back(
    worlds: MakeWorld, monkeypatch: pytest.MonkeyPatch, code: int, back: bool
) -> None:
    """The words come in one piece with the answer to the greeting, so that the line hears them before it is connected."""
    world = worlds(start=False)
    gateway = world.stage.gateway
    greet = gateway.house.tell_ids

    def and_more(client: Client) -> None:
        greet(client)
        client.tell(*messages.error(-1, code, "lost"))
        if back:
            client.tell(*messages.error(-1, 1102, "restored"))

    monkeypatch.setattr(type(gateway.house), "tell_ids", lambda _, client: and_more(client))
    world.start()
    world.pass_ms(5_000)
    if not back:
        assert world.links() == [Link.CONNECTING, Link.SYNCING, Link.BROKER_LOST]
        assert world.session.refusal(Purpose.ENTRY) != ""
        assert world.reports() == []
        world.do("error", code=1102)
    world.ready()
    assert world.session.generation == 1
    assert world.reports()[-1].complete


def test_a_changed_port_ends_the_line(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("error", code=1300)
    world.until(lambda: Link.BACKOFF in world.links(), 1)
    world.ready()


@pytest.mark.parametrize("code", [2103, 2105])
def test_a_broken_farm_degrades_and_its_return_is_ready_after_five_good_seconds(worlds: MakeWorld, code: int) -> None:
    world = worlds().ready()
    world.do("farm", down=True, code=code)
    assert world.until(lambda: world.session.link is Link.DEGRADED, 1) <= 0.2
    assert world.session.refusal(Purpose.ENTRY) != ""
    assert world.session.refusal(Purpose.PROTECT) == ""
    world.do("farm", down=False)
    assert 4.5 <= world.until(lambda: world.session.link is Link.READY, 20) <= 6.0


def test_the_return_of_one_farm_does_not_end_the_outage_of_another(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("farm", down=True)
    world.do("error", code=2105, text="HMDS data farm connection is broken:ushmds")
    world.until(lambda: world.session.link is Link.DEGRADED, 1)
    world.do("error", code=2106, text="HMDS data farm connection is OK:ushmds")
    world.pass_ms(10_000)
    assert world.session.link is Link.DEGRADED
    world.do("farm", down=False)
    assert 4.9 <= world.until(lambda: world.session.link is Link.READY, 20) <= 6.0


def test_a_farm_that_rests_is_not_broken(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("error", code=2105, text="HMDS data farm connection is broken:ushmds")
    world.until(lambda: world.session.link is Link.DEGRADED, 1)
    world.do("error", code=2107, text="HMDS data farm connection is inactive but should be available upon demand:ushmds")
    world.until(lambda: world.session.link is Link.READY, 6)


def test_after_a_long_outage_five_good_seconds_are_waited_for_too(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("farm", down=True)
    world.until(lambda: world.session.link is Link.DEGRADED, 1)
    world.pass_ms(20_000)
    world.do("farm", down=False)
    assert 4.9 <= world.until(lambda: world.session.link is Link.READY, 20) <= 6.0


def test_the_five_good_seconds_begin_anew_with_every_fault(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("farm", down=True)
    for _ in range(3):
        world.pass_ms(1_000)
        world.do("farm", down=False)
        world.pass_ms(4_000)
        world.do("farm", down=True)
        assert world.session.link is Link.DEGRADED
    world.pass_ms(300)
    world.do("farm", down=False)
    assert 4.9 <= world.until(lambda: world.session.link is Link.READY, 20) <= 6.0


def test_stale_data_degrades_subscribes_anew_and_then_connects_anew(worlds: MakeWorld) -> None:
    world = worlds().ready()
    asked = len(world.sent("TICK_BY_TICK"))
    world.do("play", on=False)
    world.until(lambda: world.session.link is Link.DEGRADED, 20)
    world.pass_ms(35_000)
    assert len(world.sent("TICK_BY_TICK")) > asked
    world.until(lambda: Link.BACKOFF in world.links(), 60)
    world.do("play", on=True)
    world.ready()


def test_subscriptions_lost_by_1101_are_made_anew_although_a_second_outage_kept_what_there_was(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.pass_ms(3_000)
    world.do("lose-broker")
    world.pass_ms(2_000)
    world.do("mute", what="POSITIONS", count=1)
    world.do("regain-broker", kept=False)
    world.until(lambda: world.session.link is Link.SYNCING, 1)
    world.pass_ms(500)
    world.do("lose-broker")
    world.until(lambda: world.session.link is Link.BROKER_LOST, 1)
    world.pass_ms(1_000)
    world.do("regain-broker", kept=True)
    world.ready()
    world.pass_ms(3_000)
    assert world.do("state")["subscriptions"] == [{"last": 1, "bid_ask": 2, "depth": 1, "level1": 0}]


def test_a_warm_up_without_data_in_an_open_market_subscribes_anew_and_then_connects_anew(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("mute", what="TICK_BY_TICK")
    world.start()
    world.until(lambda: world.session.link is Link.WARMUP, 5)
    asked = len(world.sent("TICK_BY_TICK"))
    world.pass_ms(33_000)
    assert world.session.link is Link.WARMUP
    assert len(world.sent("TICK_BY_TICK")) > asked
    world.until(lambda: Link.BACKOFF in world.links(), 35)
    world.do("unmute")
    world.ready()


def test_a_warm_up_in_a_closed_market_waits(worlds: MakeWorld) -> None:
    world = worlds(days=3, start=False)  # a Saturday
    world.do("play", on=False)
    world.start()
    world.until(lambda: world.session.link is Link.WARMUP, 5)
    world.pass_ms(300_000)
    assert world.session.link is Link.WARMUP
    assert world.session.generation == 1


def test_a_competing_session_degrades(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("compete")
    world.until(lambda: world.session.link is Link.DEGRADED, 2)


def test_no_permission_blocks_until_a_person_acknowledges(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("answer", what="TICK_BY_TICK", code=354, count=9)
    world.do("answer", what="MARKET_DATA", code=354, count=9)
    world.start()
    world.until(lambda: world.session.link is Link.DATA_BLOCKED, 20)
    world.pass_ms(5_000)
    assert world.session.link is Link.DATA_BLOCKED
    world.do("calm")
    world.pass_ms(5_000)
    assert world.session.link is Link.DATA_BLOCKED
    world.call(world.session.acknowledge)
    world.ready()
    assert world.session.generation == 1
    world.pass_ms(20_000)
    assert world.links()[-1] is Link.READY


def test_an_acknowledged_denial_that_still_stands_blocks_again(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("answer", what="TICK_BY_TICK", code=354, count=99)
    world.do("answer", what="MARKET_DATA", code=354, count=99)
    world.start()
    world.until(lambda: world.session.link is Link.DATA_BLOCKED, 20)
    world.call(world.session.acknowledge)
    world.until(lambda: world.links()[-2:] == [Link.WARMUP, Link.DATA_BLOCKED], 5)


def test_reconnects_wait_longer_each_time_and_stay_within_their_spread(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("restart", down_s=60)
    world.until(lambda: world.session.link is Link.READY and world.session.generation > 1, 120)
    attempts = world.session.generation - 1
    assert 5 <= attempts <= 8


def test_a_contract_that_is_not_what_is_configured_is_never_traded(worlds: MakeWorld) -> None:
    world = worlds(settings=ib_settings(analysis="ES", execution="ES"), start=False)
    instrument = world.session.instruments["ES"]
    world.session.instruments = {"ES": replace(instrument, multiplier=5)}
    world.start()
    world.until(lambda: Link.BACKOFF in world.links(), 30)
    assert Link.READY not in world.links()


@pytest.mark.parametrize(
    ("days", "leading", "month"), [(0, 1, "202612"), (22, 0, "202612"), (22, 1, "202703"), (26, 0, "202703")]
)
def test_both_instruments_roll_together_by_the_volume_of_the_last_session(
    worlds: MakeWorld, days: int, leading: int, month: str
) -> None:
    world = worlds(Settings(leading=leading), days=days).ready()
    assert {t.listed.month for t in world.session.traded.values()} == {month}


def test_a_month_that_is_held_stays_the_one_that_is_traded(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    house = world.stage.gateway.house
    later = [entry for entry in house.listings if entry.product.symbol == "MES"][1]
    house.account.holdings[later.con_id] = Holding(later, 1)
    world.start()
    world.ready()
    assert world.session.traded["ES"].listed.month == "202612"
    assert world.session.traded["MES"].listed.month == later.month
    assert "is held" in world.session.traded["MES"].held_back


def test_monitor_mode_sees_the_account_and_sends_nothing(worlds: MakeWorld) -> None:
    world = worlds(settings=ib_settings(proof=Proof.NONE)).ready()
    assert world.reports()[0].complete
    assert world.session.refusal(Purpose.FLATTEN) == "this mode has no way to send orders"


@pytest.mark.parametrize(("proof", "reaches"), [(Proof.NONE, Link.READY), (Proof.PAPER, Link.BACKOFF)])
def test_monitor_mode_works_with_a_read_only_gateway_and_trading_does_not(worlds: MakeWorld, proof: Proof, reaches: Link) -> None:
    world = worlds(settings=ib_settings(proof=proof), start=False)
    for what in ("ALL_OPEN_ORDERS", "COMPLETED_ORDERS"):
        world.do("answer", what=what, code=321, count=9)
    world.start()
    assert world.until(lambda: world.session.link in {Link.READY, Link.BACKOFF}, 20) < 4
    assert world.session.link is reaches
    assert world.reports()[0].missing == ("open orders", "completed orders")


def test_callbacks_of_an_older_line_are_not_heard(worlds: MakeWorld) -> None:
    world = worlds().ready()
    old = world.session.line
    assert old is not None
    world.do("cut")
    world.until(lambda: world.session.generation == 2 and world.session.link is Link.READY, 60)
    count = len(world.events)
    old._ib.wrapper.error(-1, 1100, "late", "")
    old._ib.wrapper.connectionClosed()
    world.pass_ms(500)
    assert world.session.link is Link.READY
    assert len(world.events) == count


def test_stop_closes_the_line_and_ends_the_supervisor(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.call(world.session.stop)
    world.until(lambda: world.session.link is Link.OFF, 1)
    world.pass_ms(100)
    assert world.do("state")["clients"] == []
    assert world.links()[-1] is Link.OFF


def test_orders_wait_at_most_fifty_milliseconds_behind_other_traffic(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    line = world.session.line
    assert line is not None

    def flood() -> None:
        for _ in range(200):
            line.lane.call(line.client.reqCurrentTime)

    world.call(flood)
    world.pass_ms(500)
    asked_ns = world.now_ns
    world.broker.send(bracket(), asked_ns)
    world.pass_ms(100)
    placed = world.sent("PLACE_ORDER")
    assert len(placed) == 3
    assert all(p["at_ns"] - asked_ns <= 50_000_000 for p in placed)


def test_the_nightly_reset_is_known() -> None:
    def at(hour: int, minute: int) -> int:
        return int(datetime(2026, 11, 18, hour, minute, tzinfo=UTC).timestamp()) * 10**9

    assert in_reset_window(at(5, 30))  # 00:30 Eastern
    assert not in_reset_window(at(15, 0))


def test_a_gateway_that_answers_the_clock_twice_does_not_end_the_house(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("duplicate", what="CURRENT_TIME", count=1)
    world.start()
    world.ready()
    assert world.session.skew_s is not None
    assert not world._tasks[0].done()
