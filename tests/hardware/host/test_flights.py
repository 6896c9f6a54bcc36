import pytest

from eyas.hardware.code.generate import NUMBER_FORMATS, generate
from eyas.hardware.host.compiled import CompiledPolicy
from eyas.hardware.host.flights import fly_unseen, pilot_of, total_steps
from eyas.policies.quadrotor_policy import SHIPPED, load_quadrotor_policy


def test_all_formats_fly_like_the_policy(shipped_network, any_compiler):
    pilots = {"python": load_quadrotor_policy(SHIPPED)}
    for number_format in NUMBER_FORMATS:
        pilots[number_format] = pilot_of(generate(shipped_network, "policy", number_format))
        assert isinstance(pilots[number_format], CompiledPolicy)
    told = []
    figures = fly_unseen(pilots, 16, progress=told.append)
    assert sum(told) == total_steps(4)
    assert list(figures) == list(pilots)
    for found in figures.values():
        assert found["crashes"] == 0 and found["recovery_failed"] == 0
        assert found["flights"] == 32
        assert 0 < found["hover_median"] <= found["hover_p99"] < 0.1
    python, single = figures["python"], figures["float32"]
    for name in ("hover_median", "hover_p99", "eight_rmse", "eight_p99", "recovery_error"):
        assert single[name] == pytest.approx(python[name], rel=0.05, abs=2e-4)
        assert figures["q15"][name] == pytest.approx(python[name], rel=0.1, abs=2e-3)


def test_who_crashes_is_counted(shipped):
    class Idle:
        def initial_state(self, count):
            return shipped.reference.initial_state(count)

        def step(self, observations, memory):
            return -(observations[:, 18:] ** 2) - 1, memory

    figures = fly_unseen({"idle": Idle()}, 3)["idle"]
    assert figures["crashes"] == figures["flights"] == 6
    assert figures["recovery_failed"] == 1
    assert figures["hover_median"] is None


def test_without_a_compiler_the_reference_flies(shipped, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert pilot_of(shipped) is shipped.reference
