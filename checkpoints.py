"""Checkpoints: folders that appear complete or not at all, and are checked before they are used."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .errors import InputError
from .files import TEMPORARY, atomic_write, full_disk_as_oserror, sync_file, sync_folder

SCHEMA = 1
_MANIFEST = "manifest.json"
_NAME = re.compile(r"step-(\d{9,})")


class Checkpoint(NamedTuple):
    """One saved state of a run."""

    step: int
    """Environment steps done."""
    folder: Path
    """Where its files are."""


def save_checkpoint(
    parent: Path, step: int, run_id: str, writer: Callable[[Path], None], keep: int = 2
) -> Checkpoint:
    """Let ``writer`` fill an empty folder, then make it the newest checkpoint in ``parent``.

    The folder has a temporary name until its files and their manifest (sizes and SHA-256 sums) are
    on the disk; it is then renamed, and all but the ``keep`` newest checkpoints are removed.

    Raises:
        OSError: the disk is full; the older checkpoints are as they were.
    """
    parent.mkdir(exist_ok=True)
    final = parent / f"step-{step:09d}"
    temporary = parent / f"{TEMPORARY}{os.getpid()}-{final.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        with full_disk_as_oserror(parent):
            writer(temporary)
            files = sorted(path for path in temporary.rglob("*") if path.is_file())
            for path in files:
                sync_file(path)
            manifest = {
                "schema": SCHEMA,
                "run": run_id,
                "step": step,
                "files": {str(path.relative_to(temporary)): _fingerprint(path) for path in files},
            }
            atomic_write(temporary / _MANIFEST, json.dumps(manifest, indent=1))
        if final.exists():  # a resumed run comes by the same step again
            _remove(final)
        os.rename(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(parent)
    for old in complete_checkpoints(parent)[:-keep]:
        _remove(old.folder)
    return Checkpoint(step, final)


def complete_checkpoints(parent: Path) -> list[Checkpoint]:
    """The checkpoints in ``parent`` that were finished, oldest first."""
    found = []
    for folder in parent.glob("step-*"):
        match = _NAME.fullmatch(folder.name)
        if match and (folder / _MANIFEST).is_file():
            found.append(Checkpoint(int(match[1]), folder))
    return sorted(found)


def verify_checkpoint(checkpoint: Checkpoint, run_id: str) -> None:
    """Check that a checkpoint is of this run and that its files are the ones that were written.

    Raises:
        InputError: says what is wrong with which file.
    """
    folder = checkpoint.folder
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        schema, run, step = manifest["schema"], manifest["run"], manifest["step"]
        files = {name: (entry["size"], entry["sha256"]) for name, entry in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"checkpoint {folder} has no readable {_MANIFEST}; {_advice(folder)}"
        ) from None
    if schema != SCHEMA:
        raise InputError(
            f"checkpoint {folder} is of format version {schema}, but this Eyas reads version {SCHEMA}"
        )
    if run != run_id or step != checkpoint.step:
        raise InputError(f"checkpoint {folder} belongs to another run or step; {_advice(folder)}")
    for name, (size, digest) in files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"checkpoint {folder} is corrupt: {name} is missing; {_advice(folder)}")
        if _fingerprint(path) != {"size": size, "sha256": digest}:
            raise InputError(
                f"checkpoint {folder} is corrupt: {name} is not what was saved; {_advice(folder)}"
            )


def _advice(folder: Path) -> str:
    return f"delete {folder.name} to go on from the checkpoint before it"


def _fingerprint(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def _remove(folder: Path) -> None:
    """Delete a checkpoint so that a kill half-way leaves nothing that looks like one."""
    doomed = folder.with_name(f"{TEMPORARY}{os.getpid()}-old-{folder.name}")
    os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)
