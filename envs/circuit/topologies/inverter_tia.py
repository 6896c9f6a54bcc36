"""Three CMOS inverters in cascade with resistive shunt feedback: it can ring and oscillate."""

from ..model_card import N018, P018
from ..netlist import Capacitor, CurrentSource, Element, Mosfet, Netlist, Resistor, VoltageSource
from ..topology import Bench, Topology, Variable


def _inverter(first: int, stage: int, gate: str, drain: str) -> tuple[Element, ...]:
    """An inverter, or a diode-connected one as a load where gate and drain are one node."""
    return (
        Mosfet(f"m{first}", drain, gate, "0", "0", "n018", f"WN{stage}", "L"),
        Mosfet(f"m{first + 1}", drain, gate, "vdd", "vdd", "p018", f"WP{stage}", "L"),
    )


TOPOLOGY = Topology(
    name="inverter-tia",
    title="Inverter transimpedance amplifier (three stages, shunt feedback; may oscillate)",
    netlist=Netlist(
        models=(N018, P018),
        elements=(
            VoltageSource("vdd", "vdd", "0", "1.8"),
            Capacitor("cd", "in", "0", "200e-15"),
            Capacitor("cl", "out", "0", "20e-15"),
            Resistor("rf", "out", "in", "RF"),
            CurrentSource("iin", "0", "in", "IDC*1e-6", ac=1.0),
            *_inverter(1, 1, "in", "a"),
            *_inverter(3, 2, "a", "b"),
            *_inverter(5, 3, "b", "out"),
            *_inverter(7, 4, "b", "b"),
            *_inverter(9, 5, "a", "a"),
        ),
    ),
    variables=(
        Variable("WN1", "um", 2.0, 20.0, 0.01, 8.0),
        Variable("WP1", "um", 5.0, 50.0, 0.01, 20.0),
        Variable("WN2", "um", 2.0, 20.0, 0.01, 4.0),
        Variable("WP2", "um", 5.0, 50.0, 0.01, 10.0),
        Variable("WN3", "um", 2.0, 20.0, 0.01, 8.0),
        Variable("WP3", "um", 5.0, 50.0, 0.01, 20.0),
        Variable("WN4", "um", 1.0, 10.0, 0.01, 2.0),
        Variable("WP4", "um", 2.5, 25.0, 0.01, 5.0),
        Variable("WN5", "um", 1.0, 10.0, 0.01, 4.0),
        Variable("WP5", "um", 2.5, 25.0, 0.01, 10.0),
        Variable("RF", "ohm", 200.0, 5000.0, 1.0, 1000.0),
        Variable("L", "um", 0.18, 0.36, 0.01, 0.18),
        Variable("IDC", "uA", -1000.0, 1000.0, 1.0, 0.0),
    ),
    sizing=("WN1", "WP1", "WN2", "WP2", "WN3", "WP3", "WN4", "WP4", "WN5", "WP5", "RF", "L"),
    bench=Bench(
        source="iin",
        output=("out", "0"),
        start_frequency=10e6,
        stop_frequency=100e9,
        points_per_decade=50,
        supplies=("vdd",),
    ),
    area="L*(WN1+WP1+WN2+WP2+WN3+WP3+WN4+WP4+WN5+WP5)",
)
