"""Level-1 MOSFET model cards.

Sources: SPICE's MOS level 1 (Shichman-Hodges) as ngspice 39 has it (``mos1``); the 1 um card of the
Stanford EE114/214A course process that L2DC's three-stage amplifier uses; a 0.18 um card fitted to the
BSIM3 card of its two-stage amplifier (rms error of the current 6.6 % NMOS, 5.6 % PMOS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MosfetModel:
    """A level-1 card; names are SPICE's, units are SI unless told otherwise.

    Channel-length modulation is ``lambda_length / L`` with L in micrometres, so one card serves every
    length; in a SPICE deck it becomes one ``.model`` for each length in use. Drain and source areas
    and perimeters follow the width as in HSPICE's ACM=3: ``AD = AS = 2 hdif W``,
    ``PD = PS = 4 hdif + W``.
    """

    name: str
    polarity: Literal["nmos", "pmos"]
    vto: float
    """Threshold voltage without body bias (V); negative for an enhancement PMOS."""
    kp: float
    """Transconductance parameter (A/V^2)."""
    gamma: float
    """Body-effect coefficient (V^0.5)."""
    phi: float
    """Surface potential (V)."""
    lambda_length: float
    """Channel-length modulation times length (um/V)."""
    tox: float
    """Oxide thickness (m)."""
    cgso: float
    """Gate-source overlap capacitance (F/m of width)."""
    cgdo: float
    """Gate-drain overlap capacitance (F/m of width)."""
    cgbo: float
    """Gate-bulk overlap capacitance (F/m of length)."""
    cj: float
    """Junction capacitance of the bottom (F/m^2)."""
    cjsw: float
    """Junction capacitance of the side wall (F/m)."""
    pb: float
    """Junction potential (V)."""
    mj: float
    """Grading of the bottom junction (1)."""
    mjsw: float
    """Grading of the side wall (1)."""
    hdif: float
    """Half the length of a drain or source diffusion (um)."""
    kf: float = 0.0
    """Flicker noise coefficient; its unit depends on the flicker formula."""
    af: float = 1.0
    """Flicker noise exponent (1)."""
    saturation_current: float = 1e-14
    """Of each bulk junction (A); SPICE's ``is``, not scaled by area."""
    fc: float = 0.5
    """Where the junction capacitance continues as a straight line, in parts of ``pb`` (1)."""


COURSE_NMOS = MosfetModel(
    name="course_n", polarity="nmos", vto=0.5, kp=50e-6, gamma=0.6, phi=0.8, lambda_length=0.1,
    tox=15.013668692348e-9, cgso=0.5e-9, cgdo=0.5e-9, cgbo=0.0, cj=0.1e-3, cjsw=0.5e-9, pb=0.95, mj=0.5,
    mjsw=0.33, hdif=1.5,
)  # fmt: skip
"""NMOS of the 1 um course process (gate capacitance 2.3 fF/um^2)."""
COURSE_PMOS = MosfetModel(
    name="course_p", polarity="pmos", vto=-0.5, kp=25e-6, gamma=0.6, phi=0.8, lambda_length=0.1,
    tox=15.013668692348e-9, cgso=0.5e-9, cgdo=0.5e-9, cgbo=0.0, cj=0.3e-3, cjsw=0.35e-9, pb=0.95, mj=0.5,
    mjsw=0.33, hdif=1.5,
)  # fmt: skip
"""PMOS of the 1 um course process."""
N018 = MosfetModel(
    name="n018", polarity="nmos", vto=0.45, kp=170e-6, gamma=0.45, phi=0.8, lambda_length=0.05,
    tox=4.1e-9, cgso=0.491e-9, cgdo=0.491e-9, cgbo=1e-12, cj=0.965e-3, cjsw=0.233e-9, pb=0.80, mj=0.384,
    mjsw=0.125, hdif=0.32, kf=5e-28,
)  # fmt: skip
"""NMOS at 0.18 um, 1.8 V."""
P018 = MosfetModel(
    name="p018", polarity="pmos", vto=-0.46, kp=56e-6, gamma=0.45, phi=0.8, lambda_length=0.07,
    tox=4.1e-9, cgso=0.657e-9, cgdo=0.657e-9, cgbo=1e-12, cj=1.19e-3, cjsw=0.192e-9, pb=0.84, mj=0.402,
    mjsw=0.335, hdif=0.32, kf=1e-28,
)  # fmt: skip
"""PMOS at 0.18 um, 1.8 V."""
