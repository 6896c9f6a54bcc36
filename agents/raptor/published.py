"""The published foundation policy of RAPTOR, from the package that its authors distribute."""

from __future__ import annotations

import importlib
from importlib import metadata
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from ...errors import InputError
from ...policies.quadrotor_metadata import describe
from ...policies.recurrent_policy import RecurrentPolicy

_TOLERANCE = 1e-5  # both compute in float32


def require(module: str, package: str) -> ModuleType:
    """Import an optional peer.

    Raises:
        InputError: it is not installed; says how to install it.
    """
    if find_spec(module) is None:
        raise InputError(
            f"the package {package} is not installed; pip install 'eyas[raptor]' installs it"
        )
    return importlib.import_module(module)


def published_policy() -> RecurrentPolicy:
    """The policy of ``foundation-policy`` (PyPI) with the same 2,084 numbers.

    Raises:
        InputError: the package is not installed, or its network is not the one this reads (an
            encoder, a gated recurrent unit and a decoder whose actions agree with the package's).
    """
    theirs = require("foundation_policy", "foundation-policy").Raptor()
    version = metadata.version("foundation-policy")
    try:
        encoder, unit, decoder = theirs.layers
        policy = RecurrentPolicy(
            encoder_weight=_float32(encoder.weights),
            encoder_bias=_float32(encoder.biases).ravel(),
            weight_input=_float32(unit.weights_input),
            weight_hidden=_float32(unit.weights_hidden),
            bias_input=_float32(unit.biases_input).ravel(),
            bias_hidden=_float32(unit.biases_hidden).ravel(),
            initial_hidden=_float32(unit.initial_hidden_state).ravel(),
            decoder_weight=_float32(decoder.weights),
            decoder_bias=_float32(decoder.biases).ravel(),
            metadata=describe(command="", revision=f"foundation-policy {version}"),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"foundation-policy {version} holds another network than expected") from error
    theirs.reset()
    observations = np.random.default_rng(0).normal(size=(8, 4, policy.observation_size))
    hidden = policy.initial_state(4)
    for row in observations.astype(np.float32):
        actions, hidden = policy.step(row, hidden)
        if not np.allclose(actions, theirs.evaluate_step(row), atol=_TOLERANCE):
            raise InputError(f"foundation-policy {version} computes another network than expected")
    return policy


def _float32(values: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.ascontiguousarray(values, dtype=np.float32)
