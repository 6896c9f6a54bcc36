from dataclasses import dataclass, field
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.bounds import Count, Seed, check, read_number, real, show_number, whole
from eyas.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Inner:
    rates: tuple[Annotated[float, real(0, 1)], ...] = (0.5,)


@dataclass(frozen=True, kw_only=True)
class Config:
    steps: Count = 10
    seed: Seed = 0
    extra: Annotated[int, whole(2, 4)] | None = None
    wrapped: Annotated[Count | None, "help"] = None
    free: float = 0.0
    number_of_things: int = 1
    name: str = "x"
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2e6", 2_000_000),
        ("2_000_000", 2_000_000),
        ("20M", 20_000_000),
        ("2.5k", 2_500),
        ("0.1M", 100_000),
        ("1G", 10**9),
        (" 7 ", 7),
        ("-3", -3),
        ("123456789012345678", 123456789012345678),
    ],
)
def test_numbers_as_people_write_them(text, number):
    read = read_number(text, integer=True)
    assert read == number
    assert type(read) is int


@pytest.mark.parametrize("text", ["abc", "", "nan", "inf", "1.5", "1e400", "1e999999999", "2e6T", "M"])
def test_what_is_no_whole_number_stays_text(text):
    assert read_number(text, integer=True) == text.strip()


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_what_is_shown_can_be_typed_again(number):
    assert read_number(show_number(number), integer=True) == number


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"steps": 0}, "steps = 0 is not a whole number from 1 to 1_000_000_000_000"),
        ({"steps": -5}, "steps = -5"),
        ({"steps": "abc"}, "steps = 'abc' is not a whole number"),
        ({"steps": 1.5}, "steps = 1.5"),
        ({"steps": True}, "steps = True"),
        ({"steps": None}, "steps = None"),
        ({"seed": -1}, "seed = -1 is not a whole number from 0 to"),
        ({"wrapped": 0}, "wrapped = 0 is not a whole number"),
        ({"extra": 5}, "extra = 5 is not a whole number from 2 to 4"),
        ({"free": float("nan")}, "free = nan is not a finite number"),
        ({"free": float("inf")}, "free = inf"),
        ({"number_of_things": 0.5}, "number_of_things = 0.5 is not a whole number"),
        ({"inner": Inner(rates=(0.5, 1.5))}, "rates = 1.5 is not a finite number from 0 to 1"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(change, told):
    with pytest.raises(InputError) as refusal:
        check(Config(**change))
    assert told in str(refusal.value)


def test_the_command_line_gets_its_own_spelling():
    with pytest.raises(InputError, match="--number-of-things = 'x'"):
        check(Config(number_of_things="x"), option="--")


def test_what_is_in_range_passes():
    check(Config())
    check(Config(steps=10**12, seed=0, extra=2, free=3, inner=Inner(rates=(0, 1))))
