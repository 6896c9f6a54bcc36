"""Torch modules as networks; whatever is not known to be exact is refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ...errors import InputError
from ..network import (
    Activation,
    ActivationName,
    Array,
    Gru,
    Layer,
    LayerNorm,
    Linear,
    Lstm,
    Network,
    Output,
)
from .folding import decision_rate, fold_input, rounded, vector

Named = tuple[str, nn.Module]
"""A module and its path from the root, ``"actor.2"``; empty for the root itself."""

_ACTIVATIONS: dict[type[nn.Module], ActivationName] = {
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.ELU: "elu",
    nn.SiLU: "silu",
    nn.Softplus: "softplus",
}
_NOTHING = (nn.Identity, nn.Flatten, nn.Dropout)
_ONLY: dict[type[nn.Module], dict[str, tuple[Any, ...]]] = {
    nn.ELU: {"alpha": (1,)},
    nn.Softplus: {"beta": (1,), "threshold": (20,)},
    nn.Flatten: {"start_dim": (1, -1), "end_dim": (1, -1)},
    nn.GRU: {"bidirectional": (False,)},
    nn.LSTM: {"bidirectional": (False,), "proj_size": (0,)},
}
"""The values of settings that a layer of the export has; all others are refused."""


def from_torch(
    module: nn.Module | Sequence[nn.Module],
    *,
    rate_hz: float,
    low: ArrayLike,
    high: ArrayLike,
    output: str = "clip",
    input_mean: ArrayLike | None = None,
    input_std: ArrayLike | None = None,
    input_clip: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Network:
    """A torch module as a network.

    Known are ``Sequential``, ``Linear``, ``GRU``, ``GRUCell``, ``LSTM``, ``LSTMCell``, ``LayerNorm`` over
    one dimension, ``ReLU``, ``Tanh``, ``Sigmoid``, ``ELU`` with alpha 1, ``SiLU``, ``Softplus`` with its
    default settings, ``Identity``, ``Flatten`` and ``Dropout``. Dropout, a GRU's and LSTM's included, does
    nothing at inference whatever the module's mode is now. A recurrent layer starts at zero and hands its
    new hidden value on.

    Args:
        module: one module, or several that are applied one after the other (which a ``GRU`` inside a
            module with a ``forward`` of its own needs: ``[actor.encoder, actor.gru, actor.head]``).
        rate_hz: decisions per second, 1 to 10,000.
        low: smallest action, a number or shape ``(action size,)``.
        high: largest action.
        output: ``clip``: the action is ``clip(y, low, high)`` of the last layer's ``y``; ``tanh``: it is
            ``low + (tanh(y) + 1) (high - low) / 2``.
        input_mean: subtracted from observations, a number or shape ``(observation size,)``.
        input_std: observations are divided by it after that; above 0.
        input_clip: they are clipped to ± this after that.
        metadata: JSON values; an ``observation`` is a list of its parts, whose keys ``name``, ``size`` and
            ``limit`` are read.

    Raises:
        InputError: a module is not known, has hooks or another setting, a weight is not finite, a shape
            does not fit or a number is out of its range. The sentence names the module's path and class.
    """
    if output not in ("clip", "tanh"):
        raise InputError(f"output = {output!r} must be clip or tanh")
    if isinstance(module, nn.Module):
        layers = torch_layers([("", module)])
    else:
        layers = torch_layers([(str(number), part) for number, part in enumerate(module)])
    said = dict(metadata or {})
    given, folded = fold_input(
        layers,
        mean=0.0 if input_mean is None else input_mean,
        scale=1.0 if input_std is None else input_std,
        clip=math.inf if input_clip is None else input_clip,
        metadata=said,
    )
    size = layers[-1].outputs
    return Network(
        input=given,
        layers=folded,
        output=Output(
            kind="tanh" if output == "tanh" else "clip",
            low=rounded(vector("low", low, size)),
            high=rounded(vector("high", high, size)),
        ),
        rate_hz=decision_rate({}, rate_hz),
        metadata=said,
    )


def torch_layers(modules: Sequence[Named]) -> tuple[Layer, ...]:
    """The layers of modules that are applied one after the other.

    Raises:
        InputError: as :func:`from_torch`.
    """
    found: list[tuple[str, Layer | ActivationName]] = []
    for path, module in modules:
        for leaf_path, leaf in _leaves(path, module):
            found += [(_label(leaf_path, leaf), layer) for layer in _read(leaf_path, leaf)]
    size = next((layer.inputs for _, layer in found if not isinstance(layer, str)), None)
    if size is None:
        raise InputError("there is no layer with weights to export")
    layers: list[Layer] = []
    for label, layer in found:
        if isinstance(layer, str):
            layer = Activation(name=layer, size=size)
        if layer.inputs != size:
            raise InputError(f"{label} reads {layer.inputs} numbers, it is given {size}")
        layers.append(layer)
        size = layer.outputs
    return tuple(layers)


def _label(path: str, module: object) -> str:
    return f"{path or 'module'} ({type(module).__name__})"


def _leaves(path: str, module: nn.Module) -> Iterator[Named]:
    """The modules inside nested ``Sequential``, in order."""
    if not isinstance(module, nn.Module):
        raise InputError(f"{_label(path, module)} is no torch module")
    hooked = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    if hooked:  # weight_norm, spectral_norm and pruning change the weights in such a hook
        raise InputError(
            f"{_label(path, module)} cannot be exported; it has forward hooks, remove them first"
        )
    if type(module) is nn.Sequential:
        for name, child in module._modules.items():  # named_children() leaves out a layer's second use
            yield from _leaves(f"{path}.{name}" if path else name, child)
    else:
        yield path, module


def _read(path: str, module: nn.Module) -> Sequence[Layer | ActivationName]:
    kind, label = type(module), _label(path, module)
    for setting, allowed in _ONLY.get(kind, {}).items():
        value = getattr(module, setting)
        if value not in allowed:
            raise InputError(
                f"{label} with {setting} = {value} cannot be exported; {setting} must be {allowed[0]}"
            )
    if kind in _ACTIVATIONS:
        return [_ACTIVATIONS[kind]]
    if kind in _NOTHING:
        return []
    read = _READERS.get(kind)
    if read is None:
        known = ", ".join(each.__name__ for each in (*_READERS, *_ACTIVATIONS, *_NOTHING))
        raise InputError(
            f"{label} cannot be exported; known are Sequential, {known}, none derived from them"
        )
    try:
        return read(module)
    except InputError as error:
        raise InputError(f"{label}: {error}") from None


def _linear(module: Any) -> list[Layer]:
    weight = _tensor(module, "weight")
    return [Linear(weight=weight, bias=_optional(module, "bias", len(weight)))]


def _layer_norm(module: Any) -> list[Layer]:
    shape = tuple(module.normalized_shape)
    if len(shape) != 1:
        raise InputError(f"it normalizes over {len(shape)} dimensions, one can be exported")
    weight = np.ones(shape, np.float32) if module.weight is None else _tensor(module, "weight")
    bias = _optional(module, "bias", shape[0])
    return [LayerNorm(weight=weight, bias=bias, epsilon=float(module.eps))]


def _recurrent(module: Any) -> list[Layer]:
    """All layers of a GRU or LSTM, or the one of a cell; PyTorch's order of the gates is that of ours."""
    several = isinstance(module, nn.RNNBase)
    lstm = isinstance(module, (nn.LSTM, nn.LSTMCell))
    rows = (4 if lstm else 3) * module.hidden_size
    start = np.zeros(module.hidden_size, np.float32)
    layers: list[Layer] = []
    for suffix in [f"_l{number}" for number in range(module.num_layers)] if several else [""]:
        tensors = {
            "weight_input": _tensor(module, f"weight_ih{suffix}"),
            "weight_hidden": _tensor(module, f"weight_hh{suffix}"),
            "bias_input": _optional(module, f"bias_ih{suffix}", rows),
            "bias_hidden": _optional(module, f"bias_hh{suffix}", rows),
            "initial_hidden": start,
        }
        layers.append(Lstm(**tensors, initial_cell=start) if lstm else Gru(**tensors))
    return layers


_READERS: dict[type[nn.Module], Callable[[Any], list[Layer]]] = {
    nn.Linear: _linear,
    nn.LayerNorm: _layer_norm,
    nn.GRU: _recurrent,
    nn.GRUCell: _recurrent,
    nn.LSTM: _recurrent,
    nn.LSTMCell: _recurrent,
}


def _optional(module: nn.Module, name: str, size: int) -> Array:
    if getattr(module, name, None) is None:
        return np.zeros(size, np.float32)
    return _tensor(module, name)


def _tensor(module: nn.Module, name: str) -> Array:
    """A tensor's numbers as float32.

    Raises:
        InputError: it holds no real numbers, or one of them is not finite or does not fit float32.
    """
    tensor = getattr(module, name)
    if tensor.is_meta or tensor.layout != torch.strided or not tensor.is_floating_point():
        raise InputError(
            f"{name} is a {tensor.layout} tensor of {tensor.dtype} on {tensor.device}, expected dense"
            " floating point numbers in memory"
        )
    wide = tensor.detach().cpu().to(torch.float64).numpy()
    narrow = rounded(wide)
    wrong = np.argwhere(~np.isfinite(narrow))
    if len(wrong):
        value = float(wide[tuple(wrong[0])])
        why = "does not fit float32" if math.isfinite(value) else "is not finite"
        raise InputError(f"{name} at {wrong[0].tolist()} = {value} {why}")
    return narrow
