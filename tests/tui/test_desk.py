from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.tui import overlays
from orderflow_tui.tui.desk import Desk, Feed, Leave, Look, Overlay, Send, matching
from orderflow_tui.tui.keymap import KEYS, KeyId, resolve
from orderflow_tui.view import ConsoleView, OrderRow
from tests.tui.views import Scene, halted, replaying, unarmed

MS = 1_000_000
START = 10**13
RAISING = {Command.BRACKET, Command.TAKE_SETUP, Command.REVERSE, Command.AUTOMATION}


class Hand:
    """Presses keys on a desk, half a second apart unless told otherwise."""

    def __init__(self, view: ConsoleView | None, overlay: Overlay | None = None) -> None:
        self.desk = Desk(resolve({}), overlay)
        self.now_ns = START
        self.view = view

    def press(self, key: str, after_ms: int = 500) -> object:
        self.now_ns += after_ms * MS
        view = replace(self.view, beat_mono_ns=self.now_ns - 50 * MS) if self.view else None
        return self.desk.press(key, self.now_ns, view)

    def type(self, text: str) -> None:
        for letter in text:
            self.press(letter, 120)


@pytest.fixture(scope="module")
def armed_view() -> ConsoleView:
    return Scene(3).view()


def test_two_f_within_a_second_flatten(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    assert hand.press("F") is None
    assert hand.press("F", 900) == Send(Command.FLATTEN)


def test_two_f_further_apart_do_not_flatten(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("F")
    assert hand.press("F", 1_001) is None
    assert hand.press("F", 200) == Send(Command.FLATTEN)


def test_f_f_is_never_filtered_as_a_repeat_or_a_paste(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("F")
    assert hand.press("F", 0) == Send(Command.FLATTEN)


@pytest.mark.parametrize("overlay", [None, *Overlay])
@pytest.mark.parametrize(("key", "command"), [("X", Command.CANCEL_ENTRIES), ("H", Command.HALT), ("K", Command.STOP)])
def test_brakes_work_from_everywhere(armed_view: ConsoleView, overlay: Overlay | None, key: str, command: Command) -> None:
    assert Hand(armed_view, overlay).press(key) == Send(command)


@pytest.mark.parametrize("overlay", [None, *Overlay])
def test_flatten_works_from_everywhere_and_before_any_view(overlay: Overlay | None) -> None:
    hand = Hand(None, overlay)
    hand.press("F")
    assert hand.press("F", 100) == Send(Command.FLATTEN)


def test_a_bracket_needs_arming_then_a_preview_then_enter(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    assert hand.press("B") is None
    assert hand.desk.overlay is Overlay.PREVIEW
    assert hand.press("enter") == Send(Command.BRACKET, {"side": "BUY", "quantity": "2"})
    assert hand.desk.overlay is None


def test_s_previews_a_sell(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("S")
    assert hand.press("enter") == Send(Command.BRACKET, {"side": "SELL", "quantity": "2"})


def test_preview_shows_the_distances_money_and_resulting_position(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("S")
    seen = hand.desk.preview
    assert seen is not None
    best_bid = armed_view.dom.bids[0][0]
    assert (seen.price, seen.stop, seen.target) == (best_bid, best_bid + 16, best_bid - 24)
    assert (seen.risk_cents, seen.reward_cents) == (-16 * 2 * 125, 24 * 2 * 125)
    assert (seen.position_now, seen.position_after) == (2, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (unarmed, "not armed"),
        (halted, "HALTED: OPERATOR"),
        (lambda view: replace(view, pnl=replace(view.pnl, contracts_allowed=0)), "no contracts allowed"),
    ],
)
def test_no_preview_opens_while_something_forbids_it(armed_view: ConsoleView, change: object, reason: str) -> None:
    assert callable(change)
    hand = Hand(change(armed_view))
    hand.press("B")
    assert hand.desk.overlay is None
    assert reason in hand.desk.said


def test_a_silent_engine_gets_no_bracket(armed_view: ConsoleView) -> None:
    desk = Desk(resolve({}))
    desk.press("B", START, replace(armed_view, beat_mono_ns=START - 3_000 * MS))
    assert desk.overlay is None
    assert "silent for 3.0 s" in desk.said


def test_enter_is_ignored_until_the_preview_could_be_read(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("B")
    assert hand.press("enter", 200) is None
    assert hand.desk.overlay is Overlay.PREVIEW
    assert hand.press("enter", 200) is None  # the same key may still be held
    assert isinstance(hand.press("enter", 1_200), Send)


@pytest.mark.parametrize("first_repeat_ms", [250, 500, 660, 1_000])
def test_an_enter_held_since_the_palette_never_confirms_the_preview_it_opened(
    armed_view: ConsoleView, first_repeat_ms: int
) -> None:
    hand = Hand(armed_view)
    hand.press("ctrl+p")
    hand.type("buy")
    hand.press("enter")
    assert [hand.press("enter", wait) for wait in (first_repeat_ms, *[33] * 200)] == [None] * 201
    assert hand.desk.overlay is Overlay.PREVIEW
    assert "let go" in hand.desk.said
    assert isinstance(hand.press("enter", 1_200), Send)


def test_another_key_pressed_between_ends_the_wait_for_a_held_one(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("ctrl+p")
    hand.type("buy")
    hand.press("enter")
    hand.press("down", 200)
    assert isinstance(hand.press("enter", 200), Send)


def test_an_enter_held_on_the_typed_word_does_not_send_an_empty_key(armed_view: ConsoleView) -> None:
    hand = Hand(halted(armed_view))
    hand.press("U")
    hand.type("resume")
    assert [hand.press("enter", wait) for wait in (200, 500, 33, 33)] == [None] * 4
    hand.type("s3cret")
    assert hand.press("enter") == Send(Command.RESUME, {"word": "RESUME", "key": "s3cret"})


def test_arming_that_ran_out_between_preview_and_enter_sends_nothing(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("B")
    hand.view = unarmed(armed_view)
    assert hand.press("enter") is None
    assert "nothing sent: not armed" in hand.desk.said


def test_a_preview_closes_by_itself_when_the_trading_state_changes(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("B")
    hand.desk.check(hand.now_ns, replace(halted(armed_view), beat_mono_ns=hand.now_ns))
    assert hand.desk.overlay is None
    assert "preview closed" in hand.desk.said


def test_a_brake_throws_the_preview_away(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("B")
    hand.press("H")
    assert hand.desk.overlay is None
    assert hand.press("enter") == Look(KeyId.OPEN)


def moved(view: ConsoleView, ticks: int) -> ConsoleView:
    """The same view with the whole book and the last trade somewhere else."""
    bids = tuple((price + ticks, size) for price, size in view.dom.bids)
    asks = tuple((price + ticks, size) for price, size in view.dom.asks)
    return replace(view, dom=replace(view.dom, bids=bids, asks=asks, last=(view.dom.last or 0) + ticks))


def test_a_preview_follows_the_market_and_says_how_far_it_ran(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("B")
    best_ask = armed_view.dom.asks[0][0]
    far = replace(moved(armed_view, 100), beat_mono_ns=hand.now_ns)
    hand.desk.check(hand.now_ns, far)
    seen = hand.desk.preview
    assert seen is not None
    assert (seen.price, seen.stop, seen.target, seen.ran) == (best_ask + 100, best_ask + 84, best_ask + 124, 100)
    drawn = "\n".join("".join(text for text, _ in row) for row in overlays.rows(Overlay.PREVIEW, hand.desk, far, None, 66, 20))
    assert f"{armed_view.instrument.text(best_ask + 100)}  ran away 100 ticks" in drawn
    hand.view = far
    assert hand.press("enter") == Send(Command.BRACKET, {"side": "BUY", "quantity": "2"})


def test_a_preview_has_the_distances_of_the_instrument_that_is_traded(armed_view: ConsoleView) -> None:
    hand = Hand(replace(armed_view, instrument=replace(armed_view.instrument, stop_ticks=8, target_ticks=9)))
    hand.press("B")
    seen = hand.desk.preview
    assert seen is not None
    assert (seen.stop_ticks, seen.target_ticks, seen.risk_cents) == (16, 24, -16 * 2 * 125)


def test_no_preview_without_known_distances(armed_view: ConsoleView) -> None:
    hand = Hand(replace(armed_view, pnl=replace(armed_view.pnl, stop_ticks=None)))
    hand.press("B")
    assert hand.desk.overlay is None
    assert "the stop and target of MES are not known yet" in hand.desk.said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: replace(v, truth=replace(v.truth, local_position=1)), "the position is +1 now, was +2"),
        (lambda v: replace(v, truth=replace(v.truth, execution="ES")), "the instrument is ES now, was MES"),
        (lambda v: replace(v, pnl=replace(v.pnl, contracts_allowed=3)), "the size is 3 now, was 2"),
        (lambda v: replace(v, pnl=replace(v.pnl, stop_ticks=8)), "the stop is 8 ticks now, was 16 ticks"),
        (lambda v: replace(v, pnl=replace(v.pnl, target_ticks=8)), "the target is 8 ticks now, was 24 ticks"),
    ],
)
@pytest.mark.parametrize("frame_between", [True, False])
def test_another_order_than_the_one_seen_needs_a_fresh_key(
    armed_view: ConsoleView, change: Callable[[ConsoleView], ConsoleView], said: str, frame_between: bool
) -> None:
    hand = Hand(armed_view)
    hand.press("B")
    hand.view = change(armed_view)
    if frame_between:
        hand.desk.check(hand.now_ns, replace(hand.view, beat_mono_ns=hand.now_ns))
        assert hand.desk.overlay is None
    else:
        assert hand.press("enter") is None
    assert f"nothing sent: {said}: press again" in hand.desk.said


def test_raising_keys_ignore_repeats_within_300_ms(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    assert hand.press("A") == Send(Command.ARM)
    assert hand.press("A", 250) is None
    assert hand.press("A", 250) is None  # a key held down never ends its own silence
    assert hand.press("A", 301) == Send(Command.ARM)


def test_a_pasted_text_arms_at_most_and_never_trades(armed_view: ConsoleView) -> None:
    for text in (("A", "B", "enter", "B", "enter"), ("B", "enter", "S", "enter"), ("x", "S", "enter", "enter")):
        hand = Hand(armed_view)
        deeds = [hand.press(key, 1) for key in text]
        assert [deed for deed in deeds if isinstance(deed, Send)] in ([], [Send(Command.ARM)])


def test_resume_needs_the_typed_word(armed_view: ConsoleView) -> None:
    hand = Hand(halted(Scene(3, "demo").view()))
    hand.press("U")
    assert hand.desk.overlay is Overlay.RESUME
    hand.type("resum")
    assert hand.press("enter") is None
    assert "type the word" in hand.desk.said
    hand.type("e")
    assert hand.press("enter") == Send(Command.RESUME, {"word": "RESUME"})


def test_resume_of_a_real_account_asks_for_the_safety_key(armed_view: ConsoleView) -> None:
    hand = Hand(halted(armed_view))
    hand.press("U")
    hand.type("resume")
    assert hand.press("enter") is None
    hand.type("s3cret")
    assert hand.press("enter") == Send(Command.RESUME, {"word": "RESUME", "key": "s3cret"})


def test_the_typed_word_and_key_are_forgotten_on_the_way_out(armed_view: ConsoleView) -> None:
    hand = Hand(halted(armed_view))
    hand.press("U")
    hand.type("resume")
    hand.press("tab")
    hand.type("abc")
    hand.press("escape")
    assert (hand.desk.typed, hand.desk.secret, hand.desk.overlay) == ("", "", None)


def test_a_brake_key_inside_the_typed_word_brakes(armed_view: ConsoleView) -> None:
    hand = Hand(halted(armed_view))
    hand.press("U")
    hand.type("res")
    assert hand.press("H") == Send(Command.HALT)


def test_a_brake_inside_the_key_mutes_what_is_typed_on_until_the_keys_rest_for_a_second(armed_view: ConsoleView) -> None:
    hand = Hand(halted(armed_view))
    hand.press("U")
    hand.type("resume")
    hand.press("enter")
    assert [hand.press(letter, 120) for letter in "trusty-Kite-quay7"].count(Send(Command.STOP)) == 1
    assert hand.press("enter") is None
    assert hand.desk.overlay is None
    assert hand.press("H", 50) == Send(Command.HALT)
    assert hand.press("q", 999) is None
    assert hand.desk.overlay is None
    assert hand.press("ctrl+c", 100) == Leave(interrupted=True)
    hand.press("q", 1_000)
    assert hand.desk.overlay is Overlay.QUIT


def test_quit_says_first_and_leaves_on_q_or_enter(armed_view: ConsoleView) -> None:
    for confirm, after_ms in (("q", 1_200), ("ctrl+q", 300), ("enter", 300)):
        hand = Hand(armed_view)
        assert hand.press("q") is None
        assert hand.desk.overlay is Overlay.QUIT
        assert hand.press(confirm, after_ms) == Leave()


@pytest.mark.parametrize("first_repeat_ms", [30, 250, 500, 660, 1_000])
def test_a_held_q_does_not_quit(armed_view: ConsoleView, first_repeat_ms: int) -> None:
    hand = Hand(armed_view)
    hand.press("q")
    assert [hand.press("q", wait) for wait in (first_repeat_ms, *[33] * 200)] == [None] * 201


def test_the_palette_opens_with_nothing_chosen(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("ctrl+p")
    assert hand.press("enter") is None
    assert hand.desk.overlay is Overlay.PALETTE
    hand.type("x")
    hand.press("backspace")
    assert hand.press("enter") is None
    hand.press("down")
    assert hand.press("enter") == Send(Command.FLATTEN)


def test_the_palette_chooses_a_name_that_begins_so_before_a_brake_whose_meaning_holds_the_letters() -> None:
    assert [matching(typed)[0].id for typed in ("t", "th", "fl", "z")] == [KeyId.THEME, KeyId.THEME, KeyId.FLATTEN, KeyId.ZOOM]


@pytest.mark.parametrize("overlay", list(Overlay))
def test_escape_backs_out_of_everything(armed_view: ConsoleView, overlay: Overlay) -> None:
    hand = Hand(armed_view, overlay)
    assert hand.press("escape") is None
    assert hand.desk.overlay is None


@pytest.mark.parametrize("overlay", [None, *Overlay])
def test_ctrl_c_leaves_in_order_from_everywhere(armed_view: ConsoleView, overlay: Overlay | None) -> None:
    assert Hand(armed_view, overlay).press("ctrl+c") == Leave(interrupted=True)


def test_any_key_closes_the_tour_and_does_nothing_else(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view, Overlay.TOUR)
    assert hand.press("A") is None
    assert hand.desk.overlay is None


def test_replay_keys_speak_to_the_feed_only_in_replay(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    assert [hand.press(key) for key in ("p", ".", ",", ">", "<")] == [None] * 5
    hand = Hand(replaying(armed_view))
    deeds = [hand.press(key) for key in ("p", ".", ",", ">", "<")]
    assert deeds == [Feed("play"), Feed("step_trade"), Feed("step_bar"), Feed("speed", 20.0), Feed("speed", 5.0)]


def test_the_palette_runs_an_action_by_name(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("ctrl+p")
    hand.type("reconc")
    assert hand.press("enter") == Send(Command.RECONCILE)


def test_the_palette_does_not_get_around_the_preview(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("ctrl+p")
    hand.type("buy")
    assert hand.press("enter") is None
    assert hand.desk.overlay is Overlay.PREVIEW


def test_the_palette_finds_every_action_with_a_name() -> None:
    named = [row for row in KEYS if row.word]
    assert list(matching("")) == named
    assert all(row in matching(row.word) for row in named)


def test_resume_is_pointless_while_running(armed_view: ConsoleView) -> None:
    hand = Hand(armed_view)
    hand.press("U")
    assert hand.desk.overlay is None
    assert armed_view.truth.state is TradingState.RUNNING


def test_ten_thousand_random_key_streams_never_raise_risk_unarmed(armed_view: ConsoleView) -> None:
    view = replace(unarmed(armed_view), beat_mono_ns=1 << 62)  # always fresh
    chance = random.Random(20260318)
    keys = [key for row in KEYS for key in row.keys if key != "ctrl+c"] + list("abcdefghilmnouvwyz RQ05")
    keymap = resolve({})
    sent = 0
    for _ in range(10_000):
        desk, now_ns = Desk(keymap), START
        for _ in range(16):
            now_ns += chance.choice((1, 40, 310, 900)) * MS
            deed = desk.press(chance.choice(keys), now_ns, view)
            if isinstance(deed, Send):
                sent += 1
                assert deed.command not in RAISING
    assert sent > 1_000


def test_a_new_refusal_is_said_and_an_old_one_is_not(armed_view: ConsoleView) -> None:
    def refused(ts_ns: int, rule: str) -> ConsoleView:
        row = OrderRow(ts_ns, "10:06:02", "", "refused", "", 0, "", rule, f"why {ts_ns}")
        return replace(armed_view, news=(replace(armed_view.news[0], ts_ns=9), row), beat_mono_ns=START)

    desk = Desk(resolve({}))
    desk.check(START, None)
    desk.check(START, refused(1, "armed"))
    assert desk.said == ""  # it was there before the screen was
    desk.check(START, refused(2, "resume"))
    assert desk.said == "refused, resume: why 2"
    assert desk.said_until_ns == START + 10_000 * MS
    desk.say("halt asked", START)
    desk.check(START, refused(2, "resume"))
    assert desk.said == "halt asked"


def test_the_first_refusal_of_a_run_is_said(armed_view: ConsoleView) -> None:
    desk = Desk(resolve({}))
    desk.check(START, replace(armed_view, news=(), beat_mono_ns=START))
    row = OrderRow(1, "10:06:02", "", "refused", "", 0, "", "armed", "cannot arm: HALTED")
    desk.check(START, replace(armed_view, news=(row,), beat_mono_ns=START))
    assert desk.said == "refused, armed: cannot arm: HALTED"
