"""The level-1 MOSFET, compiled: currents, conductances and capacitances of one transistor.

Source: SPICE's MOS level 1 as ngspice 39 evaluates it (``mos1load.c``, ``devsup.c``). All voltages and
currents here are type-normalised: those of a PMOS have changed sign, so that both types read alike.
A transistor is a row of :data:`DEVICE_PARAMETERS` numbers, filled once a design by :func:`fill_device`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..jit import inner
from .conditions import BOLTZMANN

PERMITTIVITY_OXIDE = 3.9 * 8.854214871e-12
"""Of silicon dioxide (F/m), as in ngspice 39."""
GMIN = 1e-12
"""Conductance beside every junction (S)."""
_LARGEST_EXPONENT = 709.0

# A card as numbers, one row each (see simulator.card_row).
CARD_VBI, CARD_KP, CARD_GAMMA, CARD_PHI, CARD_LAMBDA, CARD_COX = range(6)
CARD_CGSO, CARD_CGDO, CARD_CGBO, CARD_CJ, CARD_CJSW, CARD_PB, CARD_MJ, CARD_MJSW = range(6, 14)
CARD_HDIF, CARD_KF, CARD_AF, CARD_IS, CARD_FC, CARD_VT, CARD_TEMPERATURE, CARD_COX_FLICKER = range(
    14, 22
)
CARD_NUMBERS = 22

# A transistor of a design as numbers.
BETA, LAMBDA, VBI, GAMMA, PHI, SATURATION_CURRENT, THERMAL_VOLTAGE = range(7)
GATE_CAPACITANCE, OVERLAP_SOURCE, OVERLAP_DRAIN, OVERLAP_BULK = range(7, 11)
JUNCTION_BOTTOM, JUNCTION_SIDE, PB, MJ, MJSW, FC, FLICKER, AF, THERMAL_NOISE = range(11, 20)
DEVICE_PARAMETERS = 20


class Channel(NamedTuple):
    """A transistor at an operating point; conductances in S, of the terminals as named when reversed."""

    current: float
    """Of the channel, positive into the drain when forward (A), without junctions."""
    gm: float
    gds: float
    gmb: float
    von: float
    """Threshold voltage at this body bias (V)."""
    vdsat: float
    """max(vgs - von, 0), of the swapped terminals when reversed (V)."""
    forward: bool


@inner
def fill_device(parameters, card, width, length, vto_shift, kp_error):
    """Write the numbers of one transistor; width and length in um."""
    meters, long = width * 1e-6, length * 1e-6
    parameters[BETA] = card[CARD_KP] * (1.0 + kp_error) * meters / long
    parameters[LAMBDA] = card[CARD_LAMBDA] / length
    parameters[VBI] = card[CARD_VBI] + vto_shift
    parameters[GAMMA] = card[CARD_GAMMA]
    parameters[PHI] = card[CARD_PHI]
    parameters[SATURATION_CURRENT] = card[CARD_IS]
    parameters[THERMAL_VOLTAGE] = card[CARD_VT]
    parameters[GATE_CAPACITANCE] = card[CARD_COX] * meters * long
    parameters[OVERLAP_SOURCE] = card[CARD_CGSO] * meters
    parameters[OVERLAP_DRAIN] = card[CARD_CGDO] * meters
    parameters[OVERLAP_BULK] = card[CARD_CGBO] * long
    parameters[JUNCTION_BOTTOM] = card[CARD_CJ] * (2.0 * card[CARD_HDIF] * width * 1e-12)
    parameters[JUNCTION_SIDE] = card[CARD_CJSW] * ((4.0 * card[CARD_HDIF] + width) * 1e-6)
    parameters[PB] = card[CARD_PB]
    parameters[MJ] = card[CARD_MJ]
    parameters[MJSW] = card[CARD_MJSW]
    parameters[FC] = card[CARD_FC]
    parameters[AF] = card[CARD_AF]
    parameters[FLICKER] = card[CARD_KF] / (
        meters * long * card[CARD_COX_FLICKER] * card[CARD_COX_FLICKER]
    )
    parameters[THERMAL_NOISE] = 4.0 * BOLTZMANN * card[CARD_TEMPERATURE] * 2.0 / 3.0


@inner
def channel(parameters, vgs, vds, vbs):
    """Drain current and its derivatives, with body effect and reverse mode."""
    forward = vds >= 0.0
    if forward:
        vg, vd, vb = vgs, vds, vbs
    else:
        vg, vd, vb = vgs - vds, -vds, vbs - vds
    phi, gamma = parameters[PHI], parameters[GAMMA]
    if vb <= 0.0:
        sarg = math.sqrt(phi - vb)
    else:
        root = math.sqrt(phi)
        sarg = max(root - vb / (root + root), 0.0)
    von = parameters[VBI] + gamma * sarg
    vgst = vg - von
    vdsat = max(vgst, 0.0)
    body = gamma / (sarg + sarg) if sarg > 0.0 else 0.0
    if vgst <= 0.0:
        return Channel(0.0, 0.0, 0.0, 0.0, von, vdsat, forward)
    beta, lam = parameters[BETA], parameters[LAMBDA]
    betap = beta * (1.0 + lam * vd)
    if vgst <= vd:
        current = betap * vgst * vgst * 0.5
        gm = betap * vgst
        gds = lam * beta * vgst * vgst * 0.5
    else:
        current = betap * vd * (vgst - 0.5 * vd)
        gm = betap * vd
        gds = betap * (vgst - vd) + lam * beta * vd * (vgst - 0.5 * vd)
    return Channel(current, gm, gds, gm * body, von, vdsat, forward)


@inner
def junction(parameters, v):
    """Current (A) and conductance (S) of a bulk junction at ``v``, bulk over drain or source."""
    vt, saturation = parameters[THERMAL_VOLTAGE], parameters[SATURATION_CURRENT]
    if v <= -3.0 * vt:
        return GMIN * v - saturation, GMIN
    e = math.exp(min(_LARGEST_EXPONENT, v / vt))
    return saturation * (e - 1.0) + GMIN * v, saturation * e / vt + GMIN


@inner
def junction_capacitance(parameters, v):
    """Depletion capacitance (F) of a bulk junction at ``v``."""
    pb, mj, mjsw, fc = parameters[PB], parameters[MJ], parameters[MJSW], parameters[FC]
    bottom, side = parameters[JUNCTION_BOTTOM], parameters[JUNCTION_SIDE]
    if v < fc * pb:
        log = math.log(1.0 - v / pb)
        return bottom * math.exp(-mj * log) + side * math.exp(-mjsw * log)
    a = 1.0 - fc
    s, s_side = math.exp(-mj * math.log(a)), math.exp(-mjsw * math.log(a))
    f2 = (bottom * (1.0 - fc * (1.0 + mj)) * s + side * (1.0 - fc * (1.0 + mjsw)) * s_side) / a
    f3 = (bottom * mj * s + side * mjsw * s_side) / (a * pb)
    return f2 + f3 * v


@inner
def meyer(parameters, vgs, vds, channel_state):
    """Gate capacitances (cgs, cgd, cgb) of Meyer's model in F, overlaps included."""
    capacitance, phi = parameters[GATE_CAPACITANCE], parameters[PHI]
    forward = channel_state.forward
    vgst = (vgs if forward else vgs - vds) - channel_state.von
    drop = abs(vds)
    vdsat = max(channel_state.vdsat, 0.025)
    near, far, bulk = 0.0, 0.0, 0.0
    if vgst <= -phi:
        bulk = capacitance
    elif vgst <= -0.5 * phi:
        bulk = -vgst * capacitance / phi
    elif vgst <= 0.0:
        bulk = -vgst * capacitance / phi
        near = 2.0 * (vgst * capacitance / (1.5 * phi) + capacitance / 3.0)
        if drop < vdsat:
            d = 2.0 * vdsat - drop
            far = near * (1.0 - vdsat * vdsat / (d * d))
            near = near * (1.0 - (vdsat - drop) * (vdsat - drop) / (d * d))
    elif drop >= vdsat:
        near = 2.0 * capacitance / 3.0
    else:
        d = 2.0 * vdsat - drop
        far = 2.0 * capacitance / 3.0 * (1.0 - vdsat * vdsat / (d * d))
        near = 2.0 * capacitance / 3.0 * (1.0 - (vdsat - drop) * (vdsat - drop) / (d * d))
    if not forward:
        near, far = far, near
    return (
        near + parameters[OVERLAP_SOURCE],
        far + parameters[OVERLAP_DRAIN],
        bulk + parameters[OVERLAP_BULK],
    )
