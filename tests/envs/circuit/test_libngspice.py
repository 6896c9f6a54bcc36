"""The twin by shared library: as the subprocess, and a child that may die."""

import subprocess
import sys

import numpy as np
import pytest

from eyas.envs.circuit import libngspice
from eyas.envs.circuit.deck import ModelCards
from eyas.envs.circuit.libngspice import Library
from eyas.envs.circuit.libngspice_worker import load
from eyas.envs.circuit.ngspice import NgspiceSimulator
from eyas.envs.circuit.ngspice_job import Job, Step
from eyas.envs.circuit.topology import TOPOLOGIES, find_topology
from eyas.errors import InputError

needs_library = pytest.mark.skipif(load() is None, reason="libngspice is not installed")
DIVIDER = Job(["* divider", "v1 a 0 2", "r1 a b 1k", "r2 b 0 3k"], [Step("op", ("op",), ("v(b)",))])
READ = "import sys; sys.stdin.readline(); "


def child(code):
    """In place of the child: any Python code."""
    return lambda: subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@needs_library
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_same_as_by_subprocess(name):
    topology = find_topology(name)
    library = NgspiceSimulator(topology, by="library")
    program = NgspiceSimulator(topology)
    assert library.version == program.version
    ours, theirs = (s.simulate(topology.nominal, spectra=True) for s in (library, program))
    library.close()
    np.testing.assert_allclose(ours.metrics, theirs.metrics, rtol=1e-9)
    np.testing.assert_allclose(ours.response, theirs.response, rtol=1e-9)
    np.testing.assert_array_equal(ours.regions, theirs.regions)
    assert ours.poles.shape == theirs.poles.shape


@needs_library
def test_a_job():
    library = Library(20.0)
    assert library.run(DIVIDER)["op"]["v(b)"] == pytest.approx([1.5])
    broken = Job(["* none", "v1 a 0 2", "m1 a b c"], DIVIDER.steps)
    assert library.run(broken) == {}
    assert library.complaint()
    assert library.run(DIVIDER)["op"]["v(b)"] == pytest.approx([1.5])
    library.close()


@needs_library
def test_the_child_is_replaced_after_its_lifetime():
    library = Library(20.0, lifetime=2)
    numbers = []
    for _ in range(5):
        library.run(DIVIDER)
        numbers.append(library._child.pid)
    library.close()
    assert len(set(numbers)) == 3 and numbers[0] == numbers[1] and numbers[2] == numbers[3]


@needs_library
@pytest.mark.parametrize(
    ("code", "timeout", "reason"),
    [
        (READ + "import os; os.kill(os.getpid(), 11)", 60.0, "ngspice: it crashed (signal 11)"),
        (READ + "sys.exit(3)", 60.0, "ngspice: it crashed (exit status 3)"),
        ("import time; time.sleep(60)", 1.0, "ngspice: it took longer than 1 s"),
    ],
)
def test_a_child_that_dies_or_hangs_is_a_failed_row(code, timeout, reason, monkeypatch):
    topology = find_topology("two-stage-tia")
    simulator = NgspiceSimulator(topology, by="library", timeout=timeout)
    start = libngspice._start
    with monkeypatch.context() as patch:
        patch.setattr(libngspice, "_start", child(code))
        failed = simulator.simulate(topology.nominal)
    assert failed.status[0] and failed.reason(0) == reason
    monkeypatch.setattr(libngspice, "_start", start)
    simulator.runners[0].timeout = 60.0
    assert simulator.simulate(topology.nominal).reason(0) == "ok"
    simulator.close()


@needs_library
def test_an_unknown_model_is_ngspices_own_reason(tmp_path):
    (tmp_path / "cards.lib").write_text("* empty\n")
    topology = find_topology("two-stage-tia")
    simulator = NgspiceSimulator(
        topology, ModelCards(tmp_path / "cards.lib", "nch", "pch"), by="library"
    )
    results = simulator.simulate(np.tile(topology.nominal, (2, 1)))
    simulator.close()
    assert results.status.all() and "can't find model 'nch'" in results.reason(1)


def test_a_missing_library_is_one_sentence(monkeypatch):
    libngspice.library_version.cache_clear()
    monkeypatch.setattr(libngspice, "load", lambda: None)
    with pytest.raises(
        InputError, match="libngspice is not installed: there is no shared library 'libngspice'"
    ):
        NgspiceSimulator(find_topology("two-stage-tia"), by="library")
