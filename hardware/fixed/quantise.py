"""From a network to integers, with the proof that no sum leaves 32 bits.

Every number of the arithmetic is an integer times a power of two. A vector between two layers holds
integers of at most 22 bits; one exponent for all of it, or one per observation. A row of weights has the
largest exponent with which

* its weights fit the format (:data:`KINDS`);
* ``|bias| + sum |weight| |x| <= 2^31 - 1`` for the largest ``|x|`` that the layers before can give.

So every sum, partial ones included, is proven to fit. How close it comes is in ``FixedNetwork.report``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..network import Activation, ActivationName, Gru, Layer, LayerNorm, Linear, Lstm, Network
from . import table
from .fixed_network import (
    KINDS,
    VECTOR_BITS,
    FixedActivation,
    FixedFormat,
    FixedGru,
    FixedInput,
    FixedLayer,
    FixedLinear,
    FixedLstm,
    FixedNetwork,
    FixedOutput,
    Integers,
    KindName,
    Rows,
)

Float64 = NDArray[np.float64]

GATE_BITS = 23
"""What is multiplied by a gate is at most 2^23."""
SUM_BITS = 30
"""Sums that are added to one another are at most 2^30."""
FINEST_SUM = 18
"""Fraction bits of what goes into a function, where the range allows it."""
FINEST_ACTION = 20
"""Fraction bits of actions, where the range allows it."""
CELL_LIMIT = 32.0
"""An LSTM's cell is saturated here, at least; beyond 7 its tanh is 1."""
CALIBRATION_MARGIN = 2.0
"""A calibrated layer saturates at this times the largest value that was seen."""
_LARGEST = 2**31 - 1
_SPARE_SHIFT = 24
_SMALLEST_LIMIT = 1e-20


@dataclass(frozen=True)
class _Vector:
    """What is known of the numbers between two layers."""

    exponent: Integers
    """Fraction bits of each."""
    bound: Integers
    """Largest magnitude of each, as an integer."""


def quantise(
    network: Network, number_format: FixedFormat, calibration: NDArray[np.float32] | None = None
) -> FixedNetwork:
    """Choose exponents and round.

    Args:
        network: the policy.
        number_format: of the weights.
        calibration: observations as they occur, shape ``(any, observation size)``. Linear layers before
            the first memory then saturate at twice the largest value seen, which leaves more bits for
            what occurs; None for proven ranges throughout, which never saturate.

    Raises:
        InputError: a layer normalization, for which there is no integer arithmetic here; a limit of an
            observation that is too small; or calibration of another shape or not finite.
    """
    for number, layer in enumerate(network.layers):
        if isinstance(layer, LayerNorm):
            raise InputError(
                f"layer {number} is a layer norm, which the format {number_format} does not support;"
                " use float32"
            )
    if not (network.input.limit >= _SMALLEST_LIMIT).all():
        raise InputError(
            f"input limits must be at least {_SMALLEST_LIMIT:g} in the format {number_format},"
            f" got {float(network.input.limit.min()):g}"
        )
    layers: Sequence[Layer] = network.layers
    if not isinstance(layers[0], (Linear, Gru, Lstm)):
        # Observations have exponents of their own, a function needs a common one.
        size = network.observation_size
        unit = Linear(weight=np.eye(size, dtype=np.float32), bias=np.zeros(size, np.float32))
        layers = (unit, *layers)
    seen = None if calibration is None else _calibrate(network, layers, calibration)
    given = _input(network, layers[0], number_format)
    vector = _Vector(given.exponent, given.limit)
    fixed: list[FixedLayer] = []
    for number, layer in enumerate(layers):
        after = layers[number + 1] if number + 1 < len(layers) else None
        if isinstance(layer, Linear):
            limit = None if seen is None else seen.get(number)
            made, vector = _linear(layer, after, vector, number_format, limit, network)
            fixed.append(made)
        elif isinstance(layer, Activation):
            if layer.name == "relu" and isinstance(fixed[-1] if fixed else None, FixedLinear):
                continue
            function, vector = _activation(layer, vector)
            fixed.append(function)
        else:
            assert isinstance(layer, (Gru, Lstm))
            memory, vector = _recurrent(layer, vector, number_format)
            fixed.append(memory)
    return FixedNetwork(
        network=network,
        number_format=number_format,
        input=given,
        layers=tuple(fixed),
        output=_output(network, vector),
    )


def _input(network: Network, first: Layer, number_format: FixedFormat) -> FixedInput:
    center, limit = network.input.center.astype(np.float64), network.input.limit.astype(np.float64)
    # A limit that is no power of two takes a bit more, so that its exponent alone says how to shift.
    exponent = VECTOR_BITS - np.floor(np.log2(limit)).astype(np.int64)
    if number_format == "int8":
        # Coarser observations make a column's weights larger, up to those of the largest column.
        weight = first.weight if isinstance(first, Linear) else first.weight_input  # type: ignore[union-attr]
        largest = np.abs(weight.astype(np.float64)).max(axis=0) * np.exp2(-exponent)
        largest = np.maximum(largest, largest.max() * 2.0**-6)
        exponent = exponent - np.floor(np.log2(largest.max() / largest) + 1e-9).astype(np.int64)
    centers = bool(center.any())
    reach = limit
    if centers:
        reach = np.abs(center) + limit
        # The integers before the subtraction have at most 29 bits.
        exponent = np.minimum(exponent, 29 - _ceil_log2(reach))
    scale = np.exp2(exponent)
    return FixedInput(
        reach=reach.astype(np.float32)
        if not centers
        else np.nextafter(reach.astype(np.float32), np.inf),
        exponent=exponent,
        center=np.round(center * scale).astype(np.int64),
        limit=np.floor(limit * scale).astype(np.int64),
        centers=centers,
    )


def _linear(
    layer: Linear,
    after: Layer | None,
    vector: _Vector,
    number_format: FixedFormat,
    seen: float | None,
    network: Network,
) -> tuple[FixedLinear, _Vector]:
    relu = isinstance(after, Activation) and after.name == "relu"
    if after is None:
        bits, finest = SUM_BITS, _action_bits(network)
    elif isinstance(after, Activation) and not relu:
        bits, finest = SUM_BITS, FINEST_SUM
    else:
        bits, finest = VECTOR_BITS, VECTOR_BITS
    rounding = _rounding(after.name) if isinstance(after, Activation) else 0.0
    draft = _Draft(layer.weight, layer.bias + rounding, vector, _kind(number_format))
    bound = draft.largest
    saturate = seen is not None and seen < bound and bits == VECTOR_BITS
    exponent = draft.common_exponent(bits, finest, bound if not saturate or seen is None else seen)
    rows, found = draft.rows(exponent)
    limit = None
    if saturate and seen is not None:
        limit = math.floor(seen * 2.0**exponent)
        found = _Vector(found.exponent, np.minimum(found.bound, limit))
    return FixedLinear(rows=rows, relu=relu, limit=limit), found


def _activation(layer: Activation, vector: _Vector) -> tuple[FixedActivation, _Vector]:
    exponent, largest = int(vector.exponent[0]), int(vector.bound.max())
    _check_function(exponent, layer)
    if layer.name == "tanh":
        result, bound = table.VALUE_BITS, 1 << table.VALUE_BITS
    elif layer.name == "sigmoid":
        result = table.VALUE_BITS - 1
        bound = 1 << result
    else:
        result = min(exponent, table.VALUE_BITS, exponent + VECTOR_BITS - 1 - int(largest).bit_length())
        _check_function(result, layer)
        bound = (largest >> (exponent - result)) + (1 << result) + 2
    made = FixedActivation(name=layer.name, size=layer.size, exponent=exponent, result=result)
    return made, _Vector(np.full(layer.size, result), np.full(layer.size, bound))


def _recurrent(
    layer: Gru | Lstm, vector: _Vector, number_format: FixedFormat
) -> tuple[FixedGru | FixedLstm, _Vector]:
    size = layer.outputs
    largest = max(1.0, float(np.abs(layer.initial_hidden).max()))
    memory_exponent = VECTOR_BITS - int(_ceil_log2(np.array(largest)))
    limit = math.floor(largest * 2.0**memory_exponent)
    memory = _Vector(np.full(size, memory_exponent), np.full(size, limit))
    gru = isinstance(layer, Gru)
    order = np.arange(3 * size) if gru else np.r_[2 * size : 3 * size, : 2 * size, 3 * size : 4 * size]
    switch = np.arange(2 * size) if gru else order[size:]
    candidate = np.arange(2 * size, 3 * size)
    wide, narrow = _kind(number_format), _kind(number_format, narrow=True)
    rounding = np.where(np.isin(order, candidate), _rounding("tanh"), _rounding("sigmoid"))
    drafts = (
        _Draft(layer.weight_input[order], layer.bias_input[order] + rounding, vector, wide),
        _Draft(layer.weight_hidden[switch], layer.bias_hidden[switch], memory, narrow),
        _Draft(layer.weight_hidden[candidate], layer.bias_hidden[candidate], memory, wide),
    )
    multiplied = drafts[2].largest if gru else 1e-9
    finest = min(FINEST_SUM, GATE_BITS - int(_ceil_log2(np.array(multiplied))))
    largest_sum = max(draft.largest for draft in drafts)
    exponent = min(draft.common_exponent(SUM_BITS - 1, finest, largest_sum) for draft in drafts)
    _check_function(exponent, layer)
    given, switches, recalled = (draft.rows(exponent)[0] for draft in drafts)
    initial = _clipped(layer.initial_hidden, memory_exponent, limit)
    if gru:
        return FixedGru(
            input=given,
            switches=switches,
            candidate=recalled,
            exponent=exponent,
            memory_exponent=memory_exponent,
            initial=initial,
            limit=limit,
        ), memory
    assert isinstance(layer, Lstm)
    cell_largest = max(CELL_LIMIT, float(np.abs(layer.initial_cell).max()))
    cell_exponent = GATE_BITS - int(_ceil_log2(np.array(cell_largest)))
    cell_limit = math.floor(cell_largest * 2.0**cell_exponent)
    cells = _clipped(layer.initial_cell, cell_exponent, cell_limit)
    return FixedLstm(
        input=given,
        switches=switches,
        candidate=recalled,
        exponent=exponent,
        memory_exponent=memory_exponent,
        initial=np.concatenate([initial, cells]),
        limit=limit,
        cell_exponent=cell_exponent,
        cell_limit=cell_limit,
    ), memory


def _check_function(exponent: int, layer: Layer) -> None:
    if exponent < 0:
        raise InputError(
            f"what goes into a {layer.kind} may reach 2^{SUM_BITS - exponent}, which is too much for fixed"
            " point; give the observations smaller limits, or use float32"
        )


def _clipped(values: NDArray[np.float32], exponent: int, limit: int) -> Integers:
    return np.clip(np.round(values.astype(np.float64) * 2.0**exponent), -limit, limit).astype(np.int64)


def _action_bits(network: Network) -> int:
    largest = max(np.abs(network.output.low).max(), np.abs(network.output.high).max())
    return min(FINEST_ACTION, 22 - int(_ceil_log2(np.array(float(largest)))))


def _output(network: Network, vector: _Vector) -> FixedOutput:
    low = network.output.low.astype(np.float64)
    high = network.output.high.astype(np.float64)
    exponent = int(vector.exponent[0])
    if network.output.kind == "clip":
        action_exponent = min(exponent, _action_bits(network))
        shift = exponent - action_exponent
        exponent = action_exponent
    else:
        shift = 0
        action_exponent = min(
            _action_bits(network), 18 - int(_ceil_log2(np.array((high - low).max() / 2)))
        )
    scale = 2.0**action_exponent
    first, last = np.ceil(low * scale), np.floor(high * scale)
    if not (first <= last).all():
        worst = int(np.argmin(high - low))
        raise InputError(
            f"action {worst}: low = {low[worst]:g} and high = {high[worst]:g} are too close to each other"
            " for fixed point; use float32"
        )
    return FixedOutput(
        shift=shift,
        exponent=exponent,
        action_exponent=action_exponent,
        low=first.astype(np.int64),
        high=last.astype(np.int64),
        middle=np.round((low + high) / 2 * scale).astype(np.int64),
        half=np.round((high - low) / 2 * scale).astype(np.int64),
    )


class _Draft:
    """A matrix whose rows have got their exponents, but no common exponent of the results yet."""

    def __init__(
        self,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | Float64,
        vector: _Vector,
        kind: KindName,
    ) -> None:
        self._name = kind
        self._kind = KINDS[kind]
        self._weight_largest = 2 ** (self._kind.bits - 1) - 1
        self._vector = vector
        self._weight = weight.astype(np.float64) * np.exp2(-vector.exponent.astype(np.float64))
        self._bias = bias.astype(np.float64)
        self.exponent = self._exponents()
        worst = self._quantised(self.exponent)[2].astype(np.float64)
        self.bound = worst * np.exp2(-self.exponent.astype(np.float64))
        self.largest = max(float(self.bound.max()), 1e-9)

    def common_exponent(self, bits: int, finest: int, largest: float) -> int:
        """Fraction bits of results of at most ``largest`` in ``bits`` bits."""
        fit = bits - int(_ceil_log2(np.array(max(largest, 1e-9))))
        return int(min(fit, finest, self.exponent.min()))

    def rows(self, exponent: int) -> tuple[Rows, _Vector]:
        """The integers with results of ``exponent`` fraction bits, and what is known of the results."""
        exponents = np.minimum(self.exponent, exponent + _SPARE_SHIFT)
        weight, bias, worst = self._quantised(exponents)
        assert (np.abs(weight) <= self._weight_largest).all()
        shift = exponents - exponent
        assert ((shift >= 0) & (shift <= _SPARE_SHIFT)).all()
        half = (1 << shift) >> 1  # so that the shift rounds to the nearest
        bias, worst = bias + half, worst + half
        assert (worst <= _LARGEST).all()
        rows = Rows(kind=self._name, weight=weight, bias=bias, shift=shift, worst=worst)
        return rows, _Vector(np.full(len(bias), exponent), (worst >> shift) + 1)

    def _exponents(self) -> Integers:
        """For every row the largest number of fraction bits of its sum for which all fits."""
        largest = np.abs(self._weight).max(axis=1)
        room = self._weight_largest / np.maximum(largest, 1e-30)
        exponents = np.floor(np.log2(room)) - self._kind.shift
        exponents = np.minimum(exponents, SUM_BITS).astype(np.int64)
        while True:
            weight, _, worst = self._quantised(exponents)
            bad = (worst > _LARGEST - (1 << _SPARE_SHIFT)) | (
                np.abs(weight).max(axis=1) > self._weight_largest
            )
            if not bad.any():
                return exponents
            exponents = exponents - bad

    def _quantised(self, exponents: Integers) -> tuple[Integers, Integers, Integers]:
        """Weights and biases of rows with these exponents, and the largest sums."""
        shift = self._kind.shift
        scale = np.exp2(exponents.astype(np.float64))
        weight = np.round(self._weight * (scale * 2.0**shift)[:, None])
        columns = weight.shape[1]
        bound = self._vector.bound.astype(np.float64)
        if self._kind.rounds_products:
            # Every product is rounded down: half a unit is lost in the mean.
            bias = np.round(self._bias * scale + columns / 2)
            products = np.floor(np.abs(weight) * bound / 2.0**shift) + 1
        else:
            bias = np.round(self._bias * scale)
            products = np.abs(weight) * np.floor((bound + 2.0 ** (shift - 1)) / 2.0**shift + 1)
        worst = np.minimum(np.abs(bias) + products.sum(axis=1), 2.0**60)
        return weight.astype(np.int64), bias.astype(np.int64), worst.astype(np.int64)


def _rounding(name: ActivationName) -> float:
    """What a bias takes so that the argument of a function is rounded to the nearest."""
    if name == "relu":
        return 0.0
    return 2.0**-table.ARGUMENT_BITS * (1.0 if name in ("sigmoid", "silu") else 0.5)


def _kind(number_format: FixedFormat, narrow: bool = False) -> KindName:
    if number_format == "int8":
        return "byte"
    return "narrow" if narrow else "wide"


def _ceil_log2(value: Float64) -> Integers:
    return np.ceil(np.log2(value)).astype(np.int64)


def _calibrate(
    network: Network, layers: Sequence[Layer], calibration: NDArray[np.float32]
) -> dict[int, float]:
    """What linear layers before the first memory saturate at, by number."""
    if (
        calibration.ndim != 2
        or calibration.shape[1] != network.observation_size
        or not len(calibration)
    ):
        raise InputError(
            f"calibration has shape {calibration.shape}, expected (any, {network.observation_size})"
        )
    if not np.isfinite(calibration).all():
        raise InputError("calibration must be finite")
    limit = network.input.limit.astype(np.float64)
    x = np.clip(calibration.astype(np.float64) - network.input.center, -limit, limit)
    found: dict[int, float] = {}
    for number, layer in enumerate(layers):
        if isinstance(layer, Linear):
            x = x @ layer.weight.T.astype(np.float64) + layer.bias
            found[number] = CALIBRATION_MARGIN * max(float(np.abs(x).max()), 1e-6)
        elif isinstance(layer, Activation):
            x = _FLOAT_FUNCTIONS[layer.name](x)
        else:
            break
    return found


_FLOAT_FUNCTIONS: dict[ActivationName, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(x / 2),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x * (0.5 + 0.5 * np.tanh(x / 2)),
    "softplus": lambda x: np.logaddexp(0, x),
}
