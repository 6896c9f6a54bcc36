"""The shipped policy, exported and measured once."""

import dataclasses
from pathlib import Path

import pytest

from eyas.hardware.code.generate import generate
from eyas.hardware.cross.matrix import run_matrix
from eyas.hardware.cross.targets import TARGETS


@pytest.fixture(scope="session")
def exported(shipped_network):
    return generate(shipped_network, "policy")


@pytest.fixture(scope="session")
def reports(exported):
    """By target; what cannot be run here is skipped."""
    found = {report.target: report for report in run_matrix(exported)}

    def report(target):
        if found[target].skipped is not None:
            pytest.skip(found[target].skipped)
        return found[target]

    return report


@pytest.fixture
def need():
    """Skip where a target cannot be built and run."""

    def check(target):
        reason = TARGETS[target].missing()
        if reason is not None:
            pytest.skip(reason)

    return check


@pytest.fixture
def altered(exported):
    """The export with another text of a file."""

    def alter(file, change):
        files = dict(exported.files)
        changed = change(files[file])
        assert changed != files[file]
        return dataclasses.replace(exported, files={**files, file: changed})

    return alter


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary folders are made, to see that nothing is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Path(tmp_path)
