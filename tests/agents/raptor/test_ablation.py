"""The ablation: every setting trains, finished ones are not trained again, the table says it."""

import dataclasses
import json

import numpy as np
import pytest

from eyas.agents.raptor import ablation
from eyas.agents.raptor.ablation import AblationConfig, ablate, read_entries, settings
from eyas.agents.raptor.gradient_config import GradientConfig
from eyas.agents.raptor.imitation_config import Recipe
from eyas.errors import InputError
from eyas.runs import Run


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Small trainings of which the ablation has two rows."""
    small = GradientConfig(vehicles=128, horizon=10, hidden=8, pool=32)

    def few(teachers):
        other = dataclasses.replace(small, hidden=4)
        return [ablation.Setting(name="a", method=small), ablation.Setting(name="b", method=other)]

    def flown(policy, sample, simulator, names, *, seeds, progress):
        # Flights take seconds; what counts here is that the policy is the same.
        error = {"median": float(policy.decoder_bias[0]), "p99": None}
        return {"protocols": {name: {"failed": 0.5, "error": error} for name in names}}

    monkeypatch.setattr(ablation, "settings", few)
    monkeypatch.setattr(ablation, "evaluate_unseen", flown)
    return AblationConfig(out=tmp_path / "ablation.jsonl", steps=2560, seeds=2, count=16)


def test_rows_without_and_with_teachers():
    names = [row.name for row in settings(0)]
    assert len(names) == len(set(names)) == 8
    assert all(isinstance(row.method, GradientConfig) for row in settings(0))
    rows = {row.name: row.method for row in settings(300)}
    counts = [m.teacher_count for n, m in rows.items() if "teachers" in n]
    assert counts == [16, 64, 250, 300]
    recipes = [m for m in rows.values() if isinstance(m, Recipe)]
    # Every training imitates the same amount of data.
    assert len({(m.teachers_per_epoch, m.episodes) for m in recipes}) == 1
    assert len(recipes) == 7


def test_it_goes_on_where_it_was(config, capsys):
    assert ablate(dataclasses.replace(config, only=("a",), seeds=1)) == 0
    first = config.out.read_text()
    assert ablate(config) == 0
    whole = config.out.read_text()
    assert whole.startswith(first)
    entries = read_entries(config.out)
    assert [(e["setting"], e["seed"]) for e in entries] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    shown = capsys.readouterr()
    assert ablate(config) == 0
    assert config.out.read_text() == whole
    assert capsys.readouterr().err == ""
    assert "16 unseen quadrotors" in shown.out
    assert ablate(dataclasses.replace(config, seconds=0, seeds=3)) == 0
    assert config.out.read_text() == whole
    # The same setting and seed trains the same policy.
    config.out.write_text("")
    ablate(dataclasses.replace(config, only=("a",), seeds=1))
    again = read_entries(config.out)[0]
    assert again["protocols"] == json.loads(first)["protocols"]


def test_the_table_has_means_over_the_seeds(config, capsys):
    def entry(seed, failed, median):
        error = {"median": median, "p99": None}
        flown = {name: {"failed": failed, "error": error} for name in ablation.PROTOCOLS}
        return {
            "setting": "x", "seed": seed, "steps": 2560, "count": 16, "seconds": 3, "protocols": flown
        }  # fmt: skip

    ablation.print_table([entry(0, 0.25, 0.02), entry(1, 0.75, 0.04)], config)
    out = capsys.readouterr().out
    assert "50.00 ± 25.00" in out and "0.0300 ± 0.0100" in out and "3 ± 0" in out


def test_what_cannot_be_used_is_refused(config):
    with pytest.raises(InputError, match="only = 'c' is no setting; there are: a; b"):
        ablate(dataclasses.replace(config, only=("c",)))
    config.out.write_text("{}\n")
    with pytest.raises(InputError, match="line 1 is no finished training"):
        ablate(config)


def test_a_training_is_flown_through_the_protocols(config, tmp_path, monkeypatch):
    setting = ablation.settings(0)[1]
    monkeypatch.undo()
    entry = ablation.measure(setting, 0, config)
    assert set(entry["protocols"]) == set(ablation.PROTOCOLS)
    assert entry["protocols"]["P0"]["flights"] == 16
    with Run.create(tmp_path / "run", {}, ["test"], job="test") as run:
        policy = ablation.train(run, setting, 0, config)
    assert policy.hidden_size == 4
    assert all(np.isfinite(array).all() for array in policy.tensors().values())
