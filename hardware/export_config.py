"""What ``eyas export`` can be told; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from ..bounds import real, whole

Target = Literal["c", "crazyflie", "px4", "betaflight", "stampfly", "wasm"]
Format = Literal["float32", "q15", "int8"]


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Turn a policy into C99, prove it equal to the Python policy, and write it for a board."""

    policy: Positional[
        Annotated[
            Path | None,
            arg(metavar="[POLICY]", help_behavior_hint="(default: the one shipped with the program)"),
        ]
    ] = None
    """Policy file, or the folder of a run."""
    target: Target = "c"
    """What to write besides the C: the glue of a flight controller, or a web page."""
    format: Format = "float32"
    """Numbers of weights and arithmetic."""
    name: str = "policy"
    """Prefix of all names in the C: lower-case letters, digits and _."""
    rate_hz: Annotated[
        Annotated[float, real(1, 10_000)] | None,
        arg(help_behavior_hint="(default: what the file says)"),
    ] = None
    """Decisions per second, for a policy file that does not say."""
    calibration: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Fixed point: .npy of observations as they occur, one in a row, for finer scales; the shipped policy
    needs none."""
    out: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: exports/NAME-TARGET)")
    ] = None
    """Where to write; an earlier export there is replaced."""
    verify: bool = True
    """Compile and compare bit for bit, fuzz, emulate microcontrollers, fly; nothing is written if
    something differs. --no-verify only writes."""
    airframes: Annotated[int, whole(1, 8192)] = 1024
    """Unseen quadrotors that the exported policy is flown with."""
    fuzz: Annotated[int, whole(1, 100_000_000)] = 200_000
    """Random bit patterns that are put in, sanitizers on."""
    quiet: bool = False
    """Show no progress."""
