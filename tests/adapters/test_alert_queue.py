"""What is told, when and in which words: no messenger, no thread, no clock."""

from __future__ import annotations

import pytest

from orderflow_tui.adapters.alert_queue import (
    GAP_S,
    LONGEST_TEXT,
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
