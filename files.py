"""Files that are either there in full or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY = ".tmp-"
"""What names begin with until they are renamed; whoever finds one after a kill may delete it."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NEARLY_FULL = 1 << 16  # bytes; below this a failed write is taken for a full disk


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a file under a temporary name beside ``path``, flush it to disk and rename it.

    Whatever happens, ``path`` holds either the old content or the new one.

    Raises:
        OSError: the disk is full or the folder cannot be written; ``path`` is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line; if it cannot be written in full, the file is as it was."""
    data = line.encode() + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        before = os.fstat(descriptor).st_size
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except BaseException:
            with suppress(OSError):
                os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Flush a file that somebody else wrote to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_temporaries(folder: Path) -> None:
    """Delete what a killed process left half-written in this folder."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def is_disk_full(error: OSError) -> bool:
    """Whether a write failed for want of space (disk, quota or file size limit)."""
    return error.errno in _FULL


@contextmanager
def full_disk_as_oserror(folder: Path) -> Iterator[None]:
    """Turn the private exceptions by which libraries tell of a full disk into an ``OSError``."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        told = "No space left" in str(error) or "os error 28" in str(error)
        if told or shutil.disk_usage(folder).free < _NEARLY_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
        raise
