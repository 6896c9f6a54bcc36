"""A teacher's state as one file: safetensors for the arrays, JSON in its header for the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import TaskSpace
from ..errors import InputError
from .registry import find_teacher, replace_settings
from .state import StateReader
from .teacher import Teacher

_HEADER = "eyas-teacher"
_ARRAY = "$array"  # stands in the JSON where an array was; its value is the array's name in the file


def save_teacher(path: str | os.PathLike[str], teacher: Teacher) -> None:
    """Write a teacher's state to one file, completely or not at all.

    An existing file stays as it is until the new one is on disk.

    Raises:
        InputError: the file cannot be written (no such folder, no permission, disk full).
    """
    from safetensors.numpy import save

    target = Path(path)
    arrays: dict[str, NDArray[Any]] = {}
    tree = _take_arrays(teacher.state_dict(), "", arrays)
    content = save(arrays, metadata={_HEADER: json.dumps(tree, allow_nan=False)})
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write the teacher to {target}: {error.strerror or error}") from None


def load_teacher(path: str | os.PathLike[str], task_space: TaskSpace) -> Teacher:
    """Build the teacher that was saved to ``path``, ready to go on bit for bit.

    Raises:
        InputError: the file cannot be read, is corrupt or no teacher's, or is for another task space.
    """
    state = read_state(path)
    try:
        reader = StateReader(state)
        name = reader.text("teacher")
        settings = replace_settings(name, "eyas", reader.level("settings").plain_values())
        teacher = find_teacher(name)(task_space, seed=0, settings=settings)
        teacher.load_state_dict(state)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return teacher


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a saved state without building a teacher.

    Raises:
        InputError: the file cannot be read, is corrupt or not a teacher's.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            header = (file.metadata() or {}).get(_HEADER)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError):
        raise InputError(f"{path} is not a teacher file, or it is damaged") from None
    except OSError as error:
        raise InputError(f"cannot read the teacher file {path}: {error.strerror or error}") from None
    if header is None:
        raise InputError(f"{path} is a safetensors file, but not a teacher's")
    try:
        state = _put_arrays(json.loads(header), arrays)
    except (ValueError, KeyError, RecursionError):
        raise InputError(f"{path} is not a teacher file, or it is damaged") from None
    if not isinstance(state, dict):
        raise InputError(f"{path} is not a teacher file, or it is damaged")
    return state


def _take_arrays(value: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _take_arrays(item, f"{name}/{key}".strip("/"), arrays) for key, item in value.items()
        }
    if isinstance(value, np.ndarray):
        arrays[name] = np.ascontiguousarray(value)
        return {_ARRAY: name}
    return value


def _put_arrays(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {_ARRAY}:
        return arrays[value[_ARRAY]]
    return {key: _put_arrays(item, arrays) for key, item in value.items()}
