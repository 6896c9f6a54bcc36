"""``eyas export``: a policy as C, proved equal to the Python policy, with what a board needs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from threadpoolctl import threadpool_limits

from ..bounds import check
from ..errors import InputError
from ..policies.quadrotor_policy import SHIPPED
from .boards.generate import board_files, policy_folder
from .code.generate import Generated, check_name, generate, readme
from .cross.tools import CrossError
from .export_config import ExportConfig
from .host.compilers import CompilationError
from .importers.files import load_network
from .network import Network
from .page.build import page_files
from .report import report_page
from .verify import Verification, verify
from .verify_table import as_json, print_verification

REPORT = "report.html"
MANIFEST = "export.json"
"""Marks a folder as an export; what was exported, and what the verification found."""


def export(config: ExportConfig) -> int:
    """Export as the command line does.

    Returns:
        0; 1 if the verification found something wrong or could not be finished, and then nothing was
        written.

    Raises:
        InputError: the policy cannot be read or exported, a setting is out of its range, or the folder
            holds something else.
    """
    check(config)
    check_name(config.name)
    folder = config.out or Path("exports") / f"{config.name}-{config.target}"
    _check_folder(folder)
    network = load_network(config.policy or SHIPPED, config.rate_hz)
    calibration = _calibration(config, network)
    generated = generate(network, config.name, config.format, calibration)
    files = _files(config, generated)
    try:
        found = _verified(config, generated) if config.verify else None
    except (CompilationError, CrossError) as error:
        print(f"Nothing was written: {error}")
        return 1
    if found is not None:
        print_verification(found)
        if found.problems:
            print(f"Nothing was written: {len(found.problems)} of the checks failed.")
            return 1
    manifest: dict[str, Any] = {
        "policy": str(config.policy or SHIPPED.name),
        "target": config.target,
        "number_format": config.format,
        "name": config.name,
        "files": sorted(files),
        "description": generated.description,
        "verification": as_json(found) if found is not None else None,
    }
    files |= {MANIFEST: json.dumps(manifest, indent=1) + "\n"}
    if found is not None:
        files[REPORT] = report_page(found, manifest["policy"], shlex.join(["eyas", *sys.argv[1:]]))
    write_folder(folder, files)
    print(f"{folder}: {', '.join(sorted(files))}")
    if found is None:
        print("Not verified; without --no-verify the C is compared with the Python policy bit for bit.")
    return 0


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out = {folder} is in the way of a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise InputError(f"out = {folder} holds something else than an export; name another folder")


def _calibration(config: ExportConfig, network: Network) -> NDArray[np.float32] | None:
    """Observations by which a fixed-point format chooses its scales."""
    if config.calibration is None:
        return None
    if config.format == "float32":
        raise InputError("calibration is for the formats q15 and int8; float32 needs none")
    try:
        rows = np.load(config.calibration, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"there is no file {config.calibration}") from None
    except (OSError, ValueError, EOFError):
        raise InputError(f"calibration = {config.calibration} is no .npy file of numbers") from None
    size = network.observation_size
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != size or not len(rows):
        raise InputError(
            f"calibration = {config.calibration} has shape {np.shape(rows)}, expected (any, {size})"
        )
    if rows.dtype.kind not in "fiu" or not np.isfinite(rows).all():
        raise InputError(f"calibration = {config.calibration} must hold finite numbers")
    return rows.astype(np.float32)


def _files(config: ExportConfig, generated: Generated) -> dict[str, str | bytes]:
    """Everything that is written, by path."""
    files: dict[str, str | bytes] = {}
    if config.target == "wasm":
        return {**generated.files, **page_files(generated)}
    if config.target == "c":
        return {**generated.files, "README.md": readme(generated)}
    files |= board_files(config.target, config.name, generated.network)
    place = policy_folder(config.target, config.name)
    files |= {f"{place}/{name}": text for name, text in generated.files.items()}
    return files


def _verified(config: ExportConfig, generated: Generated) -> Verification:
    console = Console(stderr=True)
    shown = not config.quiet and console.is_terminal
    with (
        threadpool_limits(1, user_api="blas"),
        console.status("verifying") if shown else nullcontext() as status,
    ):
        return verify(
            generated,
            airframes=config.airframes,
            fuzz_inputs=config.fuzz,
            say=lambda words: status.update(words) if status is not None else None,
        )


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write a folder that is there in full or not at all; an earlier one is replaced.

    Raises:
        OSError: the disk is full or the place cannot be written; what was there is as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(mkdtemp(prefix=".export-", dir=folder.parent))
    old = made.with_name(made.name + "-old")
    try:
        for name, content in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        made.chmod(0o755)
        if folder.exists():
            os.rename(folder, old)
        os.rename(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        shutil.rmtree(old, ignore_errors=True)
