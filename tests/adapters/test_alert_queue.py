"""What is told, when and in which words: no messenger, no thread, no clock."""

from __future__ import annotations

import pytest

from orderflow_tui.adapters.alert_queue import (
    GAP_S,
    LONGEST_TEXT,
    MOST_CRITICAL,
    MOST_KEYS,
    MOST_WAITING,
    PER_HOUR,
    AlertQueue,
    Letter,
    Outcome,
    Verdict,
    alert_id,
    restart_alert,
)
from orderflow_tui.domain.action import Alert, Tier

COOLDOWN_S = 900.0
SENT = Outcome(Verdict.SENT)
LINE_DOWN = Outcome(Verdict.TRANSIENT, "no connection to Twilio")


class Desk:
    """A queue, its states, and a clock that moves by hand."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.queue = AlertQueue(COOLDOWN_S, self.states.__setitem__)
        self.now_s = 1_000.0
        self.made = 0

    def tell(self, kind: str, text: str = "", tier: Tier = Tier.WARNING, subject: str = "") -> Alert:
        self.made += 1
        alert = Alert(1_772_721_000_000_000_000 + self.made, kind, text or f"{kind} {self.made}", tier, subject)
        self.queue.put(alert, self.now_s)
        return alert

    def state(self, alert: Alert) -> str:
        return self.states[alert_id(alert)]

    def attempt(self, outcome: Outcome = SENT) -> list[Letter]:
        """Take what is due now and settle it."""
        taken = self.queue.take(self.now_s)
        if taken:
            self.queue.settle(taken, outcome, self.now_s)
        return taken

    def pass_s(self, seconds: float, outcome: Outcome = SENT) -> list[list[Letter]]:
        """Let time pass, attempting whatever becomes due."""
        until, messages = self.now_s + seconds, []
        while (due := self.queue.due_in_s(self.now_s)) is not None and self.now_s + due <= until:
            self.now_s += max(due, 0.001)
            if taken := self.attempt(outcome):
                messages.append(taken)
        self.now_s = until
        return messages


def test_one_alert_leaves_at_once_with_its_id_time_and_text() -> None:
    desk = Desk()
    alert = desk.tell("naked", "+1 MES without\nits stop", Tier.CRITICAL)
    assert desk.state(alert) == "waiting"
    taken = desk.attempt()
    assert desk.queue.lines(taken) == [f"[CRITICAL] naked #{alert_id(alert)} 09:30:00 ET", "+1 MES without its stop"]
    assert desk.state(alert) == "sent"
    assert desk.queue.due_in_s(desk.now_s) is None


def test_a_repeat_within_the_cooldown_is_counted_and_told_with_its_count_when_the_cooldown_ends() -> None:
    desk = Desk()
    desk.tell("rejected")
    desk.attempt()
    repeats = [desk.tell("rejected") for _ in range(3)]
    assert [desk.state(r) for r in repeats] == ["repeat ×1", "repeat ×2", "repeat ×3"]
    assert desk.pass_s(COOLDOWN_S - 1) == []
    (message,) = desk.pass_s(2)
    assert [letter.alert for letter in message] == [repeats[-1]]
    assert desk.queue.lines(message)[1] == "rejected 4 (2 more like it held back)"


def test_another_subject_is_another_matter() -> None:
    desk = Desk()
    first, second = desk.tell("latch", subject="OPERATOR"), desk.tell("latch", subject="DAILY_LOSS")
    desk.pass_s(10)
    assert (desk.state(first), desk.state(second)) == ("sent", "sent")


def test_a_louder_alert_passes_the_cooldown_and_a_quieter_one_does_not() -> None:
    desk = Desk()
    desk.tell("link", tier=Tier.WARNING)
    desk.attempt()
    louder = desk.tell("link", tier=Tier.CRITICAL)
    assert desk.state(louder) == "waiting"
    desk.pass_s(GAP_S)
    assert desk.state(desk.tell("link", tier=Tier.WARNING)) == "repeat ×1"


@pytest.mark.parametrize("back", ["recovered", "reconnected"])
def test_a_disconnect_after_a_return_is_news_and_so_is_a_halt_after_a_resume(back: str) -> None:
    desk = Desk()
    told = [desk.tell("link"), desk.tell(back, tier=Tier.INFO), desk.tell("link"), desk.tell(back, tier=Tier.INFO)]
    told += [
        desk.tell("latch", subject="OPERATOR"),
        desk.tell("resume", subject="OPERATOR"),
        desk.tell("latch", subject="OPERATOR"),
    ]
    assert [desk.state(alert) for alert in told] == ["waiting"] * 7


def test_the_loudest_leaves_first() -> None:
    desk = Desk()
    desk.tell("fill", tier=Tier.INFO)
    desk.tell("rejected")
    desk.tell("naked", tier=Tier.CRITICAL)
    assert [m[0].alert.kind for m in desk.pass_s(30)] == ["naked", "rejected", "fill"]


def test_messages_leave_three_seconds_apart() -> None:
    desk = Desk()
    desk.tell("a")
    desk.tell("b")
    assert len(desk.attempt()) == 1
    assert desk.attempt() == []
    assert desk.queue.due_in_s(desk.now_s) == GAP_S


def test_a_thousand_alerts_in_a_minute_are_at_most_six_messages_and_none_is_lost() -> None:
    desk = Desk()
    messages = []
    for number in range(1_000):
        desk.tell("naked", tier=Tier.CRITICAL, subject=str(number % 150))
        messages += desk.pass_s(0.06)
    assert len(messages) <= 6
    desk.pass_s(600)
    assert {state.partition(" ")[0] for state in desk.states.values()} <= {"sent", "repeat"}


def test_a_digest_names_what_it_has_room_for_and_counts_the_rest() -> None:
    desk = Desk()
    for number in range(100):
        desk.tell("rejected", "x" * 300, subject=str(number))
    taken = desk.queue.take(desk.now_s)
    lines = desk.queue.lines(taken)
    assert len(taken) == 100
    assert lines[0] == "[WARNING] 100 alerts"
    assert lines[-1] == f"and rejected ×{100 - (len(lines) - 2)}"
    assert len("\n".join(lines)) <= LONGEST_TEXT


def test_no_more_than_twenty_messages_an_hour_and_the_last_five_are_for_critical_ones() -> None:
    desk = Desk()
    for number in range(40):
        desk.tell("fill", tier=Tier.INFO, subject=str(number))
        desk.pass_s(40)
    calm = sum(state == "sent" for state in desk.states.values())
    assert calm == 15
    criticals = [desk.tell("naked", tier=Tier.CRITICAL, subject=str(n)) for n in range(2)]
    began_s = desk.now_s
    while desk.state(criticals[-1]) != "sent":
        desk.pass_s(1)
    assert desk.now_s - began_s < 120
    assert len(desk.pass_s(1_900)) <= PER_HOUR


def test_the_line_is_tried_again_ever_more_slowly_and_the_alert_arrives_when_it_is_back() -> None:
    desk = Desk()
    alert = desk.tell("link", tier=Tier.CRITICAL)
    waits = []
    for _ in range(6):
        desk.attempt(LINE_DOWN)
        waits.append(desk.queue.due_in_s(desk.now_s))
        desk.now_s += waits[-1] or 0.0
    assert waits == [1.0, 2.0, 4.0, 8.0, 30.0, 30.0]
    assert desk.state(alert) == "waiting: no connection to Twilio"
    desk.attempt()
    assert desk.state(alert) == "sent"


def test_after_half_an_hour_without_a_line_the_alert_has_failed_and_says_why() -> None:
    desk = Desk()
    alert = desk.tell("link")
    desk.pass_s(1_900, LINE_DOWN)
    assert desk.state(alert) == "failed: no connection to Twilio"
    assert desk.queue.due_in_s(desk.now_s) is None


def test_what_failed_was_not_told_so_the_next_is_no_repeat() -> None:
    desk = Desk()
    first = desk.tell("naked")
    desk.attempt(Outcome(Verdict.PERMANENT, "the credentials"))
    assert desk.state(first) == "failed: the credentials"
    assert desk.state(desk.tell("naked")) == "waiting"


def test_an_answer_we_do_not_know_gets_three_tries() -> None:
    desk = Desk()
    alert = desk.tell("naked")
    doubtful = Outcome(Verdict.DOUBTFUL, "code 12345")
    assert len(desk.pass_s(60, doubtful)) == 3
    assert desk.state(alert) == "failed: code 12345"


def test_too_many_messages_are_answered_by_a_long_wait() -> None:
    desk = Desk()
    desk.tell("naked")
    desk.attempt(Outcome(Verdict.RATE, "too many"))
    assert desk.queue.due_in_s(desk.now_s) == 30.0


def test_a_full_queue_lets_the_quietest_go_and_says_so() -> None:
    desk = Desk()
    critical = [desk.tell("naked", tier=Tier.CRITICAL, subject=str(n)) for n in range(MOST_WAITING)]
    quiet = desk.tell("fill", tier=Tier.INFO)
    assert desk.state(quiet).startswith("failed: more than")
    assert all(desk.state(alert) == "waiting" for alert in critical)
    taken = desk.queue.take(desk.now_s)
    assert desk.queue.lines(taken)[-1] == "1 earlier alerts had no room"


def test_the_last_message_takes_everything_whatever_the_gaps() -> None:
    desk = Desk()
    desk.tell("a")
    desk.attempt()
    desk.tell("b")
    desk.tell("c")
    assert [letter.alert.kind for letter in desk.queue.take(desk.now_s, last=True)] == ["b", "c"]


def test_a_start_after_a_crash_is_told_and_one_after_a_clean_stop_is_not() -> None:
    assert restart_alert(1, 0) is None
    alert = restart_alert(1, 2)
    assert alert is not None
    assert (alert.kind, alert.tier) == ("restart", Tier.WARNING)
    assert "2 runs" in alert.text


def test_a_second_naked_position_is_told_at_once_when_the_first_is_over() -> None:
    desk = Desk()
    desk.tell("naked", tier=Tier.CRITICAL, subject="+2 MES")
    desk.attempt()
    desk.pass_s(300)
    assert desk.state(desk.tell("naked", tier=Tier.CRITICAL, subject="-1 MES")) == "waiting"
    desk.tell("trade", tier=Tier.INFO, subject="t1")
    assert desk.state(desk.tell("naked", tier=Tier.CRITICAL, subject="+2 MES")) == "waiting"


def test_a_flatten_that_begins_after_one_that_failed_is_news_to_its_end() -> None:
    desk = Desk()
    for _ in range(2):
        assert desk.state(desk.tell("flatten", tier=Tier.CRITICAL)) == "waiting"
        assert desk.state(desk.tell("flatten", tier=Tier.CRITICAL, subject="end")) == "waiting"
        desk.pass_s(10)


def test_the_end_of_a_matter_tells_what_was_held_back_of_it() -> None:
    desk = Desk()
    desk.tell("latch", tier=Tier.CRITICAL, subject="OPERATOR")
    desk.attempt()
    again = desk.tell("latch", tier=Tier.CRITICAL, subject="OPERATOR")
    desk.tell("resume", subject="OPERATOR")
    assert desk.state(again) == "waiting"
    assert [message[0].alert.kind for message in desk.pass_s(30)] == ["latch", "resume"]


@pytest.mark.parametrize("tier", [Tier.CRITICAL, Tier.WARNING])
def test_a_repeat_held_back_while_the_first_was_on_its_way_is_told_when_the_first_fails(tier: Tier) -> None:
    desk = Desk()
    first = desk.tell("latch", tier=tier)
    taken = desk.queue.take(desk.now_s)
    repeats = [desk.tell("latch", tier=tier), desk.tell("latch", tier=tier)]
    desk.queue.settle(taken, Outcome(Verdict.PERMANENT, "not joined"), desk.now_s)
    assert desk.state(first).startswith("failed: not joined")
    (message,) = desk.pass_s(60)
    assert message[0].alert is repeats[-1]
    assert {desk.state(alert) for alert in repeats} == {"sent"}
    assert desk.state(first) == ("sent" if tier is Tier.CRITICAL else "failed: not joined")


def test_repeats_that_a_message_counted_are_told() -> None:
    desk = Desk()
    desk.tell("rejected")
    desk.attempt()
    desk.tell("rejected")
    desk.tell("rejected")
    desk.pass_s(COOLDOWN_S + 1)
    assert set(desk.states.values()) == {"sent"}


def test_the_last_message_of_a_run_tells_what_was_held_back() -> None:
    desk = Desk()
    desk.tell("rejected")
    desk.attempt()
    again = desk.tell("rejected")
    assert [letter.alert for letter in desk.queue.take(desk.now_s, last=True)] == [again]


def test_what_is_held_back_when_the_run_is_over_has_failed() -> None:
    desk = Desk()
    desk.tell("rejected")
    desk.attempt()
    repeats = [desk.tell("rejected"), desk.tell("rejected")]
    desk.queue.give_up("over", desk.now_s)
    assert [desk.state(alert) for alert in repeats] == ["failed: over"] * 2


def test_a_critical_alert_is_tried_for_as_long_as_there_is_no_line() -> None:
    desk = Desk()
    alert = desk.tell("naked", tier=Tier.CRITICAL)
    desk.pass_s(8 * 3_600, LINE_DOWN)
    assert desk.state(alert) == "waiting: no connection to Twilio"
    desk.pass_s(31)
    assert desk.state(alert) == "sent"


@pytest.mark.parametrize("verdict", [Verdict.PERMANENT, Verdict.DOUBTFUL])
def test_a_refused_critical_alert_is_red_and_tried_again_once_in_a_cooldown_and_holds_nobody_up(
    verdict: Verdict,
) -> None:
    desk = Desk()
    alert = desk.tell("naked", tier=Tier.CRITICAL)
    desk.pass_s(60, Outcome(verdict, "not joined"))
    assert desk.state(alert) == "failed: not joined, tried again in 15 min"
    other = desk.tell("fill", tier=Tier.INFO)
    desk.pass_s(60)
    assert desk.state(other) == "sent"
    assert desk.state(alert).startswith("failed")
    desk.pass_s(COOLDOWN_S)
    assert desk.state(alert) == "sent"


def test_critical_alerts_wait_beyond_the_limit_of_the_others() -> None:
    desk = Desk()
    told = [desk.tell("naked", tier=Tier.CRITICAL, subject=str(n)) for n in range(MOST_WAITING + 50)]
    assert {desk.state(alert) for alert in told} == {"waiting"}
    told += [desk.tell("naked", tier=Tier.CRITICAL, subject=f"more {n}") for n in range(MOST_CRITICAL)]
    assert sum(desk.state(alert).startswith("failed") for alert in told) == MOST_WAITING + 50


def test_a_cooldown_that_gives_way_to_newer_ones_tells_what_it_held_back() -> None:
    desk = Desk()
    desk.tell("rejected")
    desk.attempt()
    again = desk.tell("rejected")
    for number in range(MOST_KEYS):
        assert desk.state(again) == "repeat ×1"
        desk.tell("fill", tier=Tier.CRITICAL, subject=str(number))
        desk.pass_s(0.5)
    desk.pass_s(60)
    assert desk.state(again) == "sent"
