"""Which files a glue has, which policies it refuses, and that every compiler takes it without a warning."""

import copy
import re
import shutil
import subprocess

import numpy as np
import pytest

from eyas.errors import InputError
from eyas.hardware.boards.description import BOARDS, CORNERS
from eyas.hardware.boards.generate import board_files, policy_folder
from eyas.hardware.importers.files import load_network
from eyas.hardware.network import Output
from eyas.policies.quadrotor_metadata import describe
from eyas.policies.quadrotor_policy import SHIPPED

NEEDED = {
    "crazyflie": {
        "Makefile",
        "app-config",
        "Kbuild",
        "src/Kbuild",
        "src/agile_controller.c",
        "src/agile_glue.h",
    },
    "px4": {
        "src/CMakeLists.txt",
        *(
            f"src/modules/mc_agile/{name}"
            for name in (
                "CMakeLists.txt",
                "Kconfig",
                "module.yaml",
                "mc_agile.cpp",
                "mc_agile.hpp",
                "agile_glue.h",
            )
        ),
    },
    "betaflight": {
        f"src/main/flight/agile_{name}"
        for name in ("betaflight.c", "betaflight.h", "glue.h", "firmware.c", "firmware_selftest.c")
    },
    "stampfly": {"src/agile_stampfly.cpp", "src/agile_stampfly.hpp", "src/agile_glue.h"},
}
FIRMWARE_FLAGS = {
    "crazyflie": "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -fno-math-errno -Os -std=gnu11",
    "px4": "-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-d16 -fno-exceptions",
    "betaflight": "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -ffast-math -std=gnu17",
    "stampfly": "-fno-exceptions",
}
"""The processors' flags; StampFly's Xtensa compiler is in no Debian package."""


@pytest.mark.parametrize("board", BOARDS)
def test_files(board, quadrotor_network):
    """All of them, under the policy's name, with nothing of the templates left."""
    files = board_files(board, "agile", quadrotor_network())
    assert set(files) == NEEDED[board] | {"README.md"}
    for path, text in files.items():
        assert not re.search(r"{{|{%|\bNAME\b", text), path
        assert text.endswith("\n") and text.strip(), path
    assert policy_folder(board, "agile").replace("agile", "NAME") == BOARDS[board].policy_folder


@pytest.mark.parametrize("board", BOARDS)
def test_readme_names_the_motors_and_the_licence(board, quadrotor_network):
    """Whoever tests the motors without propellers reads the description's table."""
    text = board_files(board, "agile", quadrotor_network())["README.md"]
    for motor in BOARDS[board].motors:
        assert f"| {motor.name} | {motor.corner} | {motor.spin} |" in text
    assert BOARDS[board].licence in text
    for step in ("propellers off", "licence", "Before the first flight"):
        assert step.lower() in text.lower()


def test_unknown_board(quadrotor_network):
    """The sentence names those there are."""
    with pytest.raises(InputError, match="'ardupilot' is none of crazyflie, px4, betaflight, stampfly"):
        board_files("ardupilot", "agile", quadrotor_network())


@pytest.mark.parametrize("name", ("", "9lives", "a-b", "a b", "../x", "x\n"))
def test_name_is_no_identifier(name, quadrotor_network):
    """A name ends up in paths and in C."""
    with pytest.raises(InputError, match="C identifier"):
        board_files("px4", name, quadrotor_network())


def changed(path, value):
    """The right metadata but for one thing."""
    metadata = copy.deepcopy(describe(command="", revision=""))
    place = metadata
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return metadata


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("observation", 0, "frame"), "world, NED", "frame = 'world, FLU'.*'world, NED'"),
        (("observation", 1, "name"), "quaternion", "part 1: name = 'rotation matrix'"),
        (("observation", 3, "unit"), "deg/s", "unit = 'rad/s'.*'deg/s'"),
        (("observation", 4, "size"), 8, "size = 4.*8"),
        (("observation",), [], "what its observations are"),
        (("observation",), "all of them", "what its observations are"),
        (("observation", 2), None, "part 2"),
        (("action", "name"), "thrust", "name = 'rotor set-points'.*'thrust'"),
        (("action", "order"), list(reversed(CORNERS)), "order"),
        (("action",), None, "action"),
    ],
)
def test_other_policies_are_refused(path, value, words, quadrotor_network):
    """Another layout, frame, unit, order or meaning would crash the vehicle."""
    with pytest.raises(InputError, match=words):
        board_files("betaflight", "agile", quadrotor_network(metadata=changed(path, value)))


def test_other_ranges_and_rates_are_refused(quadrotor_network):
    """Of actions, and of decisions per second."""
    output = Output(kind="clip", low=np.zeros(4, np.float32), high=np.ones(4, np.float32))
    with pytest.raises(InputError, match="actions in"):
        board_files("px4", "agile", quadrotor_network(output=output))
    with pytest.raises(InputError, match="rate_hz = 1000 is more"):
        board_files("px4", "agile", quadrotor_network(rate_hz=1000))


def compile_all(board, folder, glue_builder, **options):
    for tool in (options["c"], options["cxx"]):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")
        if tool.startswith("arm-") and not has_library(tool):
            pytest.skip(f"{tool} has no C library (apt install libstdc++-arm-none-eabi-newlib)")
    return glue_builder(board, folder, **options)


def has_library(tool):
    """Whether the headers that firmwares build with are there."""
    command = [tool, "-x", "c++" if "++" in tool else "c", "-fsyntax-only", "-"]
    done = subprocess.run(
        command, input="#include <math.h>\n", text=True, capture_output=True, timeout=60
    )
    return done.returncode == 0


@pytest.mark.parametrize("board", BOARDS)
def test_clang(board, tmp_path, build_glue):
    """Without a warning."""
    assert compile_all(board, tmp_path, build_glue, c="clang", cxx="clang++")


@pytest.mark.parametrize("board", BOARDS)
def test_strict(board, tmp_path, build_glue):
    """With conversions watched, too."""
    flags = ("-Wconversion", "-Wfloat-equal", "-Wformat=2")
    assert compile_all(board, tmp_path, build_glue, c="gcc", cxx="g++", flags=flags, driver=False)


@pytest.mark.parametrize("board", BOARDS)
def test_cortex_m(board, tmp_path, build_glue):
    """For the processor of the board, with its firmware's flags: needs floats only, and no heap in C."""
    objects = compile_all(
        board,
        tmp_path,
        build_glue,
        c="arm-none-eabi-gcc",
        cxx="arm-none-eabi-g++",
        flags=FIRMWARE_FLAGS[board].split(),
        driver=False,
    )
    if board == "px4":
        return  # PX4 allocates a module once, when it is started
    for made in objects:
        listed = subprocess.run(
            ["arm-none-eabi-nm", "-u", str(made)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for word in ("malloc", "free", "_Znw", "aeabi_d", "__cxa"):
            assert word not in listed


def test_stack_on_a_crazyflie(tmp_path, build_glue):
    """The stabilizer's task has 1,800 bytes of stack, of which the policy needs up to 500."""
    flags = (*FIRMWARE_FLAGS["crazyflie"].split(), "-fstack-usage")
    compile_all(
        "crazyflie",
        tmp_path,
        build_glue,
        c="arm-none-eabi-gcc",
        cxx="arm-none-eabi-g++",
        flags=flags,
        driver=False,
    )
    lines = (tmp_path / "policy_controller.su").read_text().splitlines()
    frames = {line.split("\t")[0].split(":")[-1]: line.split("\t")[1:] for line in lines}
    assert all(kind == "static" for _, kind in frames.values())
    assert sum(int(size) for size, _ in frames.values()) <= 600


def test_shipped_policy():
    """Its file says what every board needs."""
    network = load_network(SHIPPED)
    for board in BOARDS:
        assert board_files(board, "agile", network)


def test_px4_of_2026(tmp_path, build_glue):
    """The other way of describing a module."""
    assert compile_all(
        "px4", tmp_path, build_glue, c="gcc", cxx="g++", flags=("-DEYAS_PX4_MODULE_DESCRIPTOR",)
    )
