"""A set of teachers: one small network per airframe, stacked, and the folder that holds them.

::

    teachers/
    ├── teachers.json                    how many, of which seed, layout of observations and networks
    └── shards/shard-00000.safetensors   stacked weights, airframes and returns of some teachers

A teacher has no memory. It sees what RAPTOR's teachers see (rl-tools/raptor,
``src/foundation_policy/pre_training``): the errors of position and velocity, the rotation matrix, the
body rates, its last action and its rotors' speeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...envs.quadrotor.airframe import Airframes
from ...errors import InputError
from ...files import atomic_write
from ...policies.state_file import read_tree, tree_bytes

OBSERVATIONS = 26
ACTIONS = 4
HIDDEN = 64
OBSERVATION_LAYOUT = (
    "position error (m, world) 3",
    "rotation matrix by rows, body to world 9",
    "velocity error (m/s, world) 3",
    "angular velocity (rad/s, body) 3",
    "previous action 4",
    "rotor speeds, -1 to 1 4",
)

MANIFEST = "teachers.json"
SHARDS = "shards"
KIND = "eyas quadrotor teachers"
VERSION = 1

Array = NDArray[np.float32]
Float = NDArray[np.float64]

_SHAPES: dict[str, tuple[int, ...]] = {
    "weight_1": (HIDDEN, OBSERVATIONS),
    "bias_1": (HIDDEN,),
    "weight_2": (HIDDEN, HIDDEN),
    "bias_2": (HIDDEN,),
    "weight_3": (ACTIONS, HIDDEN),
    "bias_3": (ACTIONS,),
}
_FIGURES = (
    "disturbance_force_std",
    "position_threshold",
    "max_position",
    "returns",
    "terminated",
    "wide_returns",
    "wide_terminated",
    "seconds",
)
_AIRFRAME_ARRAYS = tuple(field.name for field in fields(Airframes) if field.name != "names")


@dataclass(frozen=True, kw_only=True, eq=False)
class Teachers:
    """Teachers and their airframes; every array has one row per teacher.

    Raises:
        InputError: an array has another shape, or a weight is not finite.
    """

    airframes: Airframes
    """Whom each teacher flies."""
    weights: Mapping[str, Array]
    """Float32: ``weight_1 (count, 64, 26)``, ``bias_1 (count, 64)``, ``weight_2 (count, 64, 64)``,
    ``bias_2 (count, 64)``, ``weight_3 (count, 4, 64)``, ``bias_3 (count, 4)``."""
    disturbance_force_std: Float
    """Deviation per axis of the force that is drawn once per episode (N)."""
    position_threshold: Float
    """An episode ends where a coordinate exceeds it (m)."""
    max_position: Float
    """Largest coordinate at the start of the teacher's own episodes (m)."""
    returns: Float
    """Mean return of RAPTOR's episodes that start within 0.5 m, as in its distillation."""
    terminated: Float
    """Share of these episodes that ended before their 500 steps, 0 to 1."""
    wide_returns: Float
    """Mean return of episodes that start within ``max_position``."""
    wide_terminated: Float
    """Share of these that ended early, 0 to 1."""
    offsets: Float
    """Mean position over steps 250 to 499 of episodes whose reference is the origin (m), shape
    ``(count, 3)``; RAPTOR takes it from the positions that its student learns from."""
    seconds: Float
    """Core-seconds that the teacher's training took."""

    def __post_init__(self) -> None:
        count = len(self.airframes)
        for name, shape in _SHAPES.items():
            if name not in self.weights:
                raise InputError(f"teachers have no tensor {name}")
            array = np.ascontiguousarray(self.weights[name], np.float32)
            if array.shape != (count, *shape):
                raise InputError(
                    f"teachers' {name} has shape {array.shape}, expected {(count, *shape)}"
                )
            if not np.isfinite(array).all():
                row = int(np.argwhere(~np.isfinite(array))[0][0])
                raise InputError(f"teachers' {name} is not finite for teacher {row}")
        for name in (*_FIGURES, "offsets"):
            expected = (count, 3) if name == "offsets" else (count,)
            if np.shape(getattr(self, name)) != expected:
                raise InputError(
                    f"teachers' {name} has shape {np.shape(getattr(self, name))}, expected {expected}"
                )

    def __len__(self) -> int:
        return len(self.airframes)

    def actions(self, observations: Array, rows: ArrayLike | None = None) -> Array:
        """What the teachers do.

        Args:
            observations: shape ``(k, n, 26)``: n observations of each of k teachers, laid out as
                :data:`OBSERVATION_LAYOUT`; k is the number of teachers, or that of ``rows``.
            rows: which teachers; all without it.

        Returns:
            Actions in [-1, 1], float32, shape ``(k, n, 4)``.

        Raises:
            InputError: the shape is another one.
        """
        w = self.weights if rows is None else {k: v[np.asarray(rows)] for k, v in self.weights.items()}
        x = np.asarray(observations, np.float32)
        count = len(w["bias_1"])
        if x.ndim != 3 or x.shape[0] != count or x.shape[2] != OBSERVATIONS:
            raise InputError(
                f"observations have shape {x.shape}, expected ({count}, any, {OBSERVATIONS})"
            )
        for layer in (1, 2, 3):
            x = x @ w[f"weight_{layer}"].transpose(0, 2, 1)
            x += w[f"bias_{layer}"][:, None]
            np.tanh(x, out=x)
        return x

    def select(self, rows: ArrayLike) -> Teachers:
        """Some of them."""
        chosen = np.arange(len(self))[np.asarray(rows)]
        return Teachers(
            airframes=self.airframes.select(chosen),
            weights={name: array[chosen] for name, array in self.weights.items()},
            offsets=self.offsets[chosen],
            **{name: getattr(self, name)[chosen] for name in _FIGURES},
        )

    @staticmethod
    def concatenate(parts: list[Teachers]) -> Teachers:
        """Join several sets."""
        return Teachers(
            airframes=Airframes.concatenate([part.airframes for part in parts]),
            weights={n: np.concatenate([part.weights[n] for part in parts]) for n in _SHAPES},
            offsets=np.concatenate([part.offsets for part in parts]),
            **{n: np.concatenate([getattr(part, n) for part in parts]) for n in _FIGURES},
        )


def write_manifest(folder: Path, *, seed: int, count: int, shard_size: int) -> None:
    """Write what the shards of a set have in common; the folder must be there."""
    manifest = {
        "kind": KIND,
        "version": VERSION,
        "seed": seed,
        "count": count,
        "shard_size": shard_size,
        "distribution": "raptor",
        "rate_hz": 100,
        "observation": list(OBSERVATION_LAYOUT),
        "action": "speeds asked of the rotors, -1 at rest to 1 full; order FR, BR, BL, FL",
        "network": f"{OBSERVATIONS}-{HIDDEN}-{HIDDEN}-{ACTIONS}, tanh after every layer",
        "tensors": {name: ["count", *shape] for name, shape in _SHAPES.items()},
    }
    (folder / SHARDS).mkdir(exist_ok=True)
    atomic_write(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read it.

    Raises:
        InputError: there is none, or it is not of this version.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        kind, version = manifest["kind"], manifest["version"]
        numbers = [manifest[name] for name in ("seed", "count", "shard_size")]
    except FileNotFoundError:
        raise InputError(f"folder {folder} holds no teachers: there is no {MANIFEST}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path} is not a manifest of teachers") from None
    if kind != KIND or not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise InputError(f"{path} is not a manifest of teachers")
    if version != VERSION:
        raise InputError(f"{path} has version {version}, this program reads version {VERSION}")
    return dict(manifest)


def shard_count(count: int, shard_size: int) -> int:
    """How many shards hold ``count`` teachers."""
    return -(-count // shard_size)


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard is kept."""
    return folder / SHARDS / f"shard-{shard:05d}.safetensors"


def save_shard(folder: Path, shard: int, teachers: Teachers) -> None:
    """Write a shard; the file is there in full or not at all."""
    frames = teachers.airframes
    tree = {
        "shard": shard,
        "names": list(frames.names),
        "airframes": {name: getattr(frames, name) for name in _AIRFRAME_ARRAYS},
        "weights": {name: np.ascontiguousarray(teachers.weights[name], np.float32) for name in _SHAPES},
        "figures": {
            name: np.asarray(getattr(teachers, name), np.float64) for name in (*_FIGURES, "offsets")
        },
    }
    atomic_write(shard_path(folder, shard), tree_bytes(KIND, VERSION, tree))


def load_shard(folder: Path, shard: int) -> Teachers:
    """Read a shard.

    Raises:
        InputError: it is missing, corrupt or another one.
    """
    path = shard_path(folder, shard)
    tree = read_tree(path, KIND, VERSION)
    if tree.get("shard") != shard:
        raise InputError(f"{path} holds shard {tree.get('shard')}, expected {shard}")
    try:
        return Teachers(
            airframes=Airframes(names=tuple(tree["names"]), **tree["airframes"]),
            weights=tree["weights"],
            **tree["figures"],
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is corrupt or no {KIND} file") from error


def load_teachers(folder: Path, count: int | None = None) -> Teachers:
    """Read a folder of teachers.

    Args:
        folder: where :data:`MANIFEST` is.
        count: only the first so many; the shards that hold them must be finished, later ones need not.

    Raises:
        InputError: the folder holds no teachers, fewer than ``count``, or a shard is missing or corrupt.
    """
    manifest = read_manifest(folder)
    wanted = manifest["count"] if count is None else count
    if not 1 <= wanted <= manifest["count"]:
        raise InputError(f"count = {wanted} must be from 1 to the {manifest['count']} of {folder}")
    shards = range(shard_count(wanted, manifest["shard_size"]))
    missing = [shard for shard in shards if not shard_path(folder, shard).is_file()]
    if missing:
        raise InputError(
            f"folder {folder} lacks {len(missing)} of {len(shards)} shards, the first is"
            f" {shard_path(folder, missing[0]).name}; resume the run or ask for fewer teachers"
        )
    return Teachers.concatenate([load_shard(folder, shard) for shard in shards]).select(
        np.arange(wanted)
    )
