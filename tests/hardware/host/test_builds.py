from dataclasses import replace

import pytest

from eyas.hardware.code.generate import NUMBER_FORMATS, generate
from eyas.hardware.host.builds import (
    FLAGS,
    FUSING,
    check_determinism,
    check_warnings,
    refuses_fast_math,
)
from eyas.hardware.host.compare import compare
from eyas.hardware.host.compiled import CompiledPolicy

TWO_MEMORIES = [("two memories", number_format) for number_format in NUMBER_FORMATS]


@pytest.mark.parametrize("some_export", TWO_MEMORIES, indirect=True, ids=" ".join)
def test_no_warning_at_any_level(some_export, compiler):
    builds = check_warnings(some_export, compiler)
    assert [build.flags for build in builds] == [("-O0",), ("-O2",), ("-O3",), ("-Os",)]
    assert [build.problem for build in builds] == [None] * 4


def test_a_warning_is_found(shipped, compiler):
    text = shipped.files["policy_selftest.c"] + "void policy_unknown(void)\n{\n}\n"
    builds = check_warnings(
        replace(shipped, files={**shipped.files, "policy_selftest.c": text}), compiler
    )
    assert all("policy_unknown" in build.problem for build in builds)


@pytest.mark.parametrize("number_format", NUMBER_FORMATS)
def test_the_bits_do_not_depend_on_flags(shipped_network, number_format, compiler):
    generated = generate(shipped_network, "policy", number_format)
    builds = check_determinism(generated, [compiler])
    assert len(builds) == len(FLAGS) + (compiler.family == "gcc")
    for build in builds:
        assert build.skipped or build.problem is None, (build.flags, build.problem)
        assert build.skipped or build.steps == 3200
    assert not any(build.skipped for build in builds[:4])


def test_other_bits_are_found(shipped, any_compiler):
    text = shipped.files["policy.c"]
    assert "(x * p) / q" in text
    changed = replace(
        shipped, files={**shipped.files, "policy.c": text.replace("(x * p) / q", "x * (p / q)")}
    )
    assert all("steps differ" in build.problem for build in check_determinism(changed, [any_compiler]))


def test_fast_math_is_refused(shipped, compiler):
    assert refuses_fast_math(shipped, compiler)
    text = shipped.files["policy.c"].replace("#error", "#define POLICY_ERROR")
    changed = replace(shipped, files={**shipped.files, "policy.c": text})
    assert not refuses_fast_math(changed, compiler)


def test_the_self_test_finds_fused_sums(shipped, compiler):
    """Clang fuses whatever the source says; where the processor cannot, the bits are right anyway."""
    compiled = CompiledPolicy(shipped, compiler, FUSING)
    same = compare(shipped, compiled, steps=50, vehicles=1).equal
    assert (compiled.selftest() == 0) == same
    assert compiler.family == "clang" or same
