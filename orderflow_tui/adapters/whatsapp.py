"""WhatsApp through Twilio: one daemon thread that sends, so the engine never waits for a messenger.

`tell` puts an alert into a bounded inbox and returns. The thread drains it with the synchronous client, whose requests
end after five seconds (its own default is to wait for ever). A messenger that fails costs alerts, never the engine: each
alert's state says what became of it.

There is no key against doubles on the other side: a reply that was lost after the message was taken makes a second
message. Both carry the alert's id. "sent" means that Twilio took the message; whether it arrived is not known here.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from loguru import logger
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from orderflow_tui.adapters.alert_queue import FAILED, AlertQueue, OnState, Outcome, Verdict, alert_id
from orderflow_tui.adapters.log import Redaction
from orderflow_tui.domain.action import Alert

REQUEST_LIMIT_S = 5.0
CLOSE_LIMIT_S = 7.0  # one request and a little
VALID_S = 300  # a message that could not be delivered by then is stale
STATES_KEPT = 200
MOST_INBOX = 1_000  # told while one request hangs
LOGGED_IDS = 20
ENDED = "the notifier has ended"
NUMBER = re.compile(r"whatsapp:\+\d{7,15}")
OWN_ENVIRONMENT = {"TWILIO_EDGE": "", "TWILIO_REGION": ""}  # no variable of the shell redirects our credentials

PERMANENT_CODES = {
    20003: "Twilio does not accept the credentials",
    20404: "Twilio does not know the account or sender",
    21211: "the recipient's number is not valid",
    21212: "the sender's number is not valid",
    63007: "the sender is no WhatsApp sender of this account",
    63015: "the recipient has not joined the sandbox",
    63016: "outside the 24-hour window only an approved template is delivered",
    63024: "the recipient cannot be reached on WhatsApp",
    63049: "WhatsApp declined the message",
}
RATE_CODES = {20429, 63018, 63038}


class NotConfigured(ValueError):
    """Alerts are switched on and cannot work; the sentence names what is missing or wrong, never its value."""


@dataclass(frozen=True, slots=True)
class WhatsAppSettings:
    """Who tells whom. `username` is an API key's sid, or the account's when `password` is the account's token."""

    account_sid: str = field(repr=False)
    username: str = field(repr=False)
    password: str = field(repr=False)
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    content_sid: str = field(default="", repr=False)
    cooldown_min: int = 15

    @property
    def words(self) -> str:
        """The settings for people, numbers masked."""
        how = "an approved template" if self.content_sid else "free text"
        key = "an API key" if self.username != self.account_sid else "the account's token"
        return f"{masked(self.sender)} to {masked(self.recipient)}, {how}, {key}"


def masked(number: str) -> str:
    """A phone number by its first and last two digits."""
    digits = number.removeprefix("whatsapp:")
    return f"{digits[:2]}…{digits[-2:]}"


def whatsapp_settings(secrets: Mapping[str, str], cooldown_min: int) -> WhatsAppSettings:
    """Settings from the named secrets (`.env.example`). Raises NotConfigured with everything that is wrong."""
    account, sender, recipient = (secrets.get(f"TWILIO_{name}", "") for name in ("ACCOUNT_SID", "WHATSAPP_FROM", "WHATSAPP_TO"))
    key, key_secret = secrets.get("TWILIO_API_KEY_SID", ""), secrets.get("TWILIO_API_KEY_SECRET", "")
    token = secrets.get("TWILIO_AUTH_TOKEN", "")
    wrong = [] if account else ["TWILIO_ACCOUNT_SID is missing"]
    if bool(key) != bool(key_secret):
        wrong.append("TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET belong together")
    elif not key and not token:
        wrong.append("TWILIO_API_KEY_SID with TWILIO_API_KEY_SECRET, or TWILIO_AUTH_TOKEN, is missing")
    for name, value in (("TWILIO_WHATSAPP_FROM", sender), ("TWILIO_WHATSAPP_TO", recipient)):
        if not value:
            wrong.append(f"{name} is missing")
        elif NUMBER.fullmatch(value) is None:
            wrong.append(f"{name} must have the form whatsapp:+15551234567")
    if wrong:
        raise NotConfigured("; ".join(wrong))
    username, password = (key, key_secret) if key else (account, token)
    content = secrets.get("TWILIO_CONTENT_SID", "")
    return WhatsAppSettings(account, username, password, sender, recipient, content, cooldown_min)


class Messenger:
    """The Twilio client with our settings. `post` sends one message and says what became of it; it blocks, and it raises
    nothing that a network or an answer can cause."""

    def __init__(self, settings: WhatsAppSettings, http: HttpClient | None = None) -> None:
        self._settings = settings
        self._clean = Redaction((settings.password, settings.account_sid, settings.username, settings.sender, settings.recipient))
        self._client = Client(
            settings.username,
            settings.password,
            account_sid=settings.account_sid,
            http_client=http or TwilioHttpClient(timeout=REQUEST_LIMIT_S),
            environment=OWN_ENVIRONMENT,
        )

    def post(self, lines: Sequence[str]) -> Outcome:
        """Send lines as one message: by the template where there is one, else as free text."""
        settings, said = self._settings, [self._clean(line) for line in lines]
        content = (
            {"content_sid": settings.content_sid, "content_variables": json.dumps({"1": said[0], "2": " | ".join(said[1:])})}
            if settings.content_sid
            else {"body": "\n".join(said)}
        )
        try:
            message = self._client.messages.create(
                from_=settings.sender, to=settings.recipient, validity_period=VALID_S, **content
            )
        except (TwilioRestException, TwilioServiceException) as fault:
            return self._answered(fault.status, fault.code)
        except TwilioException as fault:
            return Outcome(Verdict.PERMANENT, type(fault).__name__)
        except OSError as fault:  # every fault of the HTTP library is one; its text names the account, its kind does not
            late = "Timeout" in type(fault).__name__
            return Outcome(Verdict.TRANSIENT, "no answer in time" if late else "no connection to Twilio")
        except (ValueError, TypeError, AttributeError, KeyError):  # taken perhaps, but the answer was none of Twilio's
            return Outcome(Verdict.TRANSIENT, "an answer that cannot be read")
        if message.error_code:
            return self._answered(400, int(message.error_code))
        if message.status in {"failed", "undelivered"}:
            return Outcome(Verdict.DOUBTFUL, f"Twilio says {message.status}")
        return Outcome(Verdict.SENT)

    def _answered(self, status: int, code: int | None) -> Outcome:
        """The class of an error; codes change their meaning over the years, so unknown ones get a few tries."""
        if status == 429 or code in RATE_CODES:
            return Outcome(Verdict.RATE, "Twilio says too many messages")
        if code in PERMANENT_CODES:
            return Outcome(Verdict.PERMANENT, f"{PERMANENT_CODES[code]} ({code})")
        if status >= 500 or status == 408:
            return Outcome(Verdict.TRANSIENT, f"Twilio is in trouble (HTTP {status})")
        if status in {401, 403, 404}:
            return Outcome(Verdict.PERMANENT, f"Twilio refuses the credentials or the account (HTTP {status})")
        return Outcome(Verdict.DOUBTFUL, f"Twilio refuses the message (HTTP {status}, code {code})")


def _nobody(alert: str, state: str) -> None:
    """Nobody listens."""


class WhatsApp:
    """Implements `ports.Notifier`. `start` begins sending, `close` sends what waits and ends.

    `tell` touches nothing that the sending thread holds: it puts the alert into an inbox and is done. `on_state(alert_id,
    state)` is called on the sending thread, in the order in which states change (on the teller's where nothing can be taken
    in any more): hand it on with `loop.call_soon_threadsafe`. A RuntimeError of it (the loop is closed) is ignored.
    `states()` is the same for whoever prefers to look.
    """

    def __init__(self, settings: WhatsAppSettings, on_state: OnState = _nobody, *, http: HttpClient | None = None) -> None:
        self._messenger = Messenger(settings, http)
        self._on_state = on_state
        self._inbox: SimpleQueue[Alert | None] = SimpleQueue()
        self._queue = AlertQueue(settings.cooldown_min * 60.0, self._changed)
        self._states_lock = threading.Lock()
        self._states: OrderedDict[str, tuple[Alert, str]] = OrderedDict()
        self._closing = self._over = False
        self._thread = threading.Thread(target=self._run, name="whatsapp", daemon=True)

    # -- for the engine -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin sending."""
        self._thread.start()

    def tell(self, alert: Alert) -> None:
        """Hand an alert over. Returns at once."""
        if self._inbox.qsize() >= MOST_INBOX:
            self._bury(alert, f"more than {MOST_INBOX} alerts at once")
            return
        self._inbox.put(alert)
        if self._over:  # put first, looked after: no alert ends between the last look of the thread and its end
            self._bury_inbox()

    def states(self) -> list[tuple[Alert, str]]:
        """The newest alerts and what became of each, oldest first."""
        with self._states_lock:
            return list(self._states.values())

    def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Send what waits as one last message and end. Waits at most so long; idempotent."""
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join(limit_s)

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._empty_inbox(time.monotonic())
            while not self._closing:
                self.send_due(time.monotonic())
                self._wait(self._queue.due_in_s(time.monotonic()))
            self.send_due(time.monotonic(), last=True)
        finally:  # also when a fault of ours ends the thread: then every alert says so
            self._over = True
            self._queue.give_up(ENDED, time.monotonic())
            self._bury_inbox()

    def _wait(self, limit_s: float | None) -> None:
        """Until somebody tells something, closes, or the time is up."""
        if self._closing or limit_s == 0:
            return
        with suppress(Empty):
            self._take_in(self._inbox.get(timeout=limit_s), time.monotonic())

    def send_due(self, now_s: float, *, last: bool = False) -> Outcome | None:
        """Take in what was told and send the one message that is due, None when none is. The thread's step; blocks for
        the request."""
        self._empty_inbox(now_s)
        taken = self._queue.take(now_s, last=last)
        if not taken:
            return None
        outcome = self._messenger.post(self._queue.lines(taken))
        self._queue.settle(taken, outcome, now_s)
        ids = " ".join(letter.id for letter in taken[:LOGGED_IDS])
        if outcome.verdict is Verdict.SENT:
            logger.info("whatsapp took {} alert(s): {}", len(taken), ids)
        else:
            logger.warning("whatsapp did not take {} alert(s) {}: {}", len(taken), ids, outcome.why)
        return outcome

    def _empty_inbox(self, now_s: float) -> None:
        with suppress(Empty):
            while True:
                self._take_in(self._inbox.get_nowait(), now_s)

    def _take_in(self, alert: Alert | None, now_s: float) -> None:
        """An alert, or None: somebody closes."""
        if alert is None:
            self._closing = True
            return
        self._remember(alert)
        self._queue.put(alert, now_s)

    # -- what became of it --------------------------------------------------------------------------------------------

    def _remember(self, alert: Alert) -> None:
        with self._states_lock:
            self._states[alert_id(alert)] = (alert, "")
            while len(self._states) > STATES_KEPT:
                self._states.popitem(last=False)

    def _changed(self, alert: str, state: str) -> None:
        with self._states_lock:
            if alert in self._states:
                self._states[alert] = (self._states[alert][0], state)
        with suppress(RuntimeError):
            self._on_state(alert, state)

    def _bury(self, alert: Alert, why: str) -> None:
        self._remember(alert)
        self._changed(alert_id(alert), f"{FAILED}: {why}")

    def _bury_inbox(self) -> None:
        with suppress(Empty):
            while True:
                alert = self._inbox.get_nowait()
                if alert is not None:
                    self._bury(alert, ENDED)


def send_test(settings: WhatsAppSettings, http: HttpClient | None = None) -> Outcome:
    """One message that says it is a test. Blocks."""
    return Messenger(settings, http).post(["[INFO] test", "orderflow-tui can reach you; nothing happened"])
