"""Trees of JSON values and arrays survive the file; nothing else gets in."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eyas import InputError
from eyas.policies.state_file import read_tree, tree_bytes, write_tree

ARRAYS = hnp.arrays(
    dtype=st.sampled_from([np.float32, np.float64, np.int64, np.uint64, np.bool_, np.uint8, np.int32]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
LEAVES = st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.text() | ARRAYS | st.floats()
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(st.text(max_size=8), TREES, max_size=4))
def test_round_trip(tree, tmp_path):
    path = tmp_path / "tree"
    write_tree(path, "kind", 1, tree)
    assert same(tree, read_tree(path, "kind", 1))
    assert path.read_bytes() == tree_bytes("kind", 1, tree)


def test_strided_arrays_and_numpy_scalars(tmp_path):
    tree = {"a": np.arange(12).reshape(3, 4)[:, ::2], "b": np.float32(0.5), "c": (1, 2)}
    write_tree(tmp_path / "tree", "kind", 1, tree)
    back = read_tree(tmp_path / "tree", "kind", 1)
    np.testing.assert_array_equal(back["a"], tree["a"])
    assert back["b"] == 0.5 and back["c"] == [1, 2]


def test_foreign_files_are_refused_in_one_sentence(tmp_path):
    good = tmp_path / "good"
    write_tree(good, "kind", 1, {"a": np.zeros(100)})
    content = good.read_bytes()
    bad = {
        "missing": None,
        "empty": b"",
        "text": b"hello",
        "pickle": pickle.dumps({"a": 1}),
        "cut": content[:-7],
        "header": content.replace(b"__array__", b"__arroy__"),
        "tensor": content.replace(b'\\"a\\"}', b'\\"b\\"}'),
    }
    for name, data in bad.items():
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        if name == "header":  # a tree without that mark is still a tree
            assert read_tree(path, "kind", 1) == {"a": {"__arroy__": "a"}}
            continue
        with pytest.raises(InputError, match=name) as refusal:
            read_tree(path, "kind", 1)
        assert "\n" not in str(refusal.value)
    with pytest.raises(InputError, match="no policy file"):
        read_tree(good, "policy", 1)
    with pytest.raises(InputError, match="version 1, this program reads version 2"):
        read_tree(good, "kind", 2)
    with pytest.raises(InputError, match="corrupt"):
        read_tree(tmp_path, "kind", 1)
