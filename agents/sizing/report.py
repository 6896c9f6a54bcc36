"""The report of a sizing run: one HTML page that needs no other file, and the same figures as JSON."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from rich.table import Table

from ...envs.circuit.deck import Deck
from ...envs.circuit.problem import SizingProblem
from ...envs.circuit.transient import StepResponse
from ...files import atomic_write
from ...runs import Run
from . import figures
from .assessment import NOMINAL, SIZED, Assessment
from .run import History
from .sign_off import SignOff
from .size_tables import (
    corners_table,
    metrics_table,
    quantity,
    search_table,
    sign_off_table,
    sizes_table,
    spec_table,
)

PAGE, DATA, DECK = "report.html", "report.json", "sized.cir"
_TEMPLATE = Path(__file__).with_name("report.html.j2")
_CONVERGENCE_POINTS = 400  # of each history in report.json


def write_report(
    run: Run,
    problem: SizingProblem,
    histories: Mapping[str, History],
    assessment: Assessment,
    signed: SignOff,
) -> Path:
    """Write ``sized.cir``, ``figures/``, ``report.json`` and ``report.html`` into the run folder.

    Args:
        run: whose folder.
        problem: what was sized.
        histories: of all sizers, the agent first.
        assessment: of the best design of the agent.
        signed: what ngspice says of it.

    Returns:
        the path of the page.
    """
    topology = problem.topology
    deck = Deck(topology, assessment.design).text()
    atomic_write(run.folder / DECK, deck)
    data = {
        "topology": topology.name,
        "spec": problem.spec.to_dict(),
        "free": list(problem.names),
        **assessment.as_json(),
        "sign_off": signed.as_json(),
        "search": {name: _history(history) for name, history in histories.items()},
    }
    atomic_write(run.folder / DATA, json.dumps(data, indent=1, allow_nan=False) + "\n")
    pictures = _draw(run.folder / "figures", histories, assessment)
    path = run.folder / PAGE
    atomic_write(path, _page(run, problem, histories, assessment, signed, deck, pictures))
    return path


def _history(history: History) -> dict[str, Any]:
    best = history.best_so_far
    marks = np.unique(np.geomspace(1, len(best), _CONVERGENCE_POINTS).round().astype(int))
    first = int(np.argmax(history.feasible)) + 1 if history.feasible.any() else None
    return {
        "simulations": history.count,
        "best_score": history.best_score,
        "best_at": history.best_index + 1,
        "limits_first_met_at": first,
        "seconds": history.seconds,
        "best_so_far": [[int(mark), float(best[mark - 1])] for mark in marks],
    }


def _draw(
    folder: Path, histories: Mapping[str, History], assessment: Assessment
) -> list[tuple[str, str, Path]]:
    """A heading, a text and the file of each picture."""
    best = {name: history.best_so_far for name, history in histories.items()}
    found: list[tuple[str, str, Path]] = []

    def add(heading: str, text: str, name: str) -> Path:
        found.append((heading, text, folder / name))
        return folder / name

    text = "The highest score after so many simulations; all had the same budget and seed."
    figures.convergence(
        add("The search", text, "convergence.png"),
        best,
        float(assessment.scores[NOMINAL]),
        f"{assessment.reference} design",
    )
    if assessment.works:
        text = f"Of the sized and of the {assessment.reference} design, by our simulator."
        figures.bode(add("Response", text, "bode.png"), assessment)
        figures.noise(add("Noise", "", "noise.png"), assessment)
        figures.poles(add("Poles", "", "poles.png"), assessment)
        step = assessment.step
        if step is not None and not step.status[SIZED]:
            figures.step(add("Step response", _step_text(step), "step.png"), assessment)
        metrics = list(dict.fromkeys(metric.name for metric in assessment.spec.metrics))
        text = "How the sized design varies with process, supply, temperature and mismatch."
        figures.corners(add("Variation", text, "corners.png"), assessment, metrics)
    return found


def _step_text(step: StepResponse) -> str:
    rise, settled = (quantity(float(t[SIZED]), "s") for t in (step.rise_time(), step.settling_time()))
    return (
        f"The sized design rises from 10 to 90 % in {rise}, overshoots by {step.overshoot()[SIZED]:.1%} and"
        f" stays within 1 % from {settled} on (a dash: not within this time)."
    )


# The page -------------------------------------------------------------------------------------


def _page(
    run: Run,
    problem: SizingProblem,
    histories: Mapping[str, History],
    assessment: Assessment,
    signed: SignOff,
    deck: str,
    pictures: Sequence[tuple[str, str, Path]],
) -> str:
    spec, config = problem.spec, run.record["config"]
    budget = next(iter(histories.values())).budget
    tables = [spec_table(assessment), sizes_table(assessment, problem.names)]
    details = [search_table(histories)]
    if assessment.works:
        details.append(corners_table(assessment))
    if signed.comparisons:
        details.append(sign_off_table(signed))
    details.append(metrics_table(assessment))
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=f"{problem.topology.name}, sized by {config['agent']}",
        subtitle=f"{problem.topology.title}. Spec: {spec.title or spec.name}. {budget:,} simulations"
        f" ({config['simulator']}), seed {config['seed']}.",
        numbers=_numbers(assessment, signed, histories),
        problem="" if assessment.works else assessment.results.reason(SIZED),
        tables=[_cells(table) for table in tables],
        pictures=[(heading, text, _data_url(path)) for heading, text, path in pictures],
        details=[_cells(table) for table in details],
        signed=signed.sentence,
        signed_in_table=bool(signed.comparisons),
        deck=deck,
        command=shlex.join(run.record["command"]),
        config=json.dumps(config, indent=2),
    )


def _numbers(
    assessment: Assessment, signed: SignOff, histories: Mapping[str, History]
) -> list[tuple[str, str]]:
    verdict = "skipped" if signed.skipped else "passed" if signed.passed else "FAILED"
    met, corners = int(assessment.corners_reached.sum()), len(assessment.corners.corners)
    history = next(iter(histories.values()))
    reached = "spec reached" if assessment.reached[SIZED] else "spec NOT reached"
    return [
        (f"{assessment.scores[SIZED]:.4g}", f"score, {reached}"),
        (f"{assessment.scores[NOMINAL]:.4g}", f"score of the {assessment.reference} design"),
        (verdict, "sign-off in ngspice"),
        (f"{met} of {corners}", "corners at which the spec is reached"),
        (f"{assessment.mismatch.yields[0]:.1%}", "yield with mismatch"),
        (f"{history.seconds:.1f} s", f"for {history.count:,} simulations"),
    ]


def _cells(table: Table) -> dict[str, Any]:
    columns = [
        {"heading": str(column.header), "align": "right" if column.justify == "right" else "left"}
        for column in table.columns
    ]
    rows = list(zip(*(list(column.cells) for column in table.columns), strict=True))
    return {
        "title": table.title,
        "caption": table.caption or "",
        "columns": columns,
        "rows": rows,
    }


def _data_url(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
