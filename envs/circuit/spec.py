"""What a circuit has to reach: metrics with limits and targets, and how designs are scored on them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..tasks import Parameter, TaskSpace
from .netlist import CurrentSource
from .scores import FAILED, REACHED, SCORES
from .topology import Topology, find_topology

if TYPE_CHECKING:
    from .results import Results

Array = NDArray[np.float64]

UNITS = {
    "power": "W", "area": "um^2", "saturated": "1", "pole_max_re": "rad/s", "stable": "1",
    "zeta_min": "1", "gain": "V/V", "gain_db": "dB", "gain_max_db": "dB", "peaking_db": "dB",
    "f3db": "Hz", "f3db_max": "Hz", "phase_at_f3db_deg": "deg", "ugbw": "Hz", "pm_deg": "deg",
    "onoise_f0": "V/sqrt(Hz)", "inoise_f0": "V/sqrt(Hz)", "inoise_f3db": "V/sqrt(Hz)",
    "inoise_min": "V/sqrt(Hz)", "onoise_total": "V", "inoise_total": "V", "irn_rms": "V",
}  # fmt: skip
"""Metrics and their units where the input is a voltage (see :func:`metric_units`)."""
SIGNED = (
    "saturated", "pole_max_re", "stable", "zeta_min", "gain_db", "gain_max_db", "peaking_db",
    "phase_at_f3db_deg", "pm_deg",
)  # fmt: skip
"""Metrics that can be zero or negative: nothing can be divided by them."""
_KEYS = ("name", "title", "topology", "scoring", "require_stable", "metrics")


def metric_units(topology: Topology) -> dict[str, str]:
    """The metrics that the simulator measures of a topology, in its order, with their units."""
    bench = topology.bench
    currents = {e.name for e in topology.netlist.elements if isinstance(e, CurrentSource)}
    units = dict(UNITS)
    if bench.source in currents:
        units |= {"gain": "ohm", "inoise_total": "A", "irn_rms": "A"}
        units |= {name: "A/sqrt(Hz)" for name in ("inoise_f0", "inoise_f3db", "inoise_min")}
    if not bench.unity_gain:
        del units["ugbw"], units["pm_deg"]
    for prefix, source in bench.disturbances:
        unit = "ohm" if source in currents else "V/V"
        units |= {f"{prefix}_gain_f0": unit, f"{prefix}_gain_max": unit}
    return units


@dataclass(frozen=True)
class MetricSpec:
    """What is asked of one metric, in the metric's unit.

    Raises:
        InputError: a value is not one of those allowed.
    """

    name: str
    """As the simulator names it."""
    goal: Literal["maximise", "minimise"]
    limit: float | None = None
    """Hard constraint: at least (maximise) or at most (minimise) this; positive."""
    target: float | None = None
    """What L2DC's score divides by (maximise) or divides (minimise) once all limits hold; positive."""
    scale: Literal["linear", "log"] = "linear"
    """Whether L2DC's ratio is that of the numbers or of their logarithms; above 1 for those."""
    vary: tuple[float, float] | None = None
    """Between which values a task may set the limit."""
    low: float | None = None
    """GCN-RL: the least value among random designs."""
    high: float | None = None
    """GCN-RL: the greatest value among random designs."""
    bound: float | None = None
    """GCN-RL: no merit is gained beyond this value."""

    def __post_init__(self) -> None:
        self._choose("goal", self.goal, ("maximise", "minimise"))
        self._choose("scale", self.scale, ("linear", "log"))
        least = 1.0 if self.scale == "log" else 0.0
        for key in ("limit", "target", "low", "high", "bound"):
            value = getattr(self, key)
            floor = least if key in ("limit", "target") else -math.inf
            if value is not None and not (math.isfinite(value) and value > floor):
                rule = f"a finite number above {floor:g}" if floor > -math.inf else "a finite number"
                raise InputError(f"metric {self.name}: {key} = {value:g} must be {rule}")
        if self.target is not None and self.goal == "minimise" and self.name in SIGNED:
            raise InputError(
                f"metric {self.name}: target = {self.target:g} cannot be minimised as a ratio,"
                " because the metric can be zero or negative; give it a limit"
            )
        if self.vary is not None:
            low, high = self.vary
            if self.limit is None:
                raise InputError(f"metric {self.name}: vary = {list(self.vary)} needs a limit to vary")
            if not (math.isfinite(high) and least < low <= self.limit <= high and low < high):
                raise InputError(
                    f"metric {self.name}: vary = [{low:g}, {high:g}] must be two finite numbers above"
                    f" {least:g}, the lower first, that hold the limit {self.limit:g}"
                )
        if (self.low is None) != (self.high is None):
            raise InputError(f"metric {self.name}: low and high must be given together")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise InputError(
                f"metric {self.name}: low = {self.low:g} must be below high = {self.high:g}"
            )
        if self.bound is not None and self.low is None:
            raise InputError(f"metric {self.name}: bound = {self.bound:g} needs low and high")

    def met(self, values: ArrayLike, limit: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Where values of any shape keep a limit, by default its own; a missing value keeps none."""
        numbers = np.asarray(values, dtype=np.float64)
        limit = self.limit if limit is None else limit
        if limit is None:
            return ~np.isnan(numbers)
        bound = np.asarray(limit, dtype=np.float64)
        return np.asarray(numbers >= bound if self.goal == "maximise" else numbers <= bound)

    def _choose(self, key: str, value: object, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            raise InputError(
                f"metric {self.name}: {key} = {value!r} is not one of: {', '.join(allowed)}"
            )


@dataclass(frozen=True)
class Spec:
    """Metrics to reach on a topology and the scoring that judges them.

    A metric may appear twice where its limit and its target have different scales. The limits with a
    ``vary`` span the :attr:`task_space`: a task is the vector of these limits.

    Raises:
        InputError: the topology does not have a metric, a metric has two limits or two targets, or lacks
            what the scoring needs.
    """

    topology: Topology
    metrics: tuple[MetricSpec, ...]
    scoring: Literal["l2dc", "gcn-rl", "autockt"] = "l2dc"
    """Whose score it is, see :mod:`.scores`."""
    require_stable: bool = False
    """Whether an unstable design violates a hard constraint: it then adds -1 to the sum over them."""
    name: str = "custom"
    title: str = ""

    def __post_init__(self) -> None:
        if self.scoring not in SCORES:
            raise self._error(f"scoring = {self.scoring!r} is not one of: {', '.join(SCORES)}")
        if not self.metrics:
            raise self._error("it has no metrics")
        known = metric_units(self.topology)
        for metric in self.metrics:
            if metric.name not in known:
                raise self._error(
                    f"unknown metric {metric.name!r}; {self.topology.name} has: {', '.join(known)}"
                )
            for key in ("limit", "target", "low"):
                rows = [
                    m for m in self.metrics if m.name == metric.name and getattr(m, key) is not None
                ]
                if len(rows) > 1:
                    raise self._error(f"metric {metric.name} has {len(rows)} values of {key}, not one")
            self._check_needs(metric)

    def _check_needs(self, metric: MetricSpec) -> None:
        """Refuse a metric that the scoring could not use, or a number that it would not."""
        needs = {
            "l2dc": ("a limit, a target or both", metric.limit or metric.target, ("low",)),
            "gcn-rl": (
                "a limit, or low and high",
                metric.limit or metric.high is not None,
                ("target",),
            ),
            "autockt": ("a limit", metric.limit, ("target", "low")),
        }
        wanted, present, unused = needs[self.scoring]
        if not present:
            raise self._error(f"metric {metric.name} needs {wanted} (scoring {self.scoring})")
        for key in unused:
            if getattr(metric, key) is not None:
                raise self._error(
                    f"metric {metric.name}: scoring {self.scoring} has no use for"
                    f" {key} = {getattr(metric, key):g}"
                )

    def _error(self, sentence: str) -> InputError:
        return InputError(f"spec {self.name}: {sentence}")

    # Tasks ------------------------------------------------------------------------------------

    @cached_property
    def task_space(self) -> TaskSpace:
        """The limits that may vary, named after their metrics, in the metrics' units."""
        units = metric_units(self.topology)
        parameters = []
        for metric in self.metrics:
            if metric.vary is not None and metric.limit is not None:
                meaning = "at least" if metric.goal == "maximise" else "at most"
                parameters.append(
                    Parameter(metric.name, *metric.vary, metric.limit, units[metric.name], meaning)
                )
        return TaskSpace(tuple(parameters))

    def with_task(self, task: ArrayLike | Mapping[str, float]) -> Spec:
        """The spec with the limits of a task, which are then also its defaults.

        Raises:
            InputError: the task is not in the task space.
        """
        limits = self.task_space.to_dict(self.task_space.validate(task))
        metrics = (
            m if m.vary is None else dataclasses.replace(m, limit=limits[m.name]) for m in self.metrics
        )
        return dataclasses.replace(self, metrics=tuple(metrics))

    def limits(self, count: int, tasks: ArrayLike | None = None) -> Array:
        """The limits of ``count`` designs, shape ``(count, metrics)``; NaN where a metric has none.

        Args:
            count: number of designs.
            tasks: one task each, shape ``(count, dimension)``; without it the spec's own limits.
        """
        own = [math.nan if metric.limit is None else metric.limit for metric in self.metrics]
        limits = np.tile(np.array(own), (count, 1))
        if tasks is not None:
            varying = [column for column, metric in enumerate(self.metrics) if metric.vary is not None]
            given = np.asarray(tasks, dtype=np.float64)
            if given.shape != (count, len(varying)):
                raise InputError(f"tasks have shape {given.shape}, expected {(count, len(varying))}")
            limits[:, varying] = given
        return limits

    # Scores -----------------------------------------------------------------------------------

    def values(self, results: Results) -> Array:
        """The metrics of simulated designs in the spec's order, shape ``(n, metrics)``; NaN if failed."""
        columns = [results.column(metric.name) for metric in self.metrics]
        values = np.stack(columns, axis=1).astype(np.float64)
        values[results.status != 0] = np.nan
        return values

    def score(
        self, results: Results, tasks: ArrayLike | None = None
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Score simulated designs.

        Args:
            results: of n designs.
            tasks: limits for each design, shape ``(n, task dimension)``; without it the spec's own.

        Returns:
            Scores ``(n,)``, -5 where the simulation failed, and whether every limit is met ``(n,)``
            (and the design is stable, if that is required).
        """
        stable = results.column("stable") if self.require_stable else None
        scores, feasible = self.score_values(self.values(results), stable, tasks)
        failed = results.status != 0
        return np.where(failed, FAILED, scores), feasible & ~failed

    def score_values(
        self, values: ArrayLike, stable: ArrayLike | None = None, tasks: ArrayLike | None = None
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Score metrics, for instance predicted ones; see :meth:`score`.

        Args:
            values: shape ``(n, metrics)`` in the spec's order; NaN where a metric is missing.
            stable: 0, 1 or NaN (not known, which counts as unstable), shape ``(n,)``; needed if
                stability is required.
            tasks: limits for each design, shape ``(n, task dimension)``.
        """
        numbers = np.asarray(values, dtype=np.float64)
        unstable = np.zeros(len(numbers), np.bool_)
        if self.require_stable:
            if stable is None:
                raise self._error("stability is required but was not measured")
            unstable = ~(np.asarray(stable, dtype=np.float64) == 1)
        limits = self.limits(len(numbers), tasks)
        scores = SCORES[self.scoring](self.metrics, numbers, limits, unstable)
        feasible = ~unstable
        for column, metric in enumerate(self.metrics):
            limit = None if metric.limit is None else limits[:, column]
            feasible &= metric.met(numbers[:, column], limit)
        return scores, feasible

    def reached(self, scores: ArrayLike, feasible: ArrayLike) -> NDArray[np.bool_]:
        """Which designs reach the spec: all limits met, or for AutoCkt a score of at least -0.02."""
        if self.scoring == "autockt":
            return np.asarray(np.asarray(scores) >= REACHED)
        return np.asarray(feasible, dtype=np.bool_)

    # Files ------------------------------------------------------------------------------------

    @staticmethod
    def read(path: Path | str) -> Spec:
        """Read a spec from a YAML file of the form that :meth:`to_dict` gives.

        Raises:
            InputError: there is no such file, or it is no spec.
        """
        path = Path(path)
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InputError(f"spec {path} cannot be read: {reason}") from None
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"spec {path} is not YAML: {reason}") from None
        if not isinstance(tree, dict):
            raise InputError(f"spec {path} is not a mapping with the keys: {', '.join(_KEYS)}")
        return Spec.from_dict({"name": path.stem, **tree})

    @staticmethod
    def from_dict(tree: Mapping[str, Any]) -> Spec:
        """The spec of a tree of mappings, lists, texts and numbers.

        Raises:
            InputError: a key is unknown or missing, or a value is not allowed.
        """
        name = tree.get("name", "custom")
        where = f"spec {name}"
        _refuse_unknown(where, tree, _KEYS)
        for key in ("name", "title"):
            _text(where, key, tree.get(key, ""))
        for key in ("topology", "metrics"):
            if key not in tree:
                raise InputError(f"{where}: {key} is missing")
        require_stable = tree.get("require_stable", False)
        if not isinstance(require_stable, bool):
            raise InputError(f"{where}: require_stable = {require_stable!r} is not true or false")
        rows = tree["metrics"]
        if not isinstance(rows, list):
            raise InputError(f"{where}: metrics = {rows!r} is not a list")
        scoring: Any = _text(where, "scoring", tree.get("scoring", "l2dc"))
        return Spec(
            topology=find_topology(_text(where, "topology", tree["topology"])),
            metrics=tuple(_metric(where, row) for row in rows),
            scoring=scoring,
            require_stable=require_stable,
            name=name,
            title=tree.get("title", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """The tree that :meth:`from_dict` reads; metrics leave out what they do not have."""
        rows = []
        for metric in self.metrics:
            row = {key: value for key, value in dataclasses.asdict(metric).items() if value is not None}
            rows.append(row | ({"vary": list(metric.vary)} if metric.vary is not None else {}))
        return {
            "name": self.name,
            "title": self.title,
            "topology": self.topology.name,
            "scoring": self.scoring,
            "require_stable": self.require_stable,
            "metrics": rows,
        }


_FOLDER = Path(__file__).parent / "specs"
SPECS = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
"""Names of the specs that come along, files of ``specs/``."""
DEFAULT = "two-stage-tia"
"""The spec of the world where none is named."""


@cache
def find_spec(name: str) -> Spec:
    """The spec of this name that comes along.

    Raises:
        InputError: there is none.
    """
    if name not in SPECS:
        raise InputError(f"spec {name!r} does not exist; there are: {', '.join(SPECS)}")
    return Spec.read(_FOLDER / f"{name}.yaml")


def choose_spec(spec: str | Path | Spec) -> Spec:
    """A spec as it is, by the name of one that comes along, or from a YAML file.

    Raises:
        InputError: a name that is neither, or the file is no spec.
    """
    if isinstance(spec, Spec):
        return spec
    if isinstance(spec, str) and Path(spec).suffix not in (".yaml", ".yml"):
        return find_spec(spec)
    return Spec.read(spec)


def _metric(where: str, row: object) -> MetricSpec:
    if not isinstance(row, dict):
        raise InputError(f"{where}: metric {row!r} is not a mapping of name, goal, limit, ...")
    fields = [field.name for field in dataclasses.fields(MetricSpec)]
    name = _text(where, "name of a metric", row.get("name"))
    where = f"{where}: metric {name}"
    _refuse_unknown(where, row, fields)
    if "goal" not in row:
        raise InputError(f"{where}: goal is missing; it is maximise or minimise")
    values: dict[str, Any] = {key: row[key] for key in ("goal", "scale") if key in row}
    for key in ("limit", "target", "low", "high", "bound"):
        if row.get(key) is not None:
            values[key] = _number(where, key, row[key])
    vary = row.get("vary")
    if vary is not None:
        if not isinstance(vary, list | tuple) or len(vary) != 2:
            raise InputError(f"{where}: vary = {vary!r} is not a list of two numbers")
        values["vary"] = (_number(where, "vary", vary[0]), _number(where, "vary", vary[1]))
    return MetricSpec(name, **values)


def _refuse_unknown(where: str, tree: Mapping[Any, Any], known: Sequence[str]) -> None:
    for key in tree:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; there are: {', '.join(known)}")


def _text(where: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} = {value!r} is not a text")
    return value


def _number(where: str, key: str, value: object) -> float:
    """A number; YAML takes ``5e9`` without point and sign for a text, which is read all the same."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise InputError(f"{where}: {key} = {value!r} is not a number")
