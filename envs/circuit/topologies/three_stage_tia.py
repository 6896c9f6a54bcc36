"""L2DC's three-stage transimpedance amplifier: common gate, differential pair, source follower."""

from ..model_card import COURSE_NMOS, COURSE_PMOS
from ..netlist import Capacitor, CurrentSource, Element, Mosfet, Netlist, Resistor, VoltageSource
from ..topology import Bench, Topology, Variable


def _side(x: str) -> tuple[Element, ...]:
    """The transistors of one half of the differential circuit."""
    return (
        Mosfet(f"m1{x}", f"vo1{x}", "0", f"iin{x}", "vss", "course_n", "W1", "L1"),
        Mosfet(f"ml1{x}", f"vo1{x}", f"vo1{x}", "vdd", "vdd", "course_p", "WL1", "LL1"),
        Mosfet(f"mb1{x}", f"iin{x}", "nbias", "vss", "vss", "course_n", "WB1", "LB1"),
        Mosfet(f"m2{x}", f"vo2{x}", f"vo1{x}", "v0d", "vss", "course_n", "W2", "L2"),
        Mosfet(f"ml2{x}", f"vo2{x}", f"vo2{x}", "vdd", "vdd", "course_p", "WL2", "LL2"),
        Mosfet(f"mb2{x}", "v0d", "nbias", "vss", "vss", "course_n", "WB2", "LB2"),
        Mosfet(f"m3{x}", "vdd", f"vo2{x}", f"vout{x}", "vss", "course_n", "W3", "L3"),
        Mosfet(f"mb3{x}", f"vout{x}", "nbias", "vss", "vss", "course_n", "WB3", "LB3"),
    )


TOPOLOGY = Topology(
    name="three-stage-tia",
    title="Three-stage differential transimpedance amplifier (common gate, pair, follower)",
    citation="Wang et al. 2018 (L2DC), park/envs/circuit; Stanford EE114/214A 2012",
    netlist=Netlist(
        models=(COURSE_NMOS, COURSE_PMOS),
        elements=(
            VoltageSource("vdd", "vdd", "0", "2.5"),
            VoltageSource("vss", "vss", "0", "-2.5"),
            CurrentSource("iina", "iina", "vdd", "0", ac=0.5),
            CurrentSource("iinb", "vdd", "iinb", "0", ac=0.5),
            Capacitor("cina", "vdd", "iina", "100e-15"),
            Capacitor("cinb", "vdd", "iinb", "100e-15"),
            Resistor("rl", "vouta", "voutb", "10e3"),
            Capacitor("cl", "vouta", "voutb", "500e-15"),
            *_side("a"),
            *_side("b"),
            Mosfet("mb", "nbias", "nbias", "vss", "vss", "course_n", "WB", "LB"),
            Resistor("rb", "vdd", "nbias", "RB*1e3"),
        ),
    ),
    variables=(
        Variable("W1", "um", 2.0, 15.0, 0.2, 12.0),
        Variable("WL1", "um", 2.0, 5.0, 0.2, 2.0),
        Variable("WB1", "um", 2.0, 5.0, 0.2, 3.2),
        Variable("W2", "um", 2.0, 5.0, 0.2, 4.0),
        Variable("WL2", "um", 2.0, 5.0, 0.2, 2.8),
        Variable("WB2", "um", 2.0, 10.0, 0.2, 5.8),
        Variable("W3", "um", 2.0, 50.0, 0.2, 44.4),
        Variable("WB3", "um", 2.0, 15.0, 0.2, 10.2),
        Variable("WB", "um", 2.0, 5.0, 0.2, 2.0),
        Variable("RB", "kohm", 100.0, 400.0, 1.0, 291.0),
        Variable("L1", "um", 1.0, 3.0, 0.2, 1.0),
        Variable("LL1", "um", 1.0, 3.0, 0.2, 1.0),
        Variable("LB1", "um", 1.0, 3.0, 0.2, 2.0),
        Variable("L2", "um", 1.0, 3.0, 0.2, 1.0),
        Variable("LL2", "um", 1.0, 3.0, 0.2, 1.0),
        Variable("LB2", "um", 1.0, 3.0, 0.2, 2.0),
        Variable("L3", "um", 1.0, 3.0, 0.2, 1.0),
        Variable("LB3", "um", 1.0, 3.0, 0.2, 2.0),
        Variable("LB", "um", 1.0, 3.0, 0.2, 2.0),
    ),
    sizing=("W1", "WL1", "WB1", "W2", "WL2", "WB2", "W3", "WB3", "WB", "RB"),
    bench=Bench(
        source="iina",
        other_sources=("iinb",),
        output=("vouta", "voutb"),
        start_frequency=10e3,
        stop_frequency=10e9,
        points_per_decade=50,
        supplies=("vdd", "vss"),
    ),
    area="2*(W1*L1+WL1*LL1+WB1*LB1+W2*L2+WL2*LL2+WB2*LB2+W3*L3+WB3*LB3)+WB*LB",
)
