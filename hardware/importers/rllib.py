"""RLModules of RLlib's new API stack as networks; only the default one of PPO for torch is known.

SAC's default module is not: for it RLlib 2.60 samples ``tanh`` of the policy head while it explores but
returns the head's number without ``tanh`` when it does not, so it is not clear what to export.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import ray
from numpy.typing import ArrayLike
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core.distribution.torch.torch_distribution import TorchDiagGaussian
from ray.rllib.core.models.torch.encoder import (
    TorchActorCriticEncoder,
    TorchGRUEncoder,
    TorchLSTMEncoder,
    TorchMLPEncoder,
    TorchStatefulActorCriticEncoder,
)
from ray.rllib.core.models.torch.heads import TorchFreeLogStdMLPHead, TorchMLPHead
from ray.rllib.core.models.torch.primitives import TorchMLP

from ...errors import InputError
from ..network import Activation, Layer, Linear, Network, Output
from .folding import Float64, decision_rate, diagonal, fold_input, rounded, vector
from .torch_modules import Named, torch_layers


def from_rllib(
    module: DefaultPPOTorchRLModule,
    *,
    rate_hz: float,
    low: ArrayLike,
    high: ArrayLike,
    normalize_actions: bool = True,
    input_mean: ArrayLike | None = None,
    input_std: ArrayLike | None = None,
    input_clip: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Network:
    """What PPO's default torch module does without exploration: the mean of its Gaussian.

    Encoders of dense layers, LSTM and GRU are known, shared with the value function or not, and heads
    with a bound or a free standard deviation.

    Args:
        module: ``algorithm.get_module()``, or what ``RLModule.from_checkpoint`` gives.
        rate_hz: decisions per second, 1 to 10,000.
        low: smallest action of the environment, a number or shape ``(action size,)``.
        high: largest action.
        normalize_actions: RLlib's setting of this name: the mean's [-1, 1] is stretched to [low, high].
            Without it the mean is the action. It is clipped to [low, high] either way.
        input_mean: of a ``MeanStdFilter``, a number or shape ``(observation size,)``; None without.
        input_std: of a ``MeanStdFilter``, the divisor.
        input_clip: of a ``MeanStdFilter``, its ``clip_by_value``.
        metadata: JSON values, added to where the policy comes from; see ``from_torch``.

    Raises:
        InputError: the module or a part of it is not known, or a number is out of its range.
    """
    layers = _mean(module)
    size = layers[-1].outputs
    lows, highs = vector("low", low, size), vector("high", high, size)
    if normalize_actions:
        layers = _stretched(layers, lows, highs)
    origin = {"library": f"ray {ray.__version__}", "module": type(module).__name__}
    said = {"origin": origin, **(metadata or {})}
    given, folded = fold_input(
        layers,
        mean=0.0 if input_mean is None else input_mean,
        scale=1.0 if input_std is None else input_std,
        clip=math.inf if input_clip is None else input_clip,
        metadata=said,
    )
    return Network(
        input=given,
        layers=folded,
        output=Output(kind="clip", low=rounded(lows), high=rounded(highs)),
        rate_hz=decision_rate({}, rate_hz),
        metadata=said,
    )


def _mean(module: Any) -> tuple[Layer, ...]:
    """The layers from the observation to the Gaussian's mean."""
    if type(module) is not DefaultPPOTorchRLModule:
        raise _refusal("module", module, "DefaultPPOTorchRLModule")
    if not isinstance(module.action_space, gymnasium.spaces.Box):
        raise InputError(f"the action space {module.action_space} cannot be exported, expected a Box")
    distribution = module.get_inference_action_dist_cls()
    if distribution is not TorchDiagGaussian:
        raise InputError(
            f"the distribution {distribution.__name__} cannot be exported, expected TorchDiagGaussian"
        )
    encoder = module.encoder
    if type(encoder) not in (TorchActorCriticEncoder, TorchStatefulActorCriticEncoder):
        raise _refusal("encoder", encoder, "TorchActorCriticEncoder, TorchStatefulActorCriticEncoder")
    name = "encoder" if encoder.config.shared else "actor_encoder"
    parts = _encoder(f"encoder.{name}", getattr(encoder, name))
    head = module.pi
    if type(head) not in (TorchMLPHead, TorchFreeLogStdMLPHead):
        raise _refusal("pi", head, "TorchMLPHead, TorchFreeLogStdMLPHead")
    layers = torch_layers([*parts, _perceptron("pi.net", head.net)])
    actions = int(np.prod(module.action_space.shape))
    if type(head) is TorchMLPHead:
        layers = _first_half(layers)
    if layers[-1].outputs != actions:
        raise InputError(f"pi gives {layers[-1].outputs} means, the action space has {actions} numbers")
    return layers


def _encoder(path: str, encoder: Any) -> list[Named]:
    if type(encoder) is TorchMLPEncoder:
        return [_perceptron(f"{path}.net", encoder.net)]
    if type(encoder) not in (TorchLSTMEncoder, TorchGRUEncoder):
        raise _refusal(path, encoder, "TorchMLPEncoder, TorchLSTMEncoder, TorchGRUEncoder")
    name = "lstm" if type(encoder) is TorchLSTMEncoder else "gru"
    parts = [] if encoder.tokenizer is None else _encoder(f"{path}.tokenizer", encoder.tokenizer)
    return [*parts, (f"{path}.{name}", getattr(encoder, name))]


def _perceptron(path: str, net: Any) -> Named:
    if type(net) is not TorchMLP:
        raise _refusal(path, net, "TorchMLP")
    return f"{path}.mlp", net.mlp


def _refusal(path: str, part: object, known: str) -> InputError:
    return InputError(f"{path} ({type(part).__name__}) cannot be exported; known: {known}")


def _first_half(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The same layers without the second half of their outputs, the logarithms of the deviations."""
    kept = list(layers)
    half = kept[-1].outputs // 2
    for number in reversed(range(len(kept))):
        layer = kept[number]
        if isinstance(layer, Linear):
            kept[number] = Linear(weight=layer.weight[:half].copy(), bias=layer.bias[:half].copy())
            return tuple(kept)
        if not isinstance(layer, Activation):
            break
        kept[number] = replace(layer, size=half)
    raise InputError("pi cannot be exported; its last layer with weights must be a Linear")


def _stretched(layers: Sequence[Layer], low: Float64, high: Float64) -> tuple[Layer, ...]:
    """Layers whose output's [-1, 1] is [low, high]."""
    half, middle = (high - low) / 2, (high + low) / 2
    last = layers[-1]
    if not isinstance(last, Linear):
        return (*layers, diagonal(half, middle))
    weight, bias = last.weight.astype(np.float64), last.bias.astype(np.float64)
    scaled = Linear(weight=rounded(weight * half[:, None]), bias=rounded(bias * half + middle))
    return (*layers[:-1], scaled)
