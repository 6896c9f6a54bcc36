"""The C of a fixed-point policy: constants in the order of their use, and what is done with them."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from . import table
from .fixed_network import (
    FixedActivation,
    FixedGru,
    FixedLinear,
    FixedLstm,
    FixedNetwork,
    Integers,
    Rows,
)

MEMORY_TYPE = "int32_t"
"""Of the memory in C."""
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent.with_name("code") / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # C, not HTML
)
_FUNCTIONS = {
    "tanh": ("tanh",),
    "sigmoid": ("sigmoid", "tanh"),
    "relu": (),
    "silu": ("sigmoid", "tanh", "scaled"),
    "elu": ("exponential",),
    "softplus": ("softplus",),
}
"""Functions of the C that an activation calls."""


@dataclass(frozen=True, kw_only=True)
class FixedSource:
    """What the common templates are told about a fixed-point policy."""

    kernels: str
    """Constants and functions up to ``NAME_evaluate``."""
    initial_memory: str
    """C expression of the address of the first memory."""
    memory_type: str
    """Of a number of the memory."""
    crc: int
    """CRC-32 of the constants as little-endian words."""


def fixed_source(name: str, fixed: FixedNetwork) -> FixedSource:
    """Write the C of the arithmetic.

    Args:
        name: prefix of all names in the C.
        fixed: the network of integers.
    """
    program = _Program(name, fixed)
    network = fixed.network
    previous = network.previous_action
    memory = fixed.memory_limit
    output = fixed.output
    kernels = _TEMPLATES.get_template("fixed.c.j2").render(
        name=name,
        upper=name.upper(),
        data=f"{name}_data",
        q15=fixed.number_format == "q15",
        constants=[f"0x{word:08x}u" for word in program.constants],
        at=program.at,
        tables=program.tables,
        tanh_error=table.table("tanh").error,
        uses=program.uses,
        observations=network.observation_size,
        actions=network.action_size,
        memory_size=network.memory_size,
        has_previous=previous is not None,
        previous_action=previous or 0,
        memory_checks=_checks(memory, fixed.hidden),
        spare_bits=(1 << fixed.memory_shift) - 1,
        initial_memory=f"{name}_constants({program.at['initial']}u)",
        widest=program.widest,
        body=program.body,
        result=program.result,
        output=output,
        output_kind=network.output.kind,
        output_argument=program.argument("y", output.exponent),
        action_exponent=output.action_exponent,
        action_scale=f"0x1p{-output.action_exponent}f",
    )
    return FixedSource(
        kernels=kernels,
        initial_memory=f"{name}_constants({program.at['initial']}u)",
        memory_type=MEMORY_TYPE,
        crc=zlib.crc32(np.array(program.constants, "<u4").tobytes()),
    )


def _checks(limit: Integers, hidden: NDArray[np.bool_]) -> list[dict[str, int]]:
    """Ranges of the memory that have the same limit."""
    edges = [0, *(np.flatnonzero((np.diff(limit) != 0) | np.diff(hidden)) + 1).tolist(), len(limit)]
    return [
        {"start": start, "end": end, "limit": int(limit[start]), "hidden": int(hidden[start])}
        for start, end in itertools.pairwise(edges)
        if end > start
    ]


@dataclass
class _Uses:
    clip: bool = True
    narrow: bool = False
    scaled: bool = False
    tanh: bool = False
    sigmoid: bool = False
    exponential: bool = False
    softplus: bool = False

    @property
    def look_up(self) -> bool:
        return self.tanh or self.exponential or self.softplus


@dataclass
class _Program:
    name: str
    fixed: FixedNetwork
    constants: list[int] = field(default_factory=list)
    at: dict[str, int | None] = field(default_factory=dict)
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    uses: _Uses = field(default_factory=_Uses)
    body: list[str] = field(default_factory=list)
    widest: dict[str, int] = field(default_factory=lambda: {"even": 0, "odd": 0, "sums": 0})
    """Numbers in the buffers of the C."""
    result: str = "even"
    """Where the last layer's numbers are."""

    def __post_init__(self) -> None:
        self._input()
        self._functions()
        self.at["matrices"] = len(self.constants)
        start = 0
        for number, layer in enumerate(self.fixed.layers):
            after = self.fixed.layers[number + 1] if number + 1 < len(self.fixed.layers) else None
            vector = after is not None and not isinstance(after, FixedActivation)
            if isinstance(layer, FixedLinear):
                self._linear(layer, vector)
            elif isinstance(layer, FixedActivation):
                self._activation(layer, vector)
            else:
                self._recurrent(layer, start, vector)
                start += len(layer.initial)
        self.at["initial"] = self._constant(self.fixed.initial_memory)
        output = self.fixed.output
        self.at["low"], self.at["high"] = self._constant(output.low), self._constant(output.high)
        if self.fixed.network.output.kind == "tanh":
            self.at["middle"], self.at["half"] = (
                self._constant(output.middle),
                self._constant(output.half),
            )
        self.widest["odd"] = max(self.widest["odd"], 1)

    def argument(self, x: str, exponent: int, half: bool = False) -> str:
        """What is looked up for a C expression, see ``reference.argument``."""
        shift = exponent - table.ARGUMENT_BITS + half
        if shift >= 0:
            return f"({x}) >> {shift}" if shift else x
        end = table.BEYOND >> -shift
        return f"{self.name}_clip({x}, -{end}, {end}) * {1 << -shift}"

    def _constant(self, values: Any) -> int:
        start = len(self.constants)
        self.constants += (np.ravel(np.asarray(values, np.int64)) & 0xFFFFFFFF).tolist()
        return start

    def _input(self) -> None:
        given = self.fixed.input
        reach = given.reach.view(np.uint32).astype(np.int64)
        self.at["reach"] = self._constant(reach)
        base = 150 - given.exponent + (6 if given.centers else 0)
        derived = (reach >> 23) + 2
        self.at["base"] = None if (derived == base).all() else self._constant(base)
        self.at["center"] = self._constant(given.center) if given.centers else None
        self.at["limit"] = self._constant(given.limit) if given.centers else None
        size = self.fixed.network.observation_size
        self.widest["even"] = size + size % 2

    def _functions(self) -> None:
        names: set[str] = set()
        for layer in self.fixed.layers:
            if isinstance(layer, FixedActivation):
                names |= set(_FUNCTIONS[layer.name])
            elif isinstance(layer, (FixedGru, FixedLstm)):
                names |= {"tanh", "sigmoid", "scaled"}
        if self.fixed.network.output.kind == "tanh":
            names.add("tanh")
        for name in sorted(names):
            setattr(self.uses, name, True)
            if name in table.NAMES:
                found = table.table(name)
                start = self._constant(found.coefficients)
                bits = found.largest.bit_length()
                self.tables[name] = {"start": start, "bits": bits}

    def _rows(self, rows: Rows, order: Sequence[int]) -> None:
        """Append groups of four rows; a row of -1 is one of zeros."""
        pad = rows.weight.shape[1] % 2
        for start in range(0, len(order), 4):
            group = np.array(order[start : start + 4])
            there = group >= 0
            weight = np.pad(np.where(there[:, None], rows.weight[group], 0), ((0, 0), (0, pad)))
            self._constant(np.where(there, rows.bias[group], 0))
            if rows.kind == "wide":
                self._constant(weight.T << 12)
            elif rows.kind == "narrow":  # of each row the weights of two columns, the first one lower
                self._constant((weight[:, ::2] & 0xFFFF).T + (weight[:, 1::2].T << 16))
            else:
                self._constant(_packed(weight.T))
            self._constant(_packed(np.where(there, rows.shift[group], 0)[None]))

    @staticmethod
    def _shape(columns: int) -> int:
        """What tells ``NAME_rows`` the number of columns."""
        pairs = (columns + 1) // 2
        return 2 * ((pairs + 1) // 2) + pairs % 2

    def _free(self, size: int) -> str:
        buffer = "odd" if self.result == "even" else "even"
        self.widest[buffer] = max(self.widest[buffer], size)
        return buffer

    def _each(self, target: str, count: int, value: str) -> None:
        self.body += [f"for (i = 0u; i < {count}u; ++i) {{", f"    {target}[i] = {value};", "}"]

    def _vector(self, value: str, vector: bool) -> str:
        return f"{self.name}_vector({value})" if vector else value

    def _linear(self, layer: FixedLinear, vector: bool) -> None:
        rows, columns = layer.rows.weight.shape
        padded = rows + -rows % 4
        target = self._free(padded)
        self._rows(layer.rows, _padded(range(rows)))
        self.body.append(
            f"at = {self.name}_rows(at, {self.result}, {self._shape(columns)}u, {target},"
            f" {target} + {padded});"
        )
        value = f"{target}[i]"
        if layer.limit is not None:
            value = f"{self.name}_clip({value}, {0 if layer.relu else -layer.limit}, {layer.limit})"
        elif layer.relu:
            value = f"({value} > 0) ? {value} : 0"
        if vector or value != f"{target}[i]":
            self._each(target, padded, self._vector(value, vector))
        self.result = target

    def _activation(self, layer: FixedActivation, vector: bool) -> None:
        source = self.result
        if source not in ("even", "odd"):  # the memory itself must not be changed
            self.result = self._free(layer.size + layer.size % 2)
        value = self._function(layer, f"{source}[i]")
        self._each(self.result, layer.size, self._vector(value, vector))
        self._pad(self.result, layer.size, vector)

    def _function(self, layer: FixedActivation, x: str) -> str:
        name, shift = self.name, layer.exponent - layer.result
        u = self.argument(x, layer.exponent)
        sigmoid = f"{name}_half_sigmoid({self.argument(x, layer.exponent, half=True)})"
        back = table.VALUE_BITS - layer.result
        if layer.name == "tanh":
            return f"{name}_tanh({u})"
        if layer.name == "sigmoid":
            return sigmoid
        if layer.name == "relu":
            return f"(({x} > 0) ? {x} : 0) >> {shift}"
        if layer.name == "silu":
            return f"{name}_scaled({sigmoid}, {x} >> {shift})"
        if layer.name == "elu":
            return f"({x} > 0) ? {x} >> {shift} : {name}_exponential({u}) >> {back}"
        return f"((({x} > 0) ? {x} : 0) >> {shift}) + ({name}_softplus({u}) >> {back})"

    def _pad(self, buffer: str, size: int, vector: bool) -> None:
        """Matrices read pairs."""
        if vector and size % 2:
            self.widest[buffer] = max(self.widest[buffer], size + 1)
            self.body.append(f"{buffer}[{size}] = 0;")

    def _recurrent(self, layer: FixedGru | FixedLstm, start: int, vector: bool) -> None:
        size, inputs = layer.candidate.weight.shape[1], layer.input.weight.shape[1]
        gates = 3 if isinstance(layer, FixedGru) else 4
        narrow = "narrow" if layer.switches.kind == "narrow" else "rows"
        self.uses.narrow |= narrow == "narrow"
        # Sums from the hidden values come behind those from the input, in the same order of the gates.
        switch, candidate = (0, 8) if isinstance(layer, FixedGru) else (4, 0)
        offset = f"{start}u + " if start else ""
        self.widest["sums"] = max(self.widest["sums"], 8 * gates)
        recalled = f"before + {start}" if start else "before"
        ready = self.fixed.memory_shift > 0  # the memory is what the matrices read
        if not ready or size % 2:
            recalled = self._free(size + size % 2)
            value = f"before[{offset}i]"
            self._each(recalled, size, value if ready else self._vector(value, True))
            self._pad(recalled, size, True)
        for first in range(0, size, 4):
            units = _padded(range(first, min(first + 4, size)))
            for rows in (layer.input, layer.switches, layer.candidate):
                gate_starts = range(0, len(rows.bias), size)
                order = [-1 if unit < 0 else at + unit for at in gate_starts for unit in units]
                self._rows(rows, order)
        name, half = self.name, 4 * gates
        end = f" && start + i < {size}u" if size % 4 else ""
        self.body += [
            f"for (start = 0u; start < {size}u; start += 4u) {{",
            f"    at = {name}_rows(at, {self.result}, {self._shape(inputs)}u, sums, sums + {half});",
            f"    at = {name}_{narrow}(at, {recalled}, {self._shape(size)}u, sums + {half + switch},"
            f" sums + {2 * half + switch - 4});",
            f"    at = {name}_rows(at, {recalled}, {self._shape(size)}u, sums + {half + candidate},"
            f" sums + {half + candidate + 4});",
        ]
        lines = (
            self._gru(layer, offset) if isinstance(layer, FixedGru) else self._lstm(layer, offset, size)
        )
        switches = 4 * gates - 4
        total = self.argument(f"sums[i] + sums[{half}u + i]", layer.exponent, half=True)
        if isinstance(layer, FixedLstm):  # g comes first: it is a tanh
            total = total.replace("i]", "4u + i]")
        at = "4u + i" if isinstance(layer, FixedLstm) else "i"
        self.body += [
            f"    for (i = 0u; i < {switches}u; ++i) {{",
            f"        sums[{at}] = {name}_half_sigmoid({total});",
            "    }",
            f"    for (i = 0u; i < 4u{end}; ++i) {{",
            *["        " + line for line in lines],
            "    }",
            "}",
        ]
        self.result = f"(after + {start})" if start else "after"
        if ready and vector and size % 2 == 0:
            return
        source, self.result = self.result, self._free(size + size % 2)
        value = f"{source}[i]"
        if ready:
            value = value if vector else f"{value} >> {self.fixed.memory_shift}"
        else:
            value = self._vector(value, vector)
        self._each(self.result, size, value)
        self._pad(self.result, size, vector)

    def _gru(self, layer: FixedGru, offset: str) -> list[str]:
        name, shift = self.name, self.fixed.memory_shift
        total = f"sums[8u + i] + {name}_scaled(sums[i], sums[20u + i])"
        n = _to_memory(f"{name}_tanh({self.argument(total, layer.exponent)})", layer.memory_exponent)
        before = f"before[{offset}start + i]" + (f" >> {shift}" if shift else "")
        after = f"n + {name}_scaled(sums[4u + i], ({before}) - n)"
        return [
            f"const int32_t n = {n};",
            f"after[{offset}start + i] = " + (f"({after}) * {1 << shift};" if shift else f"{after};"),
        ]

    def _lstm(self, layer: FixedLstm, offset: str, size: int) -> list[str]:
        name, shift = self.name, table.VALUE_BITS - layer.cell_exponent
        kept = f"{name}_scaled(sums[8u + i], before[{offset}{size}u + start + i])"
        new = f"{name}_scaled(sums[4u + i], g)"
        new = f"({new} >> {shift})" if shift >= 0 else f"{new} * {1 << -shift}"
        limit = layer.cell_limit
        cell = f"{name}_tanh({self.argument('c', layer.cell_exponent)})"
        after = _to_memory(f"{name}_scaled(sums[12u + i], {cell})", layer.memory_exponent)
        left = self.fixed.memory_shift
        return [
            f"const int32_t g = {name}_tanh({self.argument('sums[i] + sums[16u + i]', layer.exponent)});",
            f"const int32_t c = {name}_clip({kept} + {new}, -{limit}, {limit});",
            f"after[{offset}{size}u + start + i] = c;",
            f"after[{offset}start + i] = " + (f"({after}) * {1 << left};" if left else f"{after};"),
        ]


def _padded(rows: Sequence[int]) -> list[int]:
    return [*rows, *[-1] * (-len(rows) % 4)]


def _packed(values: Integers) -> Integers:
    """Four bytes to a word, the first one lowest; shape ``(words, 4)``."""
    return np.asarray(((values & 0xFF) << np.array([0, 8, 16, 24])).sum(axis=1))


def _to_memory(value: str, exponent: int) -> str:
    shift = table.VALUE_BITS - exponent
    if shift == 0:
        return value
    return f"{value} >> {shift}" if shift > 0 else f"{value} * {1 << -shift}"
