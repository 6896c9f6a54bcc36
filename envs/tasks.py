"""Task spaces: the named, bounded parameters of a world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

Task = NDArray[np.float64]
"""One parameter vector of a world, shape ``(dimension,)``."""


@dataclass(frozen=True)
class Parameter:
    """One named number of a world that a teacher may choose."""

    name: str
    low: float
    high: float
    default: float
    unit: str = "1"
    description: str = ""


@dataclass(frozen=True)
class TaskSpace:
    """A box of task parameters.

    A task is a float64 vector of shape ``(dimension,)`` in the order of ``parameters``. Conversions
    refuse unknown names, wrong shapes, values that are not finite and values outside the bounds
    with an :class:`~eyas.errors.InputError` that names the parameter.
    """

    parameters: tuple[Parameter, ...]
    names: tuple[str, ...] = field(init=False)
    low: Task = field(init=False, repr=False, compare=False)
    high: Task = field(init=False, repr=False, compare=False)
    default: Task = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = tuple(parameter.name for parameter in self.parameters)
        if len(set(names)) != len(names):
            raise InputError(f"task parameters must have different names, got {', '.join(names)}")
        for p in self.parameters:
            if not (np.isfinite(p.low) and np.isfinite(p.high) and p.low < p.high):
                raise InputError(
                    f"task parameter {p.name}: bounds [{p.low}, {p.high}] must be finite with low < high"
                )
            if not p.low <= p.default <= p.high:
                raise InputError(
                    f"task parameter {p.name}: default {p.default} is outside [{p.low}, {p.high}]"
                )
        object.__setattr__(self, "names", names)
        for key in ("low", "high", "default"):
            values = np.array([getattr(p, key) for p in self.parameters], dtype=np.float64)
            values.flags.writeable = False
            object.__setattr__(self, key, values)

    @staticmethod
    def from_bounds(bounds: Mapping[str, Sequence[float]]) -> TaskSpace:
        """Build a space from ``{"name": (low, high)}``; the default is the middle."""
        parameters = []
        for name, pair in bounds.items():
            if len(pair) != 2:
                raise InputError(f"task parameter {name}: bounds {pair} must be a (low, high) pair")
            low, high = float(pair[0]), float(pair[1])
            parameters.append(Parameter(name, low, high, (low + high) / 2))
        return TaskSpace(tuple(parameters))

    @property
    def dimension(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    def sample(self, rng: np.random.Generator, count: int | None = None) -> Task:
        """Draw uniformly: shape ``(dimension,)``, or ``(count, dimension)`` if a count is given."""
        shape = (self.dimension,) if count is None else (count, self.dimension)
        return self.low + (self.high - self.low) * rng.random(shape)

    def normalise(self, task: ArrayLike) -> Task:
        """Map tasks (any leading shape) from their units to [0, 1]."""
        return np.asarray((np.asarray(task, dtype=np.float64) - self.low) / (self.high - self.low))

    def denormalise(self, unit_task: ArrayLike) -> Task:
        """Map tasks (any leading shape) from [0, 1] to their units."""
        values = self.low + np.asarray(unit_task, dtype=np.float64) * (self.high - self.low)
        return np.asarray(np.clip(values, self.low, self.high))

    def clip(self, task: ArrayLike) -> Task:
        """Move tasks (any leading shape) to the nearest point of the box."""
        return np.asarray(np.clip(np.asarray(task, dtype=np.float64), self.low, self.high))

    def validate(self, task: ArrayLike | Mapping[str, float]) -> Task:
        """Return the task as a float64 vector, or refuse it.

        A mapping may leave parameters out; they take their defaults.

        Raises:
            InputError: unknown name, wrong shape, NaN or infinite value, or a value out of bounds.
        """
        if isinstance(task, Mapping):
            unknown = [name for name in task if name not in self.names]
            if unknown:
                known = ", ".join(self.names) or "none"
                raise InputError(f"unknown task parameter {unknown[0]!r}; this world has: {known}")
            values = self.default.copy()
            for index, name in enumerate(self.names):
                if name in task:
                    values[index] = _number(name, task[name])
        else:
            try:
                values = np.array(task, dtype=np.float64)
            except (TypeError, ValueError):
                raise InputError(
                    f"task {task!r} is not a vector of {self.dimension} numbers ({', '.join(self.names)})"
                ) from None
        if values.shape != (self.dimension,):
            raise InputError(
                f"task has shape {values.shape}, but this world takes shape ({self.dimension},)"
                f" ({', '.join(self.names)})"
            )
        for p, value in zip(self.parameters, values, strict=True):
            if not p.low <= value <= p.high:  # also true for NaN
                raise InputError(
                    f"task parameter {p.name} = {value:g} is outside [{p.low:g}, {p.high:g}]"
                )
        return values

    def to_dict(self, task: ArrayLike) -> dict[str, float]:
        """Name the values of a valid task."""
        return dict(zip(self.names, self.validate(task).tolist(), strict=True))

    def box(self) -> gymnasium.spaces.Box:
        """The same space for whoever wants a Gymnasium one."""
        return gymnasium.spaces.Box(self.low, self.high, dtype=np.float64)


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(f"task parameter {name} = {value!r} is not a number") from None
