"""Corners and mismatch as batch dimensions: worst cases, spread and yield.

Sources: Pelgrom, Duinmaijer, Welbers, "Matching properties of MOS transistors", IEEE JSSC 24(5), 1989;
Pelgrom, Tuinhout, Vertregt, "Transistor matching in analog CMOS applications", IEDM 1998 (the
coefficients); Wilson, "Probable inference, the law of succession, and statistical inference", JASA
22(158), 1927.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .conditions import TYPICAL, Corner
from .expressions import Expression
from .model_card import MosfetModel
from .results import Results
from .topology import Topology

Numbers = NDArray[np.float64]
Masks = NDArray[np.bool_]
Feasible = Callable[[Results], Masks]
"""Tells which rows meet a spec, such as ``lambda results: spec.score(results)[1]``."""

VTO_PER_OXIDE = 1e6
"""A_VT over the oxide's thickness (V um per m): 1 mV um per nanometre."""
KP_COEFFICIENT = 0.01
"""A_beta (um): 1 % um."""


class ConditionedSimulator(Protocol):
    """A simulator that takes a corner and the mismatch of each transistor."""

    topology: Topology

    def simulate(
        self,
        designs: ArrayLike,
        *,
        corner: Corner = TYPICAL,
        mismatch: Numbers | None = None,
        poles: bool = True,
    ) -> Results:
        """One row of results for each design."""
        ...


@dataclass(frozen=True)
class CornerResults:
    """The same designs at several corners."""

    corners: tuple[Corner, ...]
    results: tuple[Results, ...]
    """One for each corner, each with a row for each design."""

    @property
    def status(self) -> NDArray[np.uint8]:
        """0 where a design was simulated, shape ``(corners, n)``."""
        return np.stack([results.status for results in self.results])

    @property
    def metrics(self) -> Numbers:
        """Shape ``(corners, n, metrics)``, named by ``results[0].metric_names``; NaN where failed."""
        return np.stack([results.metrics for results in self.results])

    def column(self, name: str) -> NDArray[np.generic]:
        """One quantity of :meth:`.Results.column`, shape ``(corners, n)``."""
        return np.stack([results.column(name) for results in self.results])

    def feasible(self, meets: Feasible) -> Masks:
        """Which designs were simulated and meet a spec at each corner, shape ``(corners, n)``."""
        return np.stack([_feasible(results, meets) for results in self.results])


@dataclass(frozen=True)
class MonteCarlo:
    """Designs whose transistors differ at random from what was drawn."""

    designs: Numbers
    """Shape ``(n, variables)``."""
    count: int
    """Samples of each design."""
    results: Results
    """``n * count`` rows, the samples of a design next to each other."""
    feasible: Masks
    """Samples that were simulated and meet the spec (all simulated ones without a spec), ``(n, count)``."""

    @property
    def metrics(self) -> Numbers:
        """Shape ``(n, count, metrics)``, named by ``results.metric_names``; NaN where failed."""
        return self.results.metrics.reshape(len(self.designs), self.count, -1)

    @property
    def mean(self) -> Numbers:
        """Of the samples that have the metric, shape ``(n, metrics)``; NaN if none has it."""
        return self._moments()[0]

    @property
    def standard_deviation(self) -> Numbers:
        """Of the samples that have the metric (divisor one less), ``(n, metrics)``; NaN below two."""
        return self._moments()[1]

    @property
    def passed(self) -> NDArray[np.int64]:
        """Feasible samples of each design, shape ``(n,)``."""
        return np.count_nonzero(self.feasible, axis=1).astype(np.int64)

    @property
    def yields(self) -> Numbers:
        """Feasible fraction of each design, shape ``(n,)``."""
        return np.asarray(self.passed / self.count)

    def yield_interval(self, confidence: float = 0.95) -> Numbers:
        """Wilson's interval of each design's true yield: lower and upper, shape ``(n, 2)``."""
        return wilson_interval(self.passed, self.count, confidence)

    def _moments(self) -> tuple[Numbers, Numbers]:
        metrics = self.metrics
        there = ~np.isnan(metrics)
        number = there.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(there, metrics, 0.0).sum(axis=1) / number
            # Around the mean: gains of 1e5 and powers of 1e-4 alike keep their digits.
            deviations = np.where(there, metrics - mean[:, None], 0.0)
            squares = (deviations**2).sum(axis=1)
            spread = np.sqrt(squares / np.where(number > 1, number - 1, np.nan))
        return mean, spread


def mismatch_coefficients(model: MosfetModel) -> tuple[float, float]:
    """``A_VT`` (V um) and ``A_beta`` (um) of a card: 1 mV um for each nanometre of oxide, and 1 % um.

    That the threshold's coefficient follows the oxide is Pelgrom's 1998 rule over processes from
    1.6 um to 0.18 um; 4.1 mV um at 0.18 um, 15 mV um for the 1 um course process.
    """
    return VTO_PER_OXIDE * model.tox, KP_COEFFICIENT


def mismatch_sigmas(topology: Topology, designs: ArrayLike) -> Numbers:
    """Standard deviation of each transistor's threshold (V) and relative ``kp`` from the drawn ones.

    Pelgrom's law, ``A / sqrt(W L)``, tells the difference of two neighbours; each of them, drawn by
    itself, deviates by ``1 / sqrt(2)`` of it, so that pairs differ as measured.

    Args:
        topology: whose transistors.
        designs: shape ``(n, variables)``, or one design.

    Returns:
        Shape ``(n, transistors, 2)``; 0 where a size is not positive.
    """
    sizes = np.atleast_2d(np.asarray(designs, dtype=np.float64))
    if sizes.ndim != 2 or sizes.shape[1] != len(topology.names):
        raise InputError(
            f"designs have shape {np.shape(designs)}, but {topology.name} takes"
            f" (n, {len(topology.names)}): {', '.join(topology.names)}"
        )
    named = {name: sizes[:, i] for i, name in enumerate(topology.names)}
    transistors = topology.netlist.transistors
    sigmas = np.zeros((len(sizes), len(transistors), 2))
    for place, transistor in enumerate(transistors):
        coefficients = np.array(mismatch_coefficients(topology.netlist.model(transistor.model)))
        with np.errstate(all="ignore"):
            width, length = (
                Expression(text).evaluate(named) * np.ones(len(sizes))
                for text in (transistor.width, transistor.length)
            )
            drawn = (width > 0) & (length > 0) & np.isfinite(width * length)
            pair = coefficients / np.sqrt(np.where(drawn, width * length, np.inf))[:, None]
        sigmas[:, place] = pair / math.sqrt(2.0)
    return sigmas


def draw_mismatch(topology: Topology, designs: ArrayLike, count: int, seed: int) -> Numbers:
    """Random mismatch of every transistor, independent normal deviates.

    All designs see the same deviates, scaled by their own areas, so that a difference between two
    designs is not one of luck; and more samples of one seed begin with the fewer.

    Args:
        topology: whose transistors.
        designs: shape ``(n, variables)``, or one design.
        count: samples of each design.
        seed: of the generator.

    Returns:
        Shape ``(n, count, transistors, 2)``: added to the type-normalised threshold (V; a positive one
        makes any transistor turn on later), and the relative error of ``kp``.

    Raises:
        InputError: ``count`` is less than 1, or ``designs`` has a wrong shape.
    """
    if count < 1:
        raise InputError(f"count = {count} must be a whole number of at least 1")
    sigmas = mismatch_sigmas(topology, designs)
    deviates = np.random.default_rng(seed).standard_normal((count, sigmas.shape[1], 2))
    return sigmas[:, None] * deviates


def simulate_corners(
    simulator: ConditionedSimulator,
    designs: ArrayLike,
    corners: Sequence[Corner],
    *,
    poles: bool = True,
) -> CornerResults:
    """Simulate designs at every corner: ``len(corners)`` simulations of each.

    Args:
        simulator: the native one or its twin.
        designs: shape ``(n, variables)``, or one design.
        corners: such as ``PROCESS_CORNERS.values()`` or :func:`.pvt_corners`.
        poles: also find the poles.

    Raises:
        InputError: there is no corner.
    """
    if not corners:
        raise InputError("corners is empty; give at least one corner")
    results = [simulator.simulate(designs, corner=corner, poles=poles) for corner in corners]
    return CornerResults(tuple(corners), tuple(results))


def monte_carlo(
    simulator: ConditionedSimulator,
    designs: ArrayLike,
    count: int,
    seed: int,
    corner: Corner = TYPICAL,
    *,
    meets: Feasible | None = None,
    poles: bool = True,
) -> MonteCarlo:
    """Simulate ``count`` random dies of each design, in one batch of ``n * count``.

    Args:
        simulator: the native one or its twin.
        designs: shape ``(n, variables)``, or one design.
        count: samples of each design.
        seed: of the mismatch (:func:`draw_mismatch`).
        corner: of all samples.
        meets: which samples meet the spec; without it all that could be simulated.
        poles: also find the poles.

    Raises:
        InputError: ``count`` is less than 1, or ``designs`` has a wrong shape.
    """
    sizes = np.atleast_2d(np.asarray(designs, dtype=np.float64))
    mismatch = draw_mismatch(simulator.topology, sizes, count, seed)
    flat = mismatch.reshape(-1, *mismatch.shape[2:])
    results = simulator.simulate(
        np.repeat(sizes, count, axis=0), corner=corner, mismatch=flat, poles=poles
    )
    feasible = _feasible(results, meets) if meets else results.status == 0
    return MonteCarlo(sizes, count, results, feasible.reshape(len(sizes), count))


def wilson_interval(passed: ArrayLike, count: int, confidence: float = 0.95) -> Numbers:
    """Where the true probability lies after ``passed`` of ``count`` trials succeeded.

    Args:
        passed: successes, any shape.
        count: trials.
        confidence: of the two-sided interval, between 0 and 1.

    Returns:
        Lower and upper end in a last dimension; within [0, 1] and never of width 0.

    Raises:
        InputError: ``confidence`` is not between 0 and 1, or ``count`` is less than 1.
    """
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence = {confidence:g} must be between 0 and 1, both excluded")
    if count < 1:
        raise InputError(f"count = {count} must be a whole number of at least 1")
    z = NormalDist().inv_cdf(0.5 + 0.5 * confidence)
    successes = np.asarray(passed, dtype=np.float64)
    fraction = successes / count
    middle = (fraction + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(fraction * (1 - fraction) / count + (z / (2 * count)) ** 2)
    # Without a success (a failure) the lower (upper) end is 0 (1) but for rounding.
    lower = np.where(successes == 0, 0.0, middle - half)
    upper = np.where(successes == count, 1.0, middle + half)
    return np.stack([lower, upper], axis=-1)


def _feasible(results: Results, meets: Feasible) -> Masks:
    return np.asarray(meets(results), dtype=np.bool_) & (results.status == 0)
