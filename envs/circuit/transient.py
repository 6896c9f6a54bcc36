"""Transient analysis: the output of a circuit over time after a step or pulse of its sources."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ..jit import announced
from .conditions import TYPICAL, Corner
from .netlist import CurrentSource, VoltageSource
from .simulator import Simulator
from .structure import elements_of
from .transient_kernels import transients

Numbers = NDArray[np.float64]

REASONS = (
    "ok",
    "a size is not a positive number",
    "no operating point was found",
    "the transient analysis did not converge, whatever the step",
    "the transient analysis takes too many steps: does the circuit oscillate fast?",
)
"""What each ``status`` means."""
_CHUNK = 16  # designs that a thread takes at a time


@dataclass(frozen=True)
class Pulse:
    """The waveform of one source: straight from ``initial`` to ``initial + step``, and perhaps back.

    Args:
        source: name of an independent source.
        step: change of its value (V or A).
        initial: value before; None: the source's own, which may depend on the design.
        delay: when it begins to rise (s).
        rise_time: how long it rises (s).
        width: how long it stays up (s); infinite for a step.
        fall_time: how long it falls (s); None: as long as it rises.

    Raises:
        InputError: a time that is not a number in its range.
    """

    source: str
    step: float
    initial: float | None = None
    delay: float = 0.0
    rise_time: float = 1e-12
    width: float = math.inf
    fall_time: float | None = None

    def __post_init__(self) -> None:
        for name, value, lowest in (
            ("step", self.step, -math.inf),
            ("initial", self.initial, -math.inf),
            ("delay", self.delay, 0.0),
            ("rise_time", self.rise_time, 1e-18),
            ("fall_time", self.fall_time, 1e-18),
        ):
            if value is not None and not (math.isfinite(value) and value >= lowest):
                bound = "" if lowest == -math.inf else f" of at least {lowest:g} s"
                raise InputError(f"pulse of {self.source}: {name} = {value:g} must be a number{bound}")
        if not self.width >= 0.0:
            raise InputError(
                f"pulse of {self.source}: width = {self.width:g} must be a number of at least 0 s"
            )


@dataclass(frozen=True)
class StepResponse:
    """The output of each design over time; what failed is NaN.

    Figures of a step are relative to the way from ``initial`` to ``final``, the output at rest before and
    after (found as operating points, so that a window that is too short is noticed): ``outputs`` is
    linear between its samples. They are NaN where the output never gets there within the window.
    """

    times: Numbers
    """s, shape ``(samples,)``."""
    outputs: Numbers
    """V, shape ``(n, samples)``."""
    final: Numbers
    """The output at rest with the sources at their last values (V), shape ``(n,)``; NaN: none found."""
    status: NDArray[np.uint8]
    """0 if the design was simulated, else an index into :data:`REASONS`."""
    steps: NDArray[np.int64]
    """Time steps that were accepted and refused, shape ``(n, 2)``."""
    start: float
    """When the first source begins to move (s); times of the figures count from there."""

    def reason(self, row: int) -> str:
        """Why a design failed, or ``"ok"``."""
        return REASONS[self.status[row]]

    @property
    def change(self) -> Numbers:
        """From rest to rest (V), shape ``(n,)``."""
        return np.asarray(self.final - self.outputs[:, 0])

    @property
    def progress(self) -> Numbers:
        """The output as a part of the whole change, shape ``(n, samples)``: 0 at first, 1 at rest."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.outputs - self.outputs[:, :1]) / self.change[:, None])

    def rise_time(self, low: float = 0.1, high: float = 0.9) -> Numbers:
        """From the first crossing of ``low`` to that of ``high`` (s), as parts of the change."""
        return self._first(high) - self._first(low)

    def slew_rate(self, low: float = 0.1, high: float = 0.9) -> Numbers:
        """Mean slope between those crossings (V/s), positive for either direction."""
        return np.asarray((high - low) * np.abs(self.change) / self.rise_time(low, high))

    def overshoot(self) -> Numbers:
        """How far the output goes beyond its final value, as a part of the change (0 if not)."""
        with np.errstate(invalid="ignore"):
            return np.maximum(np.max(self.progress, axis=1) - 1.0, 0.0)

    def settling_time(self, band: float = 0.01) -> Numbers:
        """From the start until the output stays within ``band`` of the change around its end (s)."""
        result = np.full(len(self.outputs), np.nan)
        for row, progress in enumerate(self.progress):
            away = np.abs(progress - 1.0) - band
            outside = np.flatnonzero(away > 0.0)
            if not np.isfinite(away).all() or (outside.size and outside[-1] == len(away) - 1):
                continue
            if not outside.size:
                result[row] = 0.0
                continue
            i = outside[-1]
            part = away[i] / (away[i] - away[i + 1])
            result[row] = self.times[i] + part * (self.times[i + 1] - self.times[i]) - self.start
        return result

    def _first(self, level: float) -> Numbers:
        """When the progress first reaches a level (s)."""
        result = np.full(len(self.outputs), np.nan)
        for row, progress in enumerate(self.progress):
            reached = np.flatnonzero(progress >= level)
            if not np.isfinite(progress).all() or not reached.size:
                continue
            i = reached[0]
            if i == 0:
                result[row] = self.times[0]
                continue
            part = (level - progress[i - 1]) / (progress[i] - progress[i - 1])
            result[row] = self.times[i - 1] + part * (self.times[i] - self.times[i - 1])
        return result


def step_response(
    simulator: Simulator,
    designs: ArrayLike,
    pulses: Pulse | Sequence[Pulse],
    stop_time: float,
    *,
    samples: int = 2001,
    tolerance: float = 1e-6,
    corner: Corner = TYPICAL,
    mismatch: Numbers | None = None,
) -> StepResponse:
    """Simulate designs over time, from their operating points on.

    Elements that close a loop for direct current alone (``bench.closure``) close it for good: such an
    inductor is a short and such a capacitor open, so that an op-amp's bench is a follower.

    Args:
        simulator: the native simulator of the topology.
        designs: sizes in the variables' units, shape ``(n, variables)``, or one design.
        pulses: waveforms of sources; the others are constant.
        stop_time: where it ends (s).
        samples: number of times from 0 to ``stop_time`` where the output is kept.
        tolerance: of the error of one time step, relative to how far each voltage has moved.
        corner: process, supply and temperature.
        mismatch: of each transistor, shape ``(n, transistors, 2)``, see :meth:`.Simulator.simulate`.

    Raises:
        InputError: a source is unknown, has two waveforms, or a number is out of its range.
    """
    pulses = [pulses] if isinstance(pulses, Pulse) else list(pulses)
    topology = simulator.topology
    sizes = np.atleast_2d(np.asarray(designs, dtype=np.float64))
    transistors = len(simulator.structure.mosfets)
    if sizes.ndim != 2 or sizes.shape[1] != len(topology.names):
        raise InputError(
            f"designs have shape {np.shape(designs)}, but {topology.name} takes"
            f" (n, {len(topology.names)}): {', '.join(topology.names)}"
        )
    if not (math.isfinite(stop_time) and stop_time > 0.0):
        raise InputError(f"stop_time = {stop_time:g} must be a positive number of seconds")
    if samples < 2:
        raise InputError(f"samples = {samples} must be at least 2")
    if not 1e-12 <= tolerance <= 0.1:
        raise InputError(f"tolerance = {tolerance:g} must be in [1e-12, 0.1]")
    if mismatch is None:
        mismatch = simulator.no_mismatch
    elif mismatch.shape != (len(sizes), transistors, 2):
        raise InputError(f"mismatch has shape {mismatch.shape}, not ({len(sizes)}, {transistors}, 2)")
    rows = np.array([_waveform(simulator, pulse) for pulse in pulses]).reshape(len(pulses), 9)
    if len({(row[0], row[1]) for row in rows.tolist()}) < len(pulses):
        raise InputError(f"{topology.name}: a source has two waveforms")
    values = simulator.element_values(sizes, corner)
    values[~np.all(sizes >= 0.0, axis=1)] = np.nan  # also where a size is NaN
    count = len(sizes)
    times = np.linspace(0.0, stop_time, samples)
    outputs, final = np.full((count, samples), np.nan), np.full(count, np.nan)
    status, steps = np.zeros(count, dtype=np.uint8), np.zeros((count, 2), dtype=np.int64)
    cards, shifts = simulator.cards(corner), mismatch

    def run(part: slice) -> None:
        transients(
            simulator.structure, cards, shifts if len(shifts) == 1 else shifts[part], values[part],
            simulator.start, rows, times, tolerance, status[part], outputs[part], final[part], steps[part],
        )  # fmt: skip

    with announced("transient analysis", Path(__file__).with_name("transient_kernels.py")):
        run(slice(0, 0))
    with ThreadPoolExecutor(simulator.threads) as pool:
        list(pool.map(run, [slice(i, i + _CHUNK) for i in range(0, count, _CHUNK)]))
    start = min((pulse.delay for pulse in pulses), default=0.0)
    return StepResponse(times, outputs, final, status, steps, start)


def _waveform(simulator: Simulator, pulse: Pulse) -> list[float]:
    """A pulse as a row of the kernel's numbers."""
    elements = elements_of(simulator.topology)
    for kind in (CurrentSource, VoltageSource):
        names = [element.name for element in elements if isinstance(element, kind)]
        if pulse.source in names:
            fall = pulse.rise_time if pulse.fall_time is None else pulse.fall_time
            return [
                names.index(pulse.source), kind is VoltageSource, pulse.initial is None, pulse.initial or 0.0,
                pulse.step, pulse.delay, pulse.rise_time, pulse.width, fall,
            ]  # fmt: skip
    known = [e.name for e in elements if isinstance(e, CurrentSource | VoltageSource)]
    raise InputError(
        f"{simulator.topology.name} has no source {pulse.source!r}; it has: {', '.join(known)}"
    )
