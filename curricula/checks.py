"""Checks of settings: every number a user gives is refused here in one sentence, or used."""

from __future__ import annotations

import math
from numbers import Integral, Real

from ..errors import InputError


def check_integer(field: str, value: object, low: int, high: int | None = None) -> None:
    """Refuse anything but a whole number in [low, high].

    Raises:
        InputError: names the field, the value and the allowed range.
    """
    allowed = f"at least {low}" if high is None else f"in [{low}, {high}]"
    is_integer = not isinstance(value, bool) and isinstance(value, Integral)
    number = int(value) if is_integer else low - 1  # type: ignore[call-overload]
    if number < low or (high is not None and number > high):
        raise InputError(f"{field} = {value!r} must be a whole number {allowed}")


def check_number(
    field: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    exclude_low: bool = False,
) -> None:
    """Refuse anything but a finite number in [low, high], or (low, high] with ``exclude_low``.

    Raises:
        InputError: names the field, the value and the allowed range.
    """
    bracket = "(" if exclude_low else "["
    allowed = "" if low == -math.inf and high == math.inf else f" in {bracket}{low:g}, {high:g}]"
    is_number = not isinstance(value, bool) and isinstance(value, Real)
    number = float(value) if is_number else math.nan  # type: ignore[arg-type]
    inside = math.isfinite(number) and low <= number <= high and not (exclude_low and number == low)
    if not inside:
        raise InputError(f"{field} = {value!r} must be a finite number{allowed}")


def check_flag(field: str, value: object) -> None:
    """Refuse anything but True and False.

    Raises:
        InputError: names the field and the value.
    """
    if not isinstance(value, bool):
        raise InputError(f"{field} = {value!r} must be True or False")
