import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.wire import MAX_FRAME_BYTES, Frames, WireError, fields_of, frame, prefixed, text

plain = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=12)


@given(st.lists(st.lists(plain, min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 9))
@settings(max_examples=80)
def test_messages_survive_any_split_of_the_stream(messages: list[list[str]], piece: int) -> None:
    stream = b"".join(frame(*fields) for fields in messages)
    frames = Frames()
    got = [fields_of(p) for start in range(0, len(stream), piece) for p in frames.feed(stream[start : start + piece])]
    assert got == messages


@pytest.mark.parametrize(
    ("value", "written"),
    [(True, "1"), (False, "0"), (None, ""), (3, "3"), (6700.0, "6700"), (6700.25, "6700.25"), ("a", "a"), (0.0, "0")],
)
def test_fields_are_written_as_the_protocol_has_them(value: str | int | float | bool | None, written: str) -> None:
    assert text(value) == written


def test_an_impossible_length_is_refused() -> None:
    with pytest.raises(WireError, match=str(MAX_FRAME_BYTES)):
        Frames().feed(b"\x7f\xff\xff\xff")


def test_an_unfinished_frame_waits_for_its_rest() -> None:
    whole = prefixed(b"71\x00")
    frames = Frames()
    assert frames.feed(whole[:-1]) == []
    assert frames.feed(whole[-1:]) == [b"71\x00"]
