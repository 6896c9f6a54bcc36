"""Folded-cascode operational transconductance amplifier with a PMOS input pair.

The pair folds into NMOS cascodes over NMOS current sinks; a wide-swing PMOS cascode mirror turns the
output single-ended. One reference current makes all bias voltages: two current mirrors, and for each
cascode a narrow diode-connected transistor whose large overdrive leaves room for the source below.

The loop is closed for direct current alone, as in the two-stage op-amp. The gains from the supply and
from the common mode, against the differential one, tell the rejection ratios.
"""

from ..model_card import N018, P018
from ..netlist import (
    Capacitor,
    CurrentSource,
    Inductor,
    Mosfet,
    Netlist,
    VoltageControlledVoltageSource,
    VoltageSource,
)
from ..topology import Bench, Topology, Variable


def _n(name: str, drain: str, gate: str, source: str, width: str, length: str) -> Mosfet:
    return Mosfet(name, drain, gate, source, "0", "n018", width, length)


def _p(name: str, drain: str, gate: str, source: str, width: str, length: str) -> Mosfet:
    return Mosfet(name, drain, gate, source, "vdd", "p018", width, length)


TOPOLOGY = Topology(
    name="folded-cascode-ota",
    title="Folded-cascode OTA (PMOS input pair, wide-swing bias)",
    citation="Gray, Hurst, Lewis, Meyer: Analysis and Design of Analog Integrated Circuits, ch. 6 and 4",
    netlist=Netlist(
        models=(N018, P018),
        elements=(
            VoltageSource("vdd", "vdd", "0", "1.8"),
            VoltageSource("vcm", "cm", "0", "0.9"),
            VoltageSource("vid", "id", "0", "0", ac=1.0),
            VoltageControlledVoltageSource("ep", "inp", "cm", "id", "0", "0.5"),
            Inductor("lfb", "out", "xinn", "1e9"),
            Capacitor("cfb", "xinn", "cmn", "1e9"),
            VoltageControlledVoltageSource("en", "cmn", "cm", "id", "0", "-0.5"),
            _p("m0", "t", "bp", "vdd", "W0", "L2"),
            _p("m1", "f1", "inp", "t", "W1", "L1"),
            _p("m2", "f2", "xinn", "t", "W1", "L1"),
            _n("m3", "f1", "bn", "0", "W3", "L2"),
            _n("m4", "f2", "bn", "0", "W3", "L2"),
            _n("m5", "y", "bnc", "f1", "W5", "L1"),
            _n("m6", "out", "bnc", "f2", "W5", "L1"),
            _p("m7", "y", "bpc", "g1", "W7", "L1"),
            _p("m8", "out", "bpc", "g2", "W7", "L1"),
            _p("m9", "g1", "y", "vdd", "W9", "L2"),
            _p("m10", "g2", "y", "vdd", "W9", "L2"),
            CurrentSource("ib", "vdd", "bn", "IB*1e-6"),
            _n("mb1", "bn", "bn", "0", "WBN", "L2"),
            _n("mb2", "bp", "bn", "0", "WBN", "L2"),
            _p("mb3", "bp", "bp", "vdd", "WBP", "L2"),
            _n("mb4", "bpc", "bn", "0", "WBN", "L2"),
            _p("mb5", "bpc", "bpc", "vdd", "WCP", "L2"),
            _p("mb6", "bnc", "bp", "vdd", "WBP", "L2"),
            _n("mb7", "bnc", "bnc", "0", "WCN", "L2"),
            Capacitor("cl", "out", "0", "CLOAD*1e-12"),
        ),
    ),
    variables=(
        Variable("W0", "um", 25.0, 90.0, 0.1, 60.0),
        Variable("W1", "um", 5.0, 100.0, 0.1, 28.0),
        Variable("W3", "um", 12.0, 40.0, 0.1, 18.0),
        Variable("W5", "um", 3.0, 40.0, 0.1, 10.0),
        Variable("W7", "um", 5.0, 100.0, 0.1, 28.0),
        Variable("W9", "um", 10.0, 80.0, 0.1, 28.0),
        Variable("WBN", "um", 2.0, 6.0, 0.1, 3.6),
        Variable("WBP", "um", 8.0, 24.0, 0.1, 12.0),
        Variable("WCN", "um", 0.3, 1.2, 0.01, 0.52),
        Variable("WCP", "um", 0.8, 3.5, 0.01, 1.6),
        Variable("L1", "um", 0.18, 1.0, 0.01, 0.36),
        Variable("L2", "um", 0.18, 1.0, 0.01, 0.5),
        Variable("IB", "uA", 5.0, 40.0, 0.5, 20.0),
        Variable("CLOAD", "pF", 0.5, 10.0, 0.01, 2.0),
    ),
    sizing=("W0", "W1", "W3", "W5", "W7", "W9", "WBN", "WBP", "WCN", "WCP", "L1", "L2", "IB"),
    bench=Bench(
        source="vid",
        output=("out", "0"),
        start_frequency=10.0,
        stop_frequency=10e9,
        points_per_decade=50,
        supplies=("vdd",),
        unity_gain=True,
        closure=("lfb", "cfb"),
        disturbances=(("supply", "vdd"), ("common", "vcm")),
    ),
    area="2*L1*(W1+W5+W7)+L2*(W0+2*W3+2*W9+3*WBN+2*WBP+WCN+WCP)",
)
