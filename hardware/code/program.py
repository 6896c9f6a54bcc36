"""From a network to the constants and statements of the float32 code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import CELL_LIMIT, hidden_limit
from ..network import Activation, Gru, Layer, LayerNorm, Linear, Lstm, Network

Array = NDArray[np.float32]

_HALF = np.float32(0.5)
_WIDTHS = (16, 4, 1)
_NEEDS = {
    "tanh": ("tanh",),
    "sigmoid": ("sigmoid", "tanh"),
    "relu": ("relu",),
    "elu": ("elu", "tanh"),
    "silu": ("silu", "sigmoid", "tanh"),
    "softplus": ("softplus", "tanh", "relu"),
}
"""Functions of the C that an activation calls."""


def float_literal(value: float | np.float32) -> str:
    """A C99 literal of exactly this number; hexadecimal unless it is a small whole number."""
    number = float(np.float32(value))
    if number == int(number) and abs(number) < 1e6 and not (number == 0 and np.signbit(number)):
        return f"{number:.1f}f"
    mantissa, exponent = number.hex().split("p")
    mantissa = mantissa.rstrip("0") if "." in mantissa else mantissa
    return f"{mantissa.rstrip('.')}p{exponent}f"


def packed(weight: Array) -> Array:
    """A matrix in the order in which the C reads it: groups of 16, 4 or 1 rows, each column by column."""
    parts, row, rows = [], 0, len(weight)
    while row < rows:
        width = next(w for w in _WIDTHS if w <= rows - row)
        parts.append(weight[row : row + width].T.ravel())
        row += width
    return np.concatenate(parts)


def widths(rows: int) -> set[int]:
    """The groups that :func:`packed` makes of so many rows."""
    used = {16: rows >= 16, 4: rows % 16 >= 4, 1: rows % 4 > 0}
    return {width for width in _WIDTHS if used[width]}


@dataclass
class FloatProgram:
    """What the template of the float32 code needs; made by :func:`float_program`."""

    data: str
    """Name of the array of constants."""
    constants: list[float] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    """Statements between the guard of the input and that of the output."""
    stages: list[dict[str, Any]] = field(default_factory=list)
    """Layers that have a function of their own."""
    functions: set[str] = field(default_factory=set)
    widths: set[int] = field(default_factory=set)
    widest: dict[str, int] = field(default_factory=lambda: {"even": 0, "odd": 0})
    """Numbers in the two buffers between which the layers alternate."""
    result: str = "even"
    """Where the last layer's numbers are."""

    def constant(self, array: Array) -> int:
        """Append numbers to the constants; returns where they begin."""
        start = len(self.constants)
        self.constants += np.ravel(array).tolist()
        return start

    def matrix(self, weight: Array) -> int:
        """Append a matrix."""
        self.widths |= widths(len(weight))
        return self.constant(packed(weight))

    def at(self, start: int) -> str:
        """A constant's address in C."""
        return f"{self.data} + {start}"


def float_program(name: str, network: Network) -> tuple[FloatProgram, dict[str, Any]]:
    """The constants and statements of a network, and what else the template asks for."""
    program = FloatProgram(f"{name}_data")
    program.widest["even"] = network.observation_size
    context: dict[str, Any] = {
        "limit_at": program.constant(network.input.limit),
        "centers": bool(network.input.center.any()),
    }
    if context["centers"]:
        context["center_at"] = program.constant(network.input.center)
    context["initial_memory"] = f"({program.at(program.constant(network.initial_memory))})"
    memory_checks, start = [], 0
    for number, layer in enumerate(network.layers):
        if isinstance(layer, (Gru, Lstm)):
            memory_checks += _checks(layer, start)
            _recurrent(program, name, number, layer, start)
            start += layer.memory_size
        else:
            _stateless(program, name, number, layer)
    context |= {
        "memory_checks": memory_checks,
        "low": _bound(program, network.output.low),
        "high": _bound(program, network.output.high),
        "output_kind": network.output.kind,
    }
    if network.output.kind == "tanh":
        program.functions.add("tanh")
    return program, context


def _bound(program: FloatProgram, bound: Array) -> str:
    """The bound of action i in C: a literal where all actions have the same."""
    if (bound == bound[0]).all():
        return float_literal(bound[0])
    return f"{program.data}[{program.constant(bound)}u + i]"


def _checks(layer: Gru | Lstm, start: int) -> list[dict[str, Any]]:
    limit = float_literal(np.float32(hidden_limit(layer)))
    found = [{"start": start, "count": layer.outputs, "limit": limit}]
    if isinstance(layer, Lstm):
        cell = float_literal(max(CELL_LIMIT, float(np.abs(layer.initial_cell).max())))
        found.append({"start": start + layer.outputs, "count": layer.outputs, "limit": cell})
    return found


def _free(program: FloatProgram, size: int) -> str:
    """The buffer that does not hold the result, made large enough."""
    buffer = "odd" if program.result == "even" else "even"
    program.widest[buffer] = max(program.widest[buffer], size)
    return buffer


def _stateless(program: FloatProgram, name: str, number: int, layer: Layer) -> None:
    if isinstance(layer, Linear):
        target = _free(program, layer.outputs)
        bias, weight = program.constant(layer.bias), program.matrix(layer.weight)
        program.body.append(
            f"{name}_accumulate({target}, {program.at(bias)}, {program.at(weight)},"
            f" {program.result}, {layer.inputs}u, {layer.outputs}u);"
        )
        program.result = target
        return
    source = program.result
    if source not in program.widest:  # the memory itself must not be changed
        program.result = _free(program, layer.outputs)
    value = f"{source}[i]" if source in program.widest else f"({source})[i]"
    if isinstance(layer, Activation):
        program.functions |= set(_NEEDS[layer.name])
        value = f"{name}_{layer.name}({value})"
    if isinstance(layer, Activation) or source != program.result:
        program.body += [
            f"for (i = 0u; i < {layer.outputs}u; ++i) {{",
            f"    {program.result}[i] = {value};",
            "}",
        ]
    if isinstance(layer, LayerNorm):
        program.functions.add("inverse_square_root")
        program.stages.append(
            {
                "kind": layer.kind,
                "number": number,
                "size": layer.inputs,
                "share": float_literal(np.float32(1 / layer.inputs)),
                "epsilon": float_literal(layer.epsilon),
                "weight": program.constant(layer.weight),
                "bias": program.constant(layer.bias),
            }
        )
        program.body.append(f"{name}_layer_norm_{number}({program.result});")


def _recurrent(program: FloatProgram, name: str, number: int, layer: Gru | Lstm, start: int) -> None:
    """Constants in the order of their use; gates that are sigmoids have half their weights."""
    size = layer.outputs
    program.functions |= {"tanh", "tanh_each"}
    stage: dict[str, Any] = {"kind": layer.kind, "number": number, "size": size, "inputs": layer.inputs}

    def gates(letters: str, rows: slice, scale: np.float32) -> None:
        both = layer.bias_input[rows] + layer.bias_hidden[rows]
        stage[f"bias_{letters}"] = program.constant(scale * both)
        stage[f"input_{letters}"] = program.matrix(scale * layer.weight_input[rows])
        stage[f"hidden_{letters}"] = program.matrix(scale * layer.weight_hidden[rows])

    if isinstance(layer, Gru):
        candidate = slice(2 * size, 3 * size)
        gates("rz", slice(0, 2 * size), _HALF)
        stage["bias_hidden_n"] = program.constant(layer.bias_hidden[candidate])
        stage["hidden_n"] = program.matrix(layer.weight_hidden[candidate])
        stage["bias_input_n"] = program.constant(layer.bias_input[candidate])
        stage["input_n"] = program.matrix(layer.weight_input[candidate])
    else:
        for letter, row in (("g", 2), ("i", 0), ("f", 1), ("o", 3)):
            scale = np.float32(1) if letter == "g" else _HALF
            gates(letter, slice(row * size, (row + 1) * size), scale)
    program.stages.append(stage)
    scratch = _free(program, 2 * size if isinstance(layer, Gru) else size)
    offset = f" + {start}" if start else ""
    program.body.append(
        f"{name}_{layer.kind}_{number}({program.result}, before{offset}, after{offset}, {scratch});"
    )
    program.result = f"after{offset}"
