import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, prune

from eyas.errors import InputError
from eyas.hardware.importers.torch_modules import from_torch
from eyas.hardware.network import LARGEST_LIMIT

ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.SiLU, nn.Softplus)
WIDE = {"rate_hz": 100, "low": -1e6, "high": 1e6}


class Runner:
    """Runs modules that a Sequential cannot: what follows a recurrent one reads its output alone."""

    def __init__(self, modules):
        self.modules, self.states = modules, [None] * len(modules)

    def __call__(self, x):
        for number, module in enumerate(self.modules):
            state = self.states[number]
            if isinstance(module, (nn.GRU, nn.LSTM)):
                time = 1 if module.batch_first else 0
                x, self.states[number] = module(x.unsqueeze(time), state)
                x = x.squeeze(time)
            elif isinstance(module, nn.GRUCell):
                self.states[number] = x = module(x, state)
            elif isinstance(module, nn.LSTMCell):
                self.states[number] = module(x, state)
                x = self.states[number][0]
            else:
                x = module(x)
        return x


def compare(fly, modules, network, size, seed, tolerance=1e-6, scale=1.0):
    """Both in float64, so that nothing but the import can differ."""
    generator = np.random.default_rng(seed)
    sequence = (scale * generator.standard_normal((5, 7, size))).astype(np.float32)
    modules = [copy.deepcopy(module).double().eval() for module in modules]
    run = Runner(modules)
    with torch.no_grad():
        expected = np.stack([run(torch.from_numpy(x).double()).numpy() for x in sequence])
    found = fly(network, sequence)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def randomized(module, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return module


SIZES = st.integers(1, 9)


@st.composite
def chains(draw):
    """Random layers of random sizes that fit each other, and what the first one reads."""
    first = size = draw(SIZES)
    modules = []
    for _ in range(draw(st.integers(1, 4))):
        out, bias = draw(SIZES), draw(st.booleans())
        kind = draw(
            st.sampled_from(["linear", "gru", "lstm", "gru cell", "lstm cell", "norm", "affine"])
        )
        many = draw(st.integers(1, 2))
        if kind == "linear":
            modules.append(nn.Linear(size, out, bias=bias))
        elif kind == "gru":
            modules.append(
                nn.GRU(size, out, num_layers=many, bias=bias, dropout=0.3 if many > 1 else 0)
            )
        elif kind == "lstm":
            modules.append(nn.LSTM(size, out, num_layers=many, bias=bias, batch_first=True))
        elif kind == "gru cell":
            modules.append(nn.GRUCell(size, out, bias=bias))
        elif kind == "lstm cell":
            modules.append(nn.LSTMCell(size, out, bias=bias))
        else:
            out, affine = size, kind == "affine"
            modules.append(
                nn.LayerNorm(size, eps=draw(st.sampled_from([1e-5, 1e-2])), elementwise_affine=affine)
            )
        size = out
        modules.append(draw(st.sampled_from(ELEMENTWISE))())
        modules += draw(st.sampled_from([[], [nn.Identity()], [nn.Dropout(0.5)], [nn.Flatten()]]))
    return modules, first


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chain=chains(), seed=st.integers(0, 2**31))
def test_random_chains_equal_torch(fly, chain, seed):
    modules, size = chain
    for number, module in enumerate(modules):
        randomized(module, seed + number)
    network = from_torch(modules, **WIDE)
    compare(fly, modules, network, size, seed)


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_each_activation_equals_torch_far_out_too(fly, activation):
    module = nn.Sequential(activation(), nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        module[1].weight.copy_(torch.eye(3))
    compare(fly, [module], from_torch(module, **WIDE), 3, 1, scale=30)


def test_nested_sequential_and_a_module_used_twice(fly):
    shared = nn.Tanh()
    twice = nn.Linear(6, 6)
    inner = nn.Sequential(nn.Linear(4, 6), shared, twice, shared)
    module = randomized(nn.Sequential(nn.Flatten(), inner, twice, shared, nn.Linear(6, 2)), 0)
    network = from_torch(module, **WIDE)
    kinds = [layer.kind for layer in network.layers]
    assert kinds == ["linear", "activation"] * 3 + ["linear"]
    compare(fly, [module], network, 4, 3)


def test_one_module_alone(fly):
    module = randomized(nn.Linear(3, 2), 4)
    compare(fly, [module], from_torch(module, **WIDE), 3, 5)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16])
def test_other_widths_are_cast(fly, kind):
    module = randomized(nn.Linear(3, 2), 6).to(kind)
    network = from_torch(module, **WIDE)
    assert network.layers[0].weight.dtype == np.float32
    compare(fly, [module], network, 3, 7)


def test_training_mode_does_not_matter():
    module = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.9))
    assert len(from_torch(module.train(), **WIDE).layers) == 1


def test_outputs(fly):
    module = randomized(nn.Sequential(nn.Linear(3, 2)), 8)
    sequence = np.random.default_rng(9).standard_normal((1, 50, 3)).astype(np.float32)
    low, high = np.array([-1.0, 0.5]), np.array([2.0, 0.75])
    with torch.no_grad():
        y = module.double()(torch.from_numpy(sequence[0]).double()).numpy()
    network = from_torch(module, rate_hz=50, low=low, high=high)
    np.testing.assert_allclose(fly(network, sequence)[0], np.clip(y, low, high), atol=1e-6)
    network = from_torch(module, rate_hz=50, low=low, high=high, output="tanh")
    expected = low + (np.tanh(y) + 1) * (high - low) / 2
    np.testing.assert_allclose(fly(network, sequence)[0], expected, atol=1e-6)
    assert network.rate_hz == 50


FIRST = {
    "linear": lambda: [nn.Linear(4, 3)],
    "gru": lambda: [nn.GRU(4, 3)],
    "lstm": lambda: [nn.LSTM(4, 3)],
    "norm": lambda: [nn.LayerNorm(4), nn.Linear(4, 3)],
    "tanh": lambda: [nn.Tanh(), nn.Linear(4, 3)],
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("clip", [None, 2.5])
def test_normalization_is_folded_in(fly, first, clip):
    modules = [randomized(module, 10) for module in FIRST[first]()]
    mean = np.array([1000.1, -3.3, 0.0, 1e-3])
    std = np.array([0.01, 20.0, 1.0, 1e-4])
    network = from_torch(modules, input_mean=mean, input_std=std, input_clip=clip, **WIDE)
    generator = np.random.default_rng(11)
    sequence = (mean + 2 * std * generator.standard_normal((4, 30, 4))).astype(np.float32)
    run = Runner([copy.deepcopy(module).double() for module in modules])
    expected = []
    with torch.no_grad():
        for observations in sequence:
            x = (observations.astype(float) - mean) / std
            x = x if clip is None else np.clip(x, -clip, clip)
            expected.append(run(torch.from_numpy(x)).numpy())
    # The limits are around the mean as float32 has it: at them it counts what that is off, in deviations.
    off = np.abs(mean - mean.astype(np.float32)) / std
    atol = 2e-6 if clip is None else 2e-6 + 4 * off.max()
    np.testing.assert_allclose(fly(network, sequence), np.stack(expected), rtol=1e-6, atol=atol)
    limit = np.full(4, LARGEST_LIMIT) if clip is None else clip * std
    np.testing.assert_allclose(network.input.limit, limit, rtol=1e-6)


def test_no_normalization_leaves_weights_as_they_are():
    module = randomized(nn.Linear(3, 2), 12)
    network = from_torch(module, **WIDE)
    assert np.array_equal(network.layers[0].weight, module.weight.detach().numpy())
    assert not network.input.center.any() and (network.input.limit == LARGEST_LIMIT).all()


def test_limits_of_the_metadata():
    parts = [{"name": "a", "size": 2, "limit": 3}, {"name": "b"}]
    module = nn.Linear(3, 1)
    network = from_torch(module, metadata={"observation": parts}, **WIDE)
    assert network.input.limit.tolist() == [3, 3, LARGEST_LIMIT]
    assert network.metadata["observation"] == parts
    network = from_torch(module, metadata={"observation": parts}, input_std=1.0, input_clip=2.0, **WIDE)
    assert network.input.limit.tolist() == [2, 2, 2]


class OwnLinear(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class OwnSequential(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + x


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 3)

    def forward(self, x):
        return self.net(x)


def poisoned(value):
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2).double())
    with torch.no_grad():
        module[2].weight[1, 3] = value
    return module


def hooked():
    module = nn.Sequential(nn.Linear(3, 3))
    module[0].register_forward_hook(lambda module, args, output: 2 * output)
    return module


def with_own_forward():
    module = nn.Sequential(nn.Linear(3, 3))
    module[0].forward = lambda x: x
    return module


def misfit():
    module = nn.Linear(3, 2)
    module.bias = nn.Parameter(torch.zeros(5))
    return module


def pruned():
    return prune.l1_unstructured(nn.Linear(3, 3), "weight", amount=2)


REFUSED = {
    "conv": (lambda: nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Conv1d(3, 3, 1))), r"^1\.0 \(Conv1d\) cannot"),
    "nan": (lambda: poisoned(float("nan")), r"^2 \(Linear\): weight at \[1, 3\] = nan is not finite"),
    "inf": (lambda: poisoned(float("inf")), r"^2 \(Linear\): weight at \[1, 3\] = inf is not finite"),
    "large": (lambda: poisoned(1e39), r"^2 \(Linear\): weight at \[1, 3\] = 1e\+39 does not fit float32"),
    "linear": (lambda: OwnLinear(3, 3), r"^module \(OwnLinear\) cannot be exported"),
    "sequential": (lambda: OwnSequential(nn.Linear(3, 3)), r"^module \(OwnSequential\) cannot be exported"),
    "actor": (Actor, r"^module \(Actor\) cannot be exported; known are Sequential, Linear"),
    "hook": (hooked, r"^0 \(Linear\) cannot be exported; it has forward hooks"),
    "forward": (with_own_forward, r"^0 \(Linear\) cannot be exported; it has forward hooks"),
    "pruned": (pruned, r"^module \(Linear\) cannot be exported; it has forward hooks"),
    "weight norm": (lambda: parametrizations.weight_norm(nn.Linear(3, 3)), r"ParametrizedLinear\) cannot"),
    "lazy": (lambda: nn.LazyLinear(3), r"LazyLinear\) cannot"),
    "rnn": (lambda: nn.RNN(3, 3), r"^module \(RNN\) cannot"),
    "two ways": (lambda: nn.GRU(3, 3, bidirectional=True), r"\(GRU\) with bidirectional = True cannot"),
    "projection": (lambda: nn.LSTM(3, 3, proj_size=2), r"\(LSTM\) with proj_size = 2 cannot"),
    "elu": (lambda: nn.Sequential(nn.Linear(3, 3), nn.ELU(alpha=0.5)), r"^1 \(ELU\) with alpha = 0.5 cannot"),
    "softplus": (lambda: nn.Sequential(nn.Linear(3, 3), nn.Softplus(beta=2)), r"with beta = 2"),
    "flatten": (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(3, 3)), r"start_dim = 0"),
    "norm": (lambda: nn.LayerNorm((2, 3)), r"^module \(LayerNorm\): it normalizes over 2 dimensions"),
    "epsilon": (lambda: nn.LayerNorm(3, eps=0.0), r"^module \(LayerNorm\): .*epsilon = 0.0 is not"),
    "shape": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 2)), r"^2 \(Linear\) reads 5 numbers, it is given 4"),
    "bias": (misfit, r"^module \(Linear\): .*bias has shape \(5,\), expected \(2,\)"),
    "whole": (lambda: nn.Linear(3, 2, device="meta"), r"^module \(Linear\): weight is a .* on meta"),
    "empty": (lambda: nn.Sequential(nn.ReLU()), r"no layer with weights"),
    "text": (lambda: ["actor"], r"^0 \(str\) is no torch module"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_module(name):
    make, sentence = REFUSED[name]
    with pytest.raises(InputError, match=sentence):
        from_torch(make(), **WIDE)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"output": "softmax"}, "output = 'softmax' must be clip or tanh"),
        ({"low": [0.0]}, r"low has shape \(1,\), expected \(2,\)"),
        ({"high": float("inf")}, "high must be finite"),
        ({"low": 2, "high": 1}, "must be below high"),
        ({"rate_hz": 0}, r"rate_hz = 0.0 is not in"),
        ({"rate_hz": "100"}, "rate_hz = '100' must be a finite number"),
        ({"input_std": 0.0}, "scale must be above 0"),
        ({"input_std": "wide"}, "must be a number"),
        ({"input_mean": [0.0, float("nan"), 0.0]}, "mean must be finite"),
        ({"input_mean": [0.0, 0.0]}, r"mean has shape \(2,\), expected \(3,\)"),
        ({"input_clip": 0.0}, "must be above 0"),
        ({"input_clip": float("nan")}, "must be above 0"),
        ({"input_std": 1e-45}, "weight at .* is not finite"),
        ({"metadata": {"observation": [{"name": "a", "size": 2}]}}, "describes 2 numbers, the policy reads 3"),
        ({"metadata": {"observation": [{"size": 3, "limit": 0}]}}, r"limit = 0 is not in \(0, 1e\+06\]"),
        ({"metadata": {"observation": [{"size": "3"}]}}, "must be a dict with a size"),
        ({"metadata": {"observation": {"a": 3}}}, "must be a list"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        from_torch(nn.Linear(3, 2), **(WIDE | arguments))


def test_files_are_loaded_without_torch():
    code = "import sys, eyas.hardware.importers.files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
