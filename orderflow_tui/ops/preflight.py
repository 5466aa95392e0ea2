"""What must be in order before trading, one row a matter. Looking only: nothing is created, changed or sent.

A row is "ok", "warn" (trading works, somebody should know) or "fail" (something will not work or is not safe). Every
sentence says what was seen and, where something is wrong, what to do about it.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orderflow_tui.adapters import stop_file
from orderflow_tui.adapters.calendar import LAST_BUILT, CalendarFault, session_table
from orderflow_tui.adapters.heartbeat import HeartbeatFault, Status, boot_id, read_status
from orderflow_tui.adapters.instance_lock import holder, instance_lock_path
from orderflow_tui.adapters.journal_damage import PARTS
from orderflow_tui.adapters.journal_schema import events, prove_there, verify
from orderflow_tui.adapters.journal_store import ORDERS_FILE, HeadFile
from orderflow_tui.adapters.safety_key import key_path, key_trouble
from orderflow_tui.config import is_stale
from orderflow_tui.domain.instrument import quarterly_contract
from orderflow_tui.modes import AccountProof, FeedKind
from orderflow_tui.ops.versions import versions_text
from orderflow_tui.ports import JournalError
from orderflow_tui.wiring import Plan
from orderflow_tui.wiring.days import corrections
from orderflow_tui.wiring.rehearsal import rehearsed

GATEWAY_LIMIT_S = 2.0
MEGABYTE = 1_000_000
LEAST_FREE_MB, CALM_FREE_MB = 500, 5_000
LONGEST_BEAT_MS = 5_000
LONGEST_STEP_S = 2.0  # the wall clock against the monotonic one, since the last heartbeat of this boot
MOST_FILES = 50_000
PRIVATE_FOLDERS = ("journal", "tape", "state", "log")
PORTS = {7496: ("TWS", "live"), 7497: ("TWS", "paper"), 4001: ("IB Gateway", "live"), 4002: ("IB Gateway", "paper")}
ZONES = {"America/New_York": -4, "America/Chicago": -5, "UTC": 0}  # hours from UTC on the first of July


class Result(Enum):
    """How a matter stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row."""

    name: str
    result: Result
    sentence: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What is looked at besides files: environment, clocks, terminal, disk. Tests put their own here."""

    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    wall_ns: Callable[[], int] = time.time_ns
    mono_ns: Callable[[], int] = time.monotonic_ns
    boot: Callable[[], str] = boot_id
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    on_terminal: bool = field(default_factory=lambda: sys.stdin.isatty() and sys.stdout.isatty())

    @property
    def today(self) -> date:
        """The date in New York."""
        return datetime.fromtimestamp(self.wall_ns() / 1e9, UTC).astimezone(ZoneInfo("America/New_York")).date()


def ok(name: str, sentence: str) -> Finding:
    """A matter in order."""
    return Finding(name, Result.OK, sentence)


def warn(name: str, sentence: str) -> Finding:
    """A matter somebody should know of."""
    return Finding(name, Result.WARN, sentence)


def fail(name: str, sentence: str) -> Finding:
    """A matter that is not in order."""
    return Finding(name, Result.FAIL, sentence)


def findings(plan: Plan, ground: Ground, *, gateway: bool) -> Iterator[Finding]:
    """Every row for a plan, in the order shown. `gateway`: look at it whatever the mode needs."""
    wanted = gateway or plan.mode.feed is FeedKind.IB
    yield configuration(plan)
    yield programs(plan, wanted)
    yield time_zones()
    yield clock(plan, ground)
    yield data_folder(plan, ground)
    yield looked_at("permissions", lambda: permissions(plan))
    yield looked_at("STOP", lambda: stop(plan))
    yield looked_at("journal", lambda: journal(plan, ground))
    yield calendar(plan, ground)
    yield news(plan, ground)
    yield from contracts(plan, ground)
    yield engine(plan)
    yield terminal(ground)
    yield alerts(plan)
    yield account(plan)
    yield safety_key(plan)
    if wanted:
        yield gateway_reachable(plan)


def looked_at(name: str, look: Callable[[], Finding]) -> Finding:
    """A row about files; what may not even be looked at fails it and ends no other row."""
    try:
        return look()
    except OSError as fault:
        return fail(name, f"{fault.filename} cannot be looked at: {(fault.strerror or str(fault)).lower()}")


# -- what was decided ---------------------------------------------------------------------------------------------------


def configuration(plan: Plan) -> Finding:
    """That it was read, from where, and how much differs from what is shipped."""
    loaded = plan.loaded
    shipped = str(loaded.places.folder)
    changed = [key for key, _, source in loaded.effective() if not source.startswith(shipped)]
    user = f", then {loaded.places.user}" if loaded.places.user else ""
    return ok(
        "configuration",
        f"mode {plan.mode.name}; {shipped}{user}; {len(changed)} keys differ from what is shipped; hash {loaded.hash}",
    )


def programs(plan: Plan, broker: bool) -> Finding:
    """Python and the libraries that this plan needs. An older Python could not have started us."""
    told = ", ".join(versions_text().splitlines())
    library = plan.loaded.config.ib.library
    if broker and find_spec(library) is None:
        return fail("programs", f"ib.library is {library}, which is not installed: pip install {library}; {told}")
    if find_spec("ib_insync") is not None and find_spec("ib_async") is not None:
        return warn("programs", f"ib_insync and ib_async disturb each other in one environment: remove one; {told}")
    return ok("programs", told)


def account(plan: Plan) -> Finding:
    """Whether the configured account can belong to the mode. The gateway's own word decides later."""
    name = plan.loaded.config.ib.account
    shown = f"ib.account …{name[-3:]}" if name else "ib.account is empty"
    match plan.mode.proof:
        case AccountProof.EXACT if not name:
            return fail("account", "mode live needs the exact account id in ib.account (ORDERFLOW_IB_ACCOUNT)")
        case AccountProof.EXACT if name.startswith("D"):
            return fail("account", f"{shown} is a paper account, the mode is live")
        case AccountProof.PAPER if name and not name.startswith("DU"):
            return fail("account", f"{shown} is no paper account (those begin with DU), the mode is paper")
        case AccountProof.PAPER if not name:
            return ok("account", f"{shown}: the gateway must serve exactly one account, a paper one")
        case AccountProof.NOT_NEEDED:
            return ok("account", f"mode {plan.mode.name} sends nothing to a broker")
        case _:
            return ok("account", f"{shown} fits mode {plan.mode.name}; the gateway has to prove it")


# -- the machine ----------------------------------------------------------------------------------------------------------


def time_zones() -> Finding:
    """That the zone data is there and knows summer time."""
    for name, hours in ZONES.items():
        try:
            offset = datetime(2026, 7, 1, tzinfo=ZoneInfo(name)).utcoffset()
        except (ZoneInfoNotFoundError, OSError) as fault:
            return fail("time zones", f"{name} cannot be loaded ({fault}): pip install tzdata")
        if offset != timedelta(hours=hours):
            return fail("time zones", f"{name} is {offset} from UTC in July, expected {hours} h: the zone data is damaged")
    return ok("time zones", f"{', '.join(ZONES)} are there and agree with the known summer time")


def clock(plan: Plan, ground: Ground) -> Finding:
    """The wall clock against the calendar's years and, where this boot wrote a heartbeat, against the monotonic clock."""
    now = datetime.fromtimestamp(ground.wall_ns() / 1e9, UTC)
    if not 2026 <= now.year <= LAST_BUILT.year:
        return fail("clock", f"it says {now:%Y-%m-%d %H:%M:%S} UTC, which cannot be: set it, and let it be kept by NTP")
    if not time.get_clock_info("monotonic").monotonic:
        return fail("clock", "this machine has no monotonic clock: ages and time limits cannot be trusted")
    beat = _beat(plan)
    if beat is None or not beat.document.get("boot") or beat.document.get("boot") != ground.boot():
        return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; no heartbeat of this boot to compare with; NTP is yours to see to")
    stepped_s = (ground.wall_ns() - _number(beat, "wall_ns") - (ground.mono_ns() - _number(beat, "mono_ns"))) / 1e9
    if abs(stepped_s) > LONGEST_STEP_S:
        return warn("clock", f"{now:%H:%M:%S} UTC; it was set by {stepped_s:+.1f} s since the last heartbeat: is NTP running?")
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; {stepped_s:+.3f} s against the monotonic clock since the last heartbeat")


def data_folder(plan: Plan, ground: Ground) -> Finding:
    """Whether the folder can be written and has room."""
    folder = plan.data_dir
    if not folder.exists():
        parent = next(p for p in folder.parents if p.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            return fail("data folder", f"{folder} is not there and {parent} cannot be written")
        return ok("data folder", f"{folder} is not there yet; the first start makes it")
    if not folder.is_dir():
        return fail("data folder", f"{folder} is no folder: move it away or name another with --data-dir")
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as fault:
        return fail("data folder", f"{folder} cannot be written: {fault.strerror}")
    free_mb = ground.free_bytes(folder) // MEGABYTE
    if free_mb < LEAST_FREE_MB:
        return fail("data folder", f"{folder} has {free_mb} MB left, less than {LEAST_FREE_MB}: a full disk stops entries")
    if free_mb < CALM_FREE_MB:
        depth_mb = plan.loaded.config.tape.depth_mb
        return warn("data folder", f"{folder} has {free_mb} MB left; a session's book alone may take {depth_mb} MB")
    return ok("data folder", f"{folder} can be written and has {free_mb // 1000} GB left")


def permissions(plan: Plan) -> Finding:
    """That what was written at run time is ours alone: folders 0700, files 0600."""
    if not plan.data_dir.is_dir():
        return ok("permissions", "nothing was written yet")
    wrong: list[str] = []
    seen = 0
    for path in _private_paths(plan.data_dir):
        seen += 1
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # a running engine replaces files
        if found.st_uid != os.geteuid():
            wrong.append(f"{path} belongs to user {found.st_uid}")
        elif not stat.S_ISLNK(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
            wrong.append(f"{path} is open to others ({stat.S_IMODE(found.st_mode):04o})")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return fail("permissions", f"{'; '.join(wrong[:3])}{more}: chmod -R go-rwx {plan.data_dir}")
    if stat.S_IMODE(plan.data_dir.stat().st_mode) & 0o022:
        return fail("permissions", f"others may write into {plan.data_dir}, so anybody may take the STOP file away: chmod go-w")
    return ok(
        "permissions", f"{seen} files and folders are ours alone" + (", the rest was not looked at" if seen == MOST_FILES else "")
    )


def _private_paths(folder: Path) -> Iterator[Path]:
    count = 0
    for name in PRIVATE_FOLDERS:
        top = folder / name
        if not top.is_dir():
            continue
        for path in (top, *top.rglob("*")):
            if count == MOST_FILES:
                return
            count += 1
            yield path


def terminal(ground: Ground) -> Finding:
    """Whether a dropped connection would take the screen's process with it."""
    if not ground.on_terminal:
        return ok("terminal", "none here; `run --headless` needs none")
    if ground.env.get("TERM", "dumb") in {"", "dumb"}:
        return warn("terminal", "TERM=dumb cannot draw the console; set TERM, or use `run --headless`")
    if ground.env.get("TMUX") or ground.env.get("STY"):
        return ok("terminal", "inside tmux or screen: a dropped connection takes only the view")
    if ground.env.get("SSH_TTY") or ground.env.get("SSH_CONNECTION"):
        return warn("terminal", "an SSH session without tmux: when it drops, so does the screen. tmux new -s trading")
    return ok("terminal", "a local terminal")


# -- what lies there ------------------------------------------------------------------------------------------------------


def stop(plan: Plan) -> Finding:
    """The kill switch."""
    bare: stop_file.Word = plan.loaded.config.kill_switch.action
    seen = stop_file.look(plan.stop_file, bare)
    if seen is None:
        return ok("STOP", f"{plan.stop_file} is not there; a bare `touch` of it will {bare}")
    return warn("STOP", f"{seen.detail}: trading would start with {seen.action}; remove it, then clear the latch by hand")


def journal(plan: Plan, ground: Ground) -> Finding:
    """Proves the newest journal of the mode row by row, without writing, and replays one that the next start will replay."""
    folder = plan.data_dir / "journal" / plan.mode.name
    files = [folder / ORDERS_FILE] if plan.mode.waits_for_journal else sorted(folder.glob(f"*/{ORDERS_FILE}"))
    found = [path for path in files if any(Path(f"{path}{part}").exists() for part in PARTS)]
    if not found:
        return ok("journal", f"none yet for mode {plan.mode.name}")
    path = max(found, key=lambda file: file.stat().st_mtime_ns if file.exists() else 0)
    noted = HeadFile(path.with_name(f"{ORDERS_FILE}.head")).read()  # before the rows: it may lag behind them, never lead
    # Without a WAL the file is all there is; SQLite would make a new WAL beside it even for reading.
    how = "mode=ro" if path.with_name(f"{ORDERS_FILE}-wal").exists() else "mode=ro&immutable=1"
    try:
        prove_there(path, noted)
        with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, isolation_level=None)) as conn:
            conn.execute("BEGIN")
            head = verify(conn, str(path), noted)
            rows = [stored.row for stored in events(conn)] if plan.mode.waits_for_journal else []
    except JournalError as fault:
        return fail("journal", str(fault))
    except sqlite3.Error as fault:
        return fail("journal", f"{path} cannot be read: {fault}; no word on whether it is whole. Look at disk, room and rights")
    locks = rehearsed(plan, rows, ground.wall_ns())
    if locks:
        return fail("journal", f"{path}: {locks}")
    return ok("journal", f"{path}: {head.seq} rows, each bound to the one before, none missing")


def calendar(plan: Plan, ground: Ground) -> Finding:
    """That trading days are known for a year ahead."""
    today = ground.today
    try:
        days = session_table(today, min(today + timedelta(days=366), LAST_BUILT), corrections(plan.loaded)).days
    except CalendarFault as fault:
        return fail("calendar", f"{fault}: python -m orderflow_tui.adapters.calendar --build")
    if not days:
        return fail("calendar", f"no trading day after {today} is known")
    if days[-1].trade_date < today + timedelta(days=360):
        return warn("calendar", f"known only to {days[-1].trade_date}: build the table again with a newer library")
    half = sum(day.half_day for day in days)
    return ok("calendar", f"{len(days)} trading days to {days[-1].trade_date}, {half} of them short; next {days[0].trade_date}")


def news(plan: Plan, ground: Ground) -> Finding:
    """Whether the file of releases has been forgotten."""
    config, events, now_ns = plan.loaded.config.news, plan.loaded.news, ground.wall_ns()
    path = plan.loaded.places.file("news.toml")
    if is_stale(events, now_ns, config.stale_days):
        blocked = "entries are refused until" if config.fail_mode == "block" else "nothing stops entries until"
        return warn("news", f"{path} names no release in the next {config.stale_days} days; {blocked} somebody adds them")
    following = next(event for event in events if event.ts_ns >= now_ns)
    at = datetime.fromtimestamp(following.ts_ns / 1e9, UTC)
    return ok("news", f"next is {following.name} ({following.impact}) on {at:%Y-%m-%d %H:%M} UTC")


def contracts(plan: Plan, ground: Ground) -> Iterator[Finding]:
    """What is analysed and traded, and which month leads by the calendar."""
    config, instruments = plan.loaded.config.instrument, plan.loaded.instruments
    for name, symbol in (("analysed", plan.instrument), ("traded", config.execution)):
        instrument = instruments.get(symbol)
        if instrument is None:
            yield fail(name, f"{symbol} is not in instruments.toml, which knows {', '.join(sorted(instruments))}")
            continue
        worth = f"a tick of {instrument.price(1):g} is worth {instrument.tick_cents / 100:.2f}"
        if instrument.roll_months != "HMUZ":
            yield ok(name, f"{symbol}: {worth}; its month is chosen by volume when the broker answers")
            continue
        month = quarterly_contract(ground.today)
        yield ok(name, f"{symbol}{month} leads by the calendar; {worth}; with a broker, volume may roll it earlier")


def engine(plan: Plan) -> Finding:
    """Who holds the lock of the data folder, and whether he lives."""
    held = holder(instance_lock_path(plan.data_dir))
    if held is None:
        return ok("engine", "none runs on this data folder")
    try:
        beat = read_status(plan.data_dir)
    except HeartbeatFault as fault:
        return fail("engine", f"{held} holds the lock; {fault}")
    if beat is None or beat.age_ms > LONGEST_BEAT_MS:
        age = "never beat" if beat is None else f"last beat {beat.age_ms / 1000:.0f} s ago"
        return fail("engine", f"{held} holds the lock and {age}: look at its screen and log; stops rest at the broker")
    return warn("engine", f"{held} runs here, last beat {beat.age_ms} ms ago; a second start would be refused")


def alerts(plan: Plan) -> Finding:
    """Whether a person would be told. Nothing is sent."""
    config = plan.loaded.config.alerts
    if not config.enabled:
        quiet = ok if plan.mode.proof is AccountProof.NOT_NEEDED else warn
        return quiet("alerts", "switched off (alerts.enabled): only whoever looks at the screen is told")
    from orderflow_tui.adapters.whatsapp import NotConfigured, whatsapp_settings

    try:
        settings = whatsapp_settings(secret_values(plan), config.cooldown_min)
    except NotConfigured as fault:
        return fail("alerts", f"alerts.enabled is true, but {fault}")
    if not settings.content_sid:
        return warn("alerts", f"{settings.words}: without TWILIO_CONTENT_SID nothing arrives unless you wrote within 24 h")
    return ok("alerts", f"{settings.words}; --send-test sends one")


def safety_key(plan: Plan) -> Finding:
    """Whether a safety key is set, and what it is asked for in this mode."""
    path = key_path(plan.data_dir)
    if not plan.key_set:
        sentence = "none is set; `orderflow-tui safety-key set` asks for one"
        if plan.mode.key_always:
            return fail("safety key", f"{sentence}: without it nothing that is latched in mode {plan.mode.name} can be cleared")
        return ok("safety key", f"{sentence}; mode {plan.mode.name} asks for it to clear a lock only")
    fault = key_trouble(path)
    if fault:
        return fail("safety key", fault)
    asked = "every resume" if plan.key_needed else "clearing a lock"
    return ok("safety key", f"set, only its hash is kept; mode {plan.mode.name} asks for it at {asked}")


def secret_values(plan: Plan) -> dict[str, str]:
    """Secrets by name."""
    return {name: secret.get_secret_value() for name, secret in plan.loaded.secrets.items()}


# -- the gateway ----------------------------------------------------------------------------------------------------------


def gateway_reachable(plan: Plan) -> Finding:
    """Whether something listens at the gateway's address. Only a TCP connection: no account is proven by it."""
    ib = plan.loaded.config.ib
    place = f"{ib.host}:{ib.port}"
    began = time.perf_counter()
    try:
        socket.create_connection((ib.host, ib.port), GATEWAY_LIMIT_S).close()
    except OSError as fault:
        why = "no answer" if isinstance(fault, TimeoutError) else fault.strerror or type(fault).__name__
        return fail("gateway", f"{place}: {why}. Is it logged in, is the API on, is the port right? docs/runbook.md")
    took_ms = (time.perf_counter() - began) * 1000
    program, kind = PORTS.get(ib.port, ("", ""))
    told = f"{place} takes connections ({took_ms:.1f} ms)"
    if kind and plan.mode.name in {"paper", "live"} and kind != plan.mode.name:
        return warn("gateway", f"{told}; {ib.port} is usually {program}'s {kind} port and the mode is {plan.mode.name}")
    return ok("gateway", f"{told}; what account is behind it is proven when the session starts")


def _beat(plan: Plan) -> Status | None:
    try:
        return read_status(plan.data_dir)
    except HeartbeatFault:
        return None  # the engine's row tells it


def _number(beat: Status, name: str) -> int:
    value = beat.document.get(name)
    return value if isinstance(value, int) else 0
