"""``eyas raptor evaluate``: the tables, the file, the refusals."""

import dataclasses
import json

import numpy as np
import pytest

from eyas.agents.raptor.bins import PROPERTIES, failures_by_bin
from eyas.agents.raptor.evaluation import NAMED_PROTOCOLS, evaluate_named
from eyas.agents.raptor.probe import linear_probe
from eyas.cli import main
from eyas.envs.quadrotor.distribution import raptor_airframes
from eyas.envs.quadrotor.evaluation.own_simulator import OwnSimulator
from eyas.envs.quadrotor.evaluation.protocols import QUICK
from eyas.envs.quadrotor.named import NAMED
from eyas.policies.quadrotor_metadata import OBSERVATION, OBSERVATION_SIZE, describe
from eyas.policies.recurrent_policy import RecurrentPolicy, save_recurrent_policy


def falling_policy(observed=22) -> RecurrentPolicy:
    """Still rotors, whatever it sees."""

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    return RecurrentPolicy(
        encoder_weight=zeros(16, observed),
        encoder_bias=zeros(16),
        weight_input=zeros(48, 16),
        weight_hidden=zeros(48, 16),
        bias_input=zeros(48),
        bias_hidden=zeros(48),
        initial_hidden=zeros(16),
        decoder_weight=zeros(4, 16),
        decoder_bias=np.full(4, -1, np.float32),
        metadata=describe(command="", revision=""),
    )


@pytest.fixture
def path(tmp_path):
    save_recurrent_policy(tmp_path / "falling.safetensors", falling_policy())
    return tmp_path / "falling.safetensors"


def test_layout_adds_up():
    assert sum(part["size"] for part in OBSERVATION) == OBSERVATION_SIZE
    assert json.loads(json.dumps(describe(command="c", revision="r")))["rate_hz"] == 100


def test_quick_evaluation(path, tmp_path, capsys):
    file = tmp_path / "figures.json"
    words = f"raptor evaluate {path} --quick --simulator ours --count 24 --seed 3 --json {file}"
    assert main(words.split()) == 0
    shown = capsys.readouterr().out
    figures = json.loads(file.read_text())
    assert (figures["count"], figures["seed"], figures["simulator"]) == (24, 3, "ours")
    found = figures["policies"]["ours"]
    assert list(found["protocols"]) == list(QUICK) and found["probe"] is None
    assert found["parameters"] == 2084
    for name in QUICK:
        assert name in shown
        assert found["protocols"][name]["failed"] == 1
        for bins in found["bins"][name].values():
            assert sum(place["vehicles"] for place in bins) == 24
    assert "100.00 %" in shown and "torque-to-inertia" in shown and "too few vehicles" in shown


def test_beside_the_published_policy(path, capsys):
    pytest.importorskip("foundation_policy", reason="needs foundation-policy")
    words = f"raptor evaluate {path} --quick --simulator ours --count 24 --published yes"
    assert main(words.split()) == 0
    shown = capsys.readouterr().out
    assert "published" in shown
    hover = next(line for line in shown.splitlines() if "hover 10 s" in line)
    assert "100.00 %" in hover and "0.02" in hover


def test_named_airframes():
    done = []
    found = evaluate_named(falling_policy(), OwnSimulator, seeds=1, progress=done.append)
    assert list(found) == list(NAMED)
    for flown in found.values():
        assert set(flown) == set(NAMED_PROTOCOLS)
        assert all(summary["failed"] == 1 for summary in flown.values())
        assert flown["P0 no force"]["flights"] == flown["P3 10 ms"]["flights"] == 128
        assert flown["P1"]["flights"] == 1


def test_refusals(path, tmp_path, capsys):
    save_recurrent_policy(tmp_path / "small.safetensors", falling_policy(observed=21))
    for words, sentence in (
        ("nowhere.safetensors", "there is no file nowhere.safetensors"),
        (
            f"{tmp_path}/small.safetensors",
            "maps 21 observations to 4 actions, a quadrotor has 22 and 4",
        ),
        (f"{path} --count 0", "--count = 0 is not a whole number from 1 to 8192"),
        (f"{path} --count many", "--count = 'many'"),
        (f"{path} --json {tmp_path}/no/f.json", "there is no folder"),
    ):
        assert main(["raptor", "evaluate", *words.split(), "--quick", "--simulator", "ours"]) == 2
        assert sentence in capsys.readouterr().err


def test_l2f_is_missing(path, capsys, monkeypatch):
    monkeypatch.setattr("eyas.agents.raptor.published.find_spec", lambda name: None)
    for option, package in (("--simulator l2f", "l2f"), ("--published yes", "foundation-policy")):
        assert main(["raptor", "evaluate", str(path), "--quick", *option.split()]) == 2
        assert f"package {package} is not installed" in capsys.readouterr().err


def test_bins_hold_everybody_once():
    airframes = raptor_airframes(np.random.default_rng(0), 300).airframes
    failed = np.stack([airframes.mass < 0.074, np.zeros(300, bool)])
    bins = failures_by_bin(airframes, failed)
    assert list(bins) == [kind.name for kind in PROPERTIES]
    for places in bins.values():
        assert sum(place["vehicles"] for place in places) == 300
    assert [place["failed"] for place in bins["mass"]] == [0.5, 0, 0, 0, 0, 0]
    light = airframes.select(airframes.mass < 0.074)
    none = failures_by_bin(light, np.zeros((1, len(light)), bool))["mass"]
    assert none[0]["failed"] == 0 and none[-1]["failed"] is None
    # What lies beyond the last edge belongs to the last bin.
    heavy = dataclasses.replace(light, mass=light.mass / light.mass.max() * 0.075)
    assert failures_by_bin(heavy, np.zeros((1, len(heavy)), bool))["mass"][1]["vehicles"] >= 1


def test_probe_finds_what_is_there():
    rng = np.random.default_rng(0)
    values = rng.uniform(1.5, 5, 200)
    memories = rng.normal(size=(2, 200, 16)).astype(np.float32)
    failed = rng.random((2, 200)) < 0.2
    nothing = linear_probe(memories, failed, values)
    assert nothing is not None and nothing < 0.2
    memories[:, :, 3] += 10 * values
    memories[failed] = np.nan  # must not be looked at
    assert linear_probe(memories, failed, values) > 0.99
    # Scored on vehicles it was not fitted to: a memory that only names the vehicle is no use.
    names = np.zeros((2, 200, 200), np.float32)
    names[:, np.arange(200), np.arange(200)] = 1
    assert linear_probe(names, np.zeros((2, 200), bool), values) < 0.1
    assert linear_probe(memories[:, :10], failed[:, :10], values[:10]) is None
