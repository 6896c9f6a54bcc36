"""C compilers of this computer, and the warnings that exported code is free of."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import InputError

STANDARD = "-std=c99"
WARNINGS = (
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wdouble-promotion",
    "-Wshadow",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wfloat-equal",
    "-Wcast-align",
    "-Wundef",
    "-Werror",
)
"""Exported code compiles with these on gcc and clang."""
_SECONDS = 300
_WORDS = 4000  # of what a compiler said; templates of errors can be long


class CompilationError(RuntimeError):
    """A compiler refused a file; the message holds what it said."""


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """A C compiler that runs."""

    command: tuple[str, ...]
    """How it is called: its path and what else ``CC`` says."""
    family: Literal["gcc", "clang"]
    version: str
    """The first line it says about itself."""

    @property
    def title(self) -> str:
        """Family and version number, like ``gcc 12.2.0``."""
        number = re.search(r"\d+(\.\d+)+", self.version)
        return f"{self.family} {number.group()}" if number else self.family

    def run(self, arguments: Sequence[str], folder: Path) -> None:
        """Call it in a folder.

        Raises:
            CompilationError: it refused, or needed more than five minutes.
        """
        command = [*self.command, *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise CompilationError(f"{shlex.join(command)} needed more than {_SECONDS} s") from None
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[:_WORDS]
            raise CompilationError(f"{shlex.join(command)} failed with {done.returncode}:\n{said}")

    def accepts(self, *flags: str) -> bool:
        """Whether it can make a program with these flags; it may lack a sanitizer or a linker plugin."""
        with tempfile.TemporaryDirectory(prefix="eyas-") as name:
            folder = Path(name)
            (folder / "main.c").write_text("int main(void)\n{\n    return 0;\n}\n")
            try:
                self.run([*flags, "main.c", "-o", "main"], folder)
            except CompilationError:
                return False
            return (folder / "main").is_file()


def find_compilers(environment: Mapping[str, str] = os.environ) -> tuple[Compiler, ...]:
    """Every C compiler there is: that of ``CC``, then gcc and clang; ``cc`` where there is neither.

    Raises:
        InputError: ``CC`` names something that is no C compiler.
    """
    found: dict[str, Compiler] = {}
    if environment.get("CC", "").strip():
        chosen = _probe(environment["CC"])
        if chosen is None:
            raise InputError(f"CC = {environment['CC']!r} is no C compiler that runs here")
        found[chosen.version] = chosen
    for name in ("gcc", "clang", "cc"):
        if name == "cc" and found:
            continue
        compiler = _probe(name)
        if compiler is not None:
            # On macOS gcc is clang by another name.
            found.setdefault(compiler.version, compiler)
    return tuple(found.values())


def find_compiler(environment: Mapping[str, str] = os.environ) -> Compiler:
    """The first of :func:`find_compilers`.

    Raises:
        InputError: there is none, or ``CC`` names something else.
    """
    compilers = find_compilers(environment)
    if not compilers:
        raise InputError("there is no C compiler here: install gcc or clang, or name one in CC")
    return compilers[0]


def _probe(call: str) -> Compiler | None:
    """The compiler of a command line like ``ccache gcc``; None where it does not run."""
    try:
        name, *more = shlex.split(call)
    except ValueError:
        return None
    path = shutil.which(name)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *more, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.strip()
    if done.returncode != 0 or not said:
        return None
    family: Literal["gcc", "clang"] | None = None
    if "clang" in said:
        family = "clang"
    elif "gcc" in said.lower() or "Free Software Foundation" in said:
        family = "gcc"
    if family is None:
        return None
    compiler = Compiler(command=(path, *more), family=family, version=said.splitlines()[0])
    return compiler if compiler.accepts() else None
