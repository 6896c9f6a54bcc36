import pytest

from eyas.bench import quadrotor
from eyas.bench.quadrotor import measure


def test_every_figure_is_measured(monkeypatch):
    monkeypatch.setattr(quadrotor, "COPIES", (256,))
    monkeypatch.setattr(quadrotor, "L2F_COPIES", (8,))
    rows = list(measure(0.02, seed=0))
    assert all(row.value > 0 and row.unit == "steps/s" for row in rows)
    assert [row.peer for row in rows[:2]] == ["", ""]
    assert {row.peer for row in rows[2:]} == {
        quadrotor.L2F_STEP,
        quadrotor.L2F_OBSERVE,
        "MuJoCo rollout, RK4",
        "MuJoCo rollout, Euler",
    }
    for row in rows:
        if row.peer_value is not None:
            assert row.ratio == pytest.approx(row.value / row.peer_value)
    assert all(row.peer_value for row in rows if row.peer.startswith("MuJoCo"))
