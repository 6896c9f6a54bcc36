import re
from dataclasses import replace

import pytest

from eyas.errors import InputError
from eyas.hardware.code.generate import NUMBER_FORMATS, generate
from eyas.hardware.host.fuzz import fuzz

CASES = [
    ("feed-forward", "float32"),
    *(("two memories", number_format) for number_format in NUMBER_FORMATS),
]


def edited(generated, old, new):
    """The same export with all places of its source changed that look alike."""
    file = f"{generated.name}.c"
    assert old in generated.files[file]
    text = generated.files[file].replace(old, new)
    # The self-test would find it, too, and first.
    blind = f'#include "{generated.name}.h"\nuint32_t {generated.name}_selftest(void)\n{{\n    return 0u;\n}}\n'
    blinded = {file: text, f"{generated.name}_selftest.c": blind}
    return replace(generated, files={**generated.files, **blinded})


@pytest.mark.parametrize(
    ("number_format", "inputs"), [("float32", 1_000_000), ("q15", 50_000), ("int8", 50_000)]
)
def test_the_shipped_policy_keeps_its_promises(shipped_network, number_format, inputs, any_compiler):
    result = fuzz(generate(shipped_network, "policy", number_format), inputs, compiler=any_compiler)
    assert result.passed, result.failure
    assert result.sanitizers
    assert result.counts["inputs"] == inputs
    for count in ("nonfinite", "saturated", "memory_resets", "stale", "committed", "corrupted"):
        assert result.counts[count] > 0.01 * inputs, count


@pytest.mark.parametrize("some_export", CASES, indirect=True, ids=" ".join)
def test_all_kinds_of_networks_keep_their_promises(some_export, any_compiler):
    result = fuzz(some_export, 2_000, seed=1, compiler=any_compiler)
    assert result.passed, result.failure


def test_both_compilers_say_the_same(shipped, compiler, any_compiler):
    result = fuzz(shipped, 2_000, seed=2**64 - 1, compiler=compiler)
    assert result.passed, result.failure
    assert result.compiler == compiler.title
    assert fuzz(shipped, 2_000, seed=2**64 - 1, compiler=any_compiler).counts == result.counts
    assert fuzz(shipped, 2_000, seed=0, compiler=any_compiler).counts != result.counts


@pytest.mark.parametrize(
    ("old", "new", "failure"),
    [
        # bad numbers go in
        ("& (bad - 1u)", "", "counts as 0"),
        # the memory is overwritten after a bad input
        ("? before : after", "? after : after", "leaves the memory as it was"),
        # nobody is told of a bad number
        ("nonfinite |= bad;", "nonfinite |= 0u; (void)bad;", "NaN or Inf"),
        # the step looks ahead only
        (
            "(due != 0u) ? state->memory : (float *)0",
            "(due != 0u) ? state->memory : state->memory",
            "memory",
        ),
        # old samples are flown on
        (
            "now_us - sampled_us + POLICY_STALE_US > 2u",
            "now_us - sampled_us + POLICY_STALE_US > 3u",
            "stale",
        ),
        # memory is never reset
        ("16u) != 0u", "16u) == 2u", "memory"),
        # a write beyond the end, which only the sanitizer sees
        ("float odd[16];", "float odd[15];", "AddressSanitizer"),
        # only one bound holds
        ("return (x > low) ? x : low;", "(void)low; return x;", "actions are within their range"),
        # a divisor that can be 0
        ("(float)(state->averaged + 1u)", "(float)(state->averaged - 1u)", "division by zero"),
    ],
)
def test_one_broken_promise_is_found(shipped, any_compiler, old, new, failure):
    result = fuzz(edited(shipped, old, new), 5_000, compiler=any_compiler)
    assert not result.passed
    assert result.counts == {}
    assert re.search(failure, result.failure), result.failure


def test_numbers_out_of_range_are_refused(shipped):
    with pytest.raises(InputError, match="inputs = 0"):
        fuzz(shipped, 0)
    with pytest.raises(InputError, match="seed = -1"):
        fuzz(shipped, 1, seed=-1)
