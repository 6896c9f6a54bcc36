"""The files of a board's glue, from its description and its templates.

The templates of a board are the files ``BOARD/**/*.j2``; their paths are the paths of the glue, with
``NAME`` for the policy's name. A new board is one description and one folder.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from ...errors import InputError
from ...policies.quadrotor_metadata import ACTION, ACTION_SIZE, OBSERVATION, OBSERVATION_SIZE
from ..network import Network
from .description import AXES, BOARDS, Board, Frame

_FOLDER = Path(__file__).parent
_COMMON = "common/NAME_glue.h.j2"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_DUTY_NAMES = {"front right": "fr", "back right": "rr", "back left": "rl", "front left": "fl"}
"""StampFly's functions are called ``set_duty_fr`` and so on."""


def board_files(board: str, name: str, network: Network) -> dict[str, str]:
    """Everything but the policy's own files, which belong in :func:`policy_folder`.

    Args:
        board: a key of :data:`~.description.BOARDS`.
        name: the prefix with which the policy has been generated, a C identifier.
        network: the policy; only its description is read.

    Returns:
        Text by path, relative to where the glue is written.

    Raises:
        InputError: there is no such board, the name is none, or the policy is not one for a quadrotor's
            22 observations and 4 motor speeds.
    """
    described = _board(board)
    if not _NAME.fullmatch(name):
        raise InputError(f"name = {name!r} must be a C identifier")
    _check(described, network)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # C, not HTML
    )
    environment.globals.update(number=_number, signed=_signed)
    words: dict[str, Any] = {
        "board": described,
        "name": name,
        "upper": name.upper(),
        "duty_names": _DUTY_NAMES,
        "scaled": "" if described.gyro_scale == 1 else f" * {_number(described.gyro_scale)}",
        # The firmware tells requests apart by their numbers.
        "request_id": zlib.crc32(name.encode()),
        "rate_hz": f"{network.rate_hz:g}",
    }
    paths = {f"{described.policy_folder}/{Path(_COMMON).name}": _COMMON}
    for template in sorted((_FOLDER / board).rglob("*.j2")):
        path = template.relative_to(_FOLDER / board).as_posix()
        paths[path] = f"{board}/{path}"
    return {
        path.removesuffix(".j2").replace("NAME", name): environment.get_template(source).render(words)
        for path, source in paths.items()
    }


def policy_folder(board: str, name: str) -> str:
    """Where ``NAME.h``, ``NAME.c`` and ``NAME_selftest.c`` belong, relative to the glue.

    Raises:
        InputError: there is no such board.
    """
    return _board(board).policy_folder.replace("NAME", name)


def _board(board: str) -> Board:
    if board not in BOARDS:
        raise InputError(f"board = {board!r} is none of {', '.join(BOARDS)}")
    return BOARDS[board]


def _check(board: Board, network: Network) -> None:
    """A policy that reads or commands anything else would fly into the ground."""
    sizes = (network.observation_size, network.action_size)
    if sizes != (OBSERVATION_SIZE, ACTION_SIZE):
        raise InputError(
            f"{board.name} needs a quadrotor policy of {OBSERVATION_SIZE} observations and {ACTION_SIZE}"
            f" actions, this one has {sizes[0]} and {sizes[1]}"
        )
    parts = network.metadata.get("observation")
    if not isinstance(parts, (list, tuple)) or len(parts) != len(OBSERVATION):
        raise InputError(
            f"{board.name} needs a policy whose file says what its observations are, the"
            f" {len(OBSERVATION)} parts of a quadrotor; metadata 'observation' = {parts!r}"
        )
    for number, (part, expected) in enumerate(zip(parts, OBSERVATION, strict=True)):
        _check_words(
            board, f"observation part {number}", part, expected, ("name", "size", "unit", "frame")
        )
    action = network.metadata.get("action")
    _check_words(board, "action", action, ACTION, ("name", "size", "unit", "low", "high", "order"))
    if not (
        np.all(network.output.low == ACTION["low"]) and np.all(network.output.high == ACTION["high"])
    ):
        raise InputError(
            f"{board.name} needs actions in [{ACTION['low']}, {ACTION['high']}], this policy's are in"
            f" {network.output.low.tolist()} to {network.output.high.tolist()}"
        )
    if network.rate_hz > board.control_hz:
        raise InputError(
            f"{board.name} evaluates a policy {board.control_hz} times per second,"
            f" rate_hz = {network.rate_hz:g} is more"
        )


def _check_words(board: Board, what: str, given: Any, expected: Any, keys: tuple[str, ...]) -> None:
    for key in keys:
        value = given.get(key) if isinstance(given, Mapping) else None
        if value != expected[key]:
            raise InputError(
                f"{board.name} needs a policy with {what}: {key} = {expected[key]!r}, this one has {value!r}"
            )


def _number(value: float) -> str:
    """A float literal of C."""
    text = f"{value:.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def _signed(frame: Frame, axis: int) -> str:
    """The sign of an axis on its way to FLU and back."""
    return "" if AXES[frame][axis] > 0 else "-"
