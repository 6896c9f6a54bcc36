"""Two-stage Miller op-amp with an NMOS input pair, the task of AutoCkt.

The loop is closed for direct current alone by a huge inductor and a huge capacitor, so that the open
loop is measured around the operating point of the closed one.
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

TOPOLOGY = Topology(
    name="two-stage-opamp",
    title="Two-stage Miller op-amp (NMOS input pair)",
    citation="Settaluri et al. 2020 (AutoCkt), with level-1 cards at 0.18 um",
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
            Mosfet("m1", "x1", "xinn", "t", "0", "n018", "W1", "L"),
            Mosfet("m2", "x2", "inp", "t", "0", "n018", "W1", "L"),
            Mosfet("m3", "x1", "x1", "vdd", "vdd", "p018", "W3", "L"),
            Mosfet("m4", "x2", "x1", "vdd", "vdd", "p018", "W3", "L"),
            Mosfet("m5", "t", "nb", "0", "0", "n018", "W5", "L"),
            Mosfet("m6", "out", "x2", "vdd", "vdd", "p018", "W6", "L"),
            Mosfet("m7", "out", "nb", "0", "0", "n018", "W7", "L"),
            Mosfet("m8", "nb", "nb", "0", "0", "n018", "W8", "L"),
            CurrentSource("ib", "vdd", "nb", "IB*1e-6"),
            Capacitor("cc", "x2", "out", "CC*1e-12"),
            Capacitor("cl", "out", "0", "CLOAD*1e-12"),
        ),
    ),
    variables=(
        Variable("W1", "um", 2.0, 100.0, 0.1, 20.0),
        Variable("W3", "um", 2.0, 50.0, 0.1, 10.0),
        Variable("W5", "um", 2.0, 50.0, 0.1, 10.0),
        Variable("W6", "um", 5.0, 200.0, 0.1, 60.0),
        Variable("W7", "um", 2.0, 100.0, 0.1, 30.0),
        Variable("W8", "um", 2.0, 30.0, 0.1, 10.0),
        Variable("L", "um", 0.18, 1.0, 0.01, 0.36),
        Variable("CC", "pF", 0.3, 5.0, 0.01, 2.0),
        Variable("IB", "uA", 5.0, 50.0, 0.5, 20.0),
        Variable("CLOAD", "pF", 1.0, 10.0, 0.01, 10.0),
    ),
    sizing=("W1", "W3", "W5", "W6", "W7", "W8", "L", "CC", "IB"),
    bench=Bench(
        source="vid",
        output=("out", "0"),
        start_frequency=10.0,
        stop_frequency=10e9,
        points_per_decade=50,
        supplies=("vdd",),
        unity_gain=True,
        closure=("lfb", "cfb"),
    ),
    area="L*(2*W1+2*W3+W5+W6+W7+W8)",
)
