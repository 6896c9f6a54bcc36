"""Policies of this program as networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...policies.policy import Policy
from ...policies.recurrent_policy import RecurrentPolicy
from ..network import Activation, Gru, Layer, Linear, Network, Output
from .folding import decision_rate, fold_input, rounded, vector


def from_policy(policy: Policy, *, rate_hz: float | None = None) -> Network:
    """A feed-forward policy; mean, scale and clip of its observations are folded in.

    Args:
        policy: the policy; its metadata is kept.
        rate_hz: decisions per second; only where the metadata does not say.

    Raises:
        InputError: the rate is unknown or contradicts the metadata, or a number is out of its range.
    """
    layers: list[Layer] = []
    for weight, bias in zip(policy.weights, policy.biases, strict=True):
        if layers:
            layers.append(Activation(name=policy.activation, size=layers[-1].outputs))
        layers.append(Linear(weight=weight, bias=bias))
    given, folded = fold_input(
        layers,
        mean=policy.observation_mean,
        scale=policy.observation_scale,
        clip=policy.observation_clip,
        metadata=policy.metadata,
    )
    return Network(
        input=given,
        layers=folded,
        output=Output(kind=policy.output, low=policy.action_low, high=policy.action_high),
        rate_hz=decision_rate(policy.metadata, rate_hz),
        metadata=dict(policy.metadata),
    )


def from_recurrent_policy(policy: RecurrentPolicy, *, rate_hz: float | None = None) -> Network:
    """A policy with a memory; its actions are clipped to the metadata's ``low`` and ``high``, else to ±1.

    Args:
        policy: the policy; its metadata is kept.
        rate_hz: decisions per second; only where the metadata does not say.

    Raises:
        InputError: the rate is unknown or contradicts the metadata, or a number is out of its range.
    """
    encoder = Linear(weight=policy.encoder_weight, bias=policy.encoder_bias)
    memory = Gru(
        weight_input=policy.weight_input,
        weight_hidden=policy.weight_hidden,
        bias_input=policy.bias_input,
        bias_hidden=policy.bias_hidden,
        initial_hidden=policy.initial_hidden,
    )
    decoder = Linear(weight=policy.decoder_weight, bias=policy.decoder_bias)
    layers = (encoder, Activation(name="relu", size=encoder.outputs), memory, decoder)
    given, folded = fold_input(layers, metadata=policy.metadata)
    return Network(
        input=given,
        layers=folded,
        output=_action_range(policy.metadata, policy.action_size),
        rate_hz=decision_rate(policy.metadata, rate_hz),
        metadata=dict(policy.metadata),
    )


def _action_range(metadata: Mapping[str, Any], size: int) -> Output:
    action = metadata.get("action")
    action = action if isinstance(action, Mapping) else {}
    low = rounded(vector("metadata action low", action.get("low", -1.0), size))
    high = rounded(vector("metadata action high", action.get("high", 1.0), size))
    return Output(kind="clip", low=low, high=high)
