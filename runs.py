"""A run: its folder, config, metrics, checkpoints and lock.

::

    runs/alp-gmm-ppo-stump-tracks-20260131-120000/
    ├── config.json      what was asked for, the command, versions, git revision, seed
    ├── metrics.jsonl    one object per line, each with "step" and "time"
    ├── tensorboard/     the same numbers as TensorBoard events
    ├── checkpoints/     step-000250000/ ..., the newest two
    ├── state.json       there once the run has finished
    └── run.lock         locked by the process that works on the run

Everything survives ``kill -9`` at any moment: files are renamed into place, a torn last line of the
metrics is ignored, and the lock is the kernel's, so that it ends with its process.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import platform
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from .checkpoints import Checkpoint, complete_checkpoints, save_checkpoint, verify_checkpoint
from .errors import InputError
from .files import append_line, atomic_write, full_disk_as_oserror, remove_temporaries
from .records import from_json, to_json

SCHEMA = 1
"""Version of the run folder's layout."""
MEAN_RETURN = "train/mean_return"
"""Metric: mean return of the last 100 training episodes."""
MASTERED = "test/mastered"
"""Metric: share of the test set mastered, 0 to 1."""

_PACKAGES = [
    "eyas",
    "gymnasium",
    "mujoco",
    "numba",
    "numpy",
    "ray",
    "safetensors",
    "scikit-learn",
    "scipy",
    "stable-baselines3",
    "torch",
]
_LOCK_PATIENCE = 0.5  # seconds; `eyas runs` holds the lock for a moment when it looks

Config = TypeVar("Config")
Status = Literal["running", "finished", "interrupted"]


class Run:
    """A run folder, opened for reading or, with the lock held, for writing.

    Use :meth:`create` or :meth:`open`; as a context manager it closes itself.

    Attributes:
        folder: where everything is.
        record: the content of ``config.json``.
        writable: whether this process holds the lock.
    """

    def __init__(self, folder: Path, record: dict[str, Any], lock: int | None) -> None:
        self.folder = folder
        self.record = record
        self._lock = lock
        self._tensorboard: Any = None
        self._purge_step: int | None = None

    # Opening and closing ----------------------------------------------------------------------

    @classmethod
    def create(cls, folder: Path, config: Any, command: Sequence[str], *, job: str) -> Run:
        """Make a new run folder and lock it.

        Args:
            folder: must not exist, or be empty.
            config: a dataclass or mapping; a field ``seed`` is noted as the run's seed.
            command: the command line that started the run.
            job: what kind of run it is, like ``"train walker"``.

        Raises:
            InputError: the folder is in use or cannot be made. Nothing is overwritten.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            taken = any(folder.iterdir())
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"run folder {folder} cannot be made: a file is in its way") from None
        except PermissionError:
            raise InputError(f"run folder {folder} cannot be made: permission denied") from None
        if taken:
            raise InputError(
                f"run folder {folder} exists and is not empty; choose another one with --out"
                f" or go on with it by --resume {folder}"
            )
        lock = _take_lock(folder)
        settings = to_json(config)
        record = {
            "schema": SCHEMA,
            "id": uuid.uuid4().hex,
            "job": job,
            "config": settings,
            "seed": settings.get("seed"),
            "command": list(command),
            **_circumstances(),
        }
        run = cls(folder, record, lock)
        try:
            run._write_record()
        except BaseException:
            (folder / "run.lock").unlink(missing_ok=True)
            run.close()
            raise
        return run

    @classmethod
    def open(cls, folder: Path, *, write: bool = False) -> Run:
        """Open an existing run, for reading or to go on with it.

        Raises:
            InputError: the folder is no run, is of another schema version, or (to write) another
                process works on it.
        """
        record = _read_record(folder)
        if not write:
            return cls(folder, record, None)
        lock = _take_lock(folder)
        remove_temporaries(folder)
        if (folder / "checkpoints").is_dir():
            remove_temporaries(folder / "checkpoints")
        (folder / "state.json").unlink(missing_ok=True)
        _cut_torn_line(folder / "metrics.jsonl")
        return cls(folder, record, lock)

    def close(self) -> None:
        """Flush everything and release the lock."""
        if self._tensorboard is not None:
            self._tensorboard.close()
            self._tensorboard = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # What it is -------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether this process holds the run's lock."""
        return self._lock is not None

    @property
    def status(self) -> Status:
        """Running (some process holds the lock), finished, or interrupted."""
        if self.writable or _is_locked(self.folder):
            return "running"
        return "finished" if (self.folder / "state.json").exists() else "interrupted"

    def config_as(self, config_type: type[Config]) -> Config:
        """The run's config as the dataclass it was created with.

        Raises:
            InputError: a field is unknown to this version or its value is not allowed.
        """
        try:
            return from_json(config_type, self.record["config"])
        except InputError as error:
            raise InputError(f"{self.folder / 'config.json'}: {error}") from None

    def note_resume(self, config: Any, command: Sequence[str]) -> None:
        """Store the config to go on with, and when and with what the run was taken up again."""
        self._must_be_writable()
        taken_up = {"command": list(command), **_circumstances()}
        self.record["config"] = to_json(config)
        self.record["resumed"] = [*self.record.get("resumed", []), taken_up]
        self._write_record()

    def _write_record(self) -> None:
        atomic_write(self.folder / "config.json", json.dumps(self.record, indent=1) + "\n")

    def finish(self) -> None:
        """Mark the run as finished."""
        self._must_be_writable()
        ended = datetime.now(UTC).isoformat(timespec="seconds")
        atomic_write(self.folder / "state.json", json.dumps({"state": "finished", "ended": ended}))

    # Metrics ----------------------------------------------------------------------------------

    def append_metrics(self, step: int, values: Mapping[str, Any]) -> None:
        """Add a line to ``metrics.jsonl``, and its numbers to the TensorBoard events.

        Args:
            step: environment steps done.
            values: by name; numbers, or lists and strings (these go into the JSON line only).
                Numbers that are not finite are written as null.
        """
        self._must_be_writable()
        entry = {"step": step, "time": round(time.time(), 3)} | {
            name: _finite(value) for name, value in values.items()
        }
        append_line(self.folder / "metrics.jsonl", json.dumps(entry, allow_nan=False))
        writer = self._tensorboard_writer()
        with full_disk_as_oserror(self.folder):
            for name, value in entry.items():
                if isinstance(value, int | float) and name not in ("step", "time"):
                    writer.add_scalar(name, value, step)

    def read_metrics(self) -> list[dict[str, Any]]:
        """All lines of ``metrics.jsonl``; a torn last one is left out.

        Raises:
            InputError: another line is not a JSON object.
        """
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return []
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last newline is torn
        entries = []
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                entry["step"] + 0
            except (ValueError, KeyError, TypeError):
                raise InputError(f"{path} is corrupt: line {number} is not a line of metrics") from None
            entries.append(entry)
        return entries

    def rewind_metrics(self, step: int) -> None:
        """Drop what was measured after ``step``; the steps from there on are done again.

        Args:
            step: that of the checkpoint the run goes on from; -1 if it starts anew.
        """
        self._must_be_writable()
        kept = [json.dumps(entry) + "\n" for entry in self.read_metrics() if entry["step"] <= step]
        atomic_write(self.folder / "metrics.jsonl", "".join(kept))
        self._purge_step = step + 1

    def _tensorboard_writer(self) -> Any:
        if self._tensorboard is None:
            from torch.utils.tensorboard import SummaryWriter  # takes a second to import

            self._tensorboard = SummaryWriter(
                str(self.folder / "tensorboard"), purge_step=self._purge_step, flush_secs=10
            )
        return self._tensorboard

    # Checkpoints ------------------------------------------------------------------------------

    def save_checkpoint(self, step: int, writer: Callable[[Path], None], keep: int = 2) -> Checkpoint:
        """Save the state after ``step`` environment steps; see :mod:`eyas.checkpoints`.

        Args:
            step: environment steps done.
            writer: fills the empty folder it is given.
            keep: how many of the newest checkpoints to keep.
        """
        self._must_be_writable()
        if self._tensorboard is not None:
            self._tensorboard.flush()
        return save_checkpoint(self.folder / "checkpoints", step, self.record["id"], writer, keep)

    def latest_checkpoint(self) -> Checkpoint | None:
        """The newest complete checkpoint, its files verified; None if there is none yet.

        Raises:
            InputError: it is corrupt or belongs to another run.
        """
        complete = complete_checkpoints(self.folder / "checkpoints")
        if not complete:
            return None
        verify_checkpoint(complete[-1], self.record["id"])
        return complete[-1]

    def _must_be_writable(self) -> None:
        if not self.writable:
            raise RuntimeError(f"the run {self.folder} was opened for reading only")


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not folder.is_dir():
        raise InputError(f"run folder {folder} does not exist")
    if not path.is_file():
        raise InputError(f"folder {folder} is not a run: it has no config.json")
    try:
        record = json.loads(path.read_bytes())
        schema = record["schema"]
        if schema == SCHEMA:
            record["id"], record["job"], record["config"], record["started"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"folder {folder} is not a run: its config.json is not one of Eyas") from None
    if schema != SCHEMA:
        raise InputError(
            f"run folder {folder} is of schema version {schema}, but this Eyas reads version {SCHEMA}"
        )
    return dict(record)


def _take_lock(folder: Path) -> int:
    descriptor = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o666)
    deadline = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise InputError(
                f"run folder {folder} is in use by another process (id {holder})"
            ) from None
        with suppress(OSError):  # the id is only for people; a full disk is told by what matters
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor


def _is_locked(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "run.lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _cut_torn_line(path: Path) -> None:
    """Remove what follows the last newline, so that the next line starts on its own."""
    if path.exists():
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            atomic_write(path, whole)


def _finite(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value


def _circumstances() -> dict[str, Any]:
    """When, on what and with which code a process works on a run."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "git": _git_state(),
    }


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def _git_state() -> dict[str, Any] | None:
    """Revision of the checkout this code runs from; None if it runs from no checkout."""
    root = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return None
        dirty = bool(git("status", "--porcelain", "--untracked-files=no"))
        return {"revision": git("rev-parse", "HEAD"), "dirty": dirty}
    except (OSError, subprocess.SubprocessError):
        return None
