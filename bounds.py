"""Numbers on the command line: how they are read and the range each field allows.

A field of a config dataclass is declared as ``steps: Count = 2_000_000`` or
``gamma: Annotated[float, real(0, 1)] = 0.99``. The command line reads it from text like ``2e6``,
``20M`` or ``2_000_000``, and :func:`check` refuses what is not a number or out of range, for
scripts and the command line alike, with one sentence.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from tyro.constructors import PrimitiveConstructorSpec

from .errors import InputError

_SUFFIXES = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class Bounds(PrimitiveConstructorSpec[Any]):
    """The closed range of a numeric field, and how the command line reads and shows it."""

    low: float = -math.inf
    high: float = math.inf
    integer: bool = True

    def allows(self, value: object) -> bool:
        """Whether the value is a number of the right kind in the range."""
        if isinstance(value, bool) or not isinstance(value, int if self.integer else (int, float)):
            return False
        return self.low <= value <= self.high  # and so NaN is refused

    def __str__(self) -> str:
        kind = "a whole number" if self.integer else "a number"
        return f"{kind} from {_show(self.low)} to {_show(self.high)}"


def read_number(text: str, integer: bool) -> int | float | str:
    """Read a number; text that is none comes back as it is, for :func:`check` to refuse by name."""
    text = text.strip()
    factor = _SUFFIXES.get(text[-1:], 1)
    digits = text[:-1] if factor > 1 else text
    try:
        number = Decimal(digits) * factor  # exact: 0.1M is 100,000
    except InvalidOperation:
        return text
    if not integer:
        return float(number)
    if not number.is_finite() or number.adjusted() > 30 or number != int(number):
        return text
    return int(number)


def whole(low: int, high: int) -> Bounds:
    """A whole number from ``low`` to ``high``, both allowed."""
    return Bounds(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda args: read_number(args[0], integer=True),
        is_instance=lambda value: isinstance(value, int) and not isinstance(value, bool),
        str_from_instance=lambda value: [_show(value)],
        low=low,
        high=high,
    )


def real(low: float, high: float) -> Bounds:
    """A finite number from ``low`` to ``high``, both allowed."""
    return Bounds(
        nargs=1,
        metavar="FLOAT",
        instance_from_str=lambda args: read_number(args[0], integer=False),
        is_instance=lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        str_from_instance=lambda value: [_show(value)],
        low=low,
        high=high,
        integer=False,
    )


Count = Annotated[int, whole(1, 10**12)]
"""A positive number of steps or episodes."""
Seed = Annotated[int, whole(0, 2**63 - 1)]
"""Where all random numbers of a run come from."""


def check(config: Any, option: str = "") -> None:
    """Refuse a config dataclass that has a number out of its range, nested ones included.

    Args:
        config: an instance of a dataclass whose numeric fields are annotated with bounds.
        option: what to write before a field's name; ``"--"`` names the fields as the command
            line spells them.

    Raises:
        InputError: names the first such field, its value and the allowed range.
    """
    hints = get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            check(value, option)
            continue
        bounds, optional = _bounds_of(hints[field.name])
        if bounds is None or (optional and value is None):
            continue
        for number in value if isinstance(value, tuple) else (value,):
            if not bounds.allows(number):
                name = option + (field.name.replace("_", "-") if option else field.name)
                raise InputError(f"{name} = {number} is not {bounds}")


def _bounds_of(hint: Any) -> tuple[Bounds | None, bool]:
    """The bounds inside a type hint, and whether the hint also allows None."""
    if get_origin(hint) is Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, Bounds):
                return extra, False
    optional = get_origin(hint) in (Union, UnionType) and type(None) in get_args(hint)
    for inner in get_args(hint):
        bounds, _ = _bounds_of(inner)
        if bounds is not None:
            return bounds, optional
    return None, optional


def _show(value: float) -> str:
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}"
