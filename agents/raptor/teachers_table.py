"""What a set of teachers achieves, as numbers and as tables."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from .bins import PROPERTIES
from .teacher_set import Teachers

PUBLISHED = {"return": 648.6, "terminated": 0.0044}
"""RAPTOR's own 1,000 teachers: first epoch of the log of its released run (rl-tools/raptor)."""


def summarize(teachers: Teachers) -> dict[str, Any]:
    """Returns, shares of episodes that ended early and cost, in all and by kind of vehicle.

    Returns:
        ``near`` (starts within 0.5 m) and ``wide`` (within ten rotor distances), each with the mean
        ``return``, its ``percentiles`` over the teachers and ``terminated``; ``seconds`` per teacher;
        ``bins``: for each property of the airframe its bins with ``from``, ``to``, ``teachers``,
        ``return`` and ``terminated`` of the near starts (None where a bin is empty).
    """
    offsets = np.linalg.norm(teachers.offsets, axis=1)
    return {
        "teachers": len(teachers),
        "near": _spread(teachers.returns, teachers.terminated),
        "wide": _spread(teachers.wide_returns, teachers.wide_terminated),
        "offset_median": float(np.median(offsets)),
        "seconds": float(teachers.seconds.mean()),
        "published": PUBLISHED,
        "bins": {name: _bins(teachers, name, edges) for name, _, edges in PROPERTIES},
    }


def _spread(returns: NDArray[np.float64], terminated: NDArray[np.float64]) -> dict[str, Any]:
    marks = (0, 1, 5, 50, 95)
    return {
        "return": float(returns.mean()),
        "percentiles": {str(m): float(np.percentile(returns, m)) for m in marks},
        "terminated": float(terminated.mean()),
    }


def _bins(teachers: Teachers, name: str, edges: Any) -> list[dict[str, Any]]:
    place = np.digitize(getattr(teachers.airframes, name), edges[1:-1])
    rows = []
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = place == number
        some = bool(inside.any())
        rows.append(
            {
                "from": low,
                "to": high,
                "teachers": int(inside.sum()),
                "return": float(teachers.returns[inside].mean()) if some else None,
                "terminated": float(teachers.terminated[inside].mean()) if some else None,
            }
        )
    return rows


def print_summary(summary: dict[str, Any]) -> None:
    """Print it as tables."""
    console = Console()
    grid = Table(title=f"{summary['teachers']:,} teachers", title_justify="left")
    for heading in ("episodes start within", "return", "least", "1 %", "5 %", "median", "terminated"):
        grid.add_column(heading, justify="left" if heading.startswith("episodes") else "right")
    for name, start in (("near", "0.5 m"), ("wide", "ten rotor distances")):
        row = summary[name]
        marks = [f"{row['percentiles'][mark]:.1f}" for mark in ("0", "1", "5", "50")]
        grid.add_row(start, f"{row['return']:.1f}", *marks, f"{100 * row['terminated']:.2f} %")
    published = summary["published"]
    grid.add_row(
        "0.5 m, RAPTOR's own teachers",
        f"{published['return']:.1f}",
        *["" for _ in range(4)],
        f"{100 * published['terminated']:.2f} %",
    )
    console.print(grid)
    console.print(
        f"{summary['seconds']:.2f} core-seconds per teacher, and {summary['base_seconds']:.0f} for the"
        " network that all start from"
    )
    for name, unit, _ in PROPERTIES:
        bins = Table(title=f"{name} {unit}".strip(), title_justify="left")
        for heading in ("from", "to", "teachers", "return", "terminated"):
            bins.add_column(heading, justify="right")
        for row in summary["bins"][name]:
            if row["teachers"]:
                figures = (f"{row['return']:.1f}", f"{100 * row['terminated']:.2f} %")
                bins.add_row(f"{row['from']:g}", f"{row['to']:g}", str(row["teachers"]), *figures)
        console.print(bins)
