import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

from eyas.errors import InputError
from eyas.hardware.importers.files import load_network
from eyas.hardware.importers.torch_modules import from_torch
from eyas.hardware.network_file import KIND, VERSION, load_network_file, save_network
from eyas.policies.quadrotor_policy import SHIPPED
from eyas.policies.state_file import read_kind, read_tree, write_tree

WALKER = Path(__file__).parents[2] / "data" / "eyas_walker_policy.safetensors"


def everything():
    """A network with every kind of layer and of value."""
    torch.manual_seed(0)
    modules = [
        nn.Linear(3, 4),
        nn.ELU(),
        nn.LayerNorm(4, eps=1e-3),
        nn.GRU(4, 5),
        nn.LSTM(5, 2),
        nn.Linear(2, 2),
    ]
    metadata = {
        "observation": [{"name": "a", "size": 2, "limit": 3}, {"name": "b"}],
        "note": [1, None, "x"],
    }
    return from_torch(
        modules, rate_hz=62.5, low=[-1, 0], high=[1, 0.1], input_std=[1, 2, 3], output="tanh", metadata=metadata
    )  # fmt: skip


def same(a, b):
    assert (a.rate_hz, a.metadata, a.output.kind) == (b.rate_hz, b.metadata, b.output.kind)
    pairs = [(x.tensors(), y.tensors()) for x, y in zip(a.layers, b.layers, strict=True)]
    pairs += [(vars(a.input), vars(b.input)), ({"l": a.output.low, "h": a.output.high},) * 2]
    for one, other in pairs:
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert [layer.kind for layer in a.layers] == [layer.kind for layer in b.layers]


def test_network_file_round_trip(tmp_path):
    network = everything()
    path = tmp_path / "n.safetensors"
    save_network(path, network)
    loaded = load_network_file(path)
    same(network, loaded)
    assert loaded.layers[2].epsilon == 1e-3 and loaded.layers[1].name == "elu"
    assert np.array_equal(loaded.output.high, network.output.high)
    save_network(tmp_path / "again.safetensors", loaded)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    same(load_network(path), network)
    same(load_network(path, rate_hz=62.5), network)
    with pytest.raises(
        InputError, match=r"rate_hz = 50 contradicts the policy, which decides 62\.5 times"
    ):
        load_network(path, rate_hz=50)


def test_metadata_that_is_no_json_is_refused(tmp_path):
    network = from_torch(nn.Linear(1, 1), rate_hz=50, low=-1, high=1, metadata={"a": {1, 2}})
    with pytest.raises(InputError, match="metadata must be JSON values"):
        save_network(tmp_path / "n.safetensors", network)
    assert not list(tmp_path.iterdir())


def spoil(tree, key, value):
    *path, last = key
    for name in path:
        tree = tree[name]
    if value is None:
        del tree[last]
    else:
        tree[last] = value


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        (("layers", 0, "weight"), np.full((4, 3), np.nan, np.float32), r"linear weight at \[0, 0\] is not finite"),
        (("layers", 0, "weight"), np.ones((4, 3)), "has the type float64"),
        (("layers", 0, "weight"), np.ones((4, 2), np.float32), "shape"),
        (("layers", 0, "weight"), [[1.0]], "must be an array"),
        (("layers", 0, "kind"), "conv", "is corrupt or no eyas network file"),
        (("layers", 0, "kind"), None, "is corrupt or no eyas network file"),
        (("layers", 0, "extra"), 1, "is corrupt or no eyas network file"),
        (("layers", 1, "size"), "4", "activation size = '4'"),
        (("layers", 1, "name"), "gelu", "activation 'gelu' is none of"),
        (("layers", 2, "epsilon"), "small", "is corrupt or no eyas network file"),
        (("layers",), [], "at least one layer"),
        (("layers",), None, "is corrupt or no eyas network file"),
        (("input", "limit"), np.zeros(3, np.float32), "input limits must be in"),
        (("output", "kind"), "softmax", "must be clip or tanh"),
        (("output", "low"), np.zeros(3, np.float32), "output low has shape"),
        (("rate_hz",), "often", "is corrupt or no eyas network file"),
        (("rate_hz",), float("nan"), "rate_hz = nan is not in"),
        (("metadata",), [1], "is corrupt or no eyas network file"),
        (("metadata", "observation"), "all", "must be a list"),
        (("metadata", "observation"), [1], "must be a dict"),
    ],
)  # fmt: skip
def test_spoilt_network_files(tmp_path, key, value, sentence):
    path = tmp_path / "n.safetensors"
    save_network(path, everything())
    tree = read_tree(path, KIND, VERSION)
    spoil(tree, key, value)
    write_tree(path, KIND, VERSION, tree)
    for load in (load_network_file, load_network):
        with pytest.raises(InputError, match=sentence) as caught:
            load(path)
        assert str(caught.value).count(str(path)) == 1


def test_policies_and_run_folders(tmp_path):
    network = load_network(SHIPPED)
    assert (network.observation_size, network.action_size, network.memory_size) == (22, 4, 16)
    walker = load_network(str(WALKER))
    assert (walker.observation_size, walker.rate_hz, walker.memory_size) == (24, 50, 0)
    assert walker.metadata["world"] == "walker"
    shutil.copy(WALKER, tmp_path / "policy.safetensors")
    same(load_network(tmp_path), walker)


def test_rate_that_no_file_says(tmp_path):
    tree = read_tree(SHIPPED, "eyas recurrent policy", 1)
    del tree["metadata"]["rate_hz"]
    path = tmp_path / "p.safetensors"
    write_tree(path, "eyas recurrent policy", 1, tree)
    with pytest.raises(InputError, match=f"^{path}: the policy does not say .* give rate_hz"):
        load_network(path)
    assert load_network(path, rate_hz=80).rate_hz == 80


@pytest.mark.parametrize("suffix", [".zip", ".pt", ".pth", ".PTH", ".onnx", ".pkl", ".pickle", ".ckpt"])
def test_files_of_others_are_not_opened(tmp_path, suffix):
    path = tmp_path / f"policy{suffix}"
    path.write_bytes(b"")
    function = "from_stable_baselines3" if suffix == ".zip" else "from_torch"
    with pytest.raises(InputError, match=rf"is not opened, .*\.{function} and save what it gives with"):
        load_network(path)


def test_no_policy_files(tmp_path):
    def refusal(path):
        with pytest.raises(InputError) as caught:
            load_network(path)
        return str(caught.value)

    path = tmp_path / "p.safetensors"
    assert refusal(path) == f"there is no file {path}"
    assert refusal(tmp_path) == f"folder {tmp_path} has no policy.safetensors"
    for content in (
        b"",
        b"\0" * 100,
        SHIPPED.read_bytes()[:500],
        b"\x10" + b"\0" * 7 + b"[[[[[[[[[[[[[[[[",
    ):
        path.write_bytes(content)
        assert refusal(path) == f"{path} is corrupt or no safetensors file"
    save_file({"a": np.ones(3, np.float32)}, path)
    assert refusal(path) == f"{path} is no policy file" and read_kind(path) is None
    for header in ("[]", "1", "{", '{"kind": 3}'):
        save_file({"a": np.ones(3, np.float32)}, path, metadata={"eyas": header})
        assert str(path) in refusal(path)
    write_tree(path, "walker checkpoint", 1, {"a": 1})
    assert refusal(path) == f"{path} is no policy file but a file of the kind walker checkpoint"
    write_tree(path, "eyas policy", 9, {"a": 1})
    assert refusal(path) == f"{path} has version 9, this program reads version 1"
    write_tree(path, "eyas policy", 1, json.loads('{"a": 1}'))
    assert "is corrupt or not a policy file" in refusal(path)
