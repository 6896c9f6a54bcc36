"""Derivatives of one transistor's small-signal quantities, written out: the second derivatives of level 1.

The adjoint method needs how each number that a transistor stamps into the matrices moves with its terminal
voltages, its width and its length. Everything here is in the transistor's own frame: type-normalised, and
with drain and source exchanged when it is reversed, so that ``vd >= 0`` and the forward equations of
:mod:`.mosfet` hold alone.
"""

from __future__ import annotations

import math

from ..jit import inner
from .mosfet import (
    BETA,
    CARD_HDIF,
    FC,
    GAMMA,
    GATE_CAPACITANCE,
    JUNCTION_BOTTOM,
    JUNCTION_SIDE,
    LAMBDA,
    MJ,
    MJSW,
    OVERLAP_BULK,
    OVERLAP_DRAIN,
    OVERLAP_SOURCE,
    PB,
    PHI,
    SATURATION_CURRENT,
    THERMAL_VOLTAGE,
    VBI,
    junction,
)

# Rows: what a transistor contributes. "Source" and "drain" are those of the frame.
# CURRENT is that of the channel in the frame, DRAIN_CURRENT what flicker noise hangs on: into the drain of
# the transistor, less its junction's.
CURRENT, GM, GDS, GMB, GBD, GBS, CGS, CGD, CGB, CBD, CBS, DRAIN_CURRENT = range(12)
QUANTITIES = 12
# Columns: with respect to what. Voltages are over the frame's source; sizes in um.
BY_VG, BY_VD, BY_VB, BY_WIDTH, BY_LENGTH = range(5)
COLUMNS = 5

_LARGEST_EXPONENT = 709.0
_SMALLEST_VDSAT = 0.025  # of Meyer's model (V)


@inner
def device_derivatives(p, card, width, length, forward, vg, vd, vb, out):
    """Write the derivatives of all quantities to ``out``, shape ``(QUANTITIES, COLUMNS)``.

    Args:
        p: the transistor's numbers, see :func:`.mosfet.fill_device`.
        card: the numbers of its card.
        width: in um.
        length: in um.
        forward: whether the frame's source is the transistor's.
        vg: gate voltage (V).
        vd: drain voltage (V), not negative.
        vb: bulk voltage (V).
        out: filled.
    """
    for row in range(QUANTITIES):
        for column in range(COLUMNS):
            out[row, column] = 0.0
    phi, gamma = p[PHI], p[GAMMA]
    if vb <= 0.0:
        sarg = math.sqrt(phi - vb)
        slope = -0.5 / sarg
    else:
        root = math.sqrt(phi)
        sarg = root - vb / (root + root)
        slope = -0.5 / root
        if sarg <= 0.0:
            sarg, slope = 0.0, 0.0
    body = gamma / (sarg + sarg) if sarg > 0.0 else 0.0
    body_slope = -body * slope / sarg if sarg > 0.0 else 0.0
    von_slope = gamma * slope
    x = vg - (p[VBI] + gamma * sarg)
    if x > 0.0:
        _conduction(p, width, length, x, vd, body, body_slope, von_slope, out)
    _meyer(p, width, length, x, vd, von_slope, out)
    out[CGS, BY_WIDTH] += (p[OVERLAP_SOURCE] if forward else p[OVERLAP_DRAIN]) / width
    out[CGD, BY_WIDTH] += (p[OVERLAP_DRAIN] if forward else p[OVERLAP_SOURCE]) / width
    out[CGB, BY_LENGTH] += p[OVERLAP_BULK] / length
    bottom = p[JUNCTION_BOTTOM] / width
    side = p[JUNCTION_SIDE] / (4.0 * card[CARD_HDIF] + width)
    _junction(p, vb, bottom, side, GBS, CBS, BY_VB, out)
    _junction(p, vb - vd, bottom, side, GBD, CBD, BY_VB, out)
    out[GBD, BY_VD] = -out[GBD, BY_VB]
    out[CBD, BY_VD] = -out[CBD, BY_VB]
    sign = 1.0 if forward else -1.0
    for column in range(COLUMNS):
        out[DRAIN_CURRENT, column] = sign * out[CURRENT, column]
    _, g = junction(p, vb - vd if forward else vb)
    out[DRAIN_CURRENT, BY_VB] -= g
    if forward:
        out[DRAIN_CURRENT, BY_VD] += g


@inner
def _conduction(p, width, length, x, vd, body, body_slope, von_slope, out):
    """Current, gm, gds and gmb of a transistor that is on by ``x = vg - von``."""
    beta, lam = p[BETA], p[LAMBDA]
    betap, beta_lambda = beta * (1.0 + lam * vd), beta * lam
    if x <= vd:
        current, gm, gds = betap * x * x * 0.5, betap * x, beta_lambda * x * x * 0.5
        gm_x, gm_d = betap, beta_lambda * x
        gds_x, gds_d = beta_lambda * x, 0.0
        # lambda times the derivative by lambda
        current_l, gm_l, gds_l = vd * gds, vd * gm_d, gds
    else:
        overdrive = x - 0.5 * vd
        current, gm = betap * vd * overdrive, betap * vd
        gds = betap * (x - vd) + beta_lambda * vd * overdrive
        gm_x, gm_d = 0.0, beta_lambda * vd + betap
        gds_x, gds_d = betap + beta_lambda * vd, 2.0 * beta_lambda * (x - vd) - betap
        current_l, gm_l = beta_lambda * vd * vd * overdrive, beta_lambda * vd * vd
        gds_l = beta_lambda * vd * (x - vd + overdrive)
    out[CURRENT, BY_VG], out[CURRENT, BY_VD], out[CURRENT, BY_VB] = gm, gds, -gm * von_slope
    out[GM, BY_VG], out[GM, BY_VD], out[GM, BY_VB] = gm_x, gm_d, -gm_x * von_slope
    out[GDS, BY_VG], out[GDS, BY_VD], out[GDS, BY_VB] = gds_x, gds_d, -gds_x * von_slope
    out[CURRENT, BY_WIDTH], out[CURRENT, BY_LENGTH] = current / width, -(current + current_l) / length
    out[GM, BY_WIDTH], out[GM, BY_LENGTH] = gm / width, -(gm + gm_l) / length
    out[GDS, BY_WIDTH], out[GDS, BY_LENGTH] = gds / width, -(gds + gds_l) / length
    for column in range(COLUMNS):
        out[GMB, column] = out[GM, column] * body
    out[GMB, BY_VB] += gm * body_slope


@inner
def _meyer(p, width, length, x, vd, von_slope, out):
    """Gate capacitances without overlaps."""
    capacitance, phi = p[GATE_CAPACITANCE], p[PHI]
    near, near_x, near_d = 0.0, 0.0, 0.0
    far, far_x, far_d = 0.0, 0.0, 0.0
    bulk, bulk_x = 0.0, 0.0
    whole, whole_x = 2.0 * capacitance / 3.0, 0.0
    if x <= -phi:
        bulk = capacitance
    elif x <= 0.0:
        bulk, bulk_x = -x * capacitance / phi, -capacitance / phi
        whole_x = 2.0 * capacitance / (1.5 * phi)
        whole = whole_x * x + 2.0 * capacitance / 3.0
    if x > -0.5 * phi:
        vdsat, vdsat_x = (x, 1.0) if x > _SMALLEST_VDSAT else (_SMALLEST_VDSAT, 0.0)
        if vd >= vdsat:
            near, near_x = whole, whole_x
        else:
            d = 2.0 * vdsat - vd
            a, b = (vdsat - vd) / d, vdsat / d
            near, far = whole * (1.0 - a * a), whole * (1.0 - b * b)
            by_vdsat, by_drop = 2.0 * whole * vd / (d * d), 2.0 * whole * vdsat / (d * d)
            near_x = whole_x * (1.0 - a * a) - a * by_vdsat * vdsat_x
            far_x = whole_x * (1.0 - b * b) + b * by_vdsat * vdsat_x
            near_d, far_d = a * by_drop, -b * by_drop
    _spread(CGS, near, near_x, near_d, von_slope, width, length, out)
    _spread(CGD, far, far_x, far_d, von_slope, width, length, out)
    _spread(CGB, bulk, bulk_x, 0.0, von_slope, width, length, out)


@inner
def _spread(row, value, by_x, by_vd, von_slope, width, length, out):
    """A capacitance proportional to the gate's area whose derivatives by ``x`` and ``vd`` are known."""
    out[row, BY_VG], out[row, BY_VD], out[row, BY_VB] = by_x, by_vd, -by_x * von_slope
    out[row, BY_WIDTH], out[row, BY_LENGTH] = value / width, value / length


@inner
def _junction(p, v, bottom, side, conductance, capacitance, column, out):
    """One bulk junction; ``bottom`` and ``side`` are its capacitances per um of width."""
    vt, saturation = p[THERMAL_VOLTAGE], p[SATURATION_CURRENT]
    if v > -3.0 * vt and v < _LARGEST_EXPONENT * vt:
        out[conductance, column] = saturation * math.exp(v / vt) / (vt * vt)
    pb, mj, mjsw, fc = p[PB], p[MJ], p[MJSW], p[FC]
    if v < fc * pb:
        log = math.log(1.0 - v / pb)
        s, s_side = math.exp(-mj * log), math.exp(-mjsw * log)
        out[capacitance, column] = (p[JUNCTION_BOTTOM] * mj * s + p[JUNCTION_SIDE] * mjsw * s_side) / (
            pb - v
        )
        out[capacitance, BY_WIDTH] = bottom * s + side * s_side
    else:
        a = 1.0 - fc
        s, s_side = math.exp(-mj * math.log(a)), math.exp(-mjsw * math.log(a))
        out[capacitance, column] = (p[JUNCTION_BOTTOM] * mj * s + p[JUNCTION_SIDE] * mjsw * s_side) / (
            a * pb
        )
        out[capacitance, BY_WIDTH] = (
            bottom * s * (1.0 - fc * (1.0 + mj) + mj * v / pb)
            + side * s_side * (1.0 - fc * (1.0 + mjsw) + mjsw * v / pb)
        ) / a
