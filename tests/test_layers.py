"""Imports point down only, and inside the package they are relative."""

import ast
from pathlib import Path

import pytest

import eyas

ROOT = Path(eyas.__file__).resolve().parent
ROOMS = ("envs", "policies", "curricula", "agents", "icrl", "hardware", "bench")
SMALL = {"errors", "bounds"}  # everybody may import these
RUN = {"runs", "files", "records", "checkpoints"}  # what a run is made of

# Who may import what, by first name; "curricula" sees of "envs" only what is named here.
ALLOWED = {
    "errors": set(),
    "bounds": {"errors"},
    "files": set(),
    "records": SMALL,
    "checkpoints": {"errors", "files"},
    "runs": RUN | SMALL,
    "listing": RUN | SMALL,
    "envs": SMALL,
    "policies": SMALL | {"files"},
    "curricula": SMALL | {"envs.tasks", "envs.jit", "envs.random"},
    "agents": SMALL | RUN | {"curricula", "envs", "policies"},
    "icrl": SMALL | RUN | {"curricula", "envs", "policies"},
    "hardware": SMALL | RUN | {"", "envs", "policies"},
    "bench": SMALL | RUN | {"icrl", "agents", "hardware", "curricula", "envs", "policies"},
    "cli": SMALL | {"", "files"},
    "__main__": {"cli"},
    "": {"errors"},
}


def sources():
    """Every module of the package, as a path relative to the root."""
    yield from (path.relative_to(ROOT) for path in ROOT.glob("*.py") if path.name != "setup.py")
    for room in ROOMS:
        yield from (path.relative_to(ROOT) for path in (ROOT / room).rglob("*.py"))


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports_of(path, text):
    """The modules of ours that a file imports, by dotted name from the root, and absolute ones."""
    folder = list(path.parts[:-1])
    inner, absolute = set(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            absolute |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            absolute.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] + (node.module or "").split(".")
            prefix = ".".join(part for part in base if part)
            for alias in node.names:
                full = f"{prefix}.{alias.name}".lstrip(".")
                inner.add(full if is_module(full) else prefix)
    return inner, absolute


def violations(path, text):
    """What is wrong with the imports of one file."""
    inner, absolute = imports_of(path, text)
    own = path.parts[0].removesuffix(".py").replace("__init__", "")
    ours = {*ROOMS, "eyas", "tests", *(p.stem for p in ROOT.glob("*.py"))} - {"__init__", "setup"}
    found = [f"{path}: absolute import of {m}" for m in sorted(absolute) if m.split(".")[0] in ours]
    for module in sorted(inner):
        parts = module.split(".")
        allowed = ALLOWED[own] | {own}
        if not any(".".join(parts[:n]) in allowed for n in range(len(parts) + 1) if n or not module):
            found.append(f"{path}: {own or 'eyas'} may not import {module or 'eyas'}")
    return found


def test_imports_point_down_only():
    files = list(sources())
    assert len(files) > 40
    assert {path.parts[0] for path in files} >= {"envs", "curricula", "agents", "bench", "cli.py"}
    found = [line for path in files for line in violations(path, (ROOT / path).read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("curricula/x.py", "from ..envs.batch import BatchEnv"),
        ("curricula/x.py", "from ..envs import batch"),
        ("curricula/x.py", "from ..agents import config"),
        ("curricula/x.py", "def f():\n    from ..runs import Run"),
        ("envs/walker/x.py", "from ...curricula import Teacher"),
        ("envs/x.py", "from ..runs import Run"),
        ("envs/x.py", "from .. import runs"),
        ("agents/x.py", "from ..bench import run"),
        ("agents/x.py", "from ..cli import main"),
        ("runs.py", "from .agents.config import TrainWalkerConfig"),
        ("errors.py", "from .bounds import check"),
        ("envs/x.py", "from eyas.errors import InputError"),
        ("envs/x.py", "import eyas.envs"),
        ("agents/x.py", "import envs"),
        ("agents/x.py", "from curricula.teacher import Teacher"),
        ("bench/x.py", "import runs"),
    ],
)
def test_an_import_that_does_not_is_found(path, line):
    assert violations(Path(path), line)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("curricula/x.py", "from ..envs.tasks import TaskSpace\nfrom ..envs import jit"),
        ("curricula/x.py", "from .teacher import Teacher\nfrom ..errors import InputError"),
        ("envs/walker/x.py", "from ..tasks import TaskSpace\nfrom .ground import Ground"),
        ("agents/x.py", "from ..envs.walker.env import WalkerBatch\nfrom ..curricula import Teacher"),
        ("bench/x.py", "from ..agents.config import EvaluateConfig\nimport gymnasium"),
        ("cli.py", "from . import __version__"),
    ],
)
def test_an_import_that_does_is_not(path, line):
    assert not violations(Path(path), line)
