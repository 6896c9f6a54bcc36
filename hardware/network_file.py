"""Networks as files: safetensors, what is no tensor as JSON in the header; nothing is unpickled.

For networks that come from another program's policy: imported in a script once, then handed to the
command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import atomic_write
from ..policies.state_file import read_tree, tree_bytes
from .importers.folding import observation_parts
from .network import Activation, Gru, Input, Layer, LayerNorm, Linear, Lstm, Network, Output

KIND = "eyas network"
VERSION = 1

_LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer for layer in (Linear, Gru, Lstm, LayerNorm, Activation)
}


def save_network(path: Path | str, network: Network) -> None:
    """Write a network file; it is there in full or not at all.

    Raises:
        InputError: the metadata holds something that is no JSON value.
        OSError: the file cannot be written.
    """
    tree = {
        "input": _values(network.input),
        "layers": [{"kind": layer.kind, **_values(layer)} for layer in network.layers],
        "output": _values(network.output),
        "rate_hz": network.rate_hz,
        "metadata": dict(network.metadata),
    }
    try:
        content = tree_bytes(KIND, VERSION, tree)
    except TypeError as error:
        raise InputError(f"network metadata must be JSON values: {error}") from None
    atomic_write(Path(path), content)


def load_network_file(path: Path | str) -> Network:
    """Read what :func:`save_network` wrote.

    Raises:
        InputError: the file is missing, corrupt, of another kind or version.
    """
    path = Path(path)
    tree = read_tree(path, KIND, VERSION)
    try:
        observation_parts(tree["metadata"])
        return Network(
            input=Input(**tree["input"]),
            layers=tuple(_layer(values) for values in tree["layers"]),
            output=Output(**tree["output"]),
            rate_hz=float(tree["rate_hz"]),
            metadata=tree["metadata"],
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{path} is corrupt or no {KIND} file") from error


def _values(part: Input | Output | Layer) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _layer(values: Mapping[str, Any]) -> Layer:
    arguments = {name: value for name, value in values.items() if name != "kind"}
    layer = _LAYERS[values["kind"]](**arguments)
    if isinstance(layer, Activation) and (type(layer.size) is not int or layer.size < 1):
        raise InputError(f"activation size = {layer.size!r} must be a whole number of 1 or more")
    return layer
