"""Topologies as components and wires."""

import numpy as np
import pytest

from eyas.envs.circuit.components import TYPES, components
from eyas.envs.circuit.topology import TOPOLOGIES, find_topology
from eyas.errors import InputError


@pytest.fixture
def amplifier():
    return components(find_topology("two-stage-tia"))


def item(found, name):
    return next(item for item in found.items if item.name == name)


def test_matched_devices_share_variables_and_the_first_owns_them(amplifier):
    assert item(amplifier, "m1").variables == item(amplifier, "m1").owns == ("W1",)
    assert item(amplifier, "m2").variables == ("W1", "A") and item(amplifier, "m2").owns == ("A",)
    assert item(amplifier, "m4").variables == ("W3", "A") and item(amplifier, "m4").owns == ()
    assert item(amplifier, "rf").owns == ("RF",) and item(amplifier, "cd").variables == ()


def test_lengths_belong_to_their_devices_where_they_are_free():
    found = components(find_topology("two-stage-tia"), free=("L1", "W1"))
    assert item(found, "m1").variables == ("L1", "W1")
    assert found.selection(("W1", "RF"))[0].tolist() == [False, False]  # the supply


def test_types_and_rows_of_transistors(amplifier):
    assert [i.name for i in amplifier.items if i.transistor is not None] == [
        t.name for t in find_topology("two-stage-tia").netlist.transistors
    ]
    assert item(amplifier, "m3").type == "pmos" and item(amplifier, "m3").transistor == 1
    assert item(amplifier, "iin").type == "current source"
    opamp = components(find_topology("two-stage-opamp"))
    assert {i.type for i in opamp.items} == set(TYPES) - {"resistor"}
    assert opamp.one_hot.sum(axis=1).tolist() == [1.0] * len(opamp.items)
    assert [net for net, rail in zip(opamp.nets, opamp.rails, strict=True) if rail] == [
        "vdd",
        "cm",
        "id",
    ]


def test_wires(amplifier):
    names = [i.name for i in amplifier.items]
    joined = amplifier.adjacency[names.index("m5")]
    assert {name for name, shares in zip(names, joined, strict=True) if shares} == {
        "m2", "m4", "m6", "rf", "cl",
    }  # fmt: skip
    assert not amplifier.adjacency[names.index("vdd")].any()  # it holds a rail
    assert amplifier.incidence[names.index("m5")].sum() == 2  # ground is no net


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_topology_has_an_owner_for_each_variable_and_one_graph(name):
    topology = find_topology(name)
    found = components(topology)
    owned = [variable for i in found.items for variable in i.owns]
    assert sorted(owned) == sorted(topology.sizing)
    adjacency = found.adjacency
    np.testing.assert_array_equal(adjacency, adjacency.T)
    assert not adjacency.diagonal().any()
    wired = found.incidence[:, ~found.rails].any(axis=1)
    reached = np.linalg.matrix_power(np.eye(len(adjacency)) + adjacency, len(adjacency)) > 0
    assert reached[np.ix_(wired, wired)].all()


def test_an_unknown_variable_is_refused():
    with pytest.raises(InputError, match="WX"):
        components(find_topology("two-stage-tia"), free=("WX",))
