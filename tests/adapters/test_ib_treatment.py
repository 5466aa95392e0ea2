"""How each error code and each accident of the gateway is treated, as a list: what happens, and what must come of it.

The list is the specification's, written out here; the adapters' own tables are not read. Everything runs over the real
client library and the wire-level gateway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import FeedState, FeedStatus
from orderflow_tui.domain.order import BrokerStatus
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.adapters.ib_world import IbWorld
from tests.contract.broker_contract import bracket, fills, moved_stop
from tests.gateway.commands import COMMANDS

__all__ = ["worlds"]

REJECTED, SUSPECT, WARNED = BrokerStatus.REJECTED, BrokerStatus.SUSPECT, BrokerStatus.WORKING
NO_CHANGE, NO_CANCEL, CANCELLED = BrokerStatus.CHANGE_REFUSED, BrokerStatus.CANCEL_REFUSED, BrokerStatus.CANCELLED

# -- errors that name an order ---------------------------------------------------------------------------------------------
# codes · answering a new order · a change · a cancel. SUSPECT: never believed dead, a complete report settles it.
ORDER_CODES: tuple[tuple[tuple[int, ...], BrokerStatus, BrokerStatus, BrokerStatus], ...] = (
    ((201, 203, 103, 106, 107, 109, 111, 133, 163, 200, 382, 383, 387, 388, 392, 434, 451), REJECTED, SUSPECT, SUSPECT),
    ((110,), REJECTED, NO_CHANGE, SUSPECT),
    ((104, 105, 134, 329, 2102), SUSPECT, NO_CHANGE, SUSPECT),
    ((135, 136, 161, 10147, 10148), SUSPECT, SUSPECT, NO_CANCEL),
    ((202,), CANCELLED, CANCELLED, CANCELLED),
    ((321,), REJECTED, NO_CHANGE, SUSPECT),
    ((399, 404, 2109, 2137), WARNED, WARNED, WARNED),
    ((10349,), SUSPECT, SUSPECT, SUSPECT),  # a warning whose echo must be looked at: the time in force was changed
    ((507, 10311, 10149, 99_999), SUSPECT, SUSPECT, SUSPECT),  # unknown: a reason to ask, never an end
)
EACH_CODE = [(code, new, changed, cancelled) for codes, new, changed, cancelled in ORDER_CODES for code in codes]
LIVES = {SUSPECT, WARNED}


def calm(worlds: MakeWorld) -> IbWorld:
    """READY, the market standing at 20,000 ticks, what came so far forgotten."""
    world = worlds().ready().still()
    world.events.clear()
    return world


def told(world: IbWorld, ref: str, code: int) -> list[BrokerStatus]:
    """What the engine heard with this code."""
    return [update.status for update in world.updates(ref) if update.code == code]


@pytest.mark.parametrize(("code", "new"), [(code, new) for code, new, *_ in EACH_CODE])
def test_a_code_about_a_new_order_is_treated_as_the_list_says(worlds: MakeWorld, code: int, new: BrokerStatus) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=code, role="T", alive=new in LIVES)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert told(world, "T", code) == [new]
    if new in LIVES:
        assert world.orders()["T"]["status"] == "PreSubmitted"


@pytest.mark.parametrize(
    ("code", "changed", "cancelled"), [(code, changed, cancelled) for code, _, changed, cancelled in EACH_CODE]
)
def test_a_code_about_a_change_or_a_cancel_is_treated_as_the_list_says(
    worlds: MakeWorld, code: int, changed: BrokerStatus, cancelled: BrokerStatus
) -> None:
    world = calm(worlds)
    entry, stop, _ = orders = bracket(entry=19_900)
    world.broker.send(orders, world.now_ns)
    world.pass_ms(500)
    world.do("order-fault", on="change", code=code, role="S")
    world.broker.change(*moved_stop(stop, 19_885), world.now_ns)
    world.pass_ms(500)
    assert told(world, "S", code) == [changed]
    assert world.orders()["S"]["status"] == "PreSubmitted", "the original lives on"
    world.do("order-fault", on="cancel", code=code, role="E")
    world.broker.cancel([entry.id], world.now_ns)
    world.pass_ms(500)
    assert told(world, "E", code) == [cancelled]


@pytest.mark.parametrize("code", sorted({code for code, *_ in EACH_CODE} - {202}))
def test_no_code_ends_an_order_that_the_broker_had_acknowledged(worlds: MakeWorld, code: int) -> None:
    world = calm(worlds)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    world.do("error", code=code, ref="-S")
    world.pass_ms(500)
    assert told(world, "S", code)
    assert set(told(world, "S", code)) <= LIVES
    world.broker.ask_report(world.now_ns)
    world.pass_ms(2_000)
    assert "of1-test-1-S" in {order.order_id for order in world.reports()[-1].orders}


# -- codes about connection and data ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """`before` happens before the first connect, `then` while READY; afterwards `holds` must be true within `within_s`."""

    name: str
    covers: tuple[str | int, ...]
    holds: Callable[[IbWorld], bool]
    then: Callable[[IbWorld], object] | None = None
    before: Callable[[IbWorld], object] | None = None
    within_s: float = 60.0


Step = Callable[[IbWorld], object]


def do(command: str, **arguments: object) -> Step:
    """Tell the gateway something."""
    return lambda world: world.do(command, **arguments)


def wait(ms: int) -> Step:
    """Let time pass."""
    return lambda world: world.pass_ms(ms)


def steps(*each: Step) -> Step:
    """One after the other."""

    def play(world: IbWorld) -> None:
        for step in each:
            step(world)

    return play


def link(*states: Link) -> Callable[[IbWorld], bool]:
    """These states were told one after the other at the end."""
    return lambda world: world.links()[-len(states) :] == list(states)


def request(world: IbWorld, kind: str) -> int:
    """The running request of a kind."""
    return next(number for number, s in world.feed.subscriptions.by_request.items() if s.kind.value == kind)


def asked(world: IbWorld, what: str) -> int:
    return len(world.sent(what))


def snapshots(world: IbWorld) -> bool:
    """Price and volume go on, and the engine knows that sides do not."""
    return [e.state for e in world.market if isinstance(e, FeedStatus)][-1:] == [FeedState.SNAPSHOT]


def locked_by_id(world: IbWorld) -> bool:
    clients = {r["client"] for r in world.sent("START_API")} - {-1}
    return [t.latch for t in world.troubles()] == [LatchKind.CLIENT_ID] and clients <= {11}


RESTORED = (Link.SYNCING, Link.WARMUP, Link.READY)
CONNECTION: tuple[Case, ...] = (
    Case("1100 fences", (1100,), link(Link.BROKER_LOST), do("lose-broker", code=1100)),
    Case("2110 fences", (2110,), link(Link.BROKER_LOST), do("lose-broker", code=2110)),
    Case(
        "1102 synchronises and keeps subscriptions",
        (1102, "lose-broker", "regain-broker"),
        lambda w: link(Link.BROKER_LOST, *RESTORED)(w) and asked(w, "TICK_BY_TICK") == 3,
        steps(do("lose-broker"), wait(500), do("regain-broker", kept=True)),
    ),
    Case(
        "1101 synchronises and subscribes anew",
        (1101,),
        lambda w: link(Link.BROKER_LOST, *RESTORED)(w) and asked(w, "TICK_BY_TICK") == 6,
        steps(do("lose-broker"), wait(500), do("regain-broker", kept=False)),
    ),
    Case(
        "1300 ends the line",
        (1300, "error"),
        lambda w: w.session.generation == 2 and w.session.link is Link.READY,
        do("error", code=1300),
    ),
    Case(
        "326 waits with the same id and locks after three tries",
        (326, "refuse-id"),
        locked_by_id,
        before=do("refuse-id", count=99),
    ),
    Case("2103 degrades", (2103, "farm"), link(Link.READY, Link.DEGRADED), do("farm", down=True, code=2103)),
    Case("2105 degrades", (2105,), link(Link.READY, Link.DEGRADED), do("farm", down=True, code=2105)),
    *(
        Case(
            f"{code} ends a degradation after five good seconds",
            (code,),
            link(Link.READY, Link.DEGRADED, Link.READY),
            steps(do("farm"), wait(500), do("farm", down=False, code=code)),
        )
        for code in (2104, 2106, 2158)
    ),
    *(
        Case(
            f"{code} says nothing",
            (code,),
            lambda w: w.session.link is Link.READY and Link.DEGRADED not in w.links(),
            steps(do("error", code=code), wait(2_000)),
        )
        for code in (2107, 2108)
    ),
    *(
        Case(
            f"{code} on single trades degrades to snapshots",
            (code, "answer"),
            snapshots,
            before=do("answer", what="TICK_BY_TICK", code=code, count=1),
        )
        for code in (354, 10089, 10186, 10189, 10190)
    ),
    Case(
        "10090 changes nothing",
        (10090, "data-error"),
        lambda w: w.session.link is Link.READY and not any(isinstance(e, FeedStatus) for e in w.market),
        steps(do("data-error", code=10090), wait(2_000)),
    ),
    Case("10167 is not traded on", (10167,), link(Link.DATA_BLOCKED), do("data-error", code=10167)),
    Case(
        "10197 degrades until the data is back",
        (10197, "compete"),
        link(Link.READY, Link.DEGRADED, Link.READY),
        steps(do("compete"), wait(3_000), do("compete", on=False)),
    ),
    Case(
        "317 asks for the book anew",
        (317, "reset-depth"),
        lambda w: asked(w, "DEPTH") == 2 and w.feed.streams["ES"].book.valid,
        do("reset-depth", resend=False),
    ),
    Case(
        "a book that is refused is done without",
        (309,),
        lambda w: w.session.link is Link.READY and not w.feed.streams["ES"].book.bids,
        before=do("answer", what="DEPTH", code=309),
    ),
)

# -- accidents of the wire ------------------------------------------------------------------------------------------------


def complete_at_last(world: IbWorld) -> bool:
    """The newest report is complete and the link READY."""
    return bool(world.reports()) and world.reports()[-1].complete and world.session.link is Link.READY


def synced_later(world: IbWorld) -> bool:
    """Silence was not taken for an answer: the first try failed, a later one knows everything."""
    return Link.BACKOFF in world.links() and complete_at_last(world)


def one_fill(world: IbWorld) -> bool:
    """One execution and one only, by its id."""
    return len({fill.base_id for fill in fills(world.events)}) == 1 and complete_at_last(world)


def bought(world: IbWorld) -> None:
    """A bracket that fills at once; then a report."""
    world.still()
    world.broker.send(bracket(), world.now_ns)
    world.pass_ms(500)
    world.do("play", on=True)
    world.do("calm")
    world.broker.ask_report(world.now_ns)


def while_buying(command: str, **arguments: object) -> Callable[[IbWorld], None]:
    def play(world: IbWorld) -> None:
        world.do(command, **arguments)
        bought(world)

    return play


def new_line(world: IbWorld) -> bool:
    return world.session.generation >= 2 and complete_at_last(world)


def restarted_ids(world: IbWorld) -> None:
    """The gateway counts order ids from one again; ours go on where they were."""
    bought(world)
    world.pass_ms(1_000)
    world.do("restart", reset_ids=True)
    world.until(lambda: new_line(world))
    world.still()
    world.broker.send(bracket(number=40, entry=19_000), world.now_ns)
    world.pass_ms(500)
    world.do("play", on=True)


def frozen(world: IbWorld) -> None:
    world.stage.loop.frozen = True
    world.until(lambda: world.session.link is Link.BACKOFF, 5)
    world.stage.loop.thaw()


ACCIDENTS: tuple[Case, ...] = (
    *(
        Case(f"{what} twice", ("duplicate",), one_fill, while_buying("duplicate", what=what))
        for what in ("ORDER_STATUS", "OPEN_ORDER", "EXECUTION", "COMMISSION", "POSITION")
    ),
    *(
        Case(f"{what} lost", ("drop",), one_fill, while_buying("drop", what=what))
        for what in ("ORDER_STATUS", "OPEN_ORDER", "COMMISSION")
    ),
    Case(
        "an execution lost is found in the report",
        ("drop",),
        lambda w: w.reports()[-1].fills != (),
        while_buying("drop", what="EXECUTION", count=1),
    ),
    Case(
        "news in reverse",
        ("hold", "release"),
        one_fill,
        steps(do("hold", what=["OPEN_ORDER", "ORDER_STATUS", "EXECUTION"]), bought, do("release", backwards=True)),
    ),
    Case("execution before status", ("executions-first",), one_fill, while_buying("executions-first")),
    Case(
        "a correction has the base and a higher revision",
        ("correct",),
        lambda w: [f.revision for f in fills(w.events)] == [1, 2] and one_fill(w),
        steps(bought, do("correct", price=5_000.5), wait(500)),
    ),
    *(
        Case(f"{end} missing", ("drop",), synced_later, before=do("drop", what=end, count=1))
        for end in ("POSITION_END", "OPEN_ORDER_END", "COMPLETED_ORDERS_END", "EXECUTION_END", "CONTRACT_DETAILS_END")
    ),
    *(
        Case(f"{what} muted", ("mute",), synced_later, before=do("mute", what=what, count=1))
        for what in ("POSITIONS", "ALL_OPEN_ORDERS", "COMPLETED_ORDERS", "EXECUTIONS", "CURRENT_TIME", "CONTRACT_DETAILS")
    ),
    Case(
        "the account summary muted costs the money and nothing else",
        ("mute", "unmute"),
        complete_at_last,
        before=do("mute", what="ACCOUNT_SUMMARY", count=1),
    ),
    Case("a half-open socket is found by asking", ("half-open",), new_line, frozen),
    Case("a cut in the middle of a frame", ("cut",), new_line, do("cut", mid_frame=True)),
    Case("a line closed in order", ("cut",), new_line, do("cut", mid_frame=False)),
    *(Case(f"frames in pieces of {size}", ("split",), one_fill, while_buying("split", bytes=size)) for size in (1, 3, 7, 50)),
    Case(
        "a restart that resets order ids",
        ("restart",),
        lambda w: {o["id"] for o in w.orders().values()} >= {40, 41, 42} and new_line(w),
        restarted_ids,
    ),
    Case("calm ends all of it", ("calm",), one_fill, while_buying("tif-echo", tif="GTC")),
)
LIST = (*CONNECTION, *ACCIDENTS)


@pytest.mark.parametrize("case", LIST, ids=lambda case: case.name)
def test_an_accident_is_treated_as_the_list_says(worlds: MakeWorld, case: Case) -> None:
    world = worlds(start=False)
    if case.before is not None:
        case.before(world)
    world.start()
    if case.then is not None:
        world.ready()
        case.then(world)
    world.until(lambda: case.holds(world), case.within_s)


# -- nothing is left out ----------------------------------------------------------------------------------------------------

ASKED_FOR = {
    *(1100, 1101, 1102, 2103, 2105, 2110, 1300, 326, 317, 354, 10090, 10189, 10190, 10197, 10349),
    *(201, 203, 103, 106, 107, 109, 111, 133, 163, 200, 382, 383, 387, 388, 392, 434, 451, 110, 104, 105, 134, 329, 2102),
    *(135, 136, 161, 10147, 10148, 202, 321, 399, 404, 2109, 2137),
}
ELSEWHERE = {  # told by name in tests of their own
    *("order-fault", "tif-echo", "what-if", "habits", "fill", "kill", "repeat-status", "manual", "liquidate", "jump"),
    *("pace", "play", "step", "quote", "state", "received", "prints", "exposure", "lead", "regroup"),
}


def test_every_code_and_every_fault_of_the_gateway_is_on_the_list() -> None:
    covered = {item for case in LIST for item in case.covers} | {code for code, *_ in EACH_CODE}
    assert covered >= ASKED_FOR
    assert set(COMMANDS) - ELSEWHERE <= covered | {"unmute"}
