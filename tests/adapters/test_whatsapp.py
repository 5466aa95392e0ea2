"""The real Twilio client against a server on loopback that answers, refuses, hangs and hangs up."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
from loguru import logger
from twilio.http.http_client import TwilioHttpClient

from orderflow_tui.adapters.alert_queue import Verdict, alert_id
from orderflow_tui.adapters.whatsapp import (
    CLOSE_LIMIT_S,
    MOST_INBOX,
    Messenger,
    NotConfigured,
    WhatsApp,
    WhatsAppSettings,
    masked,
    send_test,
    whatsapp_settings,
)
from orderflow_tui.domain.action import Alert, Tier
from orderflow_tui.domain.latch import LatchKind

ACCOUNT = "AC" + "0123456789abcdef" * 2
KEY = "SK" + "fedcba9876543210" * 2
CANARY = "canary-b7f3e1-secret"
SENDER, RECIPIENT = "whatsapp:+14155238886", "whatsapp:+34600123456"
SECRETS = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_API_KEY_SID": KEY,
    "TWILIO_API_KEY_SECRET": CANARY,
    "TWILIO_WHATSAPP_FROM": SENDER,
    "TWILIO_WHATSAPP_TO": RECIPIENT,
}
TAKEN = (201, json.dumps({"sid": "SM" + "0" * 32, "status": "queued", "error_code": None}))
HANG, RESET = (0, "hang"), (0, "reset")


def refusal(status: int, code: int, message: str = "no") -> tuple[int, str]:
    return status, json.dumps({"code": code, "message": f"{message} {RECIPIENT} {CANARY}", "status": status})


class Twilio(ThreadingHTTPServer):
    """Answers from a list, the last one for ever; keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers: list[tuple[int, str]] = [TAKEN]
        self.forms: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.logins: list[str] = []
        self.hanging = threading.Event()
        self.over = threading.Event()

    @property
    def bodies(self) -> list[str]:
        return [form["Body"] for form in self.forms]


class _Answer(BaseHTTPRequestHandler):
    server: Twilio

    def do_POST(self) -> None:
        twilio = self.server
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        twilio.forms.append({name: values[0] for name, values in form.items()})
        twilio.paths.append(self.path)
        twilio.logins.append(base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode())
        status, text = twilio.answers.pop(0) if len(twilio.answers) > 1 else twilio.answers[0]
        if (status, text) == HANG:
            twilio.hanging.set()
            twilio.over.wait(30)
        elif (status, text) == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def finish(self) -> None:
        if self.connection.fileno() >= 0:
            super().finish()


class Loopback(TwilioHttpClient):  # type: ignore[misc]
    """The client's own HTTP side, sent to loopback instead of api.twilio.com."""

    def __init__(self, port: int, timeout: float = 5.0) -> None:
        super().__init__(timeout=timeout)
        self._place = f"127.0.0.1:{port}"

    def request(self, method: str, url: str, *args: Any, **keywords: Any) -> Any:
        parts = urlsplit(url)
        assert parts.hostname == "api.twilio.com"
        assert parts.scheme == "https"
        return super().request(method, urlunsplit(("http", self._place, parts.path, parts.query, "")), *args, **keywords)


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    server = Twilio()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    number = logger.add(lines.append, level="TRACE", format="{level} {message} {exception}")
    yield lines
    logger.remove(number)


def settings(**secrets: str) -> WhatsAppSettings:
    return whatsapp_settings(SECRETS | secrets, cooldown_min=15)


def http(twilio: Twilio, timeout: float = 5.0) -> Loopback:
    return Loopback(twilio.server_address[1], timeout)


def alert(kind: str = "naked", text: str = "+1 MES without its stop", subject: str = "", ts_ns: int = 0) -> Alert:
    return Alert(1_772_721_000_000_000_000 + ts_ns, kind, text, Tier.CRITICAL, subject)


# -- one message ------------------------------------------------------------------------------------------------------


def test_a_message_goes_to_the_account_with_the_api_key_and_a_short_validity(twilio: Twilio) -> None:
    outcome = Messenger(settings(), http(twilio)).post(["head", "text"])
    assert outcome.verdict is Verdict.SENT
    assert twilio.paths == [f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"]
    assert twilio.logins == [f"{KEY}:{CANARY}"]
    assert twilio.forms == [{"From": SENDER, "To": RECIPIENT, "Body": "head\ntext", "ValidityPeriod": "300"}]


def test_with_a_template_the_text_travels_in_its_variables(twilio: Twilio) -> None:
    Messenger(settings(TWILIO_CONTENT_SID="HX" + "1" * 32), http(twilio)).post(["head", "one", "two"])
    (form,) = twilio.forms
    assert "Body" not in form
    assert form["ContentSid"] == "HX" + "1" * 32
    assert json.loads(form["ContentVariables"]) == {"1": "head", "2": "one | two"}


def test_the_accounts_token_serves_where_there_is_no_api_key(twilio: Twilio) -> None:
    plain = {n: v for n, v in SECRETS.items() if "API_KEY" not in n} | {"TWILIO_AUTH_TOKEN": "token-1"}
    Messenger(whatsapp_settings(plain, 15), http(twilio)).post(["head"])
    assert twilio.logins == [f"{ACCOUNT}:token-1"]


@pytest.mark.parametrize(
    ("answer", "verdict", "why"),
    [
        (refusal(401, 20003), Verdict.PERMANENT, "credentials (20003)"),
        (refusal(403, 20006), Verdict.PERMANENT, "HTTP 403"),
        (refusal(400, 21211), Verdict.PERMANENT, "21211"),
        (refusal(400, 63016), Verdict.PERMANENT, "template"),
        (refusal(429, 20429), Verdict.RATE, "too many"),
        (refusal(400, 63018), Verdict.RATE, "too many"),
        ((500, "oops"), Verdict.TRANSIENT, "HTTP 500"),
        ((503, "<html>"), Verdict.TRANSIENT, "HTTP 503"),
        (refusal(400, 99999), Verdict.DOUBTFUL, "code 99999"),
        ((307, ""), Verdict.DOUBTFUL, "HTTP 307"),
        ((201, "<html>captive portal</html>"), Verdict.TRANSIENT, "cannot be read"),
        ((201, "[]"), Verdict.TRANSIENT, "cannot be read"),
        ((201, '{"status": "failed", "error_code": 63007}'), Verdict.PERMANENT, "63007"),
        ((201, '{"status": "failed", "error_code": null}'), Verdict.DOUBTFUL, "failed"),
        (RESET, Verdict.TRANSIENT, "no connection"),
    ],
)
def test_every_answer_has_its_class_and_its_reason_names_nobody(
    twilio: Twilio, answer: tuple[int, str], verdict: Verdict, why: str
) -> None:
    twilio.answers = [answer]
    outcome = Messenger(settings(), http(twilio)).post(["head"])
    assert outcome.verdict is verdict
    assert why in outcome.why
    assert not any(secret in outcome.why for secret in (CANARY, ACCOUNT, KEY, RECIPIENT[9:], SENDER[9:]))


def test_a_server_that_hangs_is_left_after_the_limit(twilio: Twilio) -> None:
    twilio.answers = [HANG]
    outcome = Messenger(settings(), http(twilio, timeout=0.1)).post(["head"])
    assert (outcome.verdict, outcome.why) == (Verdict.TRANSIENT, "no answer in time")


def test_nobody_listening_is_a_fault_of_the_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = Messenger(settings(), Loopback(port)).post(["head"])
    assert (outcome.verdict, outcome.why) == (Verdict.TRANSIENT, "no connection to Twilio")


def test_a_request_has_a_limit_unless_somebody_takes_it_away() -> None:
    client = Messenger(settings())._client.http_client
    assert isinstance(client, TwilioHttpClient)
    assert client.timeout == 5.0


def test_the_shell_cannot_send_our_credentials_elsewhere(monkeypatch: pytest.MonkeyPatch, twilio: Twilio) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "attacker")
    monkeypatch.setenv("TWILIO_REGION", "attacker")
    assert Messenger(settings(), http(twilio)).post(["head"]).verdict is Verdict.SENT


# -- the notifier, step by step ---------------------------------------------------------------------------------------


def test_an_alert_waits_and_is_sent_and_the_screen_can_see_both(twilio: Twilio) -> None:
    seen: list[tuple[str, str]] = []
    notifier = WhatsApp(settings(), lambda key, state: seen.append((key, state)), http=http(twilio))
    told = alert()
    notifier.tell(told)
    notifier.send_due(1e9)
    assert notifier.states() == [(told, "sent")]
    assert seen == [(alert_id(told), "waiting"), (alert_id(told), "sent")]
    assert f"#{alert_id(told)}" in twilio.bodies[0]


def test_a_repeat_is_shown_and_not_sent(twilio: Twilio) -> None:
    notifier = WhatsApp(settings(), http=http(twilio))
    notifier.tell(alert(ts_ns=1))
    notifier.tell(alert(ts_ns=2))
    notifier.send_due(0.0)
    assert [state for _, state in notifier.states()] == ["sent", "repeat ×1"]
    assert len(twilio.forms) == 1


def test_a_message_that_failed_on_the_way_is_sent_when_twilio_is_well_again(twilio: Twilio) -> None:
    twilio.answers = [(500, "oops"), RESET, (201, "<html>"), TAKEN]
    notifier = WhatsApp(settings(), http=http(twilio))
    notifier.tell(alert())
    now_s, states = 0.0, []
    for _ in range(4):
        notifier.send_due(now_s)
        now_s += 60.0
        states.append(notifier.states()[0][1])
    assert states == [
        "waiting: Twilio is in trouble (HTTP 500)",
        "waiting: no connection to Twilio",
        "waiting: an answer that cannot be read",
        "sent",
    ]
    assert len(set(twilio.bodies)) == 1, "a double is recognised by its id"


def test_wrong_credentials_fail_at_once_and_only_a_critical_alert_is_tried_again(twilio: Twilio) -> None:
    twilio.answers = [refusal(401, 20003)] * 2
    notifier = WhatsApp(settings(), http=http(twilio))
    notifier.tell(Alert(1, "rejected", "why", Tier.WARNING))
    notifier.send_due(0.0)
    assert notifier.states()[0][1] == "failed: Twilio does not accept the credentials (20003)"
    assert notifier.send_due(100.0) is None
    notifier.tell(alert())
    notifier.send_due(100.0)
    assert notifier.states()[1][1] == "failed: Twilio does not accept the credentials (20003), tried again in 15 min"
    twilio.answers = [TAKEN]
    notifier.send_due(1_000.0)
    assert notifier.states()[1][1] == "sent"
    assert len(twilio.forms) == 3


def test_every_cause_of_a_halt_is_told_for_itself(twilio: Twilio) -> None:
    notifier = WhatsApp(settings(), http=http(twilio))
    for kind in LatchKind:
        notifier.tell(alert("latch", f"{kind.value}: why", kind.value))
    notifier.send_due(0.0)
    assert {state for _, state in notifier.states()} == {"sent"}
    assert all(kind.value in twilio.bodies[0] for kind in (LatchKind.STOP_FILE, LatchKind.DAILY_LOSS, LatchKind.NAKED))


# -- the thread -------------------------------------------------------------------------------------------------------


def test_the_thread_sends_what_is_told_and_nobody_waits_for_it(twilio: Twilio) -> None:
    sent = threading.Event()

    def listen(key: str, state: str) -> None:
        if state == "sent":
            sent.set()

    notifier = WhatsApp(settings(), listen, http=http(twilio))
    notifier.start()
    notifier.tell(alert())
    assert sent.wait(CLOSE_LIMIT_S)
    notifier.close()
    notifier.close()
    assert len(twilio.forms) == 1


def test_telling_does_not_wait_for_a_server_that_hangs(twilio: Twilio) -> None:
    twilio.answers = [HANG]
    notifier = WhatsApp(settings(), http=http(twilio, timeout=CLOSE_LIMIT_S))
    notifier.start()
    notifier.tell(alert(subject="0"))
    assert twilio.hanging.wait(CLOSE_LIMIT_S)
    for number in range(1, MOST_INBOX + 2):
        notifier.tell(alert(subject=str(number)))
    assert not twilio.over.is_set(), "all of it was told while the request still hangs"
    (last,) = [state for told, state in notifier.states() if told.subject == str(MOST_INBOX + 1)]
    assert last == f"failed: more than {MOST_INBOX} alerts at once"
    twilio.answers = [TAKEN]
    twilio.over.set()
    notifier.close()


def test_closing_sends_what_waits_as_one_message(twilio: Twilio) -> None:
    notifier = WhatsApp(settings(), http=http(twilio))
    for number in range(3):
        notifier.tell(alert(subject=str(number)))
    notifier.close()  # before it was started nothing is sent
    assert twilio.forms == []
    notifier.start()
    notifier.close()
    assert [state for _, state in notifier.states()] == ["sent"] * 3
    assert len(twilio.forms) == 1


def test_an_alert_after_the_end_says_that_it_went_nowhere(twilio: Twilio) -> None:
    notifier = WhatsApp(settings(), http=http(twilio))
    notifier.start()
    notifier.close()
    notifier.tell(alert())
    assert notifier.states()[0][1] == "failed: the notifier has ended"


def test_a_listener_whose_loop_is_closed_disturbs_nobody(twilio: Twilio) -> None:
    def listen(key: str, state: str) -> None:
        raise RuntimeError("Event loop is closed")

    notifier = WhatsApp(settings(), listen, http=http(twilio))
    notifier.tell(alert())
    notifier.send_due(0.0)
    assert notifier.states()[0][1] == "sent"


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_no_secret_reaches_a_message_a_log_or_a_state(
    twilio: Twilio, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    twilio.answers = [refusal(401, 20003), refusal(400, 99999), (500, CANARY), RESET, (201, CANARY), TAKEN]
    notifier = WhatsApp(settings(), http=http(twilio))
    for number in range(6):
        said = f"the library said {CANARY} for {ACCOUNT} {RECIPIENT} of DU1234567 with {KEY}"
        notifier.tell(alert("task-dead", said, str(number)))
        notifier.send_due(number * 100.0)
    notifier.send_due(1_000.0)
    written = "\n".join([*logged, caplog.text, *twilio.bodies, *(state for _, state in notifier.states())])
    for secret in (CANARY, ACCOUNT, KEY, RECIPIENT[9:], SENDER[9:], "DU1234567"):
        assert secret not in written
    assert "whatsapp took" in written


def test_settings_show_no_secret_when_printed() -> None:
    shown = settings()
    text = repr(shown) + str(shown) + shown.words
    assert not any(secret in text for secret in (CANARY, ACCOUNT, KEY, RECIPIENT[9:], SENDER[9:]))
    assert shown.words == "+1…86 to +3…56, free text, an API key"
    assert masked(RECIPIENT) == "+3…56"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"TWILIO_ACCOUNT_SID": ""}, "TWILIO_ACCOUNT_SID is missing"),
        ({"TWILIO_API_KEY_SECRET": ""}, "belong together"),
        ({"TWILIO_API_KEY_SID": "", "TWILIO_API_KEY_SECRET": ""}, "TWILIO_AUTH_TOKEN, is missing"),
        ({"TWILIO_WHATSAPP_TO": ""}, "TWILIO_WHATSAPP_TO is missing"),
        ({"TWILIO_WHATSAPP_TO": "+34600123456"}, "TWILIO_WHATSAPP_TO must have the form"),
    ],
)
def test_what_is_missing_is_named_and_never_shown(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(NotConfigured, match=sentence) as caught:
        settings(**change)
    told = "".join(traceback.format_exception_only(caught.value))
    assert not any(secret in told for secret in (CANARY, "600123456"))


def test_a_test_message_says_that_it_is_one(twilio: Twilio) -> None:
    assert send_test(settings(), http(twilio)).verdict is Verdict.SENT
    assert "test" in twilio.bodies[0]
