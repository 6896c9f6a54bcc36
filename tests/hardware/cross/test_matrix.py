"""The export on every emulated target."""

import pytest

from eyas.errors import InputError
from eyas.hardware.code.generate import generate
from eyas.hardware.cross.matrix import run_matrix
from eyas.hardware.cross.targets import TARGETS

EMULATED = [name for name, target in TARGETS.items() if target.machine is not None]
SOFT_FLOAT = ("cortex-m3", "cortex-m0", "rv32imc")


@pytest.mark.parametrize("target", TARGETS)
def test_bits_are_those_of_the_reference(reports, target):
    report = reports(target)
    assert report.failed is None
    assert report.selftest == 0
    assert report.identical
    assert report.passed


def test_all_targets_have_one_hash(reports):
    assert len({reports(target).hash for target in TARGETS}) == 1


@pytest.mark.parametrize("level", ["-O3", "-Os"])
def test_other_optimization_levels_give_the_same_bits(exported, need, level):
    targets = ("cortex-m4f", "cortex-m7", "cortex-m0", "rv32imc", "wasm32")
    for target in targets:
        need(target)
    for report in run_matrix(exported, targets, (level,)):
        assert report.passed, report


def test_cost_on_the_cortex_m4f(reports):
    report = reports("cortex-m4f")
    assert report.step.most <= 9000
    assert report.state_size <= 96
    assert max(report.stack.values()) <= 500
    assert report.figures.flash <= 10 * 1024
    assert report.figures.ram == 0
    assert report.figures.external == ()
    assert report.figures.helpers == ()


@pytest.mark.parametrize("target", EMULATED)
def test_figures_fit_together(reports, target):
    report = reports(target)
    assert 0 < report.step.least <= report.step.mean <= report.step.most
    # A step is a look ahead and the memory's copy; control adds the clock and does either.
    assert 0.95 * report.step.mean < report.peek.mean < 1.01 * report.step.mean
    assert 0.98 * report.peek.mean < report.control.mean < 1.1 * report.step.mean
    if target in SOFT_FLOAT:
        assert report.figures.helpers
        assert report.figures.flash_with_helpers > report.figures.flash
    else:
        # Nothing but the policy's own frames is on the stack.
        assert 0 < max(report.stack.values()) <= report.figures.stack_bound
        assert report.figures.helpers == ()
    assert report.state_size == reports("cortex-m4f").state_size


def test_soft_float_costs_more_than_ten_times_as_much(reports):
    assert reports("cortex-m0").step.mean > 10 * reports("cortex-m4f").step.mean
    assert reports("rv32imc").step.mean > 10 * reports("rv32imafc").step.mean


def test_two_counters_agree(reports):
    """SysTick over all steps, the translator's blocks over the first ones, same code."""
    for target, tolerance in (("cortex-m4f", 0.01), ("cortex-m0", 0.03)):
        report = reports(target)
        if report.not_modelled is not None:
            pytest.skip(report.not_modelled)
        modelled = report.modelled
        assert modelled.instructions == pytest.approx(report.step.mean, rel=tolerance)
        assert modelled.instructions < modelled.cycles < 3 * modelled.instructions
        assert modelled.microseconds == pytest.approx(1e6 * modelled.cycles / modelled.clock_hz)
    assert 1 < reports("cortex-m4f").modelled.limit_ratio < 4


@pytest.mark.parametrize("number_format", ["q15", "int8"])
def test_fixed_point_has_the_same_bits_everywhere(shipped_network, need, number_format):
    targets = ("cortex-m4f", "cortex-m7", "cortex-m0", "rv32imc", "wasm32")
    for target in targets:
        need(target)
    reports = run_matrix(generate(shipped_network, "policy", number_format), targets)
    for report in reports:
        assert report.passed, report
    small = reports[2].modelled
    assert small is None or small.microseconds < 1000  # without floating point at 48 MHz


def test_policies_without_memory(random_network, need):
    need("cortex-m4f")
    need("wasm32")
    network = random_network(0, 5, ("linear", 8), "tanh", ("linear", 2), output="tanh")
    for report in run_matrix(generate(network, "plain"), ("cortex-m4f", "wasm32")):
        assert report.passed, report


def test_large_policies_are_measured_in_time(random_network, need):
    """70,000 products: SysTick would wrap on soft float at the usual rate."""
    targets = ("cortex-m4f", "cortex-m3", "rv32imc")
    for target in targets:
        need(target)
    network = random_network(0, 20, ("linear", 256), "relu", ("linear", 256), "relu", ("linear", 2))
    hard, soft, risc = run_matrix(generate(network, "large"), targets)
    for report in (hard, soft, risc):
        assert report.passed, report
    assert 100_000 < hard.step.mean < 700_000
    assert 3_000_000 < soft.step.mean < 30_000_000
    assert 5_000_000 < risc.step.mean < 50_000_000
    assert hard.modelled.instructions == pytest.approx(hard.step.mean, rel=1e-3)


def test_a_wrong_weight_is_found(altered, need):
    need("cortex-m4f")
    need("wasm32")

    def change(text):
        weight = next(word for word in text.split() if word.startswith("0x1.") and word.endswith("f,"))
        return text.replace(weight, "0x1.8p-1f,", 1)

    for report in run_matrix(altered("policy.c", change), ("cortex-m4f", "wasm32")):
        assert report.selftest == 1  # the checksum
        assert report.identical is False
        assert not report.passed


def test_variables_are_found(altered, need):
    need("cortex-m4f")
    extra = (
        "extern uint32_t counter; uint32_t counter = 3u; extern uint32_t zeros[5]; uint32_t zeros[5];"
    )
    report = run_matrix(altered("policy.c", lambda text: text + extra + "\n"), ("cortex-m4f",))[0]
    assert report.figures.ram == 24
    assert not report.passed


def test_foreign_symbols_are_found(altered, need):
    need("cortex-m4f")
    need("wasm32")
    extra = "float sinf(float x); float wave(float x); float wave(float x) { return sinf(x); }\n"
    cortex, web = run_matrix(altered("policy.c", lambda text: text + extra), ("cortex-m4f", "wasm32"))
    assert not cortex.passed
    assert cortex.figures.external == ("sinf",)
    assert not web.passed
    assert "sinf" in web.failed


@pytest.mark.parametrize("target", EMULATED)
def test_a_fault_is_told(altered, need, target):
    need(target)

    def change(text):
        return '#include "policy.h"\nuint32_t policy_selftest(void) { __builtin_trap(); }\n'

    report = run_matrix(altered("policy_selftest.c", change), (target,))[0]
    assert "processor fault" in report.failed


def test_a_program_that_never_ends_is_killed(altered, need, monkeypatch, temporary):
    need("cortex-m4f")
    monkeypatch.setattr("eyas.hardware.cross.emulator._SECONDS", 1.0)

    def change(text):
        return '#include "policy.h"\nuint32_t policy_selftest(void) { for (;;) { } }\n'

    report = run_matrix(altered("policy_selftest.c", change), ("cortex-m4f",))[0]
    assert "did not end within 1 s" in report.failed
    assert list(temporary.iterdir()) == []


def test_a_policy_that_does_not_fit_is_told(altered, need):
    need("cortex-m0")
    huge = "extern const uint32_t huge[100000]; const uint32_t huge[100000] = {1u};\n"

    def change(text):
        return text + huge + "uint32_t use(uint32_t i); uint32_t use(uint32_t i) { return huge[i]; }\n"

    selftest = "policy_selftest.c"
    grown = altered("policy.c", change)
    files = dict(grown.files)
    files[selftest] = files[selftest].replace(
        "#include", "#include <stdint.h>\nuint32_t use(uint32_t i);\n#include", 1
    )
    assert "return 0u;" in files[selftest]
    files[selftest] = files[selftest].replace("return 0u;", "return use(policy_weights_crc());")
    report = run_matrix(type(grown)(**{**vars(grown), "files": files}), ("cortex-m0",))[0]
    assert "does not fit" in report.skipped and "FLASH" in report.skipped
    assert report.figures.flash > 400_000


def test_missing_tools_are_skipped_with_the_reason(exported, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = run_matrix(exported)
    assert [report.target for report in found] == list(TARGETS)
    for report in found:
        assert "not found (apt install " in report.skipped
        assert not report.passed
    assert "gcc-arm-none-eabi" in found[0].skipped


def test_bits_count_without_the_plugin(exported, need, monkeypatch):
    """Where QEMU does not take it, everything else is still measured."""
    need("cortex-m4f")
    monkeypatch.setattr("eyas.hardware.cross.matrix.PLUGIN", "none.so")
    monkeypatch.setattr("eyas.hardware.cross.matrix.build_plugin", lambda folder: _touch(folder))
    report = run_matrix(exported, ("cortex-m4f",))[0]
    assert report.passed
    assert report.modelled is None
    assert "plugin" in report.not_modelled


def _touch(folder):
    (folder / "none.so").write_text("not a library")


def test_names_are_checked(exported):
    with pytest.raises(InputError, match="target = 'z80' is none of cortex-m4f"):
        run_matrix(exported, ("z80",))
    with pytest.raises(InputError, match="opt_level = '-O9' is none of -O2"):
        run_matrix(exported, opt_levels=("-O9",))
