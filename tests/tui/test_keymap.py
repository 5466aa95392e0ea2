from __future__ import annotations

import pytest

from orderflow_tui.tui.keymap import BRAKES, KEYS, KeyId, KeymapError, brake_letters, resolve


def test_every_id_is_in_the_table_once_and_no_key_clashes() -> None:
    assert sorted(row.id.value for row in KEYS) == sorted(key_id.value for key_id in KeyId)
    assert set(resolve({}).by_key.values()) == set(KeyId)


def test_a_key_can_be_remapped() -> None:
    keymap = resolve({"centre": ("c",)})
    assert keymap.by_key["c"] is KeyId.CENTRE
    assert "space" not in keymap.by_key


@pytest.mark.parametrize("brake", [row.id for row in KEYS if row.id in BRAKES])
def test_a_brake_gains_a_key_and_keeps_its_own(brake: KeyId) -> None:
    keymap = resolve({brake.value: ("f9",)})
    own = next(row.keys for row in KEYS if row.id is brake)
    assert keymap.by_id[brake] == (*own, "f9")


@pytest.mark.parametrize(
    ("remap", "words"),
    [
        ({"flaten": ("F",)}, ["unknown id 'flaten'", "did you mean 'flatten'"]),
        ({"centre": ("spce",)}, ["'spce' is no key"]),
        ({"centre": ("F",)}, ["'F' would mean both", "brakes keep their keys"]),
        ({"centre": ("m",)}, ["'m' would mean both", "one key does one thing"]),
        ({"halt": ("A",)}, ["'A' would mean both", "brakes"]),
        ({"centre": ()}, ["has no key"]),
        ({"back": ("x",)}, ["cannot be remapped"]),
        ({"theme": ("[",)}, ["kept for changing the bar length"]),
    ],
)
def test_a_bad_keymap_is_refused_with_a_clear_sentence(remap: dict[str, tuple[str, ...]], words: list[str]) -> None:
    with pytest.raises(KeymapError) as refused:
        resolve(remap)
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_keys_are_printed_as_on_the_keyboard() -> None:
    keymap = resolve({})
    shown = [keymap.shown(key_id) for key_id in (KeyId.FLATTEN, KeyId.CENTRE, KeyId.PALETTE, KeyId.HELP, KeyId.BACK)]
    assert shown == ["FF", "Space", "^P", "?", "Esc"]


def test_brake_letters_are_the_characters_nobody_can_type_without_braking() -> None:
    assert brake_letters({}) == "FXHKD"
    assert brake_letters({"halt": ("9", "f5"), "zoom": ("w",)}) == "FXH9KD"
