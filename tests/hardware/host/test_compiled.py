from dataclasses import replace

import numpy as np
import pytest

from eyas.errors import InputError
from eyas.hardware.code.generate import generate
from eyas.hardware.host.compiled import CompiledPolicy
from eyas.hardware.host.compilers import CompilationError


def edited(generated, file, old, new):
    """The same export with one place of a file changed."""
    text = generated.files[file]
    assert text.count(old) >= 1, f"{old!r} is not in {file}"
    return replace(generated, files={**generated.files, file: text.replace(old, new, 1)})


def test_the_shipped_policy_compiles_and_knows_itself(shipped, compiler):
    compiled = CompiledPolicy(shipped, compiler)
    assert compiled.selftest() == 0
    assert f"{compiled.weights_crc():08x}" == shipped.description["weights_crc32"]
    assert compiled.state_size == 16 * 4 + 4 * 4 + 8


def test_nothing_is_left_behind(shipped, any_compiler, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    compiled = CompiledPolicy(shipped, any_compiler)
    assert list(tmp_path.iterdir()) == []
    assert compiled.selftest() == 0
    with pytest.raises(CompilationError):
        CompiledPolicy(shipped, any_compiler, ("-fthere-is-no-such-flag",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["policy", "batch", "host", "p"])
def test_names_that_the_batch_uses_too(name, random_network, any_compiler):
    compiled = CompiledPolicy(generate(random_network(0, 3, ("gru", 2)), name), any_compiler)
    assert compiled.selftest() == 0


def test_memories_go_in_and_come_out(shipped, any_compiler):
    compiled = CompiledPolicy(shipped, any_compiler)
    rng = np.random.default_rng(0)
    observations = rng.uniform(-0.9, 0.9, (5, 22)).astype(np.float32)
    start = compiled.initial_state(5)
    kept = start.copy()
    actions, after, status = compiled.evaluate(observations, start)
    assert (start == kept).all() and (after != start).any()
    assert actions.shape == (5, 4) and (status == 0).all()
    ahead, _ = compiled.peek(observations, start)
    assert (ahead == actions).all()
    again, _ = compiled.step(observations, after.T.copy().T)  # in another order in memory
    assert (again != actions).any()
    assert (compiled.step(observations, after)[0] == again).all()


def test_control_keeps_states(shipped, any_compiler):
    compiled = CompiledPolicy(shipped, any_compiler)
    observations = np.zeros((2, 22), np.float32)
    states = compiled.reset(2)
    assert (compiled.memory(states) == compiled.initial_state(2)).all()
    now = np.array([2**32 - 5_000, 100], np.uint32)
    first, status = compiled.control(states, now, now, observations)
    assert status.tolist() == [4 | 16, 4 | 16]  # started and remembered
    remembered = compiled.memory(states)
    with np.errstate(over="ignore"):
        later = now + np.uint32(5_000)  # one clock wraps
    _, status = compiled.control(states, later, later, observations)
    assert status.tolist() == [0, 0]
    assert (compiled.memory(states) == remembered).all()
    _, status = compiled.control(states, later + np.uint32(5_000), later, observations)
    assert status.tolist() == [16, 16]
    assert (compiled.memory(states) != remembered).any()
    last, status = compiled.control(states, 200_000, 100_000, observations)
    assert status.tolist() == [8, 8]
    assert (last == shipped.fallback).all() and (first != last).any()


def test_wrong_shapes_and_types_are_refused(shipped, any_compiler):
    compiled = CompiledPolicy(shipped, any_compiler)
    good, memory = np.zeros((2, 22), np.float32), compiled.initial_state(2)
    with pytest.raises(InputError, match=r"observations has shape \(2, 21\)"):
        compiled.step(good[:, :21], memory)
    with pytest.raises(InputError, match=r"observations has .* float64"):
        compiled.step(good.astype(np.float64), memory)
    with pytest.raises(InputError, match=r"memory has shape \(1, 16\)"):
        compiled.peek(good, memory[:1])
    states = compiled.reset(4)
    with pytest.raises(InputError, match="observations has shape"):
        compiled.control(states, 0, 0, good)
    for wrong in (states[::2], states[:, 1:], states.astype(np.float32)):
        with pytest.raises(InputError, match="states must be"):
            compiled.control(wrong, 0, 0, good)


def test_the_self_test_finds_what_was_changed(random_network, any_compiler):
    generated = generate(random_network(0, 3, ("linear", 4), "tanh", ("linear", 2)), "tiny")
    weight = generated.files["tiny.c"].split("tiny_data[")[1].split("{")[1].split(",")[0].strip()
    changed = edited(generated, "tiny.c", weight, "0x1.8p-3f")
    assert CompiledPolicy(changed, any_compiler).selftest() == 1
    changed = edited(generated, "tiny.c", "(x * p) / q", "(x * q) / p")
    assert CompiledPolicy(changed, any_compiler).selftest() == 2


def test_a_warning_is_an_error(shipped, compiler):
    changed = edited(shipped, "policy.c", "return status;", "uint16_t narrow = status; return status;")
    with pytest.raises(CompilationError, match="narrow"):
        CompiledPolicy(changed, compiler)
