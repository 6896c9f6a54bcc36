"""Metrics from spectra, against responses whose figures are known in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.envs.circuit import measure

FREQUENCIES = np.logspace(0, 8, 801)


def second_order(gain, f0, damping):
    s = 1j * FREQUENCIES / f0
    return gain / (1 + 2 * damping * s + s**2)


def test_one_pole():
    response = 1e4 / (1 + 1j * FREQUENCIES / 1e3)
    found = measure.response_metrics(FREQUENCIES, response, unity_gain=True)
    assert found["gain"] == pytest.approx(1e4) and found["gain_db"] == pytest.approx(80.0)
    assert found["peaking_db"] == 0.0
    assert found["f3db"] == found["f3db_max"] == pytest.approx(1e3 * np.sqrt(10**0.3 - 1), rel=1e-4)
    assert found["phase_at_f3db_deg"] == pytest.approx(
        -np.degrees(np.arctan(np.sqrt(10**0.3 - 1))), rel=1e-4
    )
    assert found["ugbw"] == pytest.approx(1e7, rel=1e-5)
    assert found["pm_deg"] == pytest.approx(90.0, abs=0.02)


def test_a_peak():
    found = measure.response_metrics(FREQUENCIES, second_order(10.0, 1e5, 0.1), unity_gain=False)
    assert found["peaking_db"] == pytest.approx(-20 * np.log10(2 * 0.1 * np.sqrt(1 - 0.01)), abs=0.05)
    assert found["f3db"] > 1e5 > found["f3db_max"]  # falls through gain - 3, rises through maximum - 3
    assert "ugbw" not in found


def test_crossings_that_do_not_exist_are_not_numbers():
    found = measure.response_metrics(FREQUENCIES, np.full(801, 0.5 + 0j), unity_gain=True)
    assert all(
        np.isnan(found[name]) for name in ("f3db", "f3db_max", "phase_at_f3db_deg", "ugbw", "pm_deg")
    )


def test_the_phase_is_continuous_over_many_turns():
    response = 1e6 / (1 + 1j * FREQUENCIES / 1e3) ** 5
    found = measure.response_metrics(FREQUENCIES, response, unity_gain=True)
    unity = 1e3 * np.sqrt(1e6 ** (2 / 5) - 1)
    assert found["ugbw"] == pytest.approx(unity, rel=1e-4)
    assert found["pm_deg"] == pytest.approx(180 - 5 * np.degrees(np.arctan(unity / 1e3)), abs=0.02)


@given(st.floats(-3.0, 1.0))
def test_a_power_law_is_integrated_exactly(exponent):
    density = 1e-16 * FREQUENCIES**exponent
    total, referred = measure.noise_totals(
        FREQUENCIES, np.sqrt(density)[None], np.full(801, 6.0), np.full(801, 2.0)
    )
    e = exponent + 1.0
    power = 8 * np.log(10) if abs(e) < 1e-12 else np.expm1(e * 8 * np.log(10)) / e
    assert total == pytest.approx(np.sqrt(1e-16 * power), rel=1e-9)
    assert referred == pytest.approx(total / 3.0, rel=1e-12)


def test_a_source_without_noise_adds_nothing():
    sources = np.stack([np.full(801, 1e-9), np.zeros(801)])
    total, _ = measure.noise_totals(FREQUENCIES, sources, np.ones(801), np.ones(801))
    assert total == pytest.approx(1e-9 * np.sqrt(1e8 - 1), rel=1e-9)


@pytest.mark.parametrize("omega", [1e6, 1e9])
def test_poles_of_a_ladder(omega):
    """Three RC sections, a node that a source holds, and one without capacitance."""
    conductance = np.array(
        [[3e-3, -1e-3, 0, 0], [-1e-3, 2e-3, -1e-3, 0], [0, -1e-3, 2e-3, -1e-3], [0, 0, -1e-3, 1e-3]]
    )
    capacitance = np.diag([1e-12, 5e-12, 0.0, 2e-12])
    impedances = np.zeros((5, 5), dtype=complex)
    places = np.ix_([0, 1, 3, 4], [0, 1, 3, 4])
    impedances[places] = np.linalg.inv(conductance + 1j * omega * capacitance)
    found = np.sort(measure.poles_from_impedances(impedances, omega))
    reduced = conductance - np.outer(conductance[:, 2], conductance[2]) / conductance[2, 2]
    kept = [0, 1, 3]
    expected = np.sort(
        -np.linalg.eigvals(np.linalg.inv(capacitance[np.ix_(kept, kept)]) @ reduced[np.ix_(kept, kept)])
    )
    assert found == pytest.approx(expected, rel=1e-9)


def test_pole_figures():
    found = measure.pole_metrics(np.array([-1e9, -3e8 + 4e8j, -3e8 - 4e8j]))
    assert found == {"pole_max_re": -3e8, "stable": 1.0, "zeta_min": pytest.approx(0.6)}
    assert measure.pole_metrics(np.array([1e6 + 1j, 1e6 - 1j]))["stable"] == 0.0
    assert measure.pole_metrics(np.array([-1.0 + 0j]))["zeta_min"] == 1.0
    assert np.isnan(measure.pole_metrics(np.empty(0, dtype=complex))["stable"])


@pytest.mark.parametrize(
    ("vds", "vdsat", "letter"),
    [
        (0.5, 0.2, "S"),
        (0.1, 0.2, "T"),
        (0.5, 0.0, "C"),
        (-0.5, 0.2, "s"),
        (-0.1, 0.2, "t"),
        (-0.1, 0.0, "c"),
    ],
)
def test_regions(vds, vdsat, letter):
    assert measure.region(vds, vdsat) == letter
