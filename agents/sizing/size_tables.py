"""The tables of a sizing run, for the terminal and for its report."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from rich.table import Table

from ...envs.circuit.spec import MetricSpec, metric_units
from .assessment import NOMINAL, SIZED, Assessment
from .run import History
from .sign_off import SignOff

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_PLAIN = frozenset({"1", "dB", "deg", "um^2", "rad/s", "V/V"})
_ROUNDING = 1e-12
_MARKS = (100, 200, 500, 1000, 5000, 40_000)


def quantity(value: float, unit: str, digits: int = 4) -> str:
    """A number with its unit, such as ``20.14 kohm``; a dash where there is none."""
    if not math.isfinite(value):
        return "-"
    if unit in _PLAIN or value == 0:
        text = f"{value:,.0f}" if 10.0**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"
        return text if unit == "1" else f"{text} {unit}"
    power = min(max(3 * math.floor(math.log10(abs(value)) / 3), -15), 12)
    scaled = f"{value / 10.0**power:.{digits}g}"
    if abs(float(scaled)) >= 1000 and power < 12:  # 999.96 was rounded up
        power += 3
        scaled = f"{value / 10.0**power:.{digits}g}"
    return f"{scaled} {_PREFIXES[power]}{unit}"


def spec_table(assessment: Assessment) -> Table:
    """The metrics of the spec and what is asked of them, then the score."""
    spec = assessment.spec
    units = metric_units(spec.topology)
    table = Table(title=f"{spec.topology.name} against its spec", title_justify="left")
    for heading in ("", "asked", "sized", "", assessment.reference, ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for name in dict.fromkeys(metric.name for metric in spec.metrics):
        rows = [metric for metric in spec.metrics if metric.name == name]
        cells = []
        for row in (SIZED, NOMINAL):
            value = float(assessment.results.column(name)[row])
            met = all(bool(metric.met(value)) for metric in rows)
            limited = any(metric.limit is not None for metric in rows)
            cells += [quantity(value, units[name]), ("met" if met else "MISSED") if limited else ""]
        table.add_row(name, asked(rows, units[name]), *cells)
    if spec.require_stable or not all(assessment.results.column("stable")):
        cells = []
        for row in (SIZED, NOMINAL):
            stable = assessment.results.column("stable")[row] == 1
            wanted = ("met" if stable else "MISSED") if spec.require_stable else ""
            cells += ["yes" if stable else "NO", wanted]
        table.add_row("stable", "yes" if spec.require_stable else "", *cells)
    table.add_section()
    cells = []
    for row in (SIZED, NOMINAL):
        reached = bool(assessment.reached[row])
        cells += [f"{assessment.scores[row]:.4g}", "reached" if reached else "NOT REACHED"]
    table.add_row("score", spec.scoring, *cells)
    return table


def asked(metrics: list[MetricSpec], unit: str) -> str:
    """What a spec asks of one metric, such as ``>= 20 kohm``."""
    words = []
    for metric in metrics:
        if metric.limit is not None:
            sign = ">=" if metric.goal == "maximise" else "<="
            words.append(f"{sign} {quantity(metric.limit, unit)}")
        else:
            words.append("high" if metric.goal == "maximise" else "low")
    return ", ".join(dict.fromkeys(words))


def sizes_table(assessment: Assessment, free: tuple[str, ...]) -> Table:
    """The sizes, beside the nominal design's and the bounds of the search."""
    topology = assessment.spec.topology
    table = Table(title="Sizes", title_justify="left")
    for heading in ("", "sized", assessment.reference, "from", "to", "unit", ""):
        table.add_column(heading, justify="left" if heading in ("", "unit") else "right")
    for place, variable in enumerate(topology.variables):
        value = float(assessment.design[place])
        note = "" if variable.name in free else "fixed"
        if not note and value in (variable.low, variable.high):
            note = "at its bound"
        numbers = (value, variable.nominal, variable.low, variable.high)
        unit = "" if variable.unit == "1" else variable.unit
        table.add_row(variable.name, *(f"{number:.6g}" for number in numbers), unit, note)
    return table


def metrics_table(assessment: Assessment) -> Table:
    """Every metric of both designs."""
    units = metric_units(assessment.spec.topology)
    table = Table(title="All metrics", title_justify="left")
    for heading in ("", "sized", assessment.reference):
        table.add_column(heading, justify="right" if heading else "left")
    for name in assessment.results.metric_names:
        values = assessment.results.column(name)
        table.add_row(name, *(quantity(float(value), units[name], 6) for value in values))
    return table


def corners_table(assessment: Assessment) -> Table:
    """The worst of each metric of the spec over the corners, and its spread with mismatch."""
    spec, mismatch = assessment.spec, assessment.mismatch
    units = metric_units(spec.topology)
    met = int(assessment.corners_reached.sum())
    low, high = mismatch.yield_interval()[0]
    table = Table(
        title="Corners and mismatch",
        title_justify="left",
        caption=f"The spec is reached at {met} of {len(assessment.corners.corners)} corners (5 processes,"
        f" supply -10, 0, +10 %, -40, 27, 125 C) and, at typical conditions, by"
        f" {mismatch.yields[0]:.1%} of {mismatch.count:,} samples with random mismatch"
        f" (95 % interval {low:.1%} to {high:.1%}).",
        caption_justify="left",
    )
    for heading in ("", "asked", "typical", "worst corner", "at", "mismatch: mean", "deviation"):
        table.add_column(heading, justify="left" if heading in ("", "at") else "right")
    for name in dict.fromkeys(metric.name for metric in spec.metrics):
        rows = [metric for metric in spec.metrics if metric.name == name]
        place = mismatch.results.metric_names.index(name)
        mean, deviation = float(mismatch.mean[0, place]), mismatch.standard_deviation[0, place]
        if deviation < _ROUNDING * abs(mean):
            deviation = 0.0
        worst, corner = assessment.worst(name)
        table.add_row(
            name,
            asked(rows, units[name]),
            quantity(float(assessment.results.column(name)[SIZED]), units[name]),
            quantity(worst, units[name]),
            corner,
            quantity(mean, units[name]),
            quantity(float(deviation), units[name], 3),
        )
    return table


def sign_off_table(found: SignOff) -> Table:
    """Every metric by both simulators."""
    table = Table(
        title="Sign-off in ngspice",
        title_justify="left",
        caption=f"{found.sentence}.",
        caption_justify="left",
    )
    for heading in ("", "ours", "ngspice", "difference", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for entry in found.comparisons:
        numbers = (f"{entry.ours:.10g}", f"{entry.theirs:.10g}", f"{entry.difference:.1e}")
        table.add_row(entry.name, *numbers, "" if entry.agrees else "DIFFERS")
    return table


def search_table(histories: Mapping[str, History]) -> Table:
    """The best score of each sizer after so many simulations."""
    budget = next(iter(histories.values())).budget
    marks = sorted({mark for mark in _MARKS if mark < budget} | {budget})
    table = Table(title="Best score after so many simulations", title_justify="left")
    table.add_column("")
    for mark in marks:
        table.add_column(f"{mark:,}", justify="right")
    table.add_column("limits first met at", justify="right")
    table.add_column("time", justify="right")
    for name, history in histories.items():
        best = [f"{history.best_so_far[mark - 1]:.4g}" for mark in marks]
        first = int(np.argmax(history.feasible)) + 1 if history.feasible.any() else None
        table.add_row(
            name, *best, "never" if first is None else f"{first:,}", f"{history.seconds:.1f} s"
        )
    return table
