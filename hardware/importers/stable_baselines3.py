"""Actors of Stable-Baselines3 as networks: exactly what ``model.predict(deterministic=True)`` computes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import stable_baselines3
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.sac.policies import Actor as SACActor
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import Actor as TD3Actor
from stable_baselines3.td3.policies import TD3Policy

from ...errors import InputError
from ..network import Activation, Layer, Network, Output
from .folding import decision_rate, fold_input, rounded, vector
from .torch_modules import torch_layers

_KNOWN = "known is MlpPolicy of PPO, A2C, SAC, TD3 and DDPG with its own parts"


def from_stable_baselines3(
    model: BaseAlgorithm,
    vec_normalize: VecNormalize | None = None,
    *,
    rate_hz: float,
    metadata: Mapping[str, Any] | None = None,
) -> Network:
    """The deterministic actor of a model that was trained with PPO, A2C, SAC, TD3 or DDPG.

    Clipping to the action space (PPO, A2C) or stretching of tanh to it (SAC, TD3, DDPG, and PPO with
    ``squash_output``) is part of the network; so is the normalization of observations, which
    ``model.predict`` leaves to its caller: ``clip((o - mean) / sqrt(var + epsilon), +-clip_obs)``.
    An observation of several dimensions is read row by row.

    Args:
        model: what ``PPO.load`` and its like give.
        vec_normalize: the environments' ``VecNormalize`` (``VecNormalize.load``); with its ``norm_obs``
            off, or without it, observations are read as they are.
        rate_hz: decisions per second, 1 to 10,000.
        metadata: JSON values, added to where the policy comes from; see ``from_torch``.

    Raises:
        InputError: the policy, one of its parts or of its spaces cannot be exported, or the model was
            trained with a ``VecNormalize`` that is not given.
    """
    policy = model.policy
    action_space = model.action_space
    if not isinstance(action_space, spaces.Box):
        raise InputError(f"the action space {action_space} cannot be exported, expected a Box")
    if not (np.isfinite(action_space.low).all() and np.isfinite(action_space.high).all()):
        raise InputError(
            f"the action space {action_space} is unbounded: an exported action needs finite bounds, so"
            " train with a Box of finite low and high"
        )
    _check_observation_space(model)
    layers, squashed = _actor(policy)
    said = {"origin": _origin(model), **(metadata or {})}
    given, folded = fold_input(layers, metadata=said, **_normalization(model, vec_normalize))
    size = layers[-1].outputs
    return Network(
        input=given,
        layers=folded,
        output=Output(
            kind="tanh" if squashed else "clip",
            low=rounded(vector("action space low", action_space.low.ravel(), size)),
            high=rounded(vector("action space high", action_space.high.ravel(), size)),
        ),
        rate_hz=decision_rate({}, rate_hz),
        metadata=said,
    )


def _actor(policy: Any) -> tuple[tuple[Layer, ...], bool]:
    """The layers of the mean, and whether its tanh is stretched to the action space."""
    if type(policy) is ActorCriticPolicy:
        _expect("policy.pi_features_extractor", policy.pi_features_extractor, FlattenExtractor)
        _expect("policy.mlp_extractor", policy.mlp_extractor, MlpExtractor)
        hidden = ("policy.mlp_extractor.policy_net", policy.mlp_extractor.policy_net)
        return torch_layers([hidden, ("policy.action_net", policy.action_net)]), policy.squash_output
    if type(policy) is SACPolicy:
        _expect("policy.actor", policy.actor, SACActor)
        _expect("policy.actor.features_extractor", policy.actor.features_extractor, FlattenExtractor)
        hidden = ("policy.actor.latent_pi", policy.actor.latent_pi)
        return torch_layers([hidden, ("policy.actor.mu", policy.actor.mu)]), True
    if type(policy) is TD3Policy:
        _expect("policy.actor", policy.actor, TD3Actor)
        _expect("policy.actor.features_extractor", policy.actor.features_extractor, FlattenExtractor)
        layers = torch_layers([("policy.actor.mu", policy.actor.mu)])
        last = layers[-1]
        if not isinstance(last, Activation) or last.name != "tanh" or len(layers) < 2:
            raise InputError("policy.actor.mu cannot be exported; it does not end in Tanh")
        return layers[:-1], True
    raise InputError(f"policy ({type(policy).__name__}) cannot be exported; {_KNOWN}")


def _expect(path: str, module: object, kind: type) -> None:
    if type(module) is not kind:
        raise InputError(f"{path} ({type(module).__name__}) cannot be exported; {_KNOWN}")


def _check_observation_space(model: BaseAlgorithm) -> None:
    space = model.observation_space
    if not isinstance(space, spaces.Box):
        raise InputError(f"the observation space {space} cannot be exported, expected a Box")
    if model.policy.normalize_images and is_image_space(space):
        raise InputError(
            f"the observation space {space} is an image, and no image policy can be exported"
        )


def _normalization(model: BaseAlgorithm, vec_normalize: VecNormalize | None) -> dict[str, Any]:
    """Arguments of ``fold_input``."""
    trained_with = model.get_vec_normalize_env()
    if vec_normalize is None:
        if trained_with is not None and trained_with.norm_obs:
            raise InputError(
                "the model was trained with VecNormalize: give it, vec_normalize ="
                " model.get_vec_normalize_env()"
            )
        return {}
    if not isinstance(vec_normalize, VecNormalize):
        raise InputError(f"vec_normalize is a {type(vec_normalize).__name__}, expected a VecNormalize")
    if not vec_normalize.norm_obs:
        return {}
    statistics: Any = vec_normalize.obs_rms
    shape = model.observation_space.shape
    if isinstance(statistics, dict) or statistics.mean.shape != shape:
        given = "several parts" if isinstance(statistics, dict) else f"shape {statistics.mean.shape}"
        raise InputError(
            f"vec_normalize normalizes observations of {given}, the policy reads shape {shape}"
        )
    clip = float(vec_normalize.clip_obs)
    if math.isnan(clip) or clip <= 0:
        raise InputError(f"vec_normalize clip_obs = {clip} must be above 0")
    return {
        "mean": statistics.mean.ravel(),
        "scale": np.sqrt(statistics.var.ravel() + vec_normalize.epsilon),
        "clip": clip,
    }


def _origin(model: BaseAlgorithm) -> dict[str, Any]:
    return {
        "library": f"stable-baselines3 {stable_baselines3.__version__}",
        "algorithm": type(model).__name__,
        "steps": int(model.num_timesteps),
    }
