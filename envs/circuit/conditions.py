"""Conditions that a circuit is simulated in: process, supply voltage and temperature.

Temperature follows MOS level 1 of ngspice 39 (``mos1temp.c``), where a card holds at 27 C, in its
order of operations. All of it fits into a level-1 card: the card at another temperature is again a
:class:`.MosfetModel`, whose ``vto``, ``kp``, ``phi``, ``pb``, ``cj``, ``cjsw`` and ``saturation_current``
are those of that temperature, and the device equations stay as they are. What they need besides the card
is the thermal voltage of the junctions and the ``kT`` of the noise, which :class:`Corner` has. Resistors,
capacitors and the other fields of a card do not change (in ngspice neither, without ``tc``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...errors import InputError
from .model_card import MosfetModel

ELEMENTARY_CHARGE = 1.6021766208e-19
"""C, ngspice 39's value."""
BOLTZMANN = 1.38064852e-23
"""J/K, ngspice 39's value."""
NOMINAL_TEMPERATURE = 27.0
"""Degrees Celsius at which the cards hold (SPICE's TNOM)."""
_ZERO_CELSIUS = 273.15
_REFERENCE = NOMINAL_TEMPERATURE + _ZERO_CELSIUS

Process = Literal["typical", "fast", "slow"]

PROCESS_SHIFTS: dict[str, tuple[float, float]] = {
    "typical": (0.0, 0.0),
    "fast": (-0.1, 0.1),
    "slow": (0.1, -0.1),
}
"""Relative change of ``|vto|`` and of ``kp``, the same for every card.

The cards here are fitted to typical silicon and come without limits of their own, so these are round
figures of the usual size: a tenth of the threshold is 45 to 50 mV, where the public corner cards of
AMI's C5N process (asyncvlsi/AMC, ``SS_on``, ``TT_on``, ``FF_on``) move the NMOS by -44 and +39 mV; a
tenth of the current factor stands for oxide thickness, mobility and length together.
"""


@dataclass(frozen=True)
class Corner:
    """One condition.

    Args:
        name: For tables.
        nmos: Process of the NMOS transistors: ``"typical"``, ``"fast"`` or ``"slow"``.
        pmos: Process of the PMOS transistors.
        supply: Factor of the bench's supply voltages (1); other sources stay.
        temperature: Of the whole circuit (degrees Celsius).

    Raises:
        InputError: an unknown process, a supply factor that is not positive, or a temperature that
            is not above absolute zero.
    """

    name: str
    nmos: Process = "typical"
    pmos: Process = "typical"
    supply: float = 1.0
    temperature: float = NOMINAL_TEMPERATURE

    def __post_init__(self) -> None:
        for field, process in (("nmos", self.nmos), ("pmos", self.pmos)):
            if process not in PROCESS_SHIFTS:
                known = ", ".join(PROCESS_SHIFTS)
                raise InputError(f"corner {self.name}: {field} = {process!r} must be one of: {known}")
        if not (math.isfinite(self.supply) and self.supply > 0):
            raise InputError(
                f"corner {self.name}: supply = {self.supply:g} must be a positive number, a factor of the"
                " supply voltages"
            )
        if not (math.isfinite(self.temperature) and self.temperature > -_ZERO_CELSIUS):
            raise InputError(
                f"corner {self.name}: temperature = {self.temperature:g} must be a number above"
                f" {-_ZERO_CELSIUS:g} degrees Celsius"
            )

    @property
    def kelvin(self) -> float:
        """Absolute temperature (K)."""
        return self.temperature + _ZERO_CELSIUS

    @property
    def thermal_voltage(self) -> float:
        """``kT/q`` of the junctions (V)."""
        return self.kelvin * (BOLTZMANN / ELEMENTARY_CHARGE)

    @property
    def thermal_energy(self) -> float:
        """``kT`` of the thermal noise (J)."""
        return BOLTZMANN * self.kelvin


TYPICAL = Corner("tt")
"""Typical process, nominal supply, 27 C: every card as it is written."""

PROCESS_CORNERS: dict[str, Corner] = {
    corner.name: corner
    for corner in (
        TYPICAL,
        Corner("ff", "fast", "fast"),
        Corner("ss", "slow", "slow"),
        Corner("fs", "fast", "slow"),
        Corner("sf", "slow", "fast"),
    )
}
"""The five process corners by name: the first letter is the NMOS, the second the PMOS."""


def pvt_corners(
    supplies: Sequence[float] = (0.9, 1.0, 1.1), temperatures: Sequence[float] = (-40.0, 27.0, 125.0)
) -> tuple[Corner, ...]:
    """The grid of process, supply voltage and temperature, process slowest and temperature fastest.

    Args:
        supplies: Factors of the supply voltages (1).
        temperatures: Degrees Celsius.

    Returns:
        ``5 * len(supplies) * len(temperatures)`` corners named such as ``"ss/0.9/125C"``.
    """
    return tuple(
        Corner(f"{process.name}/{supply:g}/{temperature:g}C", process.nmos, process.pmos, supply, temperature)
        for process in PROCESS_CORNERS.values()
        for supply in supplies
        for temperature in temperatures
    )  # fmt: skip


def process_card(model: MosfetModel, corner: Corner) -> MosfetModel:
    """The card at the corner's process and 27 C; what a SPICE deck takes, which heats it by itself."""
    vto, kp = PROCESS_SHIFTS[corner.nmos if model.polarity == "nmos" else corner.pmos]
    if vto == 0.0 and kp == 0.0:
        return model
    # A fast transistor turns on earlier whatever the sign of its threshold.
    sign = 1.0 if model.polarity == "nmos" else -1.0
    return replace(model, vto=model.vto + sign * vto * abs(model.vto), kp=model.kp * (1.0 + kp))


def card_at(model: MosfetModel, corner: Corner) -> MosfetModel:
    """The effective card at the corner's process and temperature; at 27 C the process alone.

    Equations that take ``vbi`` instead of ``vto`` find ``vbi = vto - sign gamma sqrt(phi)`` with the
    ``vto`` and ``phi`` of the returned card (``sign`` is 1 for NMOS, -1 for PMOS); this includes
    ngspice's band-gap term. ``fc`` counts in the returned ``pb``.

    Raises:
        InputError: so hot that the surface potential or the junction potential is not positive.
    """
    card = process_card(model, corner)
    if corner.temperature == NOMINAL_TEMPERATURE:
        return card
    return _heated(card, corner)


def _band_gap(kelvin: float) -> float:
    """Of silicon (eV)."""
    return 1.16 - (7.02e-4 * kelvin * kelvin) / (kelvin + 1108.0)


def _potential_shift(kelvin: float) -> float:
    """What the logarithm of the intrinsic density adds to a potential (V), 0 at the reference."""
    energy = kelvin * BOLTZMANN
    exponent = -_band_gap(kelvin) / (energy + energy) + 1.1150877 / (BOLTZMANN * 2.0 * _REFERENCE)
    thermal_voltage = kelvin * (BOLTZMANN / ELEMENTARY_CHARGE)
    logarithm = 1.5 * math.log(kelvin / _REFERENCE) + ELEMENTARY_CHARGE * exponent
    return -2.0 * thermal_voltage * logarithm


def _heated(card: MosfetModel, corner: Corner) -> MosfetModel:
    kelvin = corner.kelvin
    sign = 1.0 if card.polarity == "nmos" else -1.0
    ratio = kelvin / _REFERENCE
    nominal_shift, shift = _potential_shift(_REFERENCE), _potential_shift(kelvin)
    nominal_gap, gap = _band_gap(_REFERENCE), _band_gap(kelvin)
    phi = ratio * (card.phi - nominal_shift) + shift
    pb_nominal = card.pb - nominal_shift
    pb = ratio * pb_nominal + shift
    for name, potential in (("phi", phi), ("pb", pb)):
        if not potential > 0.0:
            raise InputError(
                f"corner {corner.name}: temperature = {corner.temperature:g} C is too high for model"
                f" {card.name}: its {name} would be {potential:.3g} V and must be positive"
            )
    # The band gap shifts both polarities the same way in ngspice: its term has no sign.
    vbi = (
        card.vto - sign * (card.gamma * math.sqrt(card.phi)) + 0.5 * (nominal_gap - gap)
        + sign * 0.5 * (phi - card.phi)
    )  # fmt: skip
    nominal_gain, gain = (card.pb - pb_nominal) / pb_nominal, (pb - pb_nominal) / pb_nominal

    def junction_factor(grading: float) -> float:
        expansion = 4e-4 * (kelvin - _REFERENCE)
        return (1.0 + grading * (expansion - gain)) * (1.0 / (1.0 - grading * nominal_gain))

    nominal_voltage = _REFERENCE * (BOLTZMANN / ELEMENTARY_CHARGE)
    return replace(
        card,
        vto=vbi + sign * card.gamma * math.sqrt(phi),
        kp=card.kp / (ratio * math.sqrt(ratio)),
        phi=phi,
        pb=pb,
        cj=card.cj * junction_factor(card.mj),
        cjsw=card.cjsw * junction_factor(card.mjsw),
        saturation_current=card.saturation_current
        * math.exp(-gap / corner.thermal_voltage + nominal_gap / nominal_voltage),
    )
