"""Low-dropout regulator without an external capacitor: 1.8 V in, 1.5 V out, 10 mA.

A five-transistor error amplifier with an NMOS pair compares 60 % of the output with a reference of 0.9 V
and drives a PMOS pass transistor; a Miller capacitor with a resistor in series, from the output to the
gate of the pass transistor, compensates the loop.

The loop stays closed in every analysis: the response is the output over the reference (its peaking and
its poles tell the stability), the gain from the supply is the inverse of the power-supply rejection, and
the gain from the load current is the output impedance. The power includes that of the load.
"""

from ..model_card import N018, P018
from ..netlist import Capacitor, CurrentSource, Mosfet, Netlist, Resistor, VoltageSource
from ..topology import Bench, Topology, Variable

TOPOLOGY = Topology(
    name="ldo",
    title="Low-dropout regulator (PMOS pass transistor, Miller compensation)",
    citation="Razavi: The Low Dropout Regulator, IEEE Solid-State Circuits Magazine 11(2), 2019",
    netlist=Netlist(
        models=(N018, P018),
        elements=(
            VoltageSource("vdd", "vdd", "0", "1.8"),
            VoltageSource("vref", "ref", "0", "0.9", ac=1.0),
            CurrentSource("ib", "vdd", "nb", "IB*1e-6"),
            Mosfet("mb", "nb", "nb", "0", "0", "n018", "WB", "L2"),
            Mosfet("m0", "t", "nb", "0", "0", "n018", "W0", "L2"),
            Mosfet("m1", "x", "fb", "t", "0", "n018", "W1", "L1"),
            Mosfet("m2", "g", "ref", "t", "0", "n018", "W1", "L1"),
            Mosfet("m3", "x", "x", "vdd", "vdd", "p018", "W3", "L2"),
            Mosfet("m4", "g", "x", "vdd", "vdd", "p018", "W3", "L2"),
            Mosfet("mp", "out", "g", "vdd", "vdd", "p018", "WP", "LP"),
            Capacitor("cm", "z", "g", "CM*1e-12"),
            Resistor("rz", "out", "z", "RZ"),
            Resistor("r1", "out", "fb", "RD*1e3*2/3"),
            Resistor("r2", "fb", "0", "RD*1e3"),
            CurrentSource("iload", "out", "0", "ILOAD*1e-3"),
            Capacitor("cl", "out", "0", "CLOAD*1e-12"),
        ),
    ),
    variables=(
        Variable("WP", "um", 500.0, 5000.0, 1.0, 2000.0),
        Variable("W0", "um", 4.0, 60.0, 0.1, 16.0),
        Variable("W1", "um", 2.0, 60.0, 0.1, 12.0),
        Variable("W3", "um", 2.0, 60.0, 0.1, 12.0),
        Variable("WB", "um", 1.0, 15.0, 0.1, 4.0),
        Variable("L1", "um", 0.18, 1.0, 0.01, 0.36),
        Variable("L2", "um", 0.18, 1.0, 0.01, 0.5),
        Variable("LP", "um", 0.18, 0.36, 0.01, 0.18),
        Variable("CM", "pF", 0.5, 20.0, 0.01, 4.0),
        Variable("RZ", "ohm", 1.0, 5000.0, 1.0, 50.0),
        Variable("RD", "kohm", 10.0, 300.0, 1.0, 60.0),
        Variable("IB", "uA", 2.0, 40.0, 0.5, 10.0),
        Variable("ILOAD", "mA", 0.1, 20.0, 0.1, 10.0),
        Variable("CLOAD", "pF", 10.0, 1000.0, 1.0, 100.0),
    ),
    sizing=("WP", "W0", "W1", "W3", "WB", "L1", "L2", "CM", "RZ", "RD", "IB"),
    bench=Bench(
        source="vref",
        output=("out", "0"),
        start_frequency=1e3,
        stop_frequency=10e9,
        points_per_decade=50,
        supplies=("vdd",),
        disturbances=(("supply", "vdd"), ("load", "iload")),
    ),
    area="WP*LP+2*W1*L1+L2*(2*W3+W0+WB)",
)
