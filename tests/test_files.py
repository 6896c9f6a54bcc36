"""Files that appear complete or not at all."""

import errno
import os

import pytest

from eyas.files import atomic_write, is_disk_full


def test_atomic_write_replaces_or_leaves(tmp_path, monkeypatch):
    path = tmp_path / "file"
    atomic_write(path, "old")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as failure:
        atomic_write(path, "newest")
    assert is_disk_full(failure.value)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
