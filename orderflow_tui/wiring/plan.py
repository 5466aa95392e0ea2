"""What was asked for on the command line, joined with the configuration: everything decided before anything starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orderflow_tui.adapters.safety_key import is_set, key_path
from orderflow_tui.config import DATA, ConfigFault, Loaded, Places, Problem, folder_named, load
from orderflow_tui.modes import AccountProof, FeedKind, Mode, mode_named
from orderflow_tui.wiring.days import corrections

STOP = "STOP"
SUFFIX = 4  # characters of the account that are typed and shown
Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of a verb as they were typed."""

    mode: str | None = None
    instrument: str | None = None
    auto: bool = False
    live: bool = False
    seconds: float | None = None
    fps: int | None = None
    data_dir: Path | None = None
    sets: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    speed: float | None = None
    account_suffix: str | None = None
    tz: str | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be run. All paths absolute; `speed` times real time, infinite for as fast as it goes. `named`, `tz` and
    `format` are what was said about recordings that do not say it themselves."""

    loaded: Loaded
    mode: Mode
    instrument: str
    data_dir: Path
    stop_file: Path
    paths: tuple[Path, ...]
    speed: float
    seconds: float | None
    fps: int
    theme: str
    keymap: Mapping[str, tuple[str, ...]]
    tour: bool
    auto: bool
    live: bool
    proven_s: float | None = None  # when the safety key was typed for `--auto`, by the monotonic clock
    named: str | None = None
    tz: str | None = None
    format: str | None = None

    @property
    def key_set(self) -> bool:
        """Whether a safety key is set for this data folder."""
        return is_set(key_path(self.data_dir))

    @property
    def key_needed(self) -> bool:
        """Whether resuming asks for the safety key: in live always, in paper when one is set."""
        return self.mode.key_always or (self.mode.key_when_set and self.key_set)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must never reach a log."""
        return tuple(secret.get_secret_value() for secret in self.loaded.secrets.values())

    @property
    def proves_account(self) -> bool:
        """Whether orders reach an account, which is this process's alone then."""
        return self.mode.proof is not AccountProof.NOT_NEEDED

    @property
    def account_to_lock(self) -> str:
        """The configured account where orders reach one; empty where none do, or the gateway has to tell it first."""
        return self.loaded.config.ib.account if self.proves_account else ""


class WrongUsage(Exception):
    """Options that do not go together; the sentence says what to type instead."""


class Refused(Exception):
    """Refused for safety; the sentence says what is missing."""

    exit_code = 3


def configuration(sets: Sequence[str] = ()) -> Loaded:
    """The configuration as seen from here. Raises ConfigFault."""
    return load(Places.usual(os.environ), sets, os.environ)


def data_folder(given: Path | None, loaded: Loaded | None = None) -> Path:
    """Where everything written at run time goes, for every verb: what `--data-dir` gave, else what the configuration says.
    Raises ConfigFault when it must be read and cannot be used."""
    if given is not None:
        return given.absolute()
    return Path((loaded or configuration()).config.paths.data).absolute()


def brake_folder(given: Path | None) -> tuple[Path, str]:
    """The same for verbs that speak to a running engine, and a warning, empty when there is none: a configuration that was
    spoilt after the engine started keeps nobody from the brakes."""
    try:
        return data_folder(given), ""
    except ConfigFault as fault:
        folder = Path(folder_named(Places.usual(os.environ), os.environ)).absolute()
        told = f"the configuration cannot be used ({fault.problems[0]}); speaking to the engine on {folder}"
        return folder, f"{told}, --data-dir names another"


def _stop_file(data_dir: Path, given: Path | None, loaded: Loaded) -> Path:
    """The kill switch: where `paths.stop` puts it when somebody set it; else in a data folder that was moved, else as shipped."""
    paths = loaded.config.paths
    moved = given is not None or paths.data != DATA
    return data_dir / STOP if moved and loaded.shipped("paths.stop") else Path(paths.stop).absolute()


def plan_of(wish: Wish) -> Plan:
    """Decide everything. Raises ConfigFault, UnknownMode, or Refused for a live mode without `--live`."""
    loaded = configuration(wish.sets)
    corrections(loaded)  # proven here, read again where days are made
    config = loaded.config
    mode = mode_named(wish.mode or config.mode.name)
    if mode.proof is AccountProof.EXACT and not wish.live:
        raise Refused("mode live trades real money: start it with --live, the account in ib.account and its suffix typed")
    data_dir = data_folder(wish.data_dir, loaded)
    return Plan(
        loaded=loaded,
        mode=mode,
        instrument=wish.instrument or config.instrument.analysis,
        data_dir=data_dir,
        stop_file=_stop_file(data_dir, wish.data_dir, loaded),
        paths=tuple(path.absolute() for path in wish.paths),
        speed=wish.speed if wish.speed is not None else config.demo.speed,
        seconds=wish.seconds,
        fps=wish.fps or config.console.fps,
        theme=config.console.theme,
        keymap=loaded.keymap,
        tour=config.console.tour and mode.name == "demo" and not os.path.exists(tour_mark(data_dir)),
        auto=wish.auto,
        live=wish.live,
        named=wish.instrument,
        tz=wish.tz,
        format=wish.format,
    )


def tour_mark(data_dir: Path) -> Path:
    """The file that says that the tour was shown here: it opens on the first run only."""
    return data_dir / "state" / "tour-seen"


def keymap_fault(plan: Plan, sentence: str) -> ConfigFault:
    """What the screen, which owns the keys, has against the keymap, as a fault of the file it came from."""
    return ConfigFault([Problem(str(plan.loaded.places.file("keymap.toml")), sentence)])


def prove_fed(plan: Plan) -> None:
    """A mode that plays recordings needs some, any other an instrument that is known. Raises WrongUsage."""
    known = plan.loaded.instruments
    if plan.mode.feed is FeedKind.FILES:
        if not plan.paths:
            raise WrongUsage(f"mode {plan.mode.name} plays recordings: name them with `orderflow-tui replay PATH…`")
    elif plan.instrument not in known:
        raise WrongUsage(f"unknown instrument {plan.instrument!r}: instruments.toml knows {', '.join(known)}")


def prove_meant(plan: Plan, typed: str | None, ask: Ask | None) -> None:
    """Real money needs, beside `--live`, the account in the configuration and its last characters typed by a person.

    `ask` puts a question to whoever sits at the terminal, None when nobody does. Raises Refused.
    """
    if plan.mode.proof is not AccountProof.EXACT:
        return
    account = plan.loaded.config.ib.account
    if not account:
        raise Refused("mode live needs the exact account in ib.account; it is empty")
    if typed is None and ask is not None:
        typed = ask(f"mode live trades real money: type the last {SUFFIX} characters of the account to go on: ").strip()
    if not typed:
        raise Refused(f"mode live needs the last {SUFFIX} characters of the account: type them, or give --account-suffix")
    if typed != account[-SUFFIX:]:
        raise Refused(f"the account suffix does not match: ib.account does not end with {typed!r}")
