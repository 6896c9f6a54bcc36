"""A network of integers: what the reference computes with and the C is written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..network import ActivationName, Network
from . import table

Integers = NDArray[np.int64]
FixedFormat = Literal["q15", "int8"]

VECTOR_BITS = 21
"""Magnitudes between layers are at most 2^21."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How the weights of a matrix are kept and multiplied."""

    bits: int
    """Of a weight, with its sign."""
    shift: int
    """A product is the exact one divided by two to this."""
    rounds_products: bool
    """Whether every product is rounded down; otherwise what the matrix reads is rounded before."""


KINDS = {
    "wide": Kind(bits=20, shift=12, rounds_products=True),
    "narrow": Kind(bits=16, shift=8, rounds_products=True),
    "byte": Kind(bits=8, shift=6, rounds_products=False),
}
"""``int8`` has bytes only; ``q15`` has narrow weights where hidden values go into a sigmoid, whose slope is
at most a quarter, and wide ones elsewhere."""
KindName = Literal["wide", "narrow", "byte"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """``(bias + sum_j product(weight_j, x_j)) >> shift``, see ``FixedReference`` for the product."""

    kind: KindName
    weight: Integers
    """Shape ``(rows, columns)``."""
    bias: Integers
    """Shape ``(rows,)``."""
    shift: Integers
    """Shape ``(rows,)``, in [0, 31]."""
    worst: Integers
    """Proven bound of the magnitude of each row's sum, below 2^31."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedLinear:
    """A linear layer, with the relu after it if there is one."""

    rows: Rows
    relu: bool
    limit: int | None
    """Magnitude at which the result is saturated; None where the proof needs no saturation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedActivation:
    """A function by table."""

    name: ActivationName
    size: int
    exponent: int
    """Fraction bits of what it reads."""
    result: int
    """Fraction bits of what it gives."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedGru:
    """Gates r, z, n; the sums of all matrices have the same exponent."""

    input: Rows
    """Of r, z, n, from what comes in."""
    switches: Rows
    """Of r and z, from the hidden values."""
    candidate: Rows
    """Of n, from the hidden values."""
    exponent: int
    """Fraction bits of the sums."""
    memory_exponent: int
    initial: Integers
    """The memory at the start, shape ``(hidden,)``."""
    limit: int
    """Magnitude that no memory leaves by itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedLstm:
    """Gates i, f, g, o; the memory is the hidden values, then the cells."""

    input: Rows
    """Of g, i, f, o, from what comes in."""
    switches: Rows
    """Of i, f, o, from the hidden values."""
    candidate: Rows
    """Of g, from the hidden values."""
    exponent: int
    memory_exponent: int
    initial: Integers
    """Shape ``(2 hidden,)``."""
    limit: int
    cell_exponent: int
    cell_limit: int


FixedLayer = FixedLinear | FixedActivation | FixedGru | FixedLstm


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedInput:
    """``saturate(x, +-reach)`` to integers, minus ``center``, saturated to ``+-limit``."""

    reach: NDArray[np.float32]
    """What is saturated before anything else; the network's limit where nothing is subtracted."""
    exponent: Integers
    """Fraction bits of each observation."""
    center: Integers
    limit: Integers
    centers: bool
    """Whether anything is subtracted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedOutput:
    """The last numbers to actions."""

    shift: int
    """The numbers are shifted right by this first."""
    exponent: int
    """Fraction bits of the numbers then, and of actions that are clipped."""
    action_exponent: int
    """Fraction bits of actions."""
    low: Integers
    high: Integers
    middle: Integers
    """tanh only, like ``half``: the action is ``middle + half tanh``."""
    half: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedNetwork:
    """A network of integers; made by :func:`quantise`."""

    network: Network
    number_format: FixedFormat
    input: FixedInput
    layers: tuple[FixedLayer, ...]
    output: FixedOutput

    @property
    def initial_memory(self) -> NDArray[np.int32]:
        """What an episode starts with, shape ``(memory size,)``."""
        parts = [np.zeros(0, np.int64)]
        for layer in self.recurrent():
            size = layer.candidate.weight.shape[1]
            parts += [layer.initial[:size] << self.memory_shift, layer.initial[size:]]
        return np.concatenate(parts).astype(np.int32)

    @property
    def memory_shift(self) -> int:
        """Hidden values lie this much to the left in the memory: as the matrices of ``q15`` read them."""
        return 8 if self.number_format == "q15" else 0

    @property
    def memory_limit(self) -> Integers:
        """The magnitude that no number of the memory leaves by itself, shape ``(memory size,)``."""
        parts = [np.zeros(0, np.int64)]
        for layer in self.recurrent():
            size = layer.candidate.weight.shape[1]
            parts.append(np.full(size, layer.limit << self.memory_shift))
            if isinstance(layer, FixedLstm):
                parts.append(np.full(size, layer.cell_limit))
        return np.concatenate(parts)

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Which numbers of the memory are hidden values; the others are cells."""
        parts = [np.zeros(0, np.bool_)]
        for layer in self.recurrent():
            size = layer.candidate.weight.shape[1]
            parts.append(np.arange(len(layer.initial)) < size)
        return np.concatenate(parts)

    def recurrent(self) -> list[FixedGru | FixedLstm]:
        """The layers with a memory, in order."""
        return [layer for layer in self.layers if isinstance(layer, (FixedGru, FixedLstm))]

    @property
    def report(self) -> dict[str, Any]:
        """JSON values: bits, exponents, the proof and the tables' errors."""
        proof = []
        for number, layer in enumerate(self.layers):
            for name in ("rows", "input", "switches", "candidate"):
                rows = getattr(layer, name, None)
                if isinstance(rows, Rows):
                    worst = int(rows.worst.max())
                    bits = KINDS[rows.kind].bits
                    part = {"layer": number, "matrix": name, "weight_bits": bits, "worst_sum": worst}
                    proof.append(part | {"share": round(worst / 2**31, 4)})
        return {
            "vector_bits": VECTOR_BITS + 1 if self.number_format == "q15" else 16,
            "memory_bits": 32,
            "input_fraction_bits": self.input.exponent.tolist(),
            "action_fraction_bits": self.output.action_exponent,
            "tanh_error": table.table("tanh").error,
            "proof": proof,
        }
