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


def noise_totals(
    frequencies: Numbers, sources: Numbers, output_noise: Numbers, input_noise: Numbers
) -> tuple[float, float]:
    """Noise at the output and referred to the input, integrated over the grid (rms).

    Between two points of the grid each source's density is a power law, so ``S f`` runs from ``a`` to ``b``
    and its integral over ``ln f`` is the logarithmic mean of both, which needs no special case for 1/f
    noise. The gain is that of the right point, as in ngspice's ``ninteg.c``.

    Args:
        frequencies: Grid (Hz), shape ``(F,)``.
        sources: Density of each source at the output (V/sqrt(Hz)), shape ``(sources, F)``.
        output_noise: Of all together, shape ``(F,)``.
        input_noise: The same referred to the input, shape ``(F,)``.
    """
    weighted = np.maximum(sources**2, 1e-300) * frequencies
    left, right = weighted[:, :-1], weighted[:, 1:]
    growth = np.log(right / left)
    safe = np.where(growth == 0.0, 1.0, growth)
    mean = left * np.where(growth == 0.0, 1.0, np.expm1(safe) / safe)
    each = np.sum(mean, axis=0) * np.diff(np.log(frequencies))
    gain_squared = (output_noise / input_noise) ** 2
    return float(np.sqrt(np.sum(each))), float(np.sqrt(np.sum(each / gain_squared[1:])))


def poles_from_impedances(impedances: Complex, omega: float) -> Complex:
    """Natural frequencies (rad/s) of a circuit from its impedances at one frequency.

    With conductances and capacitances alone the inverse of the impedances is ``G + j omega C``; poles are
    where ``G + p C`` is singular. Nodes that a source holds have no impedance and are left out.

    Args:
        impedances: Voltage at every node (row) per current into every node (column), shape ``(n, n)``.
        omega: The frequency (rad/s).
    """
    free = np.flatnonzero(np.abs(np.diag(impedances)) > 0.0)
    z = impedances[np.ix_(free, free)]
    capacitance = np.imag(np.linalg.inv(z)) / omega
    # Eigenvalues of (G + j omega C)^-1 C are 1 / (j omega - p); where there is no pole they are zero.
    values = np.linalg.eigvals(z @ capacitance)
    values = values[np.abs(values) > 1e-10 * np.max(np.abs(values), initial=0.0)]
    poles = 1j * omega - 1.0 / values
    return np.where(np.abs(poles.imag) < 1e-9 * np.abs(poles), poles.real, poles)


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
