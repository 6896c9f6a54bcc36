"""Learning histories on disk: flat arrays that are mapped and not read, with a manifest in JSON.

A learning history is all that one run of a learner saw and did on one task, in order. A dataset of
histories is a folder::

    manifest.json            kind, version, world, source, seed, revision, shapes and types
    observations.npy         (steps, *observation shape)   before the action
    actions.npy              (steps,) whole numbers, or (steps, action size)
    rewards.npy              (steps,)
    next_observations.npy    (steps, *observation shape)   after it, also at the end of an episode
    ended.npy                (steps,) bool                 the episode's last step
    optimal_actions.npy      like actions; only where the world knows them
    offsets.npy              (histories + 1,)              where each history begins
    task_of.npy              (histories,)                  its row of tasks.npy
    tasks.npy                (tasks, task dimension)
    maximum_returns.npy      (tasks,)                      the best return an episode can have

Histories may differ in length. Why not Minari or one HDF5 group per episode: reading random windows
from those takes a thousand times longer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..files import atomic_write

KIND = "eyas learning histories"
VERSION = 1
MANIFEST = "manifest.json"
STEP_ARRAYS = ("observations", "actions", "rewards", "next_observations", "ended", "optimal_actions")
TABLES = ("offsets", "task_of", "tasks", "maximum_returns")
OPTIONAL = ("optimal_actions",)


class Windows(NamedTuple):
    """Pieces of histories, shape ``(count, length, ...)`` each, in the order of time."""

    observations: NDArray[Any]
    actions: NDArray[Any]
    rewards: NDArray[np.float32]
    next_observations: NDArray[Any]
    ended: NDArray[np.bool_]
    optimal_actions: NDArray[Any] | None
    histories: NDArray[np.int64]
    """Which history each comes from, shape ``(count,)``."""
    starts: NDArray[np.int64]
    """Its first step within that history, shape ``(count,)``."""


@dataclass(frozen=True)
class Histories:
    """A dataset of learning histories; see the module for its arrays.

    Attributes:
        arrays: by name.
        world: what it takes to make the world again: ``name`` and its options, JSON values.
        source: the learner: ``name`` and its settings, JSON values.
        extra: whatever else is worth keeping (seed, git revision, ...), JSON values.
    """

    arrays: Mapping[str, NDArray[Any]]
    world: Mapping[str, Any]
    source: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self.arrays)

    @property
    def count(self) -> int:
        """How many histories there are."""
        return len(self.arrays["task_of"])

    @property
    def steps(self) -> int:
        """Steps of all histories together."""
        return len(self.arrays["rewards"])

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each history begins, shape ``(count + 1,)``."""
        return self.arrays["offsets"]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each history, shape ``(count,)``."""
        return np.diff(self.offsets)

    @property
    def task_of(self) -> NDArray[np.int64]:
        """The row of ``tasks`` of each history, shape ``(count,)``."""
        return self.arrays["task_of"]

    @property
    def tasks(self) -> NDArray[np.float64]:
        """All tasks, shape ``(tasks, dimension)``."""
        return self.arrays["tasks"]

    @property
    def maximum_returns(self) -> NDArray[np.float64]:
        """The best return an episode on each task can have, shape ``(tasks,)``."""
        return self.arrays["maximum_returns"]

    def history(self, index: int) -> dict[str, NDArray[Any]]:
        """The step arrays of one history."""
        here = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return {name: self.arrays[name][here] for name in STEP_ARRAYS if name in self.arrays}

    def returns(self, index: int) -> NDArray[np.float64]:
        """Returns of the complete episodes of one history, in the order of time, shape ``(episodes,)``.

        Steps after the last complete episode do not count.
        """
        here = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        last = np.flatnonzero(self.arrays["ended"][here])
        if not len(last):
            return np.zeros(0)
        sums = np.cumsum(self.arrays["rewards"][here], dtype=np.float64)[last]
        return np.diff(sums, prepend=0.0)

    def windows(
        self,
        rng: np.random.Generator,
        count: int,
        length: int,
        probabilities: ArrayLike | None = None,
    ) -> Windows:
        """Draw pieces of histories.

        A history is drawn by ``probabilities`` (uniformly without), then a start that leaves
        ``length`` steps, uniformly.

        Args:
            rng: where the draws come from.
            count: how many.
            length: steps of each; no more than the shortest history that can be drawn has.
            probabilities: of the histories, shape ``(self.count,)``, not negative; any sum.

        Raises:
            InputError: a history that can be drawn is shorter, or probabilities of another shape.
        """
        lengths = self.lengths
        if probabilities is None:
            drawn, shortest = rng.integers(self.count, size=count), int(lengths.min())
        else:
            weights = self._checked_weights(probabilities)
            cumulated = np.cumsum(weights)
            drawn = np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")
            drawn, shortest = np.minimum(drawn, self.count - 1), int(lengths[weights > 0.0].min())
        if not 1 <= length <= shortest:
            raise InputError(
                f"length = {length} must be in [1, {shortest}], the shortest history's steps"
            )
        starts = (rng.random(count) * (lengths[drawn] - length + 1)).astype(np.int64)
        return self.pieces(drawn, starts, length)

    def _checked_weights(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        weights = np.asarray(probabilities, dtype=np.float64)
        if weights.shape != (self.count,) or not np.isfinite(weights).all() or (weights < 0).any():
            raise InputError(
                f"probabilities of shape {weights.shape} must be {self.count} finite numbers, none negative"
            )
        if not weights.any():
            raise InputError("probabilities are 0 for every history; at least one must be positive")
        return weights

    def pieces(self, histories: NDArray[np.int64], starts: NDArray[np.int64], length: int) -> Windows:
        """The windows of ``length`` steps that begin at these steps of these histories."""
        rows = (self.offsets[histories] + starts)[:, None] + np.arange(length)
        parts: list[Any] = [
            self.arrays[name].take(rows, axis=0) if name in self.arrays else None
            for name in STEP_ARRAYS
        ]
        return Windows._make([*parts, histories, starts])

    def save(self, folder: Path) -> None:
        """Write the dataset into a folder that must be new or empty; the manifest comes last.

        Raises:
            InputError: the folder holds something.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"folder {folder} must be new or empty")
        folder.mkdir(parents=True, exist_ok=True)
        shapes = {}
        for name, array in self.arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
            shapes[name] = {"shape": list(array.shape), "dtype": str(array.dtype)}
        manifest = {
            "kind": KIND,
            "version": VERSION,
            "world": dict(self.world),
            "source": dict(self.source),
            **self.extra,
            "arrays": shapes,
        }
        atomic_write(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")

    @staticmethod
    def open(folder: Path) -> Histories:
        """Map a stored dataset; nothing is read but its tables.

        Raises:
            InputError: there is none, it is of another version, an array is missing or truncated,
                or the manifest says something else than the arrays.
        """
        folder = Path(folder)
        manifest = _manifest(folder)
        arrays = {name: _open(folder, name, entry) for name, entry in manifest.pop("arrays").items()}
        for name in TABLES:
            if name in arrays:
                arrays[name] = np.array(arrays[name])
        world, source = manifest.pop("world"), manifest.pop("source")
        del manifest["kind"], manifest["version"]
        try:
            return Histories(arrays, world, source, manifest)
        except InputError as error:
            raise InputError(f"learning histories {folder}: {error}") from None

    @staticmethod
    def join(parts: Sequence[Histories]) -> Histories:
        """One dataset of several of the same world; equal tasks become one.

        Raises:
            InputError: no parts, or parts of different worlds or with different arrays.
        """
        if not parts:
            raise InputError("no learning histories to join; at least one dataset is needed")
        first = parts[0]
        for part in parts:
            if part.world != first.world or part.arrays.keys() != first.arrays.keys():
                raise InputError(
                    "learning histories to join must be of one world and have the same arrays"
                )
        arrays = {
            name: np.concatenate([part.arrays[name] for part in parts])
            for name in STEP_ARRAYS
            if name in first.arrays
        }
        tasks = np.concatenate([part.tasks for part in parts])
        firsts, where = np.unique(tasks, axis=0, return_index=True, return_inverse=True)[1:]
        order = np.argsort(firsts)  # tasks stay in the order in which they first came
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        before = np.cumsum(np.array([0, *(len(part.tasks) for part in parts)]))[:-1]
        arrays["task_of"] = np.concatenate(
            [
                rank[where.reshape(-1)[part.task_of + start]]
                for part, start in zip(parts, before, strict=True)
            ]
        )
        arrays["tasks"] = tasks[firsts[order]]
        every = np.concatenate([part.maximum_returns for part in parts])
        arrays["maximum_returns"] = every[firsts[order]]
        arrays["offsets"] = np.concatenate([[0], np.cumsum(np.concatenate([p.lengths for p in parts]))])
        return Histories(arrays, first.world, first.source, first.extra)


def build(
    histories: Sequence[Mapping[str, ArrayLike]],
    task_of: ArrayLike,
    tasks: ArrayLike,
    maximum_returns: ArrayLike,
    *,
    world: Mapping[str, Any],
    source: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> Histories:
    """A dataset from single histories.

    Args:
        histories: the step arrays of each, by name (``optimal_actions`` may be left out of all).
        task_of: each one's row of ``tasks``.
        tasks: shape ``(tasks, dimension)``.
        maximum_returns: shape ``(tasks,)``.
        world: as in :class:`Histories`.
        source: as in :class:`Histories`.
        extra: as in :class:`Histories`.

    Raises:
        InputError: no histories, or arrays that do not fit together.
    """
    if not histories:
        raise InputError("no learning histories were given; at least one is needed")
    names = [name for name in STEP_ARRAYS if name in histories[0]]
    for index, one in enumerate(histories):
        lengths = {name: len(np.asarray(one[name])) for name in names if name in one}
        if len(lengths) < len(names) or len(set(lengths.values())) != 1:
            raise InputError(
                f"history {index} must have {', '.join(names)} of one length, got {lengths}"
            )
    arrays: dict[str, NDArray[Any]] = {
        name: np.concatenate([np.asarray(one[name]) for one in histories]) for name in names
    }
    arrays["rewards"] = arrays["rewards"].astype(np.float32)
    every = np.array([len(np.asarray(one["rewards"])) for one in histories])
    arrays["offsets"] = np.concatenate([[0], np.cumsum(every)]).astype(np.int64)
    arrays["task_of"] = np.asarray(task_of, dtype=np.int64)
    arrays["tasks"] = np.asarray(tasks, dtype=np.float64)
    arrays["maximum_returns"] = np.asarray(maximum_returns, dtype=np.float64)
    return Histories(arrays, world, source, dict(extra or {}))


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder} holds no learning histories: {MANIFEST} is missing")
    try:
        manifest = json.loads(path.read_text())
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise InputError(f"{path} is not JSON") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise InputError(f"{path} is not a manifest of learning histories")
    if manifest.get("version") != VERSION:
        raise InputError(f"{path} has version {manifest.get('version')!r}, this Eyas reads {VERSION}")
    for name in ("world", "source", "arrays"):
        if not isinstance(manifest.get(name), dict):
            raise InputError(f"{path}: field {name} must be an object")
    for name in (*STEP_ARRAYS, *TABLES):
        if name not in OPTIONAL and name not in manifest["arrays"]:
            raise InputError(f"{path}: array {name} is missing")
    for name in manifest["arrays"]:
        if name not in (*STEP_ARRAYS, *TABLES):
            raise InputError(f"{path}: there is no array called {name!r}")
    return manifest


def _open(folder: Path, name: str, entry: Any) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    if not path.is_file():
        raise InputError(f"{path} is missing, but the manifest lists it")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError):
        raise InputError(f"{path} is truncated or not an array") from None
    says = (entry.get("shape"), entry.get("dtype")) if isinstance(entry, dict) else entry
    if says != (list(array.shape), str(array.dtype)):
        raise InputError(
            f"{path} has shape {list(array.shape)} and type {array.dtype}, the manifest says {says}"
        )
    return np.asarray(array)  # a plain view of the map, which is faster to index


def _check(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse arrays that contradict each other; looks at shapes and at the tables only."""
    steps = len(arrays["rewards"])
    for name in STEP_ARRAYS:
        if name in arrays and len(arrays[name]) != steps:
            raise InputError(f"array {name} has {len(arrays[name])} rows, rewards has {steps}")
    for name, like in (("next_observations", "observations"), ("optimal_actions", "actions")):
        if name in arrays and arrays[name].shape != arrays[like].shape:
            raise InputError(
                f"array {name} has shape {arrays[name].shape}, {like} {arrays[like].shape}"
            )
    if arrays["rewards"].ndim != 1 or arrays["ended"].ndim != 1 or arrays["ended"].dtype != np.bool_:
        raise InputError("arrays rewards and ended must have one number per step, ended of type bool")
    offsets, task_of, tasks = arrays["offsets"], arrays["task_of"], arrays["tasks"]
    if offsets.ndim != 1 or len(offsets) != len(task_of) + 1 or len(task_of) == 0:
        raise InputError(
            f"array offsets has shape {offsets.shape}, expected one more than the {len(task_of)} histories"
        )
    if offsets[0] != 0 or offsets[-1] != steps or (np.diff(offsets) < 1).any():
        raise InputError(f"array offsets must rise from 0 to the {steps} steps")
    if tasks.ndim != 2 or arrays["maximum_returns"].shape != (len(tasks),):
        raise InputError("array tasks must have one row per task, maximum_returns one number")
    if (task_of < 0).any() or (task_of >= len(tasks)).any():
        raise InputError(f"array task_of must hold rows of tasks, 0 to {len(tasks) - 1}")
