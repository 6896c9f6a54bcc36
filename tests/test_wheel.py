"""The wheel holds everything, and works where there is no checkout."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import eyas

ROOT = Path(eyas.__file__).resolve().parent
NOT_SHIPPED = {"tests", "examples", "docs", "build", "dist", "runs", "site"}


def shipped_folders():
    """The folders of the checkout that are packages."""
    return [
        folder
        for folder in ROOT.iterdir()
        if (folder / "__init__.py").is_file() and folder.name not in NOT_SHIPPED
    ]


def shipped_files():
    """Every file that belongs into the wheel, relative to the root."""
    files = {path for path in ROOT.glob("*.py") if path.name != "setup.py"} | {ROOT / "py.typed"}
    for folder in shipped_folders():
        files |= {
            path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
    return {path.relative_to(ROOT).as_posix() for path in files}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the checkout stays as it is."""
    copy = tmp_path_factory.mktemp("source") / "checkout"
    copy.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "py.typed"):
        shutil.copy(ROOT / name, copy)
    for path in ROOT.glob("*.py"):
        shutil.copy(path, copy)
    for folder in [*shipped_folders(), ROOT / "tests"]:
        shutil.copytree(folder, copy / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(copy / "out"),
            ".",
        ],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    (built,) = (copy / "out").glob("*.whl")
    return built


def test_the_wheel_holds_every_file_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert len(shipped_files()) > 60
    assert names == {f"eyas/{name}" for name in shipped_files()}


def test_the_wheel_works_elsewhere(wheel, tmp_path):
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, capture_output=True)
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in (f"eyas/{path}" for path in shipped_files() if path.endswith(".py"))
        if not name.endswith("__main__.py")
    )
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(target)!r}), module.__file__\n"
        "print(len(sys.argv) - 1)"
    )
    environment = os.environ | {"PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-c", script, *modules],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(modules) > 50
    done = subprocess.run(
        [sys.executable, "-m", "eyas", "envs", "--json"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "eyas/Walker-v0" in done.stdout


def test_the_wheel_says_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
        (name,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        entry_points = archive.read(name).decode()
    needed = re.findall(r"^Requires-Dist: ([\w.-]+(?:\[\w+\])?)(?!.*extra ==)", metadata, re.MULTILINE)
    assert {"gymnasium", "stable-baselines3", "torch", "mujoco", "numba", "ray[rllib]"} <= set(needed)
    assert not {"pytest", "ruff", "envpool", "metaworld"} & set(needed)
    assert "eyas = eyas.cli:main" in entry_points
    assert f"Version: {eyas.__version__}\n" in metadata


def test_the_version_stands_in_both_places():
    assert f'version = "{eyas.__version__}"' in (ROOT / "pyproject.toml").read_text()
