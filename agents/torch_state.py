"""Weights and optimizer moments of torch as numpy arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError


def module_state(module: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """Copies of a module's parameters and buffers, by name."""
    return {name: tensor.detach().numpy().copy() for name, tensor in module.state_dict().items()}


def load_module(module: torch.nn.Module, state: Mapping[str, NDArray[Any]]) -> None:
    """Load what :func:`module_state` gave.

    Raises:
        InputError: a tensor is missing, left over or of another shape.
    """
    own = module.state_dict()
    if own.keys() != state.keys():
        odd = sorted(own.keys() ^ state.keys())
        raise InputError(
            f"the saved network does not fit this one: tensor {odd[0]} is in one of them only"
        )
    for name, tensor in own.items():
        if tuple(tensor.shape) != state[name].shape:
            raise InputError(
                f"the saved network does not fit this one: tensor {name} has shape"
                f" {state[name].shape}, expected {tuple(tensor.shape)}"
            )
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in state.items()})


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, dict[str, NDArray[Any]]]:
    """Copies of an optimizer's moments and step counts, by parameter number.

    Its settings (learning rate, ...) are not in it; they come from the config.
    """
    return {
        str(index): {name: tensor.numpy().copy() for name, tensor in moments.items()}
        for index, moments in optimizer.state_dict()["state"].items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Mapping[str, Any]]) -> None:
    """Load what :func:`optimizer_state` gave.

    Raises:
        InputError: it has moments for a parameter that this optimizer does not have.
    """
    groups = optimizer.state_dict()["param_groups"]
    count = sum(len(group["params"]) for group in groups)
    if any(int(index) >= count for index in state):
        raise InputError(f"the saved optimizer does not fit this one of {count} parameters")
    tensors = {
        int(index): {name: torch.from_numpy(np.array(array)) for name, array in moments.items()}
        for index, moments in state.items()
    }
    optimizer.load_state_dict({"state": tensors, "param_groups": groups})
