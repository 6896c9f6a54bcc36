"""The page of a comparison: one table, three figures, and how it was made."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_write
from .compare_config import CompareConfig
from .compare_results import (
    OneRun,
    Row,
    markdown_table,
    read_runs,
    results_json,
    table_rows,
    teacher_curves,
)
from .figure_style import STYLE
from .worlds import find_world

RESULTS, TABLE, PAGE = "results.json", "table.md", "report.html"
_WIDTH = 7.6  # inches


def write_comparison(config: CompareConfig) -> Path:
    """Write results, table, figures and page into the comparison's folder.

    Returns:
        the path of the page, which needs no other file and no network.

    Raises:
        InputError: there is no finished run.
    """
    import matplotlib

    runs = read_runs(config)
    rows = table_rows(runs, config)
    table = markdown_table(rows, config)
    atomic_write(config.out / RESULTS, results_json(runs, rows, config))
    atomic_write(config.out / TABLE, table)
    with matplotlib.rc_context(STYLE):
        pictures = {
            "curves": draw_curves(runs, rows, config.baseline),
            "intervals": draw_intervals(rows),
            "improvement": draw_improvement(rows, config.baseline),
        }
    for name, picture in pictures.items():
        (config.out / f"{name}.png").write_bytes(picture)
    page = config.out / PAGE
    atomic_write(page, _page(rows, table, pictures, config))
    return page


def colour_of(rows: list[Row]) -> dict[str, Any]:
    """A colour per teacher, the same in all figures."""
    import matplotlib

    palette = matplotlib.colormaps["tab20"]
    names = sorted(row.teacher for row in rows)
    return {name: palette(index % 20) for index, name in enumerate(names)}


def draw_curves(runs: list[OneRun], rows: list[Row], baseline: str) -> bytes:
    """Mastered share over steps: means, bands of 95 %, dots where Welch's p < 0.05."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, 4.2), layout="constrained")
    ax = figure.subplots()
    colours = colour_of(rows)
    found = {curve.teacher: curve for curve in teacher_curves(runs, baseline)}
    for row in rows:
        curve, colour = found[row.teacher], colours[row.teacher]
        steps = np.array(curve.steps) / 1e6
        mean, low, high = (100 * np.array(part) for part in (curve.mastered, curve.low, curve.high))
        ax.plot(steps, mean, color=colour, lw=1.8, label=row.teacher)
        if row.runs > 1:
            ax.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)
        better = np.array(curve.p)[: len(steps)] < 0.05
        ax.plot(steps[: len(better)][better], mean[: len(better)][better], "o", color=colour, ms=4)
    ax.set(xlabel="environment steps (millions)", ylabel="test tasks mastered (%)")
    ax.set_ylim(bottom=0)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return _png(figure)


def draw_intervals(rows: list[Row]) -> bytes:
    """Interquartile means with their intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, 0.8 + 0.32 * len(rows)), layout="constrained")
    ax = figure.subplots()
    colours = colour_of(rows)
    for place, row in enumerate(reversed(rows)):
        value, low, high = (100 * number for number in row.interquartile)
        ax.barh(place, high - low, left=low, height=0.55, color=colours[row.teacher], alpha=0.5)
        ax.plot([100 * end for end in row.whole_runs[1:]], [place, place], color="#22272e", lw=1.0)
        ax.plot([value, value], [place - 0.28, place + 0.28], color="#22272e", lw=1.6)
    ax.set_yticks(range(len(rows)), [row.teacher for row in reversed(rows)])
    ax.set_xlabel("interquartile mean of mastered episodes (%); bar: stratified 95 %, line: whole runs")
    return _png(figure)


def draw_improvement(rows: list[Row], baseline: str) -> bytes:
    """Probability that a run beats one of the baseline, with intervals."""
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.improvement is not None]
    figure = Figure(figsize=(_WIDTH, 0.8 + 0.32 * max(len(shown), 1)), layout="constrained")
    ax = figure.subplots()
    colours = colour_of(rows)
    ax.axvline(0.5, color="#9aa4af", lw=1.2, ls="--")
    for place, row in enumerate(reversed(shown)):
        assert row.improvement is not None
        value, low, high = row.improvement
        ax.plot([low, high], [place, place], color=colours[row.teacher], lw=5, alpha=0.5)
        ax.plot(value, place, "o", color=colours[row.teacher])
    ax.set_yticks(range(len(shown)), [row.teacher for row in reversed(shown)])
    ax.set_xlim(0, 1)
    ax.set_xlabel(f"probability of beating {baseline} on a test task")
    return _png(figure)


def _png(figure: Any) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _page(rows: list[Row], table: str, pictures: dict[str, bytes], config: CompareConfig) -> str:
    title = f"Teachers on {find_world(config.world).title}"
    head, _, *body = table.strip().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *body)]
    markup = "".join(
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in line) + "</tr>"
        for line, tag in zip(cells, ["th", *["td"] * len(body)], strict=True)
    )
    images = "".join(
        f'<figure><img alt="{name}" src="data:image/png;base64,{base64.b64encode(data).decode()}"></figure>'
        for name, data in pictures.items()
    )
    seeds = max(row.runs for row in rows)
    command = (
        f"eyas compare --teachers {','.join(sorted(row.teacher for row in rows))} --world {config.world}"
        f" --seeds {seeds} --steps {config.steps} --student {config.student} --preset {config.preset}"
        f" --out {config.out.name}"
    )
    return _TEMPLATE.format(
        title=html.escape(title),
        budget=f"{config.steps:,} environment steps per run, scouting included; student"
        f" {config.student.upper()}; preset {config.preset}.",
        table=markup,
        images=images,
        tail=f"{config.tail:.0%}",
        baseline=html.escape(config.baseline),
        episodes=config.episodes,
        command=html.escape(command),
    )


_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Eyas: {title}</title>
<style>
 body {{ margin: 0 auto; max-width: 1040px; padding: 32px 20px 64px; color: #22272e;
        font: 16px/1.55 system-ui, sans-serif; }}
 h1 {{ font-size: 28px; margin: 0; }} p {{ max-width: 80ch; color: #4a535e; }}
 .wide {{ overflow-x: auto; }} figure {{ margin: 28px 0; }} img {{ max-width: 100%; height: auto; }}
 table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }}
 th, td {{ padding: 5px 16px 5px 0; text-align: right; white-space: nowrap; }}
 th:first-child, td:first-child {{ text-align: left; }} th {{ color: #5b6672; }}
 tr + tr td {{ border-top: 1px solid #eef1f4; }}
 pre {{ background: #f3f5f7; padding: 12px 14px; overflow-x: auto; font-size: 13px; }}
</style></head><body>
<h1>{title}</h1><p>{budget}</p>
<div class="wide"><table>{table}</table></div>
<p>Mastered: share of {episodes} episodes on each test task by the last policy, mean ± standard deviation over runs; over the run: its
mean over all tests. IQM: interquartile mean over runs and test tasks of {episodes} episodes of the last
policy, 95 % stratified bootstrap. That takes test tasks as independent, but those of a run share one
policy, so it is too narrow; "whole runs" draws runs again instead and is the one to compare teachers by (with
three runs it can only span what these gave). Beats {baseline}: probability that a run does on a test task. p: Welch's
test against {baseline}, not corrected for the number of teachers; dots in the curves mark p &lt; 0.05 at
that test. Worst {tail}: tasks ranked on one set of episodes and measured on another. Scouted:
share of the steps that the student was not to learn from; they are part of the budget.</p>
{images}
<pre>{command}</pre>
</body></html>
"""
