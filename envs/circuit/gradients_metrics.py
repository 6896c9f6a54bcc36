"""Which curve points a metric hangs on, and how strongly: the derivatives of the readings.

Every metric is a function of a few points of the response, of the noise density and of the response to the
source that noise is referred to. Crossings are interpolated between two points of the grid
(:mod:`.readings`), so their derivatives follow from the implicit-function theorem on that very formula.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import inner
from .readings import (
    F3DB,
    F3DB_MAX,
    GAIN,
    GAIN_DB,
    GAIN_MAX_DB,
    INOISE_F0,
    INOISE_F3DB,
    INOISE_MIN,
    INOISE_TOTAL,
    IRN_RMS,
    ONOISE_F0,
    ONOISE_TOTAL,
    PEAKING_DB,
    PHASE_AT_F3DB,
    PM_DEG,
    UGBW,
    crossing,
)
from .structure import INPUT_NOISE, INPUT_SIGNAL

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

DECIBELS = 20.0 / math.log(10.0)
"""Of a change of the natural logarithm of a magnitude."""
MOST_POINTS = 8
"""A metric has no more points than this."""


class Points(NamedTuple):
    """Curve points and weights: a metric changes by the sum of weights times changes.

    Rows are filled by :func:`add`; ``count[0]`` is how many there are.
    """

    count: Indices
    place: Indices
    """``(frequency, metric, input)``, shape ``(rows, 3)``."""
    weight: Numbers
    """On the logarithm of the magnitude and on the phase (radians) of the response to the input, and on
    the logarithm of the output noise density; shape ``(rows, 3)``."""


@inner
def add_point(points, metric, frequency, query, magnitude, phase, noise):
    """Add one point: its place on the grid, the input it answers to, and its three weights."""
    row = points.count[0]
    points.count[0] = row + 1
    points.place[row, 0] = frequency
    points.place[row, 1] = metric
    points.place[row, 2] = query
    points.weight[row, 0] = magnitude
    points.weight[row, 1] = phase
    points.weight[row, 2] = noise


@inner
def _add_crossing(points, metric, place, fraction, log_power, reference, scale):
    """The interpolated fraction of a crossing, times ``scale``; ``reference`` moves the threshold."""
    steep = scale / (0.5 * (log_power[place] - log_power[place + 1]))
    add_point(points, metric, place, INPUT_SIGNAL, (1.0 - fraction) * steep, 0.0, 0.0)
    add_point(points, metric, place + 1, INPUT_SIGNAL, fraction * steep, 0.0, 0.0)
    if reference >= 0:
        add_point(points, metric, reference, INPUT_SIGNAL, -steep, 0.0, 0.0)


@inner
def _add_phase(points, metric, place, fraction, response):
    """The interpolated phase in degrees; returns its change from one point to the next (degrees)."""
    add_point(points, metric, place, INPUT_SIGNAL, 0.0, math.degrees(1.0 - fraction), 0.0)
    add_point(points, metric, place + 1, INPUT_SIGNAL, 0.0, math.degrees(fraction), 0.0)
    turn = response[place + 1] * complex(response[place].real, -response[place].imag)
    return math.degrees(math.atan2(turn.imag, turn.real))


@inner
def _add_single(points, metric, code, output_noise, input_gain, row):
    """Metrics that are read at one point of the grid; False if it is none of them."""
    value = row[code]
    if code == GAIN:
        add_point(points, metric, 0, INPUT_SIGNAL, value, 0.0, 0.0)
    elif code == GAIN_DB:
        add_point(points, metric, 0, INPUT_SIGNAL, DECIBELS, 0.0, 0.0)
    elif code == ONOISE_F0:
        add_point(points, metric, 0, INPUT_NOISE, 0.0, 0.0, 0.5 * value)
    elif code == INOISE_F0:
        add_point(points, metric, 0, INPUT_NOISE, -value, 0.0, 0.5 * value)
    elif code == INOISE_MIN:
        least = 0
        for i in range(output_noise.shape[0]):
            if output_noise[i] / input_gain[i] < output_noise[least] / input_gain[least]:
                least = i
        add_point(points, metric, least, INPUT_NOISE, -value, 0.0, 0.5 * value)
    elif code == IRN_RMS:  # the gain's part alone; the integrals have no points
        add_point(points, metric, 0, INPUT_SIGNAL, -value, 0.0, 0.0)
    else:
        return code in (ONOISE_TOTAL, INOISE_TOTAL)
    return True


@inner
def add_points(
    points, metric, code, frequency, response, power, log_power, output_noise, input_gain, row
):
    """Add the points of one metric that is read off the curves.

    Args:
        points: where they go.
        metric: its place among those asked for.
        code: which reading it is.
        frequency: grid (Hz).
        response: complex, V per unit of the input.
        power: squared magnitude of the response.
        log_power: scratch, one number per frequency.
        output_noise: density (V^2/Hz).
        input_gain: squared magnitude of the response to the noise reference.
        row: the design's metrics.

    Returns:
        False if the metric does not exist here.
    """
    count = frequency.shape[0]
    if _add_single(points, metric, code, output_noise, input_gain, row):
        return True
    highest = 0
    for i in range(count):
        if power[i] > power[highest]:
            highest = i
    if code in (GAIN_MAX_DB, PEAKING_DB):
        add_point(points, metric, highest, INPUT_SIGNAL, DECIBELS, 0.0, 0.0)
        if code == PEAKING_DB:
            add_point(points, metric, 0, INPUT_SIGNAL, -DECIBELS, 0.0, 0.0)
        return True
    half = 10.0**-0.3
    if code == F3DB_MAX:
        reference = highest
        place, fraction = crossing(power, count, power[highest] * half, False)
    elif code in (UGBW, PM_DEG):
        reference = -1
        place, fraction = crossing(power, count, 1.0, True)
    else:
        reference = 0
        place, fraction = crossing(power, count, power[0] * half, True)
    if place < 0:
        return False
    for i in (place, place + 1):
        log_power[i] = math.log(power[i])
    if code in (F3DB, F3DB_MAX, UGBW):
        change = row[code] * math.log(frequency[place + 1] / frequency[place])
    elif code in (PHASE_AT_F3DB, PM_DEG):
        change = _add_phase(points, metric, place, fraction, response)
    elif code == INOISE_F3DB:
        value = row[code]
        change = 0.0
        for side in range(2):
            i, part = place + side, value * (fraction if side == 1 else 1.0 - fraction)
            add_point(points, metric, i, INPUT_NOISE, -part, 0.0, 0.5 * part)
            sign = 1.0 if side == 1 else -1.0
            change += sign * 0.5 * value * math.log(output_noise[i] / input_gain[i])
    else:
        return False
    _add_crossing(points, metric, place, fraction, log_power, reference, change)
    return True


@inner
def interval_weights(density, next_density, frequency, next_frequency, log_ratio):
    """Integral of a density between two neighbours, and its derivatives by the two densities.

    The density is a power law between the neighbours, see :func:`.small_signal.integrate`. With ``s`` the
    logarithm of ``(S2 f2) / (S1 f1)`` the integral is ``S2 f2 ln(f2/f1) (1 - exp(-s)) / s``.
    """
    if not (density > 0.0 and next_density > 0.0):
        return 0.0, 0.0, 0.0
    z = (next_density - density) / (next_density + density)
    if abs(z) < 0.1:  # the series has all digits, and a logarithm costs more than all else here
        q = z * z
        series = 1.0 / 7 + q * (1.0 / 9 + q * (1.0 / 11 + q * (1.0 / 13)))
        s = 2.0 * z * (1.0 + q * (1.0 / 3 + q * (1.0 / 5 + q * series))) + log_ratio
    else:
        s = math.log(next_density / density) + log_ratio
    right = next_density * next_frequency * log_ratio
    if abs(s) < 1e-3:
        shape = 1.0 - s * (0.5 - s * (1.0 / 6 - s * (1.0 / 24)))
        slope = -0.5 + s * (1.0 / 3 - s * (0.125 - s * (1.0 / 30)))
    else:
        decay = density * frequency / (next_density * next_frequency)
        shape = (1.0 - decay) / s
        slope = (decay * (1.0 + s) - 1.0) / (s * s)
    return right * shape, -right * slope / density, right * (shape + slope) / next_density
