"""Element values as expressions of the design variables, such as ``"A*W1"`` or ``"RB*1e3"``.

An expression is arithmetic (``+ - * / **``, parentheses, numbers) over names. It is parsed by Python
and evaluated over its syntax tree, nothing is executed; ngspice reads the same text between braces.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Expression:
    """Arithmetic over named numbers.

    Raises:
        InputError: the text is no arithmetic expression.
    """

    text: str
    names: frozenset[str] = field(init=False, compare=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError:
            raise InputError(f"{self.text!r} is not an arithmetic expression") from None
        _refuse_others(tree, self.text)
        object.__setattr__(self, "_tree", tree)
        found = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        object.__setattr__(self, "names", found)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value where the names stand for ``values``: numbers or arrays that broadcast."""
        return _evaluate(self._tree, values)

    def gradient(self, values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
        """Derivatives by name, exact to rounding (a step along the imaginary axis)."""
        step = 1e-200
        return {
            name: np.imag(self.evaluate({**values, name: values[name] + 1j * step})) / step
            for name in sorted(self.names)
        }


def _refuse_others(node: ast.expr, text: str) -> None:
    """Let numbers, names and arithmetic pass; refuse everything else."""
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        _refuse_others(node.left, text)
        _refuse_others(node.right, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        _refuse_others(node.operand, text)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise InputError(f"{text!r}: {node.value!r} is not a number")
    elif not isinstance(node, ast.Name):
        raise InputError(f"{text!r} is not arithmetic of names and numbers with + - * / **")


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    if isinstance(node, ast.UnaryOp):
        operand = _evaluate(node.operand, values)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Name):
        return values[node.id]
    assert isinstance(node, ast.Constant)
    return float(node.value)  # type: ignore[arg-type]
