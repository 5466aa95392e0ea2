"""Configuration: every key once, every value with its source, every mistake one sentence with file, key and expectation."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.config import Config, ConfigFault, Loaded, Places, config_dir, is_stale, load
from orderflow_tui.config.fault import shown
from orderflow_tui.config.section import leaves
from orderflow_tui.domain.signal import Pattern
from orderflow_tui.tui.keymap import FIXED, KEYS, resolve

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = Places(config_dir())


def loaded(tmp_path: Path, text: str = "", sets: tuple[str, ...] = (), **env: str) -> Loaded:
    user = tmp_path / "orderflow.toml"
    user.write_text(text, encoding="utf-8")
    return load(Places(config_dir(), user, tmp_path / ".env"), sets, env)


def faults(tmp_path: Path, text: str = "", sets: tuple[str, ...] = (), **env: str) -> list[str]:
    with pytest.raises(ConfigFault) as caught:
        loaded(tmp_path, text, sets, **env)
    assert caught.value.exit_code == 78
    return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]


# -- what is shipped ----------------------------------------------------------------------------------------------------


def test_the_shipped_configuration_is_whole_and_every_key_comes_from_it() -> None:
    whole = load(SHIPPED)
    assert set(whole.sources) == set(leaves(Config))
    assert set(whole.sources.values()) == {str(config_dir() / "default.toml")}
    assert [key for key, _, _ in whole.effective()] == list(leaves(Config))


def test_every_key_stands_once_in_default_toml_with_a_word_of_why() -> None:
    text = (config_dir() / "default.toml").read_text(encoding="utf-8")
    section, seen = "", []
    for line in text.splitlines():
        table = re.match(r"^\[+([\w.]+)\]+", line)
        section = table[1] if table else section
        key = re.match(r"^(\w+) = ", line)
        if key and section != "tiers.table":
            seen.append(f"{section}.{key[1]}")
            assert re.search(r"\S\s+# \S", line), f"{section}.{key[1]} says no why"
    assert sorted([*seen, "tiers.table"]) == sorted(leaves(Config))


def test_the_defaults_are_the_settled_ones() -> None:
    config = load(SHIPPED).config
    assert (config.risk.daily_loss_cents, config.risk.daily_profit_cents, config.risk.max_contracts) == (30_000, 50_000, 2)
    assert (config.sim.latency_ms, config.sim.slippage_ticks, config.bars.seconds) == (250, 1, 300)
    assert (config.kill_switch.action, config.kill_switch.poll_ms) == ("flatten", 250)
    assert (config.instrument.analysis, config.instrument.execution) == ("ES", "MES")
    assert (config.session.start, config.session.end, config.session.flat) == ("09:30", "15:45", "15:55")
    assert config.router.VOLATILE.enabled == (Pattern.STACKED_BUY, Pattern.STACKED_SELL)
    assert (config.setups.min_signal_strength, config.regime.min_confidence) == (0.6, 0.7)
    assert [row.floor_cents for row in config.tiers.table] == [0, 350_000, 500_000, 750_000, 1_000_000]


def test_the_instruments_are_those_of_the_exchange() -> None:
    instruments = load(SHIPPED).instruments
    assert list(instruments) == ["ES", "MES", "NQ", "MNQ", "CL", "GC"]
    assert [(i.tick_cents, i.text(4), i.stop_ticks, i.target_ticks) for i in instruments.values()] == [
        (1250, "1.00", 16, 24),
        (125, "1.00", 16, 24),
        (500, "1.00", 20, 32),
        (50, "1.00", 20, 32),
        (1000, "0.04", 16, 24),
        (1000, "0.4", 16, 24),
    ]
    assert [(i.imbalance_min_volume, i.absorption_min_volume) for i in instruments.values()] == [
        (20, 150),
        (5, 30),
        (15, 100),
        (5, 25),
        (10, 100),
        (10, 100),
    ]
    assert (instruments["ES"].commission_cents, instruments["MES"].commission_cents) == (225, 62)


def test_every_instrument_knows_its_hours() -> None:
    whole = load(SHIPPED)
    assert whole.hours["ES"].rth_open_min == 9 * 60 + 30
    assert whole.hours["ES"].globex_open_min == -6 * 60
    assert whole.hours["GC"].rth_close_min == 13 * 60 + 30


def test_the_shipped_keymap_is_the_key_table_of_the_screen() -> None:
    keymap = load(SHIPPED).keymap
    assert keymap == {row.id.value: row.keys for row in KEYS if row.id not in FIXED}
    assert resolve(keymap).by_key["F"].value == "flatten"


def test_the_examples_name_nothing_unknown() -> None:
    names = re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    from orderflow_tui.config.environment import SECRETS, SETTINGS

    assert sorted(names) == sorted((*SECRETS, *SETTINGS))


def test_a_wheel_finds_its_own_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "orderflow_tui"
    (package / "config").mkdir(parents=True)
    shutil.copytree(config_dir(), package / "_config")
    monkeypatch.setattr("orderflow_tui.config.layers.__file__", str(package / "config" / "layers.py"))
    assert config_dir() == package / "_config"


# -- layers -------------------------------------------------------------------------------------------------------------


def test_the_later_layer_wins_and_each_value_knows_its_source(tmp_path: Path) -> None:
    text = "[risk]\nmax_contracts = 1\ndaily_loss_cents = 20000\n[paths]\ndata = 'here'\n"
    made = loaded(tmp_path, text, ("risk.max_contracts=3", "instrument.analysis=MES", "session.lunch=[]"), ORDERFLOW_DATA="there")
    assert made.config.risk.max_contracts == 3
    assert made.config.risk.daily_loss_cents == 20_000
    assert made.config.paths.data == "there"
    assert made.config.session.lunch == ()
    assert made.config.instrument.analysis == "MES"
    assert made.sources["risk.max_contracts"] == "--set risk.max_contracts=3"
    assert made.sources["risk.daily_loss_cents"] == str(tmp_path / "orderflow.toml")
    assert made.sources["paths.data"] == "environment (ORDERFLOW_DATA)"
    assert ("risk.max_contracts", 3, "--set risk.max_contracts=3") in made.effective()


def test_the_hash_follows_values_and_nothing_else(tmp_path: Path) -> None:
    plain = load(SHIPPED).hash
    assert loaded(tmp_path, "[risk]\nmax_contracts = 2\n").hash == plain
    assert loaded(tmp_path, TWILIO_AUTH_TOKEN="secret").hash == plain
    assert loaded(tmp_path, "[risk]\nmax_contracts = 1\n").hash != plain
    assert re.fullmatch(r"[0-9a-f]{16}", plain)


def test_the_configuration_cannot_be_changed_after_it_was_proven() -> None:
    config = load(SHIPPED).config
    with pytest.raises(ValueError, match="frozen"):
        config.risk.max_contracts = 9


def test_usual_places_follow_the_variable_and_the_start_directory(tmp_path: Path) -> None:
    assert Places.usual({}, tmp_path).user is None
    (tmp_path / "orderflow.toml").touch()
    assert Places.usual({}, tmp_path).user == tmp_path / "orderflow.toml"
    assert Places.usual({"ORDERFLOW_CONFIG": "/etc/of.toml"}, tmp_path).user == Path("/etc/of.toml")
    named = Places.usual({"ORDERFLOW_CONFIG": str(tmp_path / "gone.toml")}, tmp_path)
    with pytest.raises(ConfigFault, match=r"gone\.toml: cannot be read: no such file"):
        load(named)


@pytest.mark.parametrize("name", ["orderflow.toml", "news.toml", "instruments.toml", ".env"])
def test_a_link_that_leads_nowhere_is_a_mistake_and_not_a_file_that_is_absent(tmp_path: Path, name: str) -> None:
    if name != "orderflow.toml":
        (tmp_path / "orderflow.toml").touch()
    (tmp_path / name).symlink_to(tmp_path / "moved away")
    with pytest.raises(ConfigFault) as caught:
        load(Places.usual({}, tmp_path))
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{tmp_path / name}: ")
    assert "no such file" in str(problem) or "leads nowhere" in str(problem)


def test_a_folder_where_the_dotenv_should_be_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert faults(tmp_path) == [".env: cannot be read: is a directory"]


def test_a_file_beside_the_user_s_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "news.toml").write_text("[[release]]\ntime = 2027-01-05T10:00:00-05:00\nname = 'ISM'\nimpact = 'medium'\n")
    assert [event.name for event in loaded(tmp_path).news] == ["ISM"]


# -- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[risk]\nmax_contract = 1",
            "orderflow.toml: unknown key risk.max_contract; did you mean risk.max_contracts?",
        ),
        (
            "[risk]\ndaily_loss = 300",
            "orderflow.toml: unknown key risk.daily_loss; did you mean risk.daily_loss_cents (the unit is part of the name)?",
        ),
        ("[setups]\nsettle_ms = 3", "orderflow.toml: unknown key setups.settle_ms; did you mean feed.settle_ms?"),
        ("[rsik]\nx = 1", "orderflow.toml: unknown key rsik; did you mean risk?"),
        ("zzz = 1", "orderflow.toml: unknown key zzz; see config/default.toml for all keys"),
        ("risk = 3", "orderflow.toml: risk is a table; write [risk] and its keys below it"),
        (
            "[risk]\nmax_contracts = '2'",
            'orderflow.toml: risk.max_contracts is "2" (text); expected an integer from 1 to 10',
        ),
        (
            "[risk]\nmax_contracts = 2.0",
            "orderflow.toml: risk.max_contracts is 2.0 (a number with a fraction); expected an integer from 1 to 10",
        ),
        (
            "[risk]\ndaily_loss_cents = -30000",
            "orderflow.toml: risk.daily_loss_cents is -30000 (an integer); "
            "expected an integer from 1 to 100000000 cents of the account currency",
        ),
        (
            "[risk]\nmax_contracts = true",
            "orderflow.toml: risk.max_contracts is true (a boolean); expected an integer from 1 to 10",
        ),
        (
            "[risk]\nmax_contracts = 11",
            "orderflow.toml: risk.max_contracts is 11 (an integer); expected an integer from 1 to 10",
        ),
        (
            "[imbalance]\nratio = nan",
            "orderflow.toml: imbalance.ratio is nan (a number with a fraction); expected a number from 1 to 100",
        ),
        (
            "[session]\nstart = 09:30:00",
            'orderflow.toml: session.start is 09:30:00 (a time); expected a time of day in exchange time, "HH:MM"',
        ),
        (
            "[bars]\ntype = 'tme'",
            'orderflow.toml: bars.type is "tme" (text); expected one of "time", "volume"; did you mean time?',
        ),
        (
            "[absorption]\nmin_volume = 'big'",
            'orderflow.toml: absorption.min_volume is "big" (text); expected an integer from 1 to 1000000 or "instrument"',
        ),
        ("[risk]\nmax_contracts = 1\nmax_contracts = 2", "orderflow.toml:3: key risk.max_contracts stands there twice; keep one"),
        ("[risk]\n[sim]\n[risk]", "orderflow.toml:3: table [risk] stands there twice; keep one"),
        ("[session]\nend = '09:00'", "orderflow.toml: session.start 09:30 must come before session.end 09:00"),
        (
            "[bars]\nseconds = 7",
            "orderflow.toml: bars.seconds is 7; time bars must divide both the day and 09:30, such as 60 or 300",
        ),
        (
            "[instrument]\nexecution = 'NQ'",
            "orderflow.toml: instrument.execution NQ is another market than instrument.analysis ES",
        ),
        (
            "[instrument]\nanalysis = 'NQ'",
            "orderflow.toml: instrument.execution MES is another market than instrument.analysis NQ",
        ),
        ("[instrument]\nexecution = 'CL'", "instrument.execution CL has another price grid than instrument.analysis ES"),
        ("[instrument]\nanalysis = 'YM'", "instrument.analysis names YM; instruments.toml knows ES, MES, NQ, MNQ, CL, GC"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    found = faults(tmp_path, text)
    assert any(sentence in problem for problem in found), found
    assert len(found) == 1 or "session" in sentence, found


@pytest.mark.parametrize(("analysis", "execution"), [("ES", "ES"), ("ES", "MES"), ("MES", "ES"), ("NQ", "MNQ"), ("GC", "GC")])
def test_what_is_executed_is_the_analysed_contract_its_micro_or_its_big_one(
    tmp_path: Path, analysis: str, execution: str
) -> None:
    made = loaded(tmp_path, sets=(f"instrument.analysis={analysis}", f"instrument.execution={execution}"))
    assert made.config.instrument.execution == execution


def test_a_pattern_that_is_none_is_told_with_the_nearest(tmp_path: Path) -> None:
    (problem,) = faults(tmp_path, "[router]\ndisabled = ['STACKED_BY']")
    assert '"STACKED_BY" is none of them; did you mean STACKED_BUY?' in problem


def test_everything_wrong_is_told_in_one_go(tmp_path: Path) -> None:
    found = faults(tmp_path, "[risk]\nmax_contracts = 0\nx = 1\n[bars]\nseconds = 'x'\n", ("feed.settle_ms=-1", "nonsense"))
    assert len(found) == 5


@pytest.mark.parametrize("content", [b"\xff\xfe", b"= 3", b"[risk", b"a = " + b"[" * 5000, b"x" * 2_000_000])
def test_a_file_that_is_no_toml_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    user = tmp_path / "orderflow.toml"
    user.write_bytes(content)
    with pytest.raises(ConfigFault, match=r"orderflow.toml(:1)?: "):
        load(Places(config_dir(), user))


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("risk.max_contracts", "expected section.key=value"),
        ("=3", "expected section.key=value"),
        ("risk.max_contract=1", "did you mean risk.max_contracts?"),
        ("risk=1", "risk is a table"),
        ("risk.max_contracts=many", 'is "many" (text); expected an integer from 1 to 10'),
        ("risk.max_contracts=1\nx=2", 'is "1\nx=2" (text)'),
    ],
)
def test_an_option_is_held_to_the_same_rules(tmp_path: Path, option: str, sentence: str) -> None:
    (problem,) = faults(tmp_path, sets=(option,))
    assert problem.startswith("--set ")
    assert sentence in problem


def test_a_key_set_twice_by_option_is_refused(tmp_path: Path) -> None:
    (problem,) = faults(tmp_path, sets=("risk.max_contracts=1", "risk.max_contracts=2"))
    assert problem.endswith("risk.max_contracts is set twice; keep one")


# -- secrets ------------------------------------------------------------------------------------------------------------


def dotenv(tmp_path: Path, text: str, mode: int = 0o600) -> None:
    path = tmp_path / ".env"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def test_secrets_come_from_the_file_and_are_never_shown(tmp_path: Path) -> None:
    dotenv(tmp_path, "# who\nTWILIO_AUTH_TOKEN='${HOME} x#y'\nORDERFLOW_IB_ACCOUNT=DU1234567\n")
    made = loaded(tmp_path)
    assert made.secrets["TWILIO_AUTH_TOKEN"].get_secret_value() == "${HOME} x#y", "nothing is interpolated"
    assert made.config.ib.account == "DU1234567"
    assert made.sources["TWILIO_AUTH_TOKEN"] == str(tmp_path / ".env")
    assert "HOME" not in repr(made)
    assert loaded(tmp_path, TWILIO_AUTH_TOKEN="${HOME} x#y").sources["TWILIO_AUTH_TOKEN"] == "environment"


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("TWILIO_AUTH_TOKEN=a\n", 0o644, "others could read it (mode 0644); chmod 600"),
        ("TWILIO_AUTH_TOKEN=a\nTWILIO_AUTH_TOKEN=b\n", 0o600, ".env:2: TWILIO_AUTH_TOKEN stands there twice; keep one"),
        ("TWILIO_AUTH_TOKN=a\n", 0o600, ".env:1: unknown name TWILIO_AUTH_TOKN; did you mean TWILIO_AUTH_TOKEN?"),
        ("TWILIO_AUTH_TOKEN\n", 0o600, ".env:1: TWILIO_AUTH_TOKEN has no value"),
        ("TWILIO_AUTH_TOKEN=\n", 0o600, ".env:1: TWILIO_AUTH_TOKEN has no value"),
        ("TWILIO_AUTH_TOKEN='a\n", 0o600, ".env:1: expected NAME=value"),
        ("ORDERFLOW_IB_ACCOUNT=mine\n", 0o600, 'ib.account is "mine" (text); expected text of the form'),
    ],
)
def test_a_dotenv_that_could_mislead_is_refused(tmp_path: Path, text: str, mode: int, sentence: str) -> None:
    dotenv(tmp_path, text, mode)
    found = faults(tmp_path)
    assert any(sentence in problem for problem in found), found


def test_a_dotenv_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a file away needs root")
    dotenv(tmp_path, "TWILIO_AUTH_TOKEN=a\n")
    os.chown(tmp_path / ".env", 12345, 12345)
    (problem,) = faults(tmp_path)
    assert "belongs to user 12345, not to us" in problem


def test_shell_and_file_must_not_disagree_and_the_value_is_not_told(tmp_path: Path) -> None:
    dotenv(tmp_path, "TWILIO_AUTH_TOKEN=first\n")
    (problem,) = faults(tmp_path, TWILIO_AUTH_TOKEN="second")
    assert problem == ".env: TWILIO_AUTH_TOKEN differs from the shell's; unset one of them"


def test_an_unknown_variable_of_ours_is_refused_and_others_are_none_of_our_business(tmp_path: Path) -> None:
    (problem,) = faults(tmp_path, ORDERFLOW_DTA="/x", PATH="/bin", ORDERFLOW_TEST_FLIPS="3")
    assert problem == "environment: unknown variable ORDERFLOW_DTA; did you mean ORDERFLOW_DATA?"


# -- the smaller files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("instruments.toml", "tick_cents = 1250", "tick_cents = 1251", "a tick of 0.25 at multiplier 50 is worth 1250 cents"),
        (
            "instruments.toml",
            'tick = "0.01"',
            "tick = 0.01",
            "CL.tick is 0.01 (a number with a fraction); expected text of the form",
        ),
        ("instruments.toml", "margin_cents = 240000\n", "", "MES has no margin_cents; expected an integer from 1"),
        ("instruments.toml", 'hours = "metals"', 'hours = "metal"', 'GC.hours is "metal"; sessions.toml knows'),
        ("instruments.toml", "[GC]", "[gold]", '[gold] is no symbol; expected letters such as "ES"'),
        ("instruments.toml", "roll_months", "rol_months", "unknown key ES.rol_months; did you mean roll_months?"),
        ("sessions.toml", "America/New_York", "America/New_Yrok", 'zone is "America/New_Yrok"; expected a time zone'),
        ("sessions.toml", 'rth_open = "09:30"', 'rth_open = "16:30"', "expected rth_open < half_day_close <= rth_close"),
        ("news.toml", "2026-01-28T14:00:00-05:00", "2026-01-28T14:00:00", "without an offset from UTC; write 2026"),
        ("news.toml", 'impact = "high"', 'impact = "hihg"', 'expected one of "high", "medium"; did you mean high?'),
        ("news.toml", "[[release]]", "[[event]]", "unknown table event; expected [[release]] tables"),
        ("keymap.toml", 'arm = ["A"]', 'arm = ["F"]', 'key "F" is given to both flatten and arm; one key does one thing'),
        ("keymap.toml", 'arm = ["A"]', 'arm = "A"', 'keys.arm is "A" (text); expected a list of keys such as ["F"]'),
        ("keymap.toml", "[keys]", "[key]", "unknown table [key]; expected [keys]"),
    ],
)
def test_a_mistake_in_a_smaller_file_is_one_sentence(tmp_path: Path, name: str, old: str, new: str, sentence: str) -> None:
    text = (config_dir() / name).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
    found = faults(tmp_path)
    assert any(problem.startswith(name) and sentence in problem for problem in found), found


def test_a_release_is_read_in_utc_with_the_waits_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "news.toml").write_text(
        "[[release]]\ntime = 2026-12-09T14:00:00-05:00\nname = 'FOMC'\nimpact = 'high'\nafter_min = 45\n"
        "[[release]]\ntime = 2026-12-09T13:30:00Z\nname = 'CPI'\nimpact = 'high'\n"
    )
    made = loaded(tmp_path, "[news]\nbefore_min = 5\n")
    assert [(e.name, e.before_min, e.after_min) for e in made.news] == [("CPI", 5, 15), ("FOMC", 5, 45)]
    assert made.news[1].ts_ns == 1_796_842_800_000_000_000
    day = 86_400_000_000_000
    assert not is_stale(made.news, made.news[1].ts_ns - 7 * day, 7)
    assert is_stale(made.news, made.news[0].ts_ns - 8 * day, 7)
    assert is_stale(made.news, made.news[1].ts_ns + 1, 7)


def test_a_release_told_twice_is_refused(tmp_path: Path) -> None:
    one = "[[release]]\ntime = 2026-12-09T14:00:00-05:00\nname = 'FOMC'\nimpact = 'high'\n"
    (tmp_path / "news.toml").write_text(one + one)
    (problem,) = faults(tmp_path)
    assert problem.endswith("stands there twice; keep one")


# -- anything at all ----------------------------------------------------------------------------------------------------

VALUES = st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=8), st.lists(st.integers(), max_size=3))
KEY_NAMES = st.one_of(st.sampled_from(list(leaves(Config))), st.text(max_size=12))


def outcome(places: Places, sets: list[str]) -> Config | ConfigFault:
    try:
        return load(places, sets).config
    except ConfigFault as fault:
        return fault


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(KEY_NAMES, VALUES), max_size=4))
def test_whatever_is_set_gives_a_configuration_within_its_ranges_or_sentences(pairs: list[tuple[str, object]]) -> None:
    sets = [f"{key}={'true' if value is True else 'false' if value is False else value}" for key, value in pairs]
    found = outcome(SHIPPED, sets)
    if isinstance(found, ConfigFault):
        assert found.problems
        assert all(problem.where and problem.sentence for problem in found.problems)
    else:
        assert 1 <= found.risk.max_contracts <= 10
        assert 1 <= found.risk.daily_loss_cents <= 100_000_000


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_any_user_file_loads_or_is_refused_in_sentences(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    user = tmp_path_factory.mktemp("any") / "orderflow.toml"
    user.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    found = outcome(Places(config_dir(), user), [])
    assert isinstance(found, Config) or found.problems


def tier(number: int, floor_cents: int) -> str:
    row = f"number = {number}, floor_cents = {floor_cents}, instrument = 'ES', max_contracts = 1, daily_loss_cents = 1"
    return f"tiers.table=[{{{row}}}]"


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        (("session.lunch=['12:00']",), "session.lunch has 1 times; expected a begin and an end"),
        (("session.lunch=['13:00', '12:00']",), "session.lunch begins at 13:00, which is not before its end 12:00"),
        (("session.flat=15:30",), "session.flat 15:30 must come after the last entries at session.end 15:45"),
        (("session.rth_close=09:00",), 'session.rth_close is "09:00"; expected a time from 12:00 to 17:00'),
        (("timing.snapshot_alert_ms=1000",), "must not be shorter than timing.snapshot_fence_ms"),
        (("profile.tpo_minutes=7", "profile.ib_minutes=14"), "it must divide the 390 minutes of a session"),
        (("profile.ib_minutes=45",), "profile.ib_minutes 45 must be whole periods of 30 min"),
        (("profile.cva_days=20", "profile.archive_days=10"), "profile.cva_days 20 needs as many profile.archive_days"),
        (("exhaustion.min_levels=11",), "exhaustion.min_levels must not exceed exhaustion.max_levels"),
        (("setups.drive_from_min=90",), "setups.drive_from_min must come before setups.drive_until_min"),
        (("setups.pullback_most=0.6",), "setups.pullback_least, pullback_most and pullback_broken must rise"),
        (("sma_crossover.fast=21",), "sma_crossover.fast must be shorter than sma_crossover.slow"),
        (("risk.margin_ceiling_cents={XX = 5}",), "risk.margin_ceiling_cents names XX"),
        (
            ("tiers.table=[{number=2,floor_cents=0,instrument='ES',max_contracts=1,daily_loss_cents=1}]",),
            "must be numbered 1, 2, 3",
        ),
        (
            ("tiers.table=[{number=1,floor_cents=9,instrument='ES',max_contracts=1,daily_loss_cents=1}]",),
            "must begin at floor_cents 0",
        ),
        (("tiers.table=[]",), "tiers.table is [] (a list); expected a list, each entry a table with number, floor_cents"),
    ],
)
def test_values_that_contradict_each_other_are_told_where_they_were_set(
    tmp_path: Path, sets: tuple[str, ...], sentence: str
) -> None:
    (problem,) = faults(tmp_path, sets=sets)
    assert problem.startswith("--set ")
    assert sentence in problem


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("instruments.toml", "ES = 3\n", "ES is 3 (an integer); expected a table with name, exchange"),
        ("instruments.toml", "", "holds no instrument; expected tables such as [ES]"),
        ("sessions.toml", "[a]\nx = 1\n", "unknown key a.x"),
        ("news.toml", "[release]\nname = 'x'\n", "release is a single table; write [[release]]"),
        ("news.toml", "[[release]]\ntime = 'x'\nname = 'x'\nimpact = 'high'\n", 'release 1.time is "x" (text)'),
        ("keymap.toml", "keys = 3\n", "keys is 3 (an integer); expected a table [keys]"),
    ],
)
def test_a_smaller_file_of_another_shape_is_told(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    found = faults(tmp_path)
    assert any(problem.startswith(name) and sentence in problem for problem in found), found


def test_a_dotenv_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    (problem,) = faults(tmp_path)
    assert problem.startswith(".env: cannot be read")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ([True, {"a": ["x"]}], '[true, {a = ["x"]}] (a list)'),
        ("x" * 100, '"' + "x" * 58 + "… (text)"),
        ({1: 2}, "{1 = 2} (a table)"),
    ],
)
def test_values_are_shown_as_toml_writes_them(value: object, text: str) -> None:
    assert shown(value) == text
