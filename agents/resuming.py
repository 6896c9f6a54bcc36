"""Going on with a run: what the command line says must not contradict what the run was started with."""

from __future__ import annotations

import dataclasses
from collections.abc import Set
from typing import Any

from ..errors import InputError


def refuse_contradiction(given: Any, default: Any, stored: Any, free: Set[str]) -> None:
    """Refuse a config that asks for something else than the run to resume has.

    Args:
        given: the config of the command line, a dataclass; nested ones are looked into.
        default: what it is if nothing is given.
        stored: the run's.
        free: fields that may differ.

    Raises:
        InputError: names the first field whose value is neither the default nor the stored one.
    """
    for entry in dataclasses.fields(given):
        name = entry.name
        if name in free:
            continue
        value, usual, kept = (getattr(config, name) for config in (given, default, stored))
        if dataclasses.is_dataclass(value):
            refuse_contradiction(value, usual, kept, free)
        elif value not in (usual, kept):
            raise InputError(
                f"{name} = {value} contradicts the run to resume, which has {name} = {kept}; leave it out"
            )
