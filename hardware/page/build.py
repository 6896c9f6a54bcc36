"""The browser page of a generated policy: its C as WebAssembly, in one file that needs no network."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...envs.quadrotor.airframe import GRAVITY, YAW_SIGNS
from ...envs.quadrotor.dynamics import TIME_STEP
from ...envs.quadrotor.evaluation.flight import (
    HOVER_SECONDS,
    POSITION_CLIP,
    RAMP_SECONDS,
    VELOCITY_CLIP,
)
from ...envs.quadrotor.named import NAMED
from ...errors import InputError
from ...policies.quadrotor_metadata import ACTION_SIZE, OBSERVATION_SIZE, RATE_HZ
from ..code.generate import Generated
from ..reference import MEMORY_RESET, NONFINITE_INPUT, SATURATED_INPUT

_HERE = Path(__file__).parent
SCRIPTS = ("simulator.js", "flight.js", "camera.js", "scene.js", "charts.js", "page.js")
"""The page's scripts in the order in which they are put together; the first two need no document."""
_TIMEOUT_SECONDS = 120
_FLAGS = (
    {"bit": int(NONFINITE_INPUT), "name": "non-finite"},
    {"bit": int(SATURATED_INPUT), "name": "saturated"},
    {"bit": int(MEMORY_RESET), "name": "memory reset"},
)


def page_files(generated: Generated) -> dict[str, str | bytes]:
    """The page and the module it holds, by file name: ``index.html`` and ``NAME.wasm``.

    Args:
        generated: a quadrotor's policy at 100 decisions per second.

    Raises:
        InputError: it is another policy, or a tool is missing, see :func:`build_wasm`.
    """
    network = generated.network
    sizes, rate = (network.observation_size, network.action_size), network.rate_hz
    if sizes != (OBSERVATION_SIZE, ACTION_SIZE) or rate != RATE_HZ:
        raise InputError(
            f"target = wasm flies a quadrotor, whose policy maps {OBSERVATION_SIZE} observations to"
            f" {ACTION_SIZE} actions at {RATE_HZ} Hz; this one maps {sizes[0]} to {sizes[1]} at {rate:g} Hz"
        )
    wasm = build_wasm(generated)
    data = page_data() | {
        "name": generated.name,
        "numberFormat": generated.number_format,
        "parameters": network.parameter_count,
        "wasmBytes": len(wasm),
    }
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    parts = {
        "data": _json(data),
        "wasm": base64.b64encode(wasm).decode("ascii"),
        "scripts": "".join(script(name) for name in SCRIPTS),
    }
    for part, text in parts.items():
        page = page.replace("{{" + part + "}}", text)
    return {"index.html": page, f"{generated.name}.wasm": wasm}


def build_wasm(generated: Generated) -> bytes:
    """Compile the generated C to a WebAssembly module without imports.

    It exports its memory and ``observation()``, ``action()`` (addresses of float32 numbers),
    ``reset()``, ``step()``, ``peek()`` (status bits), ``weights_crc()`` and ``selftest()``.

    Raises:
        InputError: clang or wasm-ld is missing or fails.
    """
    clang, linker = _tool("clang", "clang"), _tool("wasm-ld", "lld")
    shim = (_HERE / "shim.c").read_text(encoding="utf-8")
    shim = shim.replace("NAME", generated.name).replace("UPPER", generated.name.upper())
    sources = {name: text for name, text in generated.files.items() if name.endswith((".c", ".h"))}
    sources["page_shim.c"] = shim
    with tempfile.TemporaryDirectory(prefix="eyas-wasm-") as folder:
        objects = []
        for name, text in sources.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        for name in sources:
            if name.endswith(".c"):
                objects.append(name.removesuffix(".c") + ".o")
                _run([clang, *_COMPILE, "-c", name, "-o", objects[-1]], folder)
        _run([linker, *_LINK, *objects, "-o", "policy.wasm"], folder)
        return Path(folder, "policy.wasm").read_bytes()


# All browsers since 2023 have SIMD128; sums keep their order, so that it changes no bit.
_COMPILE = (
    "--target=wasm32",
    "-msimd128",
    "-std=c99",
    "-ffreestanding",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
)
# The stack lies below all data, so that an overflow traps instead of changing them.
_LINK = ("--no-entry", "--strip-all", "--stack-first", "-z", "stack-size=16384")


def page_data() -> dict[str, Any]:
    """What the scripts read as ``DATA``: constants of the world and its named airframes."""
    return {
        "gravity": GRAVITY,
        "yawSigns": YAW_SIGNS.tolist(),
        "timeStep": TIME_STEP,
        "positionClip": POSITION_CLIP,
        "velocityClip": VELOCITY_CLIP,
        "hoverSeconds": HOVER_SECONDS,
        "rampSeconds": RAMP_SECONDS,
        "observationSize": OBSERVATION_SIZE,
        "actionSize": ACTION_SIZE,
        "flags": _FLAGS,
        "airframes": {name: asdict(airframe) for name, airframe in NAMED.items()},
    }


def script(name: str) -> str:
    """The text of one of :data:`SCRIPTS`."""
    return (_HERE / name).read_text(encoding="utf-8")


def _json(data: dict[str, Any]) -> str:
    # "<" could end the script that the text stands in.
    return json.dumps(data, allow_nan=False).replace("<", "\\u003c")


def _tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise InputError(
            f"target = wasm needs {name}, which is not installed; Debian and Ubuntu have it in the"
            f" package {package}"
        )
    return found


def _run(command: list[str], folder: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{command[0]} did not end within {_TIMEOUT_SECONDS} s") from None
    if done.returncode:
        first = next(
            (line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()
        )
        raise InputError(f"{command[0]} cannot build the WebAssembly module: {first}")
