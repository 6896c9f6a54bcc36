import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eyas.agents.sizing.l2dc import L2DCSettings, L2DCSizer, inverted, truncated_normal
from eyas.agents.sizing.l2dc_memory import Memory
from eyas.agents.sizing.l2dc_network import Actor, Critic, Observer
from eyas.agents.sizing.run import run_sizer
from eyas.envs.circuit.components import TYPES
from eyas.envs.circuit.problem import SizingProblem
from eyas.envs.circuit.results import DEVICE_COLUMNS
from eyas.envs.circuit.spec import find_spec
from eyas.envs.circuit.topology import find_topology
from eyas.errors import InputError


def make_problem(name, free=()):
    return SizingProblem(find_topology(name), find_spec(name), free)


@pytest.fixture(scope="module")
def two_stage():
    return make_problem("two-stage-tia")


@pytest.fixture(scope="module")
def long_three_stage():
    """All 19 variables: transistors with two parameters each."""
    topology = find_topology("three-stage-tia")
    return make_problem("three-stage-tia", topology.names)


def random_points(problem, count, seed=0):
    return np.random.default_rng(seed).random((count, problem.dimension))


def test_matched_devices_are_one_component(long_three_stage):
    layout = Observer(long_three_stage).layout
    assert layout.length == 10  # 8 pairs of transistors, the bias transistor and its resistor
    assert layout.places == 2
    where = dict(
        zip(long_three_stage.names, zip(layout.component, layout.place, strict=True), strict=True)
    )
    for width, length in (("W1", "L1"), ("WL2", "LL2"), ("WB", "LB")):
        assert where[width][0] == where[length][0]
        assert (where[width][1], where[length][1]) == (0, 1)
    kinds = layout.identity[:, layout.length :].argmax(axis=1)
    assert [TYPES[kind] for kind in kinds].count("resistor") == 1
    assert TYPES[kinds[where["RB"][0]]] == "resistor"


def test_networks_have_the_shapes_of_the_circuit(long_three_stage):
    observer = Observer(long_three_stage)
    seen = observer.observe(long_three_stage.evaluate(random_points(long_three_stage, 6)))
    local, shared = (torch.from_numpy(array) for array in seen)
    assert local.shape == (6, 10, len(DEVICE_COLUMNS))
    assert shared.shape == (6, observer.layout.shared)
    actor, critic = Actor(observer.layout, 16), Critic(observer.layout, 16)
    actions = actor(local, shared)
    assert actions.shape == (6, 19)
    assert critic(local, shared, actions).shape == (6,)


def test_what_is_seen_is_each_components_operating_point(two_stage):
    evaluation = two_stage.evaluate(random_points(two_stage, 64))
    local, shared = Observer(two_stage).observe(evaluation)
    drain_current = local[:, :, DEVICE_COLUMNS.index("id")]
    # m1, m3, m2, m5, m6 in the netlist's order, then the resistors, which have no operating point
    order = ["m1", "m3", "m2", "m5", "m6"]
    for row, name in enumerate(order):
        truth = evaluation.results.column(f"{name}_id")
        assert np.corrcoef(drain_current[:, row], truth)[0, 1] > 0.95
    assert not local[:, len(order) :].any()
    gain = evaluation.results.metric_names.index("gain")
    truth = np.log10(evaluation.results.column("gain"))
    nodes = len(two_stage.topology.netlist.nodes)
    assert np.corrcoef(shared[:, nodes + gain], truth)[0, 1] > 0.99


def test_a_failed_simulation_is_seen_as_nothing(two_stage):
    evaluation = two_stage.evaluate(random_points(two_stage, 4))
    evaluation.results.status[1] = 2
    evaluation.results.devices[1] = np.nan
    evaluation.results.metrics[1] = np.nan
    local, shared = Observer(two_stage).observe(evaluation)
    assert not local[1].any() and not shared[1].any()
    assert local[0].any() and np.isfinite(local).all() and np.isfinite(shared).all()


def test_the_order_of_the_variables_does_not_matter(two_stage):
    order = np.random.default_rng(1).permutation(two_stage.dimension)
    other = make_problem("two-stage-tia", [two_stage.names[i] for i in order])
    points = random_points(two_stage, 5)
    answers = []
    for problem, columns in ((two_stage, np.arange(7)), (other, order)):
        observer = Observer(problem)
        torch.manual_seed(0)
        actor, critic = Actor(observer.layout, 16), Critic(observer.layout, 16)
        seen = observer.observe(problem.evaluate(points[:, columns]))
        with torch.no_grad():
            actions = actor(*map(torch.from_numpy, seen))
            values = critic(*map(torch.from_numpy, seen), actions)
        answers.append((actions.numpy(), values.numpy()))
    (ours, value), (theirs, same_value) = answers
    np.testing.assert_array_equal(theirs, ours[:, order])
    np.testing.assert_array_equal(same_value, value)
    assert len(np.unique(ours[0])) == 7  # every component has parameters of its own


def test_components_are_read_in_sequence(two_stage):
    """The decoder hands parameters on, so a late component's parameters depend on early ones'."""
    layout = Observer(two_stage).layout
    torch.manual_seed(0)
    actor = Actor(layout, 16)
    seen = (torch.zeros(1, layout.length, 20), torch.zeros(1, layout.shared))
    column = int(np.argmax(layout.component))
    before = actor(*seen)[0, column].item()
    with torch.no_grad():
        actor.head.bias += 0.5
        after = actor(*seen)[0, column].item()
    assert after - before != pytest.approx(0.5, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    mean=st.floats(-1, 1),
    deviation=st.floats(1e-3, 3),
    seed=st.integers(0, 10**6),
)
def test_exploration_stays_in_the_range(mean, deviation, seed):
    rng = np.random.default_rng(seed)
    samples = truncated_normal(rng, np.full(200, mean), deviation)
    assert np.isfinite(samples).all()
    assert (np.abs(samples) <= 1).all()
    # cutting pulls towards the middle, and never by more than the deviation
    assert abs(samples.mean() - mean) < deviation * (1 + 6 / np.sqrt(200))


def test_exploration_is_normal_where_nothing_is_cut():
    samples = truncated_normal(np.random.default_rng(0), np.full(20_000, 0.2), 0.1)
    assert samples.mean() == pytest.approx(0.2, abs=3e-3)
    assert samples.std() == pytest.approx(0.1, rel=0.02)


def test_exploration_decays_exponentially_to_the_end_of_the_budget(two_stage):
    sizer = L2DCSizer(two_stage, 0, 640, L2DCSettings(updates=0))
    noises = []
    run_sizer(sizer, two_stage, 640, lambda history: noises.append(sizer.noise))
    assert noises[:4] == [0.5] * 4  # a fifth of the budget is random
    ratios = np.array(noises[5:]) / np.array(noises[4:-1])
    np.testing.assert_allclose(ratios, ratios[0])
    assert noises[-1] == pytest.approx(0.02)


def test_inverted_gradients_lead_back_into_the_range():
    slope = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0])
    actions = torch.tensor([0.0, 1.0, 1.5, 1.0, -1.5])
    expected = torch.tensor([0.5, 0.0, -0.25, -1.0, 0.25])
    torch.testing.assert_close(inverted(slope, actions), expected)


def test_the_memory_knows_what_was_seen_before(two_stage):
    layout = Observer(two_stage).layout
    memory = Memory(12, 4, layout)
    for round_ in range(3):  # an episode of two designs, and the first of another
        value = round_ + 1
        after = (
            np.full((4, layout.length, 20), value, np.float32),
            np.full((4, layout.shared), value, np.float32),
        )
        actions = np.full((4, 7), value, np.float32)
        memory.add(actions, np.arange(4) + 10.0 * round_, after, first=round_ != 1)
    batch = memory.draw(np.random.default_rng(0), 200)
    seen_before = {1.0: 0.0, 2.0: 1.0, 3.0: 0.0}
    for action, after, local, shared in zip(
        batch.actions[:, 0], batch.after[0][:, 0, 0], batch.before[0], batch.before[1], strict=True
    ):
        assert after == action
        assert (local == seen_before[action.item()]).all() and (shared == local[0, 0]).all()
    assert set(batch.actions[:, 0].tolist()) == {1.0, 2.0, 3.0}


def test_scores_are_learned_as_quantiles_of_their_ranks(two_stage):
    memory = Memory(8, 8, Observer(two_stage).layout)
    scores = np.array([-5.0, -5.0, -0.2, -0.01, -0.009, 2.0, 8.0, 9.0])
    blank = Observer(two_stage).blank(8)
    memory.add(np.zeros((8, 7), np.float32), scores, blank, first=True)
    quantiles = memory.quantiles(scores)
    assert quantiles[0] == quantiles[1]
    assert (np.diff(quantiles[1:]) > 0.2).all()  # thousandths count as much as units
    assert quantiles[0] == pytest.approx(-1.15, abs=0.01) and quantiles[-1] == pytest.approx(
        1.53, abs=0.01
    )
    assert np.isfinite(memory.quantiles(np.array([-5.1, 100.0]))).all()


def test_a_state_of_another_circuit_is_refused(two_stage):
    state = L2DCSizer(two_stage, 0, 320).state()
    with pytest.raises(InputError, match="does not fit"):
        L2DCSizer(make_problem("three-stage-tia"), 0, 320).restore(state)
    longer = L2DCSizer(two_stage, 0, 320)
    run_sizer(longer, two_stage, 320)
    with pytest.raises(InputError, match="memory"):
        L2DCSizer(two_stage, 0, 160).restore(longer.state())
    with pytest.raises(InputError, match="budget of 0"):
        L2DCSizer(two_stage, 0, 0)
