"""Airframes as JSON files, so that everybody can fly their own vehicle.

The file is one object with the fields of :class:`~.airframe.Airframe` in its units::

    {"name": "my quadrotor", "mass": 0.25, "inertia": [3.2e-4, 3.2e-4, 5.6e-4], ...}

A quantity that has one value per rotor may be given as that of one rotor, which then holds for all
four; ``drag`` may be left out.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from ...errors import InputError
from .airframe import Airframe
from .named import NAMED

_FIELDS = {field.name: field for field in dataclasses.fields(Airframe)}
_DEPTH = {  # of a value that holds for all rotors
    "thrust_coefficients": 1,
    "torque_constants": 0,
    "rising_time_constants": 0,
    "falling_time_constants": 0,
}


def find_airframe(name_or_file: str) -> Airframe:
    """A named airframe, or that of a JSON file.

    Args:
        name_or_file: a key of :data:`~.named.NAMED`, or a path.

    Raises:
        InputError: there is neither, or the file cannot be used.
    """
    if name_or_file in NAMED:
        return NAMED[name_or_file]
    if name_or_file.endswith(".json") or Path(name_or_file).is_file():
        return load_airframe(Path(name_or_file))
    raise InputError(
        f"airframe {name_or_file!r} is unknown; there are: {', '.join(NAMED)}; a file's name must end in .json"
    )


def load_airframe(path: Path) -> Airframe:
    """Read an airframe.

    Raises:
        InputError: the file is missing or no JSON object, a field is missing, unknown or of another
            shape, or the airframe cannot fly; names the file.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no airframe file {path}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(given, dict):
        raise InputError(f"{path} holds no airframe: expected an object with {', '.join(_FIELDS)}")
    required = [n for n, field in _FIELDS.items() if field.default is dataclasses.MISSING]
    for name in required:
        if name not in given:
            raise InputError(f"{path} has no field {name!r}; an airframe needs {', '.join(required)}")
    for name in given:
        if name not in _FIELDS:
            raise InputError(f"{path} has an unknown field {name!r}; there are: {', '.join(_FIELDS)}")
    if not isinstance(given["name"], str) or not given["name"]:
        raise InputError(f"{path}: name = {given['name']!r} must be a text")
    numbers = {name: _read(path, name, given[name]) for name in given if name != "name"}
    try:
        return Airframe(name=given["name"], **numbers)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def save_airframe(path: Path, airframe: Airframe) -> None:
    """Write an airframe so that it reads back exactly; the file is there in full or not at all."""
    lines = [f"  {json.dumps(name)}: {json.dumps(getattr(airframe, name))}" for name in _FIELDS]
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path, name: str, value: Any) -> Any:
    """Lists as tuples; numbers only."""
    if name in _DEPTH and _depth(value) == _DEPTH[name]:
        value = [value] * 4
    return _tuples(path, name, value)


def _tuples(path: Path, name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(path, name, item) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{path}: {name} = {value!r} is not numbers")
    return float(value)


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
