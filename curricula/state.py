"""Reading a teacher's saved state: every field is checked, and named if it is wrong.

A state is a nested dict of JSON values and numpy arrays. It may come from a file somebody handed
over, so nothing in it is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import InputError
from .checks import check_integer


class StateReader:
    """One level of a nested state; remembers the path to it for the messages."""

    def __init__(self, state: object, path: str = "") -> None:
        if not isinstance(state, Mapping):
            raise InputError(
                f"teacher state: {path or 'the state'} must be a mapping, got {_kind(state)}"
            )
        self._state = state
        self._path = path

    def _name(self, key: str) -> str:
        return f"{self._path}/{key}" if self._path else key

    def value(self, key: str) -> Any:
        """Whatever is stored under this key; refused if nothing is."""
        if key not in self._state:
            raise InputError(f"teacher state: field {self._name(key)} is missing")
        return self._state[key]

    def plain(self, key: str) -> Any:
        """The JSON value under this key, of whatever kind; arrays are refused."""
        value = self.value(key)
        if isinstance(value, np.ndarray):
            raise InputError(f"teacher state: field {self._name(key)} must not be an array")
        return value

    def plain_values(self) -> dict[str, Any]:
        """All values of this level; arrays are refused."""
        return {key: self.plain(key) for key in self._state}

    def __len__(self) -> int:
        return len(self._state)

    def level(self, key: str) -> StateReader:
        """The nested mapping under this key."""
        return StateReader(self.value(key), self._name(key))

    def text(self, key: str) -> str:
        """The text under this key."""
        value = self.value(key)
        if not isinstance(value, str):
            raise InputError(f"teacher state: field {self._name(key)} must be text, got {_kind(value)}")
        return value

    def integer(self, key: str, low: int, high: int | None = None) -> int:
        """The whole number in [low, high] under this key."""
        value = self.value(key)
        check_integer(f"teacher state: field {self._name(key)}", value, low, high)
        return int(value)

    def array(
        self, key: str, shape: tuple[int | None, ...], dtype: DTypeLike = np.float64
    ) -> NDArray[Any]:
        """A copy of the finite array under this key; None in ``shape`` is any length."""
        value = self.value(key)
        name = self._name(key)
        if not isinstance(value, np.ndarray) or value.dtype != np.dtype(dtype):
            got = value.dtype if isinstance(value, np.ndarray) else _kind(value)
            raise InputError(
                f"teacher state: field {name} must be a {np.dtype(dtype)} array, got {got}"
            )
        fits = value.ndim == len(shape) and all(
            want is None or want == have for want, have in zip(shape, value.shape, strict=True)
        )
        if not fits:
            wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
            raise InputError(f"teacher state: field {name} has shape {value.shape}, expected {wanted}")
        if not np.isfinite(value).all():
            raise InputError(f"teacher state: field {name} holds NaN or infinite values")
        return value.copy()

    def generator(self, key: str) -> np.random.Generator:
        """The random generator whose state is stored under this key."""
        stored = self.level(key)
        if (kind := stored.text("bit_generator")) != "PCG64":
            raise InputError(
                f"teacher state: field {self._name(key)} is of a {kind} generator, not PCG64"
            )
        words = stored.level("state")
        bits = np.random.PCG64()
        bits.state = {
            "bit_generator": "PCG64",
            "state": {
                "state": words.integer("state", 0, 2**128 - 1),
                "inc": words.integer("inc", 0, 2**128 - 1),
            },
            "has_uint32": stored.integer("has_uint32", 0, 1),
            "uinteger": stored.integer("uinteger", 0, 2**32 - 1),
        }
        return np.random.Generator(bits)


def _kind(value: object) -> str:
    return type(value).__name__
