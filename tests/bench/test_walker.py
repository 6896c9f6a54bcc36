"""The walker benchmark measures what it says."""

import os
import time

import pytest

from eyas.bench import walker

pytest.importorskip("Box2D")


def test_rows_hold_both_peers_and_ratios():
    rows = list(walker.measure(0.05, 0))
    names = {row.name for row in rows}
    assert names == {f"{t} {s}" for t in walker.TERRAINS for s in walker.SOLVERS}
    assert len(rows) == 2 * len(names)
    for row in rows:
        assert row.unit == "steps/s"
        assert row.cores == 1
        assert row.value > 1000
        if row.peer == walker.GYMNASIUM:
            assert row.peer_value > 500
        if row.peer_value is None:
            assert row.ratio is None
            assert "eyas[bench]" in row.install
        else:
            assert row.ratio == pytest.approx(row.value / row.peer_value)


def test_rates_are_steps_per_cpu_second():
    def busy():
        start = time.process_time()
        while time.process_time() - start < 1e-3:
            pass
        return 5

    def asleep():
        time.sleep(1e-3)
        return busy()

    rates = walker.interleaved({"busy": busy, "asleep": asleep}, 0.02)
    assert rates["busy"] == pytest.approx(5000, rel=0.2)
    assert rates["asleep"] == pytest.approx(5000, rel=0.2)  # waiting costs no CPU time


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_one_core_is_given_back():
    before = os.sched_getaffinity(0)
    with pytest.raises(ZeroDivisionError), walker.one_core():
        assert len(os.sched_getaffinity(0)) == 1
        1 / 0  # noqa: B018
    assert os.sched_getaffinity(0) == before
