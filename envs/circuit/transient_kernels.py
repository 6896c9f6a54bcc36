"""Transient analysis of one design after the other, compiled: trapezoidal rule with adaptive steps.

The step follows the local truncation error, ``h^3 / 12`` times the third derivative, which the distance from
a parabola through the last three points tells. Steps end on the corners of the source's waveform; the first
one after a corner is a short one by the backward Euler rule, since the currents jump there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..jit import inner, kernel
from .mosfet import DEVICE_PARAMETERS, fill_device
from .operating_point import LARGEST_STEP, evaluate, newton, operating_point, set_known, solve_dense
from .transient_charges import State, accept, add_charges

Numbers = NDArray[np.float64]

OK, BAD_DESIGN, NO_OPERATING_POINT, NOT_CONVERGED, TOO_MANY_STEPS = range(5)
"""Status of a design."""
SOURCE, IS_VOLTAGE, FROM_DESIGN, INITIAL, STEP, DELAY, RISE, WIDTH, FALL = range(9)
"""Columns of a waveform; see :class:`.transient.Pulse`."""
LAST_POINTS = 3
_ITERATIONS = 30
_NEWTON_TOLERANCE = 1e-11  # V
_MOST_STEPS = 200_000
_FLOOR = 1e-11  # an error that is always allowed (V)


@inner
def waveform(pulse, value, time):
    """A source's value at a time; ``value`` is what the design gives it."""
    start = value if pulse[FROM_DESIGN] != 0.0 else pulse[INITIAL]
    since = time - pulse[DELAY]
    if since <= 0.0:
        return start
    if since < pulse[RISE]:
        return start + pulse[STEP] * (since / pulse[RISE])
    since -= pulse[RISE] + pulse[WIDTH]
    if since <= 0.0:
        return start + pulse[STEP]
    if since < pulse[FALL]:
        return start + pulse[STEP] * (1.0 - since / pulse[FALL])
    return start


@inner
def next_corner(pulses, time, stop):
    """The first corner of any waveform after a time, at most ``stop``.

    Corners that are all but there are over: no step is shorter than rounding.
    """
    best, passed = stop, time + 1e-12 * stop
    for k in range(pulses.shape[0]):
        corner = pulses[k, DELAY]
        for part in range(4):
            if part == 1:
                corner += pulses[k, RISE]
            elif part == 2:
                corner += pulses[k, WIDTH]
            elif part == 3:
                corner += pulses[k, FALL]
            if passed < corner < best:
                best = corner
    return best


@inner
def set_sources(structure, pulses, given, time, values):
    """Write the sources' values at a time into the element values."""
    for k in range(pulses.shape[0]):
        place = structure.first[7 if pulses[k, IS_VOLTAGE] != 0.0 else 4] + int(pulses[k, SOURCE])
        values[place] = waveform(pulses[k], given[place], time)


@inner
def solve_step(structure, values, devices, nodes, v, state, rate, memory, matrix, residual):
    """Newton at one time, from ``v`` in place; returns whether it converged."""
    set_known(structure, values, 1.0, v)
    for _ in range(_ITERATIONS):
        evaluate(structure, values, devices, v, 1.0, 0.0, matrix, residual)
        add_charges(structure, values, devices, v, state, rate, memory, matrix, residual)
        if not solve_dense(matrix, residual, structure.unknowns):
            return False
        largest = 0.0
        for i in range(nodes):
            largest = max(largest, abs(residual[i]))
        if not math.isfinite(largest):
            return False
        damping = min(1.0, LARGEST_STEP / largest) if largest > 0.0 else 1.0
        for i in range(structure.unknowns):
            v[i] -= damping * residual[i]
        if largest < _NEWTON_TOLERANCE:
            return True
    return False


@inner
def extrapolate(times, points, count, time, size, v):
    """The polynomial through the last ``count`` points (at most three) at a time."""
    for i in range(size):
        v[i] = 0.0
    for k in range(count):
        weight = 1.0
        for j in range(count):
            if j != k:
                weight *= (time - times[j]) / (times[k] - times[j])
        for i in range(size):
            v[i] += weight * points[k, i]


@inner
def remember(times, points, count, time, v, size):
    """Put a point in front of the last ones; returns how many there are."""
    for k in range(LAST_POINTS - 1, 0, -1):
        times[k] = times[k - 1]
        for i in range(size):
            points[k, i] = points[k - 1, i]
    times[0] = time
    for i in range(size):
        points[0, i] = v[i]
    return min(count + 1, LAST_POINTS)


@inner
def truncation_error(times, points, time, v, guess, nodes, origin, excursion, tolerance):
    """Local truncation error over what is allowed; at most 1 is good.

    What is allowed is ``tolerance`` of how far a node has moved, or of a thousandth of how far any has.
    """
    h = time - times[0]
    parabola = h * (time - times[1]) * (time - times[2]) / 6.0
    share = (h * h * h / 12.0) / (parabola + h * h * h / 12.0)
    farthest = 0.0
    for i in range(nodes):
        farthest = max(farthest, max(excursion[i], abs(v[i] - origin[i])))
    worst = 0.0
    for i in range(nodes):
        scale = max(max(excursion[i], abs(v[i] - origin[i])), 1e-3 * farthest)
        worst = max(worst, share * abs(v[i] - guess[i]) / (tolerance * scale + _FLOOR))
    return worst


@inner
def write_outputs(structure, times, points, count, begin, out, output):
    """Interpolate between the last two times: fill the samples in that interval; returns the next one.

    The parabola through three points errs no more than the step itself does.
    """
    a, b = structure.output[0], structure.output[1]
    while begin < out.shape[0] and out[begin] <= times[0]:
        total = 0.0
        for k in range(count):
            weight = 1.0
            for j in range(count):
                if j != k:
                    weight *= (out[begin] - times[j]) / (times[k] - times[j])
            total += weight * (points[k, a] - points[k, b])
        output[begin] = total
        begin += 1
    return begin


@inner
def integrate(
    structure, given, devices, nodes, pulses, samples, tolerance, v, values, state, times, points, guess,
    origin, excursion, matrix, residual, output, counts,
):  # fmt: skip
    """March from the operating point ``v`` to the last sample; returns a status.

    ``counts`` gets how many steps were accepted, how many were refused.
    """
    size = structure.size
    stop = samples[samples.shape[0] - 1]
    time, count = 0.0, remember(times, points, 0, 0.0, v, size)
    written = write_outputs(structure, times, points, count, 0, samples, output)
    corner = next_corner(pulses, 0.0, stop)
    shortest = 1e-3 * stop
    for k in range(pulses.shape[0]):
        shortest = min(shortest, 1e-3 * min(pulses[k, RISE], pulses[k, FALL]))
    h = min(shortest, corner)
    for i in range(nodes):
        origin[i], excursion[i] = v[i], 0.0
    while time < stop:
        if counts[0] + counts[1] > _MOST_STEPS:
            return TOO_MANY_STEPS
        target = time + h
        if target > corner - 1e-3 * h:
            target = corner
        elif target > corner - h:
            target = time + 0.5 * (corner - time)  # two even steps rather than a long and a tiny one
        h = target - time
        euler = count < 2
        rate, memory = (1.0 / h, 0.0) if euler else (2.0 / h, 1.0)
        extrapolate(times, points, count, target, size, guess)
        set_sources(structure, pulses, given, target, values)
        for i in range(size):
            v[i] = guess[i]
        converged = solve_step(
            structure, values, devices, nodes, v, state, rate, memory, matrix, residual
        )
        error = math.inf
        if converged:
            error = 0.0
            if count == LAST_POINTS:
                error = truncation_error(
                    times, points, target, v, guess, nodes, origin, excursion, tolerance
                )
        if error > 1.0:
            counts[1] += 1
            h *= 0.125 if not converged else max(0.2, 0.9 * error ** (-1.0 / 3.0))
            if h < 1e-9 * shortest:
                return NOT_CONVERGED
            continue
        counts[0] += 1
        accept(structure, v, state)
        time = target
        count = remember(times, points, count, time, v, size)
        written = write_outputs(structure, times, points, count, written, samples, output)
        for i in range(nodes):
            excursion[i] = max(excursion[i], abs(v[i] - origin[i]))
        h *= 2.0 if error < 0.05 else min(2.0, 0.9 * error ** (-1.0 / 3.0))
        if time == corner and time < stop:
            corner = next_corner(pulses, time, stop)
            count, h = 1, min(h, shortest)
    return OK


@kernel
def transients(
    structure, cards, mismatch, given, start, pulses, samples, tolerance, status, outputs, final, counts
):
    """Transient analysis of designs.

    Args:
        structure: of the topology.
        cards: rows of CARD_NUMBERS, one per model.
        mismatch: shape ``(n or 1, transistors, 2)``.
        given: element values, a row per design.
        start: voltages where Newton starts.
        pulses: waveforms, a row for each source that has one.
        samples: times (s) of the output, rising from 0.
        tolerance: of the local error, relative to how far a node moves.
        status: filled.
        outputs: the output at the samples (V), shape ``(n, samples)``.
        final: the output at rest after the last sample (V); NaN if there is no such point.
        counts: accepted and refused steps, shape ``(n, 2)``.
    """
    transistors, size, unknowns = structure.mosfets.shape[0], structure.size, structure.unknowns
    branches = structure.inductors.shape[0] + structure.vcvs.shape[0]
    for k in range(structure.voltages.shape[0]):
        if structure.voltages[k, 2] >= 0:
            branches += 1
    nodes = unknowns - branches
    charges = 5 * transistors + structure.capacitors.shape[0]
    coils = structure.inductors.shape[0]
    devices = np.zeros((transistors, DEVICE_PARAMETERS))
    matrix, residual, trial = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    v, guess, origin, excursion = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
    times, points = np.zeros(LAST_POINTS), np.zeros((LAST_POINTS, size))
    values = np.zeros(given.shape[1])
    state = State(
        np.zeros(charges), np.zeros(charges), np.zeros(charges), np.zeros(charges), np.zeros(charges),
        np.zeros(charges), np.zeros(charges), np.zeros(charges), np.zeros(coils), np.zeros(coils),
    )  # fmt: skip
    for n in range(given.shape[0]):
        outputs[n, :] = math.nan
        final[n] = math.nan
        counts[n, :] = 0
        status[n] = BAD_DESIGN
        good = True
        for k in range(given.shape[1]):
            if not math.isfinite(given[n, k]):
                good = False
        for k in range(structure.first[2]):
            if not given[n, k] > 0.0:
                good = False
        if not good:
            continue
        for m in range(transistors):
            fill_device(
                devices[m], cards[structure.mosfets[m, 5]], given[n, 2 * m], given[n, 2 * m + 1],
                mismatch[n % mismatch.shape[0], m, 0], mismatch[n % mismatch.shape[0], m, 1],
            )  # fmt: skip
        values[:] = given[n]
        set_sources(structure, pulses, given[n], 0.0, values)
        status[n] = NO_OPERATING_POINT
        if operating_point(structure, values, devices, start, v, trial, matrix, residual) < 0:
            continue
        state.current[:] = 0.0
        state.trial_current[:] = 0.0
        # at rest: the charges and capacitances, no currents
        add_charges(structure, values, devices, v, state, 0.0, 0.0, matrix, residual)
        accept(structure, v, state)
        state.coil_voltage[:] = 0.0
        status[n] = integrate(
            structure, given[n], devices, nodes, pulses, samples, tolerance, v, values, state, times, points,
            guess, origin, excursion, matrix, residual, outputs[n], counts[n],
        )  # fmt: skip
        if status[n] != OK:
            outputs[n, :] = math.nan
            continue
        if newton(structure, values, devices, v, 1.0, 0.0, matrix, residual):
            final[n] = v[structure.output[0]] - v[structure.output[1]]
