import json
import re
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.errors import InputError
from eyas.hardware.code.generate import GOLDEN_STEPS, fallback_action, generate
from eyas.hardware.code.program import float_literal, float_program, packed, widths

MLP = (3, ("linear", 5), "tanh", ("linear", 2))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_literals_are_exact(value):
    text = float_literal(value)
    assert re.fullmatch(r"-?(0x[01]\.?[0-9a-f]*p[+-]\d+|\d+\.0)f", text)
    number = float.fromhex(text[:-1]) if "x" in text else float(text[:-1])
    assert np.float32(number).tobytes() == np.float32(value).tobytes()


@given(st.integers(1, 60), st.integers(1, 9))
def test_packing_keeps_every_weight_once(rows, columns):
    weight = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    assert sorted(packed(weight)) == sorted(weight.ravel())
    groups = [16] * (rows // 16) + [4] * (rows % 16 // 4) + [1] * (rows % 4)
    assert widths(rows) == set(groups)
    start = row = 0
    for group in groups:  # what the C adds to row k in round j
        block = packed(weight)[start : start + group * columns].reshape(columns, group)
        assert (weight[row : row + group] == block.T).all()
        start, row = start + group * columns, row + group


def test_the_files_of_an_export(random_network):
    generated = generate(random_network(0, *MLP), "tiny")
    assert set(generated.files) == {"tiny.h", "tiny.c", "tiny_selftest.c", "tiny.json"}
    for name, text in generated.files.items():
        assert text.isascii() and "\t" not in text, name
        assert not re.search(r"[ ]+$", text, re.MULTILINE), name
        assert max(map(len, text.splitlines())) <= 260, name
    assert "malloc" not in generated.files["tiny.c"]
    assert re.findall(r"#include .*", generated.files["tiny.h"]) == ["#include <stdint.h>"]
    assert f"GOLDEN_STEPS {GOLDEN_STEPS}u" in generated.files["tiny_selftest.c"]


def test_the_same_network_gives_the_same_text(random_network):
    network = random_network(0, *MLP)
    assert generate(network, "tiny").files == generate(network, "tiny").files
    assert generate(network, "tiny").files != generate(random_network(1, *MLP), "tiny").files


def test_the_description_says_what_is_in_it(random_network):
    network = random_network(0, *MLP, center=True, output="tanh", metadata={"world": "toy"})
    generated = generate(network, "tiny")
    described = generated.description
    program, _ = float_program("tiny", network)
    assert (
        described["weights_crc32"] == f"{zlib.crc32(np.array(program.constants, '<f4').tobytes()):08x}"
    )
    assert described["parameters"] == network.parameter_count == 3 * 5 + 5 + 5 * 2 + 2
    assert described["input_limit"] == [8.0] * 3
    assert described["metadata"] == {"world": "toy"}
    assert json.loads(generated.files["tiny.json"]) == described


@pytest.mark.parametrize(
    "name", ["", "Policy", "1st", "a b", "int", "template", "a" * 32, "naïve", "a-b"]
)
def test_names_that_are_no_identifiers_are_refused(random_network, name):
    with pytest.raises(InputError, match="must be a C identifier"):
        generate(random_network(0, *MLP), name)


def test_unknown_formats_are_refused(random_network):
    with pytest.raises(InputError, match="'float16' is none of float32, q15, int8"):
        generate(random_network(0, *MLP), "tiny", "float16")


def test_what_metadata_says_cannot_end_a_comment(random_network):
    part = {"name": "speed */ int x; /*", "size": 3, "unit": "m/s\n#error"}
    text = generate(random_network(0, *MLP, metadata={"observation": [part]}), "tiny").files["tiny.h"]
    (line,) = [line for line in text.splitlines() if "speed" in line]
    assert "*/" not in line and "/*" not in line and "#error" in line


def test_metadata_of_another_shape_is_left_out(random_network):
    for metadata in ({"observation": [1, 2]}, {"observation": [{"name": "x"}]}, {"action": 3}):
        generate(random_network(0, *MLP, metadata=metadata), "tiny")


def test_the_fallback_is_the_slowest_rotors_or_nearest_to_nothing(random_network, shipped_network):
    assert fallback_action(shipped_network).tolist() == [-1, -1, -1, -1]
    network = random_network(0, *MLP)
    assert fallback_action(network).tolist() == [0, 0]
    network.output.low[:] = 0.25
    assert fallback_action(network).tolist() == [0.25, 0.25]


def test_the_previous_action_is_known_by_its_place(random_network, shipped_network):
    assert shipped_network.previous_action == 18
    assert (
        "FOUNDATION_PREVIOUS_ACTION 18" in generate(shipped_network, "foundation").files["foundation.h"]
    )
    parts = [{"name": "previous action", "size": 2}, {"name": "speed", "size": 1}]
    assert random_network(0, *MLP, metadata={"observation": parts}).previous_action is None
