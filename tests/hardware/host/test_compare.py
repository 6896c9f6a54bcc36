from dataclasses import replace

import numpy as np
import pytest

from eyas.hardware.code.generate import NUMBER_FORMATS, generate
from eyas.hardware.host.compare import compare, largest_differences
from eyas.hardware.host.compiled import CompiledPolicy
from eyas.hardware.host.torch_policy import TorchPolicy

SHORT = {"steps": 30, "copies": 16, "vehicles": 1}


def edited(generated, old, new):
    """The same export with one place of its source changed."""
    file = f"{generated.name}.c"
    assert old in generated.files[file]
    text = generated.files[file].replace(old, new, 1)
    return replace(generated, files={**generated.files, file: text})


def test_all_kinds_of_networks_have_the_bits_of_the_reference(some_export, any_compiler):
    found = compare(some_export, CompiledPolicy(some_export, any_compiler), **SHORT)
    assert found.equal, str(found.first)
    expected = {"random", "memory", "closed loop", "executor"}
    assert set(found.words) == expected - (set() if some_export.network.memory_size else {"memory"})
    assert found.total == sum(found.words.values()) > 30 * 16 * 3


@pytest.mark.parametrize("number_format", NUMBER_FORMATS)
def test_the_shipped_policy_has_the_bits_of_the_reference(shipped_network, number_format, compiler):
    generated = generate(shipped_network, "policy", number_format)
    found = compare(generated, CompiledPolicy(generated, compiler), **SHORT)
    assert found.equal, str(found.first)
    assert found.words["closed loop"] == 3750 * (4 + 16 + 1 + 4 + 1)


@pytest.mark.parametrize(
    ("old", "new", "sequence"),
    [
        ("(x * p) / q", "x * (p / q)", "random"),  # another rounding
        ("POLICY_MEMORY_RESET;\n    }", "0u;\n    }", "memory"),
        ("POLICY_PERIOD_US / 16u", "POLICY_PERIOD_US / 64u", "executor"),
        ("2u * POLICY_STALE_US", "2u * POLICY_STALE_US + 1u", "executor"),
    ],
)
def test_one_change_is_found(shipped, any_compiler, old, new, sequence):
    changed = edited(shipped, old, new)
    found = compare(shipped, CompiledPolicy(changed, any_compiler), **SHORT)
    assert not found.equal and found.differing > 0
    assert found.first.sequence == sequence
    assert len(found.first.expected) == 8 and found.first.expected != found.first.found
    assert found.first.sequence in str(found.first) and found.first.found in str(found.first)


def test_single_precision_is_close_to_torch(shipped, shipped_network, any_compiler):
    compiled = CompiledPolicy(shipped, any_compiler)
    others = {"torch": TorchPolicy(shipped_network), "reference": shipped.reference}
    found = largest_differences(shipped_network, compiled, others, count=4)
    assert 0 < found["torch"].decision <= 2e-6
    assert found["torch"].flight <= 5e-5
    assert found["reference"].decision == found["reference"].flight == 0


def test_every_layer_is_close_to_torch(some_network, any_compiler):
    generated = generate(some_network, "some")
    found = largest_differences(
        some_network,
        CompiledPolicy(generated, any_compiler),
        {"torch": TorchPolicy(some_network)},
        count=8,
    )
    assert 0 < found["torch"].decision <= 3e-6


def test_fifteen_bits_are_close_to_single_precision(shipped, shipped_network, any_compiler):
    fixed = generate(shipped_network, "policy", "q15")
    pilots = {"q15": CompiledPolicy(fixed, any_compiler)}
    found = largest_differences(shipped_network, shipped.reference, pilots, count=4)
    assert 0 < found["q15"].flight <= 1e-3
    assert found["q15"].decision is None


def test_a_nan_counts_as_a_difference(shipped_network, shipped):
    class Lost:
        def initial_state(self, count):
            return np.zeros((count, 1), np.float32)

        def step(self, observations, memory):
            return np.full((len(observations), 4), np.nan, np.float32), memory

    found = largest_differences(shipped_network, shipped.reference, {"lost": Lost()}, count=1)
    assert np.isnan(found["lost"].flight)
