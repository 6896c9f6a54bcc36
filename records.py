"""Config dataclasses as JSON, and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .bounds import check
from .errors import InputError

Config = TypeVar("Config")


def to_json(value: Any) -> Any:
    """Dataclasses, tuples and paths (any nesting) as what ``json`` can write."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    return value


def from_json(config_type: type[Config], stored: Any) -> Config:
    """Build a config dataclass from what :func:`to_json` made of one.

    Fields that were not stored take their defaults.

    Raises:
        InputError: an unknown field, a value of another type, a choice that does not exist, or a
            number out of range.
    """
    config = _dataclass_from(config_type, stored)
    check(config)
    return config


def _dataclass_from(config_type: type[Config], stored: Any) -> Config:
    if not isinstance(stored, dict):
        raise InputError(f"{config_type.__name__} = {stored!r} is not an object of named fields")
    hints = get_type_hints(config_type)
    unknown = sorted(stored.keys() - hints.keys())
    if unknown:
        raise InputError(f"{config_type.__name__} has no field {unknown[0]!r} in this version of Eyas")
    values = {name: _value_from(name, hints[name], value) for name, value in stored.items()}
    try:
        return config_type(**values)
    except TypeError as error:
        raise InputError(f"{config_type.__name__} is incomplete: {error}") from None


def _value_from(name: str, hint: Any, value: Any) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _value_from(name, parts[0], value)
    if origin in (Union, UnionType):
        if value is None and type(None) in parts:
            return None
        return _value_from(name, next(part for part in parts if part is not type(None)), value)
    if origin is Literal:
        if value in parts:
            return value
        raise InputError(f"{name} = {value!r} is not one of {', '.join(map(str, parts))}")
    if origin is tuple and isinstance(value, list):
        inner = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return tuple(_value_from(name, part, entry) for part, entry in zip(inner, value, strict=True))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass_from(hint, value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool) == isinstance(value, bool):
        return value
    raise InputError(f"{name} = {value!r} is not of type {getattr(hint, '__name__', hint)}")
