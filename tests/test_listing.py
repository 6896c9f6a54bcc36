"""The list of runs."""

import json
from dataclasses import replace

import pytest

from eyas.agents.config import TrainWalkerConfig
from eyas.errors import InputError
from eyas.listing import RunsConfig, list_runs
from eyas.listing import run as print_runs
from eyas.runs import MASTERED, MEAN_RETURN, Run


def start(folder, config):
    return Run.create(folder, config, ["eyas", "test"], job="test")


def test_the_list_of_runs(tmp_path):
    config = TrainWalkerConfig(teacher="riac", steps=1000)
    with start(tmp_path / "done", config) as run:
        run.append_metrics(500, {MEAN_RETURN: 12.5, MASTERED: 0.25})
        run.append_metrics(900, {MEAN_RETURN: 20.0})
        run.finish()
    start(tmp_path / "killed", replace(config, teacher="random")).close()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text("{}")
    (tmp_path / "no-run").mkdir()
    with start(tmp_path / "busy", {"seed": 7}):
        runs = {summary.name: summary for summary in list_runs(tmp_path)}
    assert set(runs) == {"done", "killed", "odd", "busy"}
    done = runs["done"]
    assert (done.status, done.teacher, done.step, done.steps) == ("finished", "riac", 900, 1000)
    assert (done.mean_return, done.mastered) == (20.0, 0.25)
    assert runs["killed"].status == "interrupted"
    assert runs["busy"].status == "running"
    assert runs["odd"].status.startswith("unreadable")
    with pytest.raises(InputError, match="does not exist"):
        list_runs(tmp_path / "nowhere")


def test_the_list_is_printed(tmp_path, capsys):
    assert print_runs(RunsConfig(folder=tmp_path)) == 0
    assert capsys.readouterr().out == f"No runs in {tmp_path}.\n"
    with start(tmp_path / "first", TrainWalkerConfig(teacher="riac", steps=2_000_000)) as run:
        run.append_metrics(1_500_000, {MEAN_RETURN: 123.4, MASTERED: 0.5})
        run.finish()
    print_runs(RunsConfig(folder=tmp_path))
    table = capsys.readouterr().out
    for text in ("first", "test", "riac", "1.5M / 2M", "123", "50%", "finished", "now"):
        assert text in table
    print_runs(RunsConfig(folder=tmp_path, json=True))
    entry = json.loads(capsys.readouterr().out)
    assert (entry["name"], entry["step"], entry["status"]) == ("first", 1_500_000, "finished")
