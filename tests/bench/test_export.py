import pytest

from eyas.bench import export
from eyas.hardware.host.compilers import find_compilers


@pytest.mark.skipif(not find_compilers(), reason="no C compiler (apt install gcc)")
def test_every_figure_is_measured(monkeypatch):
    monkeypatch.setattr(export, "NUMBER_FORMATS", ("float32",))
    monkeypatch.setattr(export, "LEVELS", ("-O2",))
    rows = list(export.measure(0.01, seed=0))
    here = [row for row in rows if row.unit == "decisions/s"]
    assert len(here) == 4
    for row in here:
        assert row.value > 0
        assert row.ratio == pytest.approx(row.value / row.peer_value)
    assert all(row.value > 0 and "-O2" in row.name for row in rows if row not in here)
