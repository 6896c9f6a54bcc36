import pytest

from eyas.bench import raptor


def test_every_figure_is_measured(monkeypatch):
    monkeypatch.setattr(raptor, "VEHICLES", 128)
    rows = list(raptor.measure(0.02, seed=0))
    assert [row.peer for row in rows] == [raptor.TORCH] * 2
    for row in rows:
        assert row.value > 0
        assert row.ratio == pytest.approx(row.value / row.peer_value)
