"""The pictures of a sizing run. matplotlib is imported with the first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.circuit.spec import metric_units
from ..figure_style import INK, STYLE
from .assessment import NOMINAL, SIZED, Assessment, finite_poles

COLOURS = ("#1f6fb4", "#d9822b", "#3a9b5c", "#8e5bb5", "#b0413e", "#5b6672", "#2a9d9d")
"""The sized design or the agent first, others after it."""
_NOMINAL, _LIMIT = "#7a8794", "#c0392b"
_DASHED = (0, (4, 3))


@contextmanager
def _figure(path: Path, rows: int, width: float, height: float, **options: Any) -> Iterator[Any]:
    """Axes one below the other, drawn off screen and saved at the end."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure.subplots(rows, 1, squeeze=False, **options)[:, 0]
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, facecolor="white")


def convergence(
    path: Path,
    best: Mapping[str, NDArray[np.float64]],
    reference_score: float,
    reference: str,
) -> None:
    """The highest score so far over simulations.

    Args:
        path: the picture to write.
        best: per sizer of this run, the agent first, shape ``(simulations,)``.
        reference_score: drawn as a line.
        reference: whose score it is.
    """
    with _figure(path, 1, 7.5, 4.4) as (axes,):
        longest = max(map(len, best.values()))
        for place, (name, scores) in enumerate(best.items()):
            steps = np.arange(1, len(scores) + 1)
            axes.step(
                steps,
                scores,
                where="post",
                color=COLOURS[place % len(COLOURS)],
                linewidth=2.2 if place == 0 else 1.4,
                label=name,
                zorder=3 if place == 0 else 2,
            )
        label = f"{reference}, {reference_score:.3g}"
        axes.axhline(reference_score, color=INK, linewidth=0.9, linestyle=_DASHED, label=label)
        axes.set_xscale("log")
        axes.set_xlim(1, max(longest, 2))
        # Failed simulations (-5) at the start would flatten everything else.
        low = min(float(np.median(scores)) for scores in best.values())
        highest = max(reference_score, *(float(scores[-1]) for scores in best.values()))
        low = min(low, reference_score, 0.0)
        axes.set_ylim(low - 0.06 * (highest - low) - 0.05, highest + 0.08 * (highest - low) + 0.05)
        axes.set_xlabel("simulations")
        axes.set_title("Best score so far")
        axes.legend(loc="upper left", fontsize=8.5)


def bode(path: Path, assessment: Assessment) -> None:
    """Magnitude and phase of the response of both designs, with what the spec asks for.

    Args:
        path: the picture to write.
        assessment: of the design; the limits of ``gain``, ``gain_db``, ``f3db`` and ``ugbw`` are drawn.
    """
    results = assessment.results
    assert results.response is not None
    limits = {m.name: m.limit for m in assessment.spec.metrics if m.limit is not None}
    unit = metric_units(results.topology)["gain"]
    with _figure(path, 2, 7.5, 5.4, sharex=True) as (level, phase):
        for row, label, colour, width in _rows(assessment):
            response = results.response[row]
            with np.errstate(divide="ignore"):
                decibels = 20 * np.log10(np.abs(response))
            level.plot(results.frequencies, decibels, color=colour, linewidth=width, label=label)
            degrees = np.degrees(np.unwrap(np.angle(response)))
            phase.plot(results.frequencies, degrees, color=colour, linewidth=width)
            corner = float(results.column("f3db")[row])
            if np.isfinite(corner):
                height = float(results.column("gain_db")[row]) - 3
                level.plot([corner], [height], "o", color=colour, markersize=5)
        asked = {"color": _LIMIT, "linewidth": 1.0, "linestyle": _DASHED}
        if "gain" in limits or "gain_db" in limits:
            height = 20 * np.log10(limits["gain"]) if "gain" in limits else limits["gain_db"]
            level.axhline(height, **asked, label="asked for")
        for name in ("f3db", "ugbw"):
            if name in limits:
                level.axvline(limits[name], **asked)
        level.set_title(f"Gain (dB {unit}); dots: -3 dB")
        phase.set_title("Phase (degrees)")
        phase.set_xlabel("frequency (Hz)")
        phase.set_xscale("log")
        level.legend(fontsize=8.5, loc="lower left")


def noise(path: Path, assessment: Assessment) -> None:
    """Noise density of both designs, referred to the input and at the output."""
    results = assessment.results
    assert results.input_noise is not None and results.output_noise is not None
    unit = metric_units(results.topology)["inoise_f0"].replace("sqrt(Hz)", "√Hz")
    with _figure(path, 2, 7.5, 5.4, sharex=True) as (inwards, outwards):
        for row, label, colour, width in _rows(assessment):
            style = {"color": colour, "linewidth": width, "label": label}
            inwards.plot(results.frequencies, results.input_noise[row], **style)
            outwards.plot(results.frequencies, results.output_noise[row], **style)
        inwards.set_title(f"Noise referred to the input ({unit})")
        outwards.set_title("Noise at the output (V/√Hz)")
        outwards.set_xlabel("frequency (Hz)")
        for axes in (inwards, outwards):
            axes.set_xscale("log")
            axes.set_yscale("log")
        inwards.legend(fontsize=8.5)


def poles(path: Path, assessment: Assessment) -> None:
    """Natural frequencies of both designs, on axes that are logarithmic but around zero."""
    results = assessment.results
    found = {row: finite_poles(results, row) / (2 * np.pi) for row in (SIZED, NOMINAL)}
    everything = np.concatenate(list(found.values()))
    sizes = np.abs(everything[np.abs(everything) > 0])
    with _figure(path, 1, 7.5, 4.6) as (axes,):
        if len(sizes):
            linear = float(sizes.min()) / 3
            axes.set_xscale("symlog", linthresh=linear)
            axes.set_yscale("symlog", linthresh=linear)
            reach = 5 * float(sizes.max())
            right = linear if everything.real.max() < 0 else reach
            axes.set_xlim(-reach, right)
            axes.set_ylim(-reach, reach)
            axes.axvspan(0, right, color=_LIMIT, alpha=0.06, linewidth=0)
        for row, label, colour, _ in _rows(assessment):
            mark = "x" if row == SIZED else "+"
            axes.plot(
                found[row].real,
                found[row].imag,
                mark,
                color=colour,
                markersize=8,
                markeredgewidth=1.8,
                linestyle="none",
                label=label,
            )
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.axhline(0, color=INK, linewidth=0.8)
        _few_ticks(axes)
        axes.set_title("Poles; right of zero a circuit oscillates")
        axes.set_xlabel("real part / 2π (Hz)")
        axes.set_ylabel("imaginary part / 2π (Hz)")
        axes.legend(fontsize=8.5)


def step(path: Path, assessment: Assessment) -> None:
    """The way of the output after a small step of the input, 0 at first and 1 at rest."""
    response = assessment.step
    assert response is not None
    span = float(response.times[-1])
    power = 3 * int(np.floor(np.log10(span) / 3))
    unit = {-12: "ps", -9: "ns", -6: "us", -3: "ms"}.get(power, f"1e{power} s")
    with _figure(path, 1, 7.5, 3.4) as (axes,):
        for row, label, colour, width in _rows(assessment):
            if not response.status[row]:
                times = response.times / 10.0**power
                axes.plot(times, response.progress[row], color=colour, linewidth=width, label=label)
        axes.axhline(1, color=INK, linewidth=0.8, linestyle=_DASHED)
        highest = 1.1 * float(np.nanmax(response.progress))
        axes.set_ylim(-0.1, min(max(1.3, highest), 2.2))  # an oscillation leaves the picture
        axes.set_xlim(0, span / 10.0**power)
        axes.set_title("Output after a small step of the input (parts of the whole way)")
        axes.set_xlabel(f"time ({unit})")
        axes.legend(fontsize=8.5, loc="lower right")


def corners(path: Path, assessment: Assessment, metrics: Sequence[str]) -> None:
    """Metrics at every corner and with mismatch, in parts of their typical value.

    Args:
        path: the picture to write.
        assessment: of the design.
        metrics: by name; those without a typical value, and those that are the same everywhere, such as
            the area, are left out.
    """
    typical = {name: float(assessment.results.column(name)[SIZED]) for name in metrics}
    shown = [
        (name, value)
        for name, value in typical.items()
        if np.isfinite(value) and value != 0 and np.ptp(assessment.corners.column(name)) != 0
    ]
    names = assessment.mismatch.results.metric_names
    with _figure(path, 1, 7.5, 1.2 + 0.55 * len(shown)) as (axes,):
        everything: list[NDArray[np.float64]] = []
        for place, (name, value) in enumerate(reversed(shown)):
            samples = assessment.mismatch.metrics[0, :, names.index(name)] / value
            samples = samples[np.isfinite(samples)]
            if len(samples):
                low, high = np.quantile(samples, [0.01, 0.99])
                axes.plot(
                    [low, high],
                    [place, place],
                    color=COLOURS[0],
                    linewidth=7,
                    alpha=0.3,
                    solid_capstyle="butt",
                )
            values = assessment.corners.column(name)[:, 0].astype(np.float64) / value
            met = assessment.corners_reached
            everything.append(values)
            for chosen, colour in ((~met, _LIMIT), (met, COLOURS[2])):
                axes.plot(
                    values[chosen], np.full(chosen.sum(), place), "|", color=colour, markersize=13
                )
        axes.axvline(1, color=INK, linewidth=0.8, linestyle=_DASHED)
        parts = np.concatenate([np.ones(1), *everything])
        parts = parts[np.isfinite(parts)]
        if parts.min() > 0 and parts.max() > 10 * parts.min():
            axes.set_xscale("log")
        axes.set_yticks(range(len(shown)), [name for name, _ in reversed(shown)])
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.set_xlabel(
            "parts of the typical value; strokes: corners (green: spec reached), bars: mismatch, 1 to 99 %",
            fontsize=9,
        )


def _rows(assessment: Assessment) -> list[tuple[int, str, str, float]]:
    """Row, label, colour and line width of each design that could be simulated."""
    looks = [
        (SIZED, "sized", COLOURS[0], 2.0),
        (NOMINAL, f"{assessment.reference} design", _NOMINAL, 1.4),
    ]
    return [look for look in looks if not assessment.results.status[look[0]]]


def _few_ticks(axes: Any) -> None:
    """Symmetric logarithmic axes label every decade, one over the other."""
    from matplotlib.ticker import FixedLocator

    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        linear = axis.get_transform().linthresh
        first, last = np.log10(3 * linear), np.log10(max(-low, high))
        decades = np.arange(np.ceil(first - 1e-9), last + 1e-9, max(1, round((last - first) / 3)))
        sides = [10.0**decade for decade in decades]
        ticks = [-side for side in sides if -side >= low] + [0.0] + [s for s in sides if s <= high]
        axis.set_major_locator(FixedLocator(sorted(ticks)))
