"""A policy file or a run folder as a network: what the command line exports."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ...policies import policy as feed_forward
from ...policies import recurrent_policy as recurrent
from ...policies.state_file import read_kind
from .. import network_file
from ..network import Network
from .folding import decision_rate
from .policies import from_policy, from_recurrent_policy

POLICY = "policy.safetensors"
"""The file of a run folder that is exported."""

_MODULES = "eyas.hardware.importers"
_SAVE = "and save what it gives with eyas.hardware.network_file.save_network"
_TORCH = f"load it in Python, call {_MODULES}.torch_modules.from_torch {_SAVE}"
_OTHERS = {
    ".zip": f"load it with Stable-Baselines3, call {_MODULES}.stable_baselines3.from_stable_baselines3 {_SAVE}",
    ".onnx": f"give the torch module it was made from to {_MODULES}.torch_modules.from_torch {_SAVE}",
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".pkl", ".pickle"), _TORCH),
}


def load_network(path: Path | str, rate_hz: float | None = None) -> Network:
    """Read a policy file of this program, or the one in a run folder.

    Args:
        path: a file of the kind ``eyas policy``, ``eyas recurrent policy`` or ``eyas network``, or a
            folder with a ``policy.safetensors``.
        rate_hz: decisions per second; only where the file does not say.

    Raises:
        InputError: the file is missing, corrupt or of no such kind, or cannot be exported.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / POLICY).is_file():
            raise InputError(f"folder {path} has no {POLICY}")
        path = path / POLICY
    how = _OTHERS.get(path.suffix.lower())
    if how is not None:
        raise InputError(f"{path} is not opened, because other programs' files may run code: {how}")
    kind = read_kind(path)
    try:
        if kind == feed_forward.KIND:
            return from_policy(feed_forward.load_policy(path), rate_hz=rate_hz)
        if kind == recurrent.KIND:
            return from_recurrent_policy(recurrent.load_recurrent_policy(path), rate_hz=rate_hz)
        if kind == network_file.KIND:
            network = network_file.load_network_file(path)
            decision_rate({"rate_hz": network.rate_hz}, rate_hz)
            return network
    except InputError as error:
        told = str(error)
        raise InputError(told if str(path) in told else f"{path}: {told}") from None
    raise InputError(f"{path} is no policy file" + (f" but a file of the kind {kind}" if kind else ""))
