"""What importers share: normalization folded into the first layer, limits of inputs, the rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ...policies.quadrotor_metadata import OBSERVATION
from ..network import LARGEST_LIMIT, Activation, Array, Input, Layer, LayerNorm, Linear

Float64 = NDArray[np.float64]


def fold_input(
    layers: Sequence[Layer],
    *,
    mean: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    clip: float = math.inf,
    metadata: Mapping[str, Any],
) -> tuple[Input, tuple[Layer, ...]]:
    """Let layers that read ``clip((o - mean) / scale, +-clip)`` read the observation ``o`` itself.

    The clip becomes limits in the observation's own units, the division goes into the first layer's
    weights, and what float32 loses of the mean goes into its bias. All of it is computed in float64 and
    rounded once. A first layer without a weight matrix gets a diagonal one before it.

    Args:
        layers: what comes after the normalization; one at least.
        mean: a number, or shape ``(observation size,)``.
        scale: as the mean, above 0.
        clip: bound of a normalized observation, above 0; infinite where nothing is clipped.
        metadata: of the network; see :func:`known_limits`.

    Raises:
        InputError: a number is not finite or out of its range, or a shape does not fit.
    """
    size = layers[0].inputs
    means = vector("the observations' mean", mean, size)
    scales = vector("the observations' scale", scale, size)
    if not (scales > 0).all():
        raise InputError(f"the observations' scale must be above 0, got {float(scales.min())}")
    if not clip > 0:
        raise InputError(f"the clip of observations = {clip} must be above 0")
    center = means.astype(np.float32)
    limit = np.minimum(clip * scales, known_limits(metadata, size)).astype(np.float32)
    lost = means - center
    if not lost.any() and (scales == 1).all():
        return Input(center=center, limit=limit), tuple(layers)
    first, rest = layers[0], tuple(layers[1:])
    if isinstance(first, (Activation, LayerNorm)):
        first, rest = diagonal(np.ones(size), np.zeros(size)), tuple(layers)
    if isinstance(first, Linear):
        weight, bias = _folded(first.weight, first.bias, scales, lost)
        return Input(center=center, limit=limit), (replace(first, weight=weight, bias=bias), *rest)
    weight, bias = _folded(first.weight_input, first.bias_input, scales, lost)
    first = replace(first, weight_input=weight, bias_input=bias)
    return Input(center=center, limit=limit), (first, *rest)


def _folded(weight: Array, bias: Array, scale: Float64, lost: Float64) -> tuple[Array, Array]:
    wide = weight.astype(np.float64) / scale
    return rounded(wide), rounded(bias.astype(np.float64) - wide @ lost)


def rounded(array: Float64) -> Array:
    """As float32; a number beyond its range becomes infinite, which every layer refuses by name."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def diagonal(factor: Float64, offset: Float64) -> Linear:
    """The layer that multiplies each number by a factor and adds an offset."""
    return Linear(weight=rounded(np.diag(factor)), bias=rounded(offset))


def vector(name: str, given: ArrayLike, size: int) -> Float64:
    """A number for all, or one for each, as float64 of shape ``(size,)``.

    Raises:
        InputError: it is not numeric, not finite or of another shape.
    """
    try:
        array = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} = {given!r} must be a number or an array of numbers") from None
    if array.shape not in ((), (size,)):
        raise InputError(f"{name} has shape {array.shape}, expected ({size},)")
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite, got {array.tolist()}")
    return np.array(np.broadcast_to(array, (size,)))


def observation_parts(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The layout of the observations, ``metadata["observation"]``; empty where there is none.

    Raises:
        InputError: it is no list of parts whose ``size``, if there is one, is a whole number.
    """
    parts = metadata.get("observation") or []
    if not isinstance(parts, (list, tuple)):
        raise InputError("metadata observation must be a list of the observation's parts")
    for part in parts:
        size = part.get("size", 1) if isinstance(part, Mapping) else None
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise InputError(
                f"metadata observation part {part!r} must be a dict with a size of 1 or more"
            )
    return list(parts)


def known_limits(metadata: Mapping[str, Any], size: int) -> Float64:
    """The largest size of each observation, by the key ``limit`` of the parts in the metadata.

    Parts that have the names and sizes of a quadrotor's take what their file leaves out from
    ``policies.quadrotor_metadata.OBSERVATION``; every other part without the key gets
    ``network.LARGEST_LIMIT``.

    Raises:
        InputError: a limit is no number in (0, 1e6], or the parts have another size together.
    """
    parts = observation_parts(metadata)
    if not parts:
        return np.full(size, LARGEST_LIMIT)
    total = sum(part.get("size", 1) for part in parts)
    if total != size:
        raise InputError(f"metadata observation describes {total} numbers, the policy reads {size}")
    names = [(part.get("name"), part.get("size", 1)) for part in parts]
    quadrotor = names == [(part["name"], part["size"]) for part in OBSERVATION]
    limits = []
    for number, part in enumerate(parts):
        usual = OBSERVATION[number]["limit"] if quadrotor else LARGEST_LIMIT
        limit = part.get("limit", usual)
        numeric = isinstance(limit, Real) and not isinstance(limit, bool)
        if not numeric or not 0 < limit <= LARGEST_LIMIT:
            raise InputError(
                f"metadata observation part {part.get('name')!r}: limit = {limit!r} is not in"
                f" (0, {LARGEST_LIMIT:g}]"
            )
        limits += [float(limit)] * part.get("size", 1)
    return np.array(limits)


def decision_rate(metadata: Mapping[str, Any], given: float | None) -> float:
    """Decisions per second, from the metadata or as given.

    Raises:
        InputError: neither says it, or they contradict each other.
    """
    said = metadata.get("rate_hz")
    if said is None and given is None:
        raise InputError(
            "the policy does not say how often it decides: give rate_hz, decisions per second"
        )
    rate: Any = given if said is None else said
    numeric = isinstance(rate, Real) and not isinstance(rate, bool)
    if not numeric or not math.isfinite(rate):
        raise InputError(f"rate_hz = {rate!r} must be a finite number")
    if given is not None and given != rate:
        raise InputError(
            f"rate_hz = {given:g} contradicts the policy, which decides {rate:g} times a second"
        )
    return float(rate)
