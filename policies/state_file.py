"""Trees of JSON values and arrays as one safetensors file, so that no checkpoint is ever unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save, save_file

from ..errors import InputError

_HEADER = "eyas"
_ARRAY = "__array__"


def write_tree(path: Path, kind: str, version: int, tree: Mapping[str, Any]) -> None:
    """Write a nested dict or list of JSON values and arrays.

    The arrays become tensors; everything else goes into the file's header as JSON, where each
    array's place holds the name of its tensor.

    Args:
        path: the file to write.
        kind: what the file holds; :func:`read_tree` refuses another kind.
        version: of the layout; goes up when it changes.
        tree: string keys only; arrays of bool, integers or floats.
    """
    arrays, header = _pack(kind, version, tree)
    save_file(arrays, path, metadata=header)


def tree_bytes(kind: str, version: int, tree: Mapping[str, Any]) -> bytes:
    """The content of the file that :func:`write_tree` writes."""
    arrays, header = _pack(kind, version, tree)
    return save(arrays, metadata=header)


def read_tree(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Read what :func:`write_tree` wrote.

    Raises:
        InputError: the file is missing, corrupt, of another kind or of another version.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(_HEADER, "{}"))
            if header.get("kind") != kind:
                raise InputError(f"{path} is no {kind} file")
            if header["version"] != version:
                raise InputError(
                    f"{path} has version {header['version']}, this program reads version {version}"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        tree = _put_arrays(header["tree"], arrays)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is corrupt or no {kind} file") from error
    if not isinstance(tree, dict):
        raise InputError(f"{path} is corrupt or no {kind} file")
    return tree


def read_kind(path: Path) -> str | None:
    """What :func:`write_tree` was told that the file holds; None for a safetensors file of others.

    Raises:
        InputError: the file is missing or no safetensors file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(_HEADER, "{}"))
        kind = header.get("kind")
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (SafetensorError, OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is corrupt or no safetensors file") from error
    return kind if isinstance(kind, str) else None


def _pack(
    kind: str, version: int, tree: Mapping[str, Any]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    arrays: dict[str, NDArray[Any]] = {}
    header = {"kind": kind, "version": version, "tree": _take_arrays(tree, "", arrays)}
    # A single entry, because safetensors writes several in no fixed order.
    return arrays, {_HEADER: json.dumps(header)}


def _take_arrays(node: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(node, np.ndarray):
        arrays[name] = np.ascontiguousarray(node).reshape(node.shape)
        return {_ARRAY: name}
    if isinstance(node, Mapping):
        return {key: _take_arrays(value, _join(name, key), arrays) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_take_arrays(value, _join(name, index), arrays) for index, value in enumerate(node)]
    if isinstance(node, np.generic):
        return node.item()
    return node


def _join(name: str, key: str | int) -> str:
    return f"{name}/{key}" if name else str(key)


def _put_arrays(node: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(node, dict):
        if node.keys() == {_ARRAY}:
            return arrays[node[_ARRAY]]
        return {key: _put_arrays(value, arrays) for key, value in node.items()}
    if isinstance(node, list):
        return [_put_arrays(value, arrays) for value in node]
    return node
