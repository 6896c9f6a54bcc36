"""The picture of a flight: its path in three dimensions, its error and its rotors over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...envs.quadrotor.mjcf import FRONT, REAR
from ..figure_style import INK, STYLE
from .recorded_flight import RecordedFlight

FAINT, REFERENCE = "#c3cad2", "#8a94a0"
_FLOWN = "viridis"
_ROTORS = ("front right", "back right", "back left", "front left")


def draw_flight(path: Path, flight: RecordedFlight, title: str) -> None:
    """Write the picture.

    Args:
        path: of the PNG.
        flight: what to draw.
        title: above all of it.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(12.5, 6.6))
        FigureCanvasAgg(figure)
        figure.suptitle(title, x=0.02, y=0.975, ha="left", fontsize=13, color=INK)
        grid = figure.add_gridspec(
            3,
            1,
            left=0.585,
            right=0.985,
            bottom=0.085,
            top=0.885,
            hspace=0.42,
        )
        # Wider than its column: what stands out of a three-dimensional panel is cut off.
        _path(figure, figure.add_axes((-0.05, 0.2, 0.62, 0.75), projection="3d"), flight)
        error = figure.add_subplot(grid[0])
        _error(error, flight)
        _axes(figure.add_subplot(grid[1], sharex=error), flight)
        _rotors(figure.add_subplot(grid[2], sharex=error), flight)
        figure.savefig(path, facecolor="white")


def _path(figure: Any, axes: Any, flight: RecordedFlight) -> None:
    """The reference as a thin line, the flight coloured by its speed, the floor as a shadow."""
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    speed = np.linalg.norm(np.diff(flight.position, axis=0), axis=1) / np.diff(flight.time)
    points = np.concatenate([flight.position, flight.reference])
    low, high = points.min(axis=0), points.max(axis=0)
    # A flat trajectory must not turn centimetres into mountains, nor a fall be a needle.
    reach = np.maximum(high - low, np.array([0.45, 0.45, 0.25]) * (high - low).max() + 1e-3)
    middle = (low + high) / 2
    floor = middle[2] - 0.6 * reach[2]
    axes.plot(*flight.position[:, :2].T, floor, color=FAINT, linewidth=1.2)
    axes.plot(*flight.reference.T, color=REFERENCE, linewidth=1.0)
    pieces = np.stack([flight.position[:-1], flight.position[1:]], axis=1)
    flown = Line3DCollection(pieces, cmap=_FLOWN, linewidths=2.2, capstyle="round")
    flown.set_array(speed)
    flown.set_clim(0, max(float(speed.max()), 0.1))
    axes.add_collection3d(flown)
    start, end = flight.position[0], flight.position[-1]
    axes.scatter(*start, s=36, facecolor="white", edgecolor=INK, depthshade=False)
    if flight.crash_time is not None:
        axes.scatter(*end, s=70, marker="X", color="#c0392b", depthshade=False)
    for name, centre, extent in zip("xyz", middle, reach, strict=True):
        getattr(axes, f"set_{name}lim")(centre - 0.55 * extent, centre + 0.55 * extent)
        getattr(axes, f"set_{name}label")(f"{name} (m)", labelpad=8)
    axes.set_zlim(floor, middle[2] + 0.6 * reach[2])
    axes.set_box_aspect(reach * np.array([1.1, 1.1, 1.2]), zoom=1.0)
    axes.view_init(elev=27, azim=-58)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.975, 0.98, 0.985, 1.0))
        axis._axinfo["grid"].update(color="#e3e7eb", linewidth=0.7)
        axis.set_major_locator(_ticks())
    bar = figure.colorbar(
        flown, cax=figure.add_axes((0.17, 0.09, 0.22, 0.016)), orientation="horizontal"
    )
    bar.set_label("speed flown (m/s); grey: reference", color=INK)
    bar.outline.set_visible(False)


def _error(axes: Any, flight: RecordedFlight) -> None:
    centimetres = 100 * flight.error
    axes.fill_between(flight.time, centimetres, color="#1f6fb4", alpha=0.15, linewidth=0)
    axes.plot(flight.time, centimetres, color="#1f6fb4", linewidth=1.4)
    axes.set_title("Distance from the reference (cm)")
    axes.set_ylim(0, max(1.08 * float(centimetres.max()), 0.1))
    axes.set_xlim(0, flight.time[-1])
    score = flight.figures()["scored_rmse"]
    if score is not None:
        axes.hlines(
            100 * score,
            flight.scored_from,
            flight.time[-1],
            color=INK,
            linewidth=1.0,
            linestyle=(0, (4, 3)),
        )
        since = f" from {flight.scored_from:g} s" if flight.scored_from else ""
        axes.annotate(
            f"root mean square{since}: {100 * score:.1f} cm",
            (1, 1),
            xycoords="axes fraction",
            xytext=(0, 4),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=9,
            color=INK,
        )
    if flight.crash_time is not None:
        axes.axvline(flight.crash_time, color="#c0392b", linewidth=1.2)
        axes.annotate(
            "crash", (flight.crash_time, axes.get_ylim()[1]), color="#c0392b", ha="right", va="top"
        )


def _axes(axes: Any, flight: RecordedFlight) -> None:
    colours = ("#1f6fb4", "#d9822b", "#3a9b5c")
    for axis, (name, colour) in enumerate(zip("xyz", colours, strict=True)):
        axes.plot(
            flight.time,
            flight.reference[:, axis],
            color=colour,
            linewidth=1.0,
            linestyle=(0, (4, 3)),
            alpha=0.7,
        )
        axes.plot(flight.time, flight.position[:, axis], color=colour, linewidth=1.5, label=name)
    axes.set_title("Position (m); dashed: reference")
    _legend(axes)


def _rotors(axes: Any, flight: RecordedFlight) -> None:
    lighter = tuple(0.55 * part + 0.45 for part in FRONT), tuple(0.55 * part + 0.45 for part in REAR)
    colours = (FRONT, REAR, lighter[1], lighter[0])
    for rotor in range(4):
        axes.plot(
            flight.time[:-1],
            100 * flight.setpoints[:, rotor],
            color=colours[rotor],
            linewidth=0.9,
            label=_ROTORS[rotor],
        )
    axes.axhline(100 * flight.airframe.hover_throttle, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    low, high = 100 * flight.setpoints.min(), 100 * flight.setpoints.max()
    room = max(0.08 * (high - low), 3.0)
    axes.set_ylim(low - room, high + room)
    axes.set_title("Rotor commands (%)")
    axes.set_xlabel("time (s)")
    _legend(axes)


def _legend(axes: Any) -> None:
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.01, 0.97), ncols=4, fontsize=8.5, handlelength=1.2,
        columnspacing=1.0, handletextpad=0.4, borderpad=0.1,
    )  # fmt: skip


def _ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
