import shutil

import pytest

from eyas.errors import InputError
from eyas.hardware.host.compilers import CompilationError, find_compiler, find_compilers


def test_the_compiler_of_cc_comes_first(compiler):
    path = compiler.command[0]
    found = find_compilers({"CC": f"{path} -O1"})
    assert found[0].command == (path, "-O1")
    assert found[0].family == compiler.family
    assert len({one.version for one in found}) == len(found)
    assert compiler.title.split()[0] == compiler.family
    assert compiler.title.split()[1][0].isdigit()


@pytest.mark.parametrize("call", ["no-such-compiler", "true", "echo gcc", "'unbalanced"])
def test_cc_that_is_no_compiler_is_refused(call):
    with pytest.raises(InputError, match=r"CC = .* is no C compiler that runs here"):
        find_compilers({"CC": call})


def test_no_compiler_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compilers({}) == ()
    with pytest.raises(InputError, match="install gcc or clang"):
        find_compiler({})


def test_cc_by_its_old_name(monkeypatch, tmp_path, any_compiler):
    (tmp_path / "cc").symlink_to(any_compiler.command[0])
    for tool in ("as", "ld"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler({}).version.split()[1:] == any_compiler.version.split()[1:]


def test_what_the_compiler_says_is_told(compiler, tmp_path):
    (tmp_path / "wrong.c").write_text("int wrong(void) { return missing_name; }\n")
    with pytest.raises(CompilationError, match="missing_name"):
        compiler.run(["-c", "wrong.c"], tmp_path)


def test_flags_are_tried(compiler):
    assert compiler.accepts("-Wall", "-O2")
    assert not compiler.accepts("-fthere-is-no-such-flag")
