import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load(name: str) -> ModuleType:
    """Import a module that lies beside the tests, once, under its own name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def point_world() -> ModuleType:
    return load("point_world")


@pytest.fixture(scope="session")
def point_job(point_world: ModuleType) -> ModuleType:
    return load("point_job")
