"""The cycle model by hand."""

from types import SimpleNamespace

import pytest

from eyas.hardware.cross.build import compile_policy, link_program, symbol_addresses, write_sources
from eyas.hardware.cross.cycles import (
    PLUGIN,
    Executed,
    build_plugin,
    cycle_limit,
    cycles,
    executed,
)
from eyas.hardware.cross.emulator import counts_per_instruction, instructions, run_program
from eyas.hardware.cross.targets import TARGETS


def one(mnemonic, operands="", runs=1, jumps=0):
    return [Executed(mnemonic=mnemonic, operands=operands, runs=runs, jumps=jumps)]


@pytest.mark.parametrize(
    ("instruction", "m4"),
    [
        (one("vmul.f32", "s0, s1, s2", runs=7), 7),
        (one("vfma.f32", "s0, s1, s2"), 3),
        (one("vdiv.f32", "s0, s1, s2"), 14),
        (one("vldmia", "r5!, {s16-s23}"), 9),
        (one("vpush", "{d8-d12}"), 11),
        (one("stmdb", "sp!, {r4, r5, lr}"), 4),
        (one("ldmia", "sp!, {r4, pc}", jumps=1), 5),
        (one("ldr", "r0, [r1, #4]"), 2),
        (one("str", "r0, [r1, #4]"), 1),
        (one("strd", "r0, r2, [sp]"), 3),
        (one("bne", "8000a0e", runs=32, jumps=31), 32 + 62),
        (one("bl", "8000d5c", jumps=1), 3),
        (one("smlad", "r0, r1, r2, r3"), 1),
        (one("sdiv", "r0, r1, r2"), 7),
    ],
)
def test_cortex_m4(instruction, m4):
    assert cycles(instruction, "cortex-m4") == m4


@pytest.mark.parametrize(
    ("instruction", "m0"),
    [
        (one("ldr", "r0, [r1, #4]"), 2),
        (one("strb", "r0, [r1, #4]"), 2),
        (one("push", "{r4, r5, lr}"), 4),
        (one("pop", "{r4, r5, pc}", jumps=1), 7),
        (one("bl", "100", jumps=1), 4),
        (one("bx", "lr", jumps=1), 3),
        (one("beq", "100", runs=10, jumps=4), 18),
        (one("muls", "r0, r1"), 1),
    ],
)
def test_cortex_m0(instruction, m0):
    assert cycles(instruction, "cortex-m0") == m0


def test_limit_of_the_shipped_policy(shipped_network):
    """1,952 products and 48 sigmoids and tanhs."""
    assert cycle_limit(shipped_network, "float32") == 1952 * 3 + 48 * 35
    assert cycle_limit(shipped_network, "q15") == pytest.approx(3509, abs=1)
    assert cycle_limit(shipped_network, "int8") is None


@pytest.fixture(scope="module")
def counted(exported, tmp_path_factory):
    """The same steps counted by SysTick and by the plugin."""
    target = TARGETS["cortex-m4f"]
    if target.missing() is not None:
        pytest.skip(target.missing())
    folder = tmp_path_factory.mktemp("counted")
    assert build_plugin(folder) is None
    write_sources(exported, folder)
    compile_policy(exported, target, "-O2", folder)
    program = link_program(exported, target, folder, "measure.c")
    at = symbol_addresses(target, program)
    plugin = f"./{PLUGIN},begin={at['count_begin']:#x},end={at['count_end']:#x},out=counts.txt"
    lines = run_program(target, program, plugin)
    done = executed(target, program, folder / "counts.txt")
    return SimpleNamespace(target=target, lines=lines, done=done)


def test_plugin_and_systick_count_the_same(counted):
    steps = instructions(counted.target, counted.lines, "step")[:20]
    found = sum(instruction.runs for instruction in counted.done)
    assert found / 20 == pytest.approx(sum(steps) / 20, abs=8)


def test_products_of_the_network_are_among_the_instructions(counted):
    """Every product is a VMUL: contraction is off."""
    multiplied = sum(i.runs for i in counted.done if i.mnemonic == "vmul.f32")
    assert multiplied >= 20 * 1952
    assert not [i for i in counted.done if i.mnemonic.startswith(("vfma", "vfms"))]


def test_only_branches_jump(counted):
    jumping = {i.mnemonic for i in counted.done if i.jumps}
    assert {"bl", "bne"} < jumping
    assert not [
        name for name in jumping if name.startswith("v") or name in ("add", "mov", "cmp", "str")
    ]
    assert sum(i.jumps for i in counted.done) > 20


@pytest.mark.parametrize("target", [n for n, t in TARGETS.items() if t.family == "arm"])
def test_systick_runs_at_the_clock_of_the_table(exported, tmp_path, need, target):
    """Instructions that do nothing take the time that the machine's clock says."""
    need(target)
    chosen = TARGETS[target]
    write_sources(exported, tmp_path)
    compile_policy(exported, chosen, "-O2", tmp_path)
    lines = run_program(chosen, link_program(exported, chosen, tmp_path, "measure.c"))
    measured = (lines["nops"][0] - lines["none"][0]) / 256
    assert counts_per_instruction(chosen, lines) == pytest.approx(measured, rel=0.01)
