"""How the compiled worlds are compiled: one decorator, one cache that follows the sources.

Numba's own file cache only looks at the file that holds the outermost function, so a change in a
helper file would silently run old machine code. Here the cache folder is named after a hash of
that file, of all files of ours that it imports, and the compiler's version.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


@functools.cache
def sources(module: Path) -> tuple[Path, ...]:
    """The file and all files of ours that it imports, directly or not, in a fixed order."""
    found, waiting = set(), [module.resolve()]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        waiting += _imported(file)
    return tuple(sorted(found))


@functools.cache
def _imported(file: Path) -> tuple[Path, ...]:
    """The files that a file's relative imports name."""
    files = []
    for node in ast.walk(ast.parse(file.read_bytes())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        folder = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
        candidates = [folder.with_suffix(".py")] if node.module else []
        candidates += [folder / f"{alias.name}.py" for alias in node.names]
        files += [candidate for candidate in candidates if candidate.is_file()]
    return tuple(files)


@functools.cache
def cache_folder(module: Path) -> Path:
    """Where the kernels of this file are kept (``EYAS_CACHE`` moves it)."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:2]}".encode())
    for source in sources(module):
        digest.update(source.read_bytes())
    base = os.environ.get("EYAS_CACHE") or Path.home() / ".cache" / "eyas"
    return Path(base) / f"{module.parent.name}-{module.stem}-{digest.hexdigest()[:16]}"


def kernel(function: Function) -> Function:
    """Compile an entry point: cached on disk, releases the GIL, C division rules.

    It may allocate work space before its loops; the loops belong into inner functions.
    """
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder(Path(function.__code__.co_filename)))
    try:
        compiled: Function = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


def inner(function: Function) -> Function:
    """Compile a function that only other compiled functions call; it cannot allocate.

    Without Numba's run time (``_nrt``) there is no reference counting: counting the arrays of every
    tuple at every call took a third of a walker's step.
    """
    compiled: Function = numba.njit(_nrt=False, nogil=True, error_model="numpy")(function)
    return compiled


def inlined(function: Function) -> Function:
    """An inner function with one caller, merged into it before compilation.

    Numba compiles and optimises every function again within each of its callers, so that a deep call
    tree compiles for minutes; merging the middle of the tree keeps it flat. The caller must be an inner
    function itself: merged into a kernel it would count references again.
    """
    compiled: Function = numba.njit(_nrt=False, nogil=True, error_model="numpy", inline="always")(
        function
    )
    return compiled


@contextmanager
def announced(what: str, module: Path) -> Iterator[None]:
    """Say on stderr that ``what`` is being compiled, unless a cached copy is there already.

    Args:
        what: in words.
        module: the file whose kernels they are.
    """
    folder = cache_folder(module)
    marker = folder / f".{what.replace(' ', '-')}"
    if marker.exists():
        yield
        return
    print(f"Compiling the {what} (once, kept in {folder}) ...", file=sys.stderr, flush=True)
    start = time.perf_counter()
    yield
    print(f"Compiled in {time.perf_counter() - start:.0f} s.", file=sys.stderr, flush=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError:
        pass  # a read-only home only means that the announcement comes again
