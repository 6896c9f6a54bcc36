"""Metrics of one design from its spectra and poles, in plain numpy.

What a simulator of another make hands over (ngspice's vectors) becomes the same figures as the compiled
readings, by code that shares nothing with them. ``f0`` is the lowest frequency of the grid.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Complex = NDArray[np.complex128]


def decibels(response: Complex) -> Numbers:
    """20 log10 of the magnitude; minus infinity where the response is zero."""
    with np.errstate(divide="ignore"):
        return np.asarray(20.0 * np.log10(np.abs(response)))


def response_metrics(frequencies: Numbers, response: Complex, unity_gain: bool) -> dict[str, float]:
    """Gain, peaking, bandwidth and phase.

    A crossing lies between two points of the grid, linearly in dB over log frequency; peaking is the
    highest point of the grid over ``f0``. ``f3db`` is the first falling crossing of ``gain_db - 3``,
    ``f3db_max`` the first crossing in any direction of the maximum less 3 dB, ``ugbw`` the first falling
    crossing of 0 dB and ``pm_deg`` 180 degrees plus the continuous phase there. A crossing that does not
    exist is NaN.

    Args:
        frequencies: Grid (Hz), shape ``(F,)``.
        response: Output per input, shape ``(F,)``.
        unity_gain: Also ``ugbw`` and ``pm_deg``.
    """
    level = decibels(response)
    log_frequency = np.log10(frequencies)
    phase = np.degrees(np.unwrap(np.angle(response)))
    gain_db, highest = float(level[0]), float(np.max(level))
    half = _first_crossing(level, gain_db - 3.0, falling=True)
    either = _first_crossing(level, highest - 3.0, falling=False)
    found = {
        "gain": float(np.abs(response[0])),
        "gain_db": gain_db,
        "gain_max_db": highest,
        "peaking_db": highest - gain_db,
        "f3db": 10.0 ** _at(log_frequency, half),
        "f3db_max": 10.0 ** _at(log_frequency, either),
        "phase_at_f3db_deg": _at(phase, half),
    }
    if unity_gain:
        unity = _first_crossing(level, 0.0, falling=True)
        found["ugbw"] = 10.0 ** _at(log_frequency, unity)
        found["pm_deg"] = 180.0 + _at(phase, unity)
    return found


def noise_metrics(
    response: Complex, output_noise: Numbers, input_noise: Numbers, totals: tuple[float, float]
) -> dict[str, float]:
    """Noise at ``f0``, at the bandwidth (log-log between the points of the grid), the least, and totals.

    Args:
        response: Output per input, shape ``(F,)``.
        output_noise: Density at the output (V/sqrt(Hz)), shape ``(F,)``.
        input_noise: Density referred to the input, shape ``(F,)``.
        totals: Of both, integrated over the grid (rms).
    """
    level = decibels(response)
    half = _first_crossing(level, float(level[0]) - 3.0, falling=True)
    return {
        "onoise_f0": float(output_noise[0]),
        "inoise_f0": float(input_noise[0]),
        "inoise_f3db": 10.0 ** _at(np.log10(input_noise), half),
        "inoise_min": float(np.min(input_noise)),
        "onoise_total": totals[0],
        "inoise_total": totals[1],
        "irn_rms": totals[0] / float(np.abs(response[0])),
    }


def pole_metrics(poles: Complex) -> dict[str, float]:
    """Largest real part (rad/s), whether all are negative, and the least damping of a pair (1 without).

    Args:
        poles: Natural frequencies (rad/s), shape ``(P,)``; none at all reads as NaN.
    """
    if not len(poles):
        return {"pole_max_re": np.nan, "stable": np.nan, "zeta_min": np.nan}
    largest = float(np.max(poles.real))
    pairs = poles[poles.imag != 0.0]
    damping = float(np.min(-pairs.real / np.abs(pairs))) if len(pairs) else 1.0
    return {"pole_max_re": largest, "stable": float(largest < 0.0), "zeta_min": damping}


def region(vds: float, vdsat: float) -> str:
    """S (saturation), T (triode) or C (cut off: ``vdsat`` is not positive); lower case if reversed."""
    letter = "C" if vdsat <= 0.0 else "S" if abs(vds) >= vdsat else "T"
    return letter.lower() if vds < 0.0 else letter


def disturbance_metrics(prefix: str, response: Complex) -> Iterator[tuple[str, float]]:
    """The gain from another source at ``f0`` and its largest on the grid."""
    yield f"{prefix}_gain_f0", float(np.abs(response[0]))
    yield f"{prefix}_gain_max", float(np.max(np.abs(response)))


def _first_crossing(level: Numbers, threshold: float, falling: bool) -> tuple[int, float] | None:
    """The left neighbour of the first crossing and the place between the neighbours, 0 to 1."""
    above = level >= threshold
    crosses = above[:-1] & ~above[1:] if falling else above[:-1] != above[1:]
    places = np.flatnonzero(crosses)
    if not len(places):
        return None
    left = int(places[0])
    return left, float((threshold - level[left]) / (level[left + 1] - level[left]))


def _at(values: Numbers, place: tuple[int, float] | None) -> float:
    """``values`` between two points of the grid, NaN where there is no place."""
    if place is None:
        return np.nan
    left, fraction = place
    return float(values[left] + fraction * (values[left + 1] - values[left]))
