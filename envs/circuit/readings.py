"""What is read off the curves of one design: gain, bandwidth, phase margin and noise figures.

Conventions: ``f0`` is the lowest frequency of the grid; a crossing is interpolated linearly in dB over
log frequency; ``f3db`` is the first falling crossing of ``gain_db - 3`` (exactly 3), ``f3db_max`` the
first crossing in any direction of the maximum less 3 dB (as L2DC's HSPICE script had it); peaking is
read on the grid. A crossing that does not exist is NaN.
"""

from __future__ import annotations

import math

from ..jit import inner

(
    POWER, AREA, SATURATED, POLE_MAX_RE, STABLE, ZETA_MIN, GAIN, GAIN_DB, GAIN_MAX_DB, PEAKING_DB, F3DB,
    F3DB_MAX, PHASE_AT_F3DB, UGBW, PM_DEG, ONOISE_F0, INOISE_F0, INOISE_F3DB, INOISE_MIN, ONOISE_TOTAL,
    INOISE_TOTAL, IRN_RMS,
) = range(22)  # fmt: skip
NAMES = (
    "power", "area", "saturated", "pole_max_re", "stable", "zeta_min", "gain", "gain_db", "gain_max_db",
    "peaking_db", "f3db", "f3db_max", "phase_at_f3db_deg", "ugbw", "pm_deg", "onoise_f0", "inoise_f0",
    "inoise_f3db", "inoise_min", "onoise_total", "inoise_total", "irn_rms",
)  # fmt: skip
"""Names of the readings, in the order of a row of metrics; disturbances follow."""


@inner
def decibel(power):
    """Of a squared magnitude."""
    return 10.0 * math.log10(max(power, 1e-300))


@inner
def crossing(power, count, threshold, falling):
    """Where the squared magnitude first crosses a threshold: left neighbour (or -1) and fraction.

    The fraction is the place between the neighbours on the logarithmic axis, linear in dB.
    """
    for i in range(count - 1):
        above, above_next = power[i] >= threshold, power[i + 1] >= threshold
        if (above and not above_next) or (not falling and above_next and not above):
            left, right = decibel(power[i]), decibel(power[i + 1])
            return i, (decibel(threshold) - left) / (right - left)
    return -1, math.nan


@inner
def unwrapped_phase(re, im, place, fraction):
    """Phase (degrees) between two grid points, continuous from the first one on."""
    turns = 0
    for i in range(place):
        turns += _turn(re, im, i)
    first = math.atan2(im[place], re[place]) + 2.0 * math.pi * turns
    second = math.atan2(im[place + 1], re[place + 1]) + 2.0 * math.pi * (turns + _turn(re, im, place))
    return math.degrees(first + fraction * (second - first))


@inner
def _turn(re, im, i):
    """+1 or -1 where the short way from one point to the next crosses the negative real axis."""
    if (im[i] >= 0.0) == (im[i + 1] >= 0.0):
        return 0
    cross = re[i] * im[i + 1] - im[i] * re[i + 1]
    if im[i] >= 0.0:
        return 1 if cross > 0.0 else 0
    return -1 if cross < 0.0 else 0


@inner
def read(frequency, re, im, power, output_density, input_gain, count, row):
    """Fill the readings of the response and the noise densities.

    Args:
        frequency: grid (Hz).
        re: response, real part.
        im: response, imaginary part.
        power: squared magnitude of the response.
        output_density: noise at the output (V^2/Hz).
        input_gain: squared magnitude of the response to the source that noise is referred to.
        count: points of the grid.
        row: where the readings go.
    """
    gain = math.sqrt(power[0])
    gain_db = decibel(power[0])
    largest = power[0]
    for i in range(count):
        largest = max(largest, power[i])
    row[GAIN] = gain
    row[GAIN_DB] = gain_db
    row[GAIN_MAX_DB] = decibel(largest)
    row[PEAKING_DB] = row[GAIN_MAX_DB] - gain_db
    half = 10.0**-0.3
    row[ONOISE_F0] = math.sqrt(output_density[0])
    row[INOISE_F0] = math.sqrt(output_density[0] / input_gain[0])
    smallest = output_density[0] / input_gain[0]
    for i in range(count):
        smallest = min(smallest, output_density[i] / input_gain[i])
    row[INOISE_MIN] = math.sqrt(smallest)
    place, fraction = crossing(power, count, power[0] * half, True)
    row[F3DB], row[PHASE_AT_F3DB], row[INOISE_F3DB] = math.nan, math.nan, math.nan
    if place >= 0:
        row[F3DB] = _between(frequency[place], frequency[place + 1], fraction)
        row[PHASE_AT_F3DB] = unwrapped_phase(re, im, place, fraction)
        left = math.sqrt(output_density[place] / input_gain[place])
        right = math.sqrt(output_density[place + 1] / input_gain[place + 1])
        row[INOISE_F3DB] = _between(left, right, fraction)
    place, fraction = crossing(power, count, largest * half, False)
    row[F3DB_MAX] = math.nan
    if place >= 0:
        row[F3DB_MAX] = _between(frequency[place], frequency[place + 1], fraction)
    row[UGBW], row[PM_DEG] = math.nan, math.nan
    place, fraction = crossing(power, count, 1.0, True)
    if place >= 0:
        row[UGBW] = _between(frequency[place], frequency[place + 1], fraction)
        row[PM_DEG] = 180.0 + unwrapped_phase(re, im, place, fraction)


@inner
def _between(a, b, fraction):
    """The place between two positive numbers on a logarithmic axis."""
    return math.exp(math.log(a) + fraction * (math.log(b) - math.log(a)))
