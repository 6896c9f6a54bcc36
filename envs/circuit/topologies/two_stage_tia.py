"""L2DC's two-stage transimpedance amplifier: push-pull current mirror, shunt feedback, active inductor."""

from ..model_card import N018, P018
from ..netlist import Capacitor, CurrentSource, Mosfet, Netlist, Resistor, VoltageSource
from ..topology import Bench, Topology, Variable

TOPOLOGY = Topology(
    name="two-stage-tia",
    title="Two-stage transimpedance amplifier (push-pull current mirror, active inductor)",
    citation="Wang et al. 2018 (L2DC), park/envs/circuit; D. Bankman, Stanford EE214B",
    netlist=Netlist(
        models=(N018, P018),
        elements=(
            VoltageSource("vdd", "vdd", "0", "1.8"),
            Capacitor("cd", "in", "0", "200e-15"),
            Mosfet("m1", "in", "in", "0", "0", "n018", "W1", "L1"),
            Mosfet("m3", "in", "in", "vdd", "vdd", "p018", "W3", "L3"),
            Mosfet("m2", "out1", "in", "0", "0", "n018", "A*W1", "L1"),
            Mosfet("m4", "out1", "in", "vdd", "vdd", "p018", "A*W3", "L3"),
            Mosfet("m5", "out2", "out1", "0", "0", "n018", "W5", "L5"),
            Mosfet("m6", "vdd", "g6", "out2", "0", "n018", "W6", "L6"),
            Resistor("r6", "vdd", "g6", "R6"),
            Resistor("rf", "out1", "in", "RF"),
            Capacitor("cl", "out2", "0", "20e-15"),
            CurrentSource("iin", "0", "in", "0", ac=1.0),
        ),
    ),
    variables=(
        Variable("W1", "um", 0.4, 4.0, 0.01, 1.02),
        Variable("W3", "um", 0.4, 4.0, 0.01, 0.90),
        Variable("W5", "um", 1.0, 60.0, 0.01, 24.7),
        Variable("W6", "um", 0.5, 30.0, 0.01, 5.75),
        Variable("L1", "um", 0.18, 0.5, 0.01, 0.18),
        Variable("L3", "um", 0.18, 0.5, 0.01, 0.18),
        Variable("L5", "um", 0.18, 0.5, 0.01, 0.18),
        Variable("L6", "um", 0.18, 0.5, 0.01, 0.18),
        Variable("RF", "ohm", 100.0, 3000.0, 1.0, 420.0),
        Variable("R6", "ohm", 100.0, 10000.0, 1.0, 3000.0),
        Variable("A", "1", 2.0, 100.0, 1.0, 50.0),
    ),
    sizing=("W1", "W3", "W5", "W6", "RF", "R6", "A"),
    bench=Bench(
        source="iin",
        output=("out2", "0"),
        start_frequency=10e6,
        stop_frequency=100e9,
        points_per_decade=50,
        supplies=("vdd",),
    ),
    area="(1+A)*(W1*L1+W3*L3)+W5*L5+W6*L6",
)
