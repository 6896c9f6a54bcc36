"""The cache of compiled kernels follows the sources they are made of."""

from pathlib import Path

from eyas.agents.raptor import window
from eyas.envs import jit
from eyas.envs.jit import cache_folder, sources
from eyas.envs.quadrotor import dynamics, env
from eyas.envs.walker import kernels


def test_sources_are_found_across_packages():
    found = {Path(file) for file in sources(Path(window.__file__))}
    assert {Path(dynamics.__file__), Path(jit.__file__), Path(window.__file__)} <= found
    assert Path(kernels.__file__) not in found
    assert Path(env.__file__) not in found


def test_a_change_in_a_helper_moves_the_cache(tmp_path):
    package = tmp_path / "world"
    package.mkdir()
    (package / "kernels.py").write_text("from .helper import one\nfrom . import other\n")
    (package / "other.py").write_text("")
    (package / "helper.py").write_text("one = 1\n")
    module = package / "kernels.py"
    assert [file.name for file in sources(module)] == ["helper.py", "kernels.py", "other.py"]
    before = cache_folder(module)
    assert cache_folder(module) == before
    (package / "helper.py").write_text("one = 2\n")
    cache_folder.cache_clear()
    assert cache_folder(module) != before
