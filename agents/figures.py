"""The pictures of a curriculum run. matplotlib is imported with the first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import TaskSpace
from ..runs import MASTERED, MEAN_RETURN
from .episode_log import EpisodeLog
from .figure_style import INK, STYLE

TRAINING, TEST, FAINT = "#7a8794", "#1f6fb4", "#d5dae0"
_MAX_POINTS = 1500  # per panel; more only makes it slow and opaque
_PANEL_GRIDS = ((3, 3), (2, 3), (2, 2), (1, 3), (1, 2), (1, 1))


@contextmanager
def _figure(
    path: Path, rows: int, columns: int, width: float, height: float, **options: Any
) -> Iterator[Any]:
    """A figure and its axes, drawn off screen and saved at the end."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(rows, columns, squeeze=False, **options)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, facecolor="white")


def learning_curve(path: Path, metrics: Sequence[Mapping[str, Any]], mastered_return: float) -> None:
    """Test-set mastery above, returns below, over environment steps.

    Args:
        path: the picture to write.
        metrics: lines of ``metrics.jsonl``.
        mastered_return: drawn as a line.
    """
    with _figure(path, 2, 1, 7.5, 5.2, sharex=True, height_ratios=(1, 1)) as (_, axes):
        mastery, returns = axes[:, 0]
        steps, shares = _series(metrics, MASTERED)
        mastery.plot(steps, 100 * shares, color=TEST, marker="o", markersize=3.5, linewidth=1.8)
        mastery.set_ylim(-3, 103)
        mastery.set_title("Test set mastered (%)")
        if len(steps):
            mastery.annotate(
                f"{100 * shares[-1]:.0f} %",
                (steps[-1], 100 * shares[-1]),
                xytext=(6, 0),
                textcoords="offset points",
                color=TEST,
                va="center",
            )
        returns.plot(*_series(metrics, MEAN_RETURN), color=TRAINING, linewidth=1.3)
        returns.plot(
            *_series(metrics, "test/mean_return"), color=TEST, marker="o", markersize=3.5, linewidth=1.8
        )
        returns.axhline(mastered_return, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        returns.set_title("Mean return")
        returns.legend(
            ["training: last 100 episodes", "test set", "mastered above"],
            loc="lower right",
            bbox_to_anchor=(1, 0.98),
            ncols=3,
            fontsize=8.5,
        )
        returns.set_xlabel("environment steps")
        returns.xaxis.set_major_formatter(_steps_text)


def sampling(
    path: Path,
    space: TaskSpace,
    log: EpisodeLog,
    tests: Sequence[Mapping[str, Any]],
    panels: int = 9,
) -> None:
    """Where the teacher sampled in equal parts of the run, with what it believed at their ends.

    A dot is an episode, its colour the return. Gaussians are drawn as ellipses of two standard
    deviations, more opaque the more often they are drawn from; regions and windows as boxes. Tasks of
    more than two parameters are projected on the first two; a single parameter is drawn over time.

    Args:
        path: the picture to write.
        space: the task space.
        log: all episodes.
        tests: the job's test results; each has ``step`` and the ``teacher`` summary at that time.
        panels: parts of the run, at most.
    """
    if not len(log):
        return
    low, high = _colour_range(log.returns)
    if space.dimension == 1:
        _sampling_over_time(path, space, log, low, high)
        return
    last_step = int(log.steps[-1])
    wanted = min(panels, max(len(tests) - 1, 1))
    rows, columns = next(grid for grid in _PANEL_GRIDS if grid[0] * grid[1] <= wanted)
    ends = np.linspace(0, last_step, rows * columns + 1)[1:]
    options = {"sharex": True, "sharey": True}
    with _figure(path, rows, columns, 1.2 + 3.1 * columns, 0.6 + 2.75 * rows, **options) as (
        figure,
        axes,
    ):
        dots = None
        for number, (ax, end) in enumerate(zip(axes.flat, ends, strict=False)):
            start = ends[number - 1] if number else -1
            inside = np.flatnonzero((log.steps > start) & (log.steps <= end))
            inside = inside[np.linspace(0, len(inside) - 1, min(len(inside), _MAX_POINTS)).astype(int)]
            dots = ax.scatter(
                log.tasks[inside, 0],
                log.tasks[inside, 1],
                c=log.returns[inside],
                cmap=_colours(),
                vmin=low,
                vmax=high,
                s=5,
                linewidths=0,
                alpha=0.75,
            )
            before = [test["teacher"] for test in tests if test["step"] <= end + 1]
            if before:
                _draw_belief(ax, before[-1])
            ax.set_title(f"{_steps_text(max(start, 0), 0)} to {_steps_text(end, 0)} steps")
            _limits(ax, space)
        for ax in axes[-1, :]:
            ax.set_xlabel(_label(space, 0))
        for ax in axes[:, 0]:
            ax.set_ylabel(_label(space, 1))
        figure.colorbar(dots, ax=axes, label="return", shrink=0.8, aspect=30)


def mastery_map(
    path: Path,
    space: TaskSpace,
    cells: tuple[NDArray[np.float64], ...],
    returns: NDArray[np.float64],
    mastered_return: float,
    test_tasks: NDArray[np.float64],
    test_returns: NDArray[np.float64],
) -> None:
    """How well the final policy does over the task space, with the test set on top.

    Args:
        path: the picture to write.
        space: the task space.
        cells: the centres of the grid's cells along the first parameter, and along the second.
        returns: mean return per cell, shape ``(len(cells[0]), len(cells[1]))``; of one parameter,
            shape ``(len(cells[0]),)``.
        mastered_return: a task is mastered above it.
        test_tasks: shape ``(tasks, dimension)``.
        test_returns: of the last test, shape ``(tasks,)``.
    """
    mastered = test_returns > mastered_return
    if space.dimension == 1:
        with _figure(path, 1, 1, 6.5, 3.6) as (_, axes):
            ax = axes[0, 0]
            ax.plot(cells[0], returns, color=TEST, linewidth=1.8, label="grid, mean of episodes")
            ax.plot(test_tasks[:, 0], test_returns, "o", color=TRAINING, markersize=4, label="test set")
            ax.axhline(mastered_return, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
            ax.set_xlabel(_label(space, 0))
            ax.set_title("Return of the final policy")
            ax.legend(fontsize=8.5)
        return
    with _figure(path, 1, 1, 6.2, 4.6) as (figure, axes):
        ax = axes[0, 0]
        extent = (space.low[0], space.high[0], space.low[1], space.high[1])
        low, high = _colour_range(returns.ravel(), mastered_return)
        picture = ax.imshow(
            returns.T,
            origin="lower",
            extent=extent,
            aspect="auto",
            cmap=_colours(),
            vmin=low,
            vmax=high,
        )
        ax.grid(visible=False)
        kinds = ((mastered, "o", 34, "mastered"), (~mastered, "X", 42, "not mastered"))
        for chosen, marker, size, label in kinds:
            ax.scatter(
                test_tasks[chosen, 0],
                test_tasks[chosen, 1],
                marker=marker,
                s=size,
                facecolors="white",
                edgecolors=INK,
                linewidths=1,
                label=f"test track, {label}",
                clip_on=False,
            )
        ax.set_xlabel(_label(space, 0))
        ax.set_ylabel(_label(space, 1))
        projected = "" if space.dimension == 2 else f", over the other {space.dimension - 2} parameters"
        ax.set_title(f"Mean return of the final policy{projected}", pad=26)
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
            fontsize=8.5,
            borderpad=0.2,
            handletextpad=0.2,
        )
        figure.colorbar(picture, ax=ax, label="return", shrink=0.9)


def _sampling_over_time(path: Path, space: TaskSpace, log: EpisodeLog, low: float, high: float) -> None:
    chosen = np.linspace(0, len(log) - 1, min(len(log), 3 * _MAX_POINTS)).astype(int)
    with _figure(path, 1, 1, 7.5, 3.6) as (figure, axes):
        ax = axes[0, 0]
        dots = ax.scatter(
            log.steps[chosen],
            log.tasks[chosen, 0],
            c=log.returns[chosen],
            cmap=_colours(),
            vmin=low,
            vmax=high,
            s=5,
            linewidths=0,
        )
        ax.set_xlabel("environment steps")
        ax.set_ylabel(_label(space, 0))
        ax.xaxis.set_major_formatter(_steps_text)
        figure.colorbar(dots, ax=ax, label="return")


_BUFFER_SHOWN = 60
"""Tasks of a replay buffer that a figure marks."""


def _draw_belief(ax: Any, summary: Mapping[str, Any]) -> None:
    """Gaussians, regions or the window of a teacher, as its ``describe`` gives them."""
    from matplotlib.patches import Ellipse, Rectangle

    if "means" in summary:
        means, covariances = np.asarray(summary["means"]), np.asarray(summary["covariances"])
        shares = np.asarray(summary["probabilities"])
        for mean, covariance, share in zip(means, covariances, shares, strict=True):
            values, vectors = np.linalg.eigh(covariance[:2, :2])
            angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
            width, height = 4 * np.sqrt(np.maximum(values[::-1], 0))
            strength = 0.25 + 0.75 * share / shares.max()
            ax.add_patch(
                Ellipse(
                    mean[:2], width, height, angle=angle, fill=False, color=INK, alpha=strength, lw=1.4
                )
            )
    if "buffer_tasks" in summary and len(summary["buffer_tasks"]):
        buffered, scores = np.asarray(summary["buffer_tasks"]), np.asarray(summary["buffer_scores"])
        best = np.argsort(-scores)[:_BUFFER_SHOWN]  # the others would only hide the dots below
        ax.plot(*buffered[best, :2].T, "x", color=INK, ms=5, mew=1.2, alpha=0.8)
    boxes = [("leaf_low", "leaf_high"), ("window_low", "window_high")]
    for low_name, high_name in boxes:
        if low_name in summary:
            lows, highs = np.atleast_2d(summary[low_name]), np.atleast_2d(summary[high_name])
            for low, high in zip(lows[:, :2], highs[:, :2], strict=True):
                ax.add_patch(Rectangle(low, *(high - low), fill=False, color=INK, lw=1.0, alpha=0.7))


def _series(metrics: Sequence[Mapping[str, Any]], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    points = [(line["step"], line[name]) for line in metrics if line.get(name) is not None]
    columns = np.array(points, dtype=np.float64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def _colours() -> Any:
    """Viridis without its palest end, which a dot on white would lose itself in."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    return ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, 0.92, 256)))


def _colour_range(returns: NDArray[Any], at_least: float = -np.inf) -> tuple[float, float]:
    """All but the outermost returns; ``at_least`` is in it, lest a failed policy look colourful."""
    low, high = np.quantile(returns, [0.02, 0.98])
    return float(low), float(max(high, low + 1e-6, at_least))


def _label(space: TaskSpace, index: int) -> str:
    parameter = space.parameters[index]
    name = parameter.name.replace("_", " ")
    if parameter.unit == "1":
        return name
    times = "× " if parameter.unit[0].isdigit() else ""
    return f"{name} ({times}{parameter.unit})"


def _limits(ax: Any, space: TaskSpace) -> None:
    margin = 0.02 * (space.high - space.low)
    ax.set_xlim(space.low[0] - margin[0], space.high[0] + margin[0])
    ax.set_ylim(space.low[1] - margin[1], space.high[1] + margin[1])


def _steps_text(value: float, _position: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"
