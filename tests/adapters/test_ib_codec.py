import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters import ib_codec as codec
from orderflow_tui.adapters.ib_codec import Phase, Proof
from orderflow_tui.domain.order import BrokerStatus, Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import SECOND_NS
from tests.adapters.ib_world import ES, MES

NEW_REJECTS = [201, 203, 103, 106, 107, 109, 111, 133, 163, 200, 382, 383, 387, 388, 392, 434, 451, 110, 321]


@pytest.mark.parametrize("code", NEW_REJECTS)
def test_a_rejection_is_proven_only_for_an_order_nobody_acknowledged(code: int) -> None:
    assert codec.order_error(code, Phase.NEW, BrokerStatus.PENDING) is BrokerStatus.REJECTED
    assert codec.order_error(code, Phase.LIVE, BrokerStatus.WORKING) is BrokerStatus.SUSPECT


@pytest.mark.parametrize("code", [104, 105, 110, 134, 321, 329, 2102])
def test_a_failed_change_leaves_the_original_alive(code: int) -> None:
    assert codec.order_error(code, Phase.CHANGING, BrokerStatus.WORKING) is BrokerStatus.CHANGE_REFUSED


@pytest.mark.parametrize("code", [135, 136, 161, 10147, 10148])
def test_a_failed_cancel_is_never_a_cancel(code: int) -> None:
    assert codec.order_error(code, Phase.CANCELLING, BrokerStatus.WORKING) is BrokerStatus.CANCEL_REFUSED
    assert codec.order_error(code, Phase.LIVE, BrokerStatus.WORKING) is BrokerStatus.SUSPECT


@pytest.mark.parametrize("code", [399, 404, 2109, 2137])
@pytest.mark.parametrize("phase", Phase)
def test_a_warning_changes_nothing(code: int, phase: Phase) -> None:
    assert codec.order_error(code, phase, BrokerStatus.WORKING) is BrokerStatus.WORKING


@pytest.mark.parametrize("phase", Phase)
def test_202_is_a_cancel_and_a_changed_time_in_force_a_reason_to_ask(phase: Phase) -> None:
    assert codec.order_error(202, phase, BrokerStatus.WORKING) is BrokerStatus.CANCELLED
    assert codec.order_error(10349, phase, BrokerStatus.WORKING) is BrokerStatus.SUSPECT


@pytest.mark.parametrize(
    "text",
    [
        "20260302-15:30:00",  # the dash says UTC
        "20260302 15:30:00 UTC",
        "20260302 09:30:00 US/Central",
        "20260302  09:30:00 US/Central",
        "20260302 09:30:00 America/Chicago",
        "20260302 16:30:00 MET",
        "1772465400",
    ],
)
def test_a_time_that_names_its_zone_is_read_in_it(text: str) -> None:
    assert codec.instant_s(text) == 1_772_465_400


def test_summer_time_is_that_of_the_zone() -> None:
    assert codec.instant_s("20260702 09:30:00 US/Central") == codec.instant_s("20260702-14:30:00")


@pytest.mark.parametrize(
    "text",
    [
        "20260302 09:30:00",  # whose clock?
        "20260302  09:30:00",
        "20260302 09:30:00 CST",  # Chicago or Shanghai
        "20260302 09:30:00 中国标准时间",
        "20260302 09:30:00 ../UTC",
        "20261101 01:30:00 US/Central",  # twice that night
        "20260308 02:30:00 US/Central",  # never that night
        "20260302",
        "20261402-15:30:00",
        "",
    ],
)
def test_a_time_nobody_can_place_is_not_known(text: str) -> None:
    assert codec.instant_s(text) is None


@given(st.integers(1, 20_000), st.sampled_from(Phase))
@settings(max_examples=100)
def test_an_unknown_code_never_ends_an_order(code: int, phase: Phase) -> None:
    told = codec.order_error(code, phase, BrokerStatus.WORKING)
    if told in {BrokerStatus.REJECTED, BrokerStatus.CANCELLED}:
        assert code == 202 or code in NEW_REJECTS


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PendingSubmit", BrokerStatus.PENDING),
        ("ApiPending", BrokerStatus.PENDING),
        ("PreSubmitted", BrokerStatus.WORKING),
        ("Submitted", BrokerStatus.WORKING),
        ("PendingCancel", BrokerStatus.WORKING),
        ("Filled", BrokerStatus.FILLED),
        ("Cancelled", BrokerStatus.CANCELLED),
        ("ApiCancelled", BrokerStatus.CANCELLED),
        ("Inactive", BrokerStatus.SUSPECT),
        ("Whatever", BrokerStatus.SUSPECT),
    ],
)
def test_statuses_are_translated_and_doubt_stays_doubt(word: str, status: BrokerStatus) -> None:
    assert codec.live_status(word) is status


@pytest.mark.parametrize(
    ("text", "base", "revision"),
    [
        ("0000e0d5.65a1.01.01", "0000e0d5.65a1.01", 1),
        ("0000e0d5.65a1.01.02", "0000e0d5.65a1.01", 2),
        ("manual", "manual", 0),
        ("a.b", "a.b", 0),
    ],
)
def test_a_correction_has_the_base_of_what_it_corrects(text: str, base: str, revision: int) -> None:
    assert codec.execution_id(text) == (base, revision)


def test_the_wires_ways_to_say_nothing_are_nothing() -> None:
    assert codec.known("") is codec.known(None) is codec.known(1.7976931348623157e308) is codec.known("nan") is None
    assert codec.cents("1650.005") == 165000
    assert codec.cents("") is None


def test_average_cost_of_a_future_is_divided_by_its_multiplier() -> None:
    assert codec.entry_price(33_521.2, 5) == pytest.approx(6704.24)
    assert codec.entry_price(335_212.0, 50) == pytest.approx(6704.24)


@given(st.integers(0, 10**6), st.integers(-3 * SECOND_NS, 3 * SECOND_NS), st.integers(0, 10**6 * SECOND_NS))
@settings(max_examples=100)
def test_a_stamp_lies_in_its_exchange_second_unless_time_would_run_backwards(second: int, skew: int, last: int) -> None:
    stamp = codec.stamp(second * SECOND_NS + skew, second, last)
    assert stamp >= last
    assert stamp == last or second * SECOND_NS <= stamp < (second + 1) * SECOND_NS


def test_every_safety_field_of_an_order_is_explicit() -> None:
    order = Order(
        "of1-test-1-S",
        "i1",
        5,
        0,
        "MES",
        Side.SELL,
        Role.STOP,
        Purpose.PROTECT,
        OrderType.STOP,
        2,
        stop_ticks=26_780,
        oca_group="of1-test-1",
    )
    assert codec.order_fields(order, MES, 17, 15, "DU1", transmit=True) == {
        "orderId": 17,
        "action": "SELL",
        "totalQuantity": 2.0,
        "orderType": "STP",
        "tif": "GTC",
        "outsideRth": True,
        "account": "DU1",
        "orderRef": "of1-test-1-S",
        "transmit": True,
        "parentId": 15,
        "ocaGroup": "of1-test-1",
        "ocaType": 1,
        "auxPrice": 6695.0,
    }


def test_an_execution_off_the_grid_is_kept_at_the_nearest_tick() -> None:
    assert codec.nearest_ticks(ES, 6700.25) == 26_801
    assert codec.nearest_ticks(ES, 6700.26) == 26_801


CASES = [
    # (proof, accounts served, configured, proven)
    (Proof.PAPER, ["DU1"], "", "DU1"),
    (Proof.PAPER, ["DU1"], "DU1", "DU1"),
    (Proof.PAPER, ["U1"], "", ""),
    (Proof.PAPER, ["U1"], "U1", ""),
    (Proof.EXACT, ["U1"], "U1", "U1"),
    (Proof.EXACT, ["U1"], "", ""),
    (Proof.EXACT, ["DU1"], "DU1", ""),
    (Proof.EXACT, ["U2"], "U1", ""),
    (Proof.PAPER, ["DU1", "DU2"], "", ""),
    (Proof.PAPER, ["DU1", "DU2"], "DU2", "DU2"),
    (Proof.NONE, ["U1"], "", "U1"),
    (Proof.NONE, [], "", ""),
]


@pytest.mark.parametrize(("proof", "accounts", "wanted", "proven"), CASES)
def test_the_account_id_decides_before_the_first_order(proof: Proof, accounts: list[str], wanted: str, proven: str) -> None:
    got = codec.prove(accounts, proof, wanted)
    assert got.account == proven
    assert bool(got.refusal) == (proven == "")
