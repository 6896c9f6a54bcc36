"""Numbers on the command line: how they are read and the range each field allows.

A field of a config dataclass is declared as ``steps: Count = 2_000_000`` or
``gamma: Annotated[float, real(0, 1)] = 0.99``. The command line reads every number from text like
``2e6``, ``20M`` or ``2_000_000``; :func:`check` refuses what is not a number or out of range, with
the same sentence for scripts and for the command line.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from .errors import InputError

_SUFFIXES = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_DIGITS = 30  # more are no number of anything, and 1e999999999 must not fill the memory


@dataclass(frozen=True)
class Bounds:
    """The closed range of a numeric field, written into its annotation."""

    low: float = -math.inf
    high: float = math.inf
    integer: bool = True

    def allows(self, value: object) -> bool:
        """Whether the value is a finite number of the right kind in the range."""
        if isinstance(value, bool) or not isinstance(value, int if self.integer else (int, float)):
            return False
        return math.isfinite(value) and self.low <= value <= self.high

    def __str__(self) -> str:
        kind = "whole number" if self.integer else "finite number"
        if math.isinf(self.low):
            return f"a {kind}"
        return f"a {kind} from {show_number(self.low)} to {show_number(self.high)}"


def whole(low: int, high: int) -> Bounds:
    """A whole number from ``low`` to ``high``, both allowed."""
    return Bounds(low, high)


def real(low: float, high: float) -> Bounds:
    """A finite number from ``low`` to ``high``, both allowed."""
    return Bounds(low, high, integer=False)


def read_number(text: str, integer: bool) -> int | float | str:
    """Read a number; text that is none comes back as it is, for :func:`check` to refuse by name."""
    text = text.strip()
    factor = _SUFFIXES.get(text[-1:], 1)
    digits = text[:-1] if factor > 1 else text
    try:
        number = Decimal(digits)
    except InvalidOperation:
        return text
    if not integer:
        return float(number) * factor
    if not number.is_finite() or number.adjusted() > _DIGITS:
        return text
    number *= factor  # exact: 0.1M is 100,000
    return int(number) if number == int(number) else text


def show_number(value: float) -> str:
    """A number as help and messages show it, in a form that can be typed again."""
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    return f"{value:g}"


Count = Annotated[int, whole(1, 10**12)]
"""A positive number of steps or episodes."""
Seed = Annotated[int, whole(0, 2**63 - 1)]
"""Where all random numbers of a run come from."""


def check(config: Any, option: str = "") -> None:
    """Refuse a config dataclass that has a number out of its range, nested ones included.

    Args:
        config: an instance of a dataclass whose numeric fields are annotated with bounds.
        option: what to write before a field's name; ``"--"`` spells the names as the command line
            does.

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
                shown = repr(number) if isinstance(number, str) else number
                raise InputError(f"{name} = {shown} is not {bounds}")


def _bounds_of(hint: Any) -> tuple[Bounds | None, bool]:
    """The bounds inside a type hint, and whether the hint also allows None."""
    if get_origin(hint) is Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, Bounds):
                return extra, False
    if hint in (int, float):
        return Bounds(integer=hint is int), False
    optional = get_origin(hint) in (Union, UnionType) and type(None) in get_args(hint)
    for inner in get_args(hint):
        bounds, inner_optional = _bounds_of(inner)
        if bounds is not None:
            return bounds, optional or inner_optional
    return None, optional
