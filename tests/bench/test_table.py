import json
import sys
from types import SimpleNamespace

import pytest

from eyas import bench
from eyas.bench import BenchConfig, Measurement
from eyas.bench.table import machine
from eyas.errors import InputError

ROWS = [
    Measurement("flat", 250_000.0, "steps/s", "Gymnasium", 10_000.0, 25.0),
    Measurement("flat", 250_000.0, "steps/s", "EnvPool", install="pip install envpool"),
    Measurement("teacher", 12.5, "episodes/s", cores=2),
]


@pytest.fixture
def measured(monkeypatch):
    """Put a benchmark named `fake` into the list; what it was asked for."""
    asked = []

    def measure(seconds, seed):
        asked.append((seconds, seed))
        yield from ROWS

    monkeypatch.setitem(bench.BENCHMARKS, "fake", ".fake")
    monkeypatch.setitem(sys.modules, "eyas.bench.fake", SimpleNamespace(measure=measure))
    return asked


def test_json_has_one_object_per_line(measured, capsys):
    assert bench.run(BenchConfig(name="fake", seconds=0.5, seed=3, json=True)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    keys = ["name", "value", "unit", "peer", "peer_value", "ratio", "cores"]
    assert [list(line) for line in lines] == [keys] * 3
    assert lines[0]["ratio"] == 25.0
    assert lines[1]["peer_value"] is None
    assert measured == [(0.5, 3)]


def test_the_table_names_peers_machine_and_what_is_missing(measured, capsys):
    bench.run(BenchConfig(name="fake"))
    output = capsys.readouterr().out
    for text in ("250,000", "10,000", "25.00x", "not installed", "pip install envpool", machine()):
        assert text in output


def test_all_runs_every_benchmark(measured, monkeypatch, capsys):
    monkeypatch.setattr(bench, "BENCHMARKS", {"a": ".fake", "b": ".fake"})
    bench.run(BenchConfig(name="all", json=True))
    assert len(measured) == 2
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_an_unknown_benchmark_is_refused():
    with pytest.raises(
        InputError,
        match="'fly' does not exist; there are: walker, quadrotor, raptor, export, circuit, goals, sizing, toy, all",
    ):
        bench.run(BenchConfig(name="fly"))
