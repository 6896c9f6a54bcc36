"""``eyas export`` from the command line."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from eyas import cli
from eyas.errors import InputError
from eyas.hardware.code.generate import generate
from eyas.hardware.export import MANIFEST, write_folder
from eyas.hardware.host.compilers import find_compilers
from eyas.hardware.importers.files import load_network
from eyas.hardware.network_file import save_network
from eyas.hardware.reference import FloatReference
from eyas.hardware.verify import Verification, _differences, verify
from eyas.hardware.verify_table import as_json, print_verification

MLP = (3, ("linear", 5), "tanh", ("linear", 2))


@pytest.fixture
def policy(tmp_path, random_network):
    path = tmp_path / "policy.safetensors"
    save_network(path, random_network(0, *MLP))
    return path


def export(*words):
    return cli.main(["export", *map(str, words)])


needs_compiler = pytest.mark.skipif(not find_compilers(), reason="no C compiler (apt install gcc)")


@needs_compiler
def test_an_export_is_verified_and_written(policy, tmp_path, capsys):
    out = tmp_path / "out"
    assert export(policy, "--out", out, "--name", "tiny", "--fuzz", 1000) == 0
    written = {path.name for path in out.iterdir()}
    sources = {"tiny.c", "tiny.h", "tiny.json", "tiny_selftest.c"}
    assert written == {*sources, "README.md", "report.html", MANIFEST}
    manifest = json.loads((out / MANIFEST).read_text())
    assert manifest["verification"]["passed"] and not manifest["verification"]["problems"]
    assert manifest["verification"]["host"][0]["words_differing"] == 0
    text = capsys.readouterr().out
    assert "equal" in text and "DIFFERENT" not in text
    assert "tiny: a policy as C" in (out / "report.html").read_text()


@needs_compiler
def test_a_difference_is_told_and_nothing_is_written(policy, tmp_path, capsys, monkeypatch):
    """A constant changed on its way into the C must not go unnoticed."""

    def wrong(*arguments):
        generated = generate(*arguments)
        name = f"{generated.name}.c"
        text = generated.files[name]
        start = text.index("_data[")
        at = text.index("0x1.", start)
        changed = text[:at] + ("0x1.1" if text[at : at + 5] != "0x1.1" else "0x1.2") + text[at + 5 :]
        generated.files[name] = changed
        return generated

    monkeypatch.setattr("eyas.hardware.export.generate", wrong)
    out = tmp_path / "out"
    assert export(policy, "--out", out, "--fuzz", 100) == 1
    assert not out.exists()
    text = capsys.readouterr().out
    assert "WRONG" in text and "Nothing was written" in text


@needs_compiler
def test_c_that_does_not_compile_is_told(policy, tmp_path, capsys, monkeypatch):
    def wrong(*arguments):
        generated = generate(*arguments)
        generated.files[f"{generated.name}.c"] += "#error unfinished\n"
        return generated

    monkeypatch.setattr("eyas.hardware.export.generate", wrong)
    assert export(policy, "--out", tmp_path / "out") == 1
    text = capsys.readouterr().out
    assert text.startswith("Nothing was written: ") and "unfinished" in text
    assert not (tmp_path / "out").exists()


def test_a_reference_that_is_not_torch_is_told(policy):
    """The C equals its reference to the bit; that both are wrong must be found as well."""

    class Wrong(FloatReference):
        def __init__(self, network):
            super().__init__(network)
            (first, *others) = network.layers
            bias = first.bias + np.float32(0.1)
            changed = replace(network, layers=(replace(first, bias=bias), *others))
            self._layers = FloatReference(changed)._layers

    generated = generate(load_network(policy), "tiny")
    wrong = replace(generated, reference=Wrong(generated.network))
    found = Verification(generated=wrong, differences=_differences(wrong))
    (problem,) = found.problems
    assert "differs from PyTorch's" in problem
    assert not Verification(generated=generated, differences=_differences(generated)).problems


@pytest.mark.parametrize("target", ["c", "crazyflie", "px4", "betaflight", "stampfly"])
def test_what_each_target_writes_compiles_from_its_place(target, tmp_path):
    """The shipped policy; the C lies where the glue looks for it."""
    out = tmp_path / "out"
    assert export("--target", target, "--out", out, "--name", "bird", "--no-verify") == 0
    (source,) = out.rglob("bird.c")
    assert (source.parent / "bird.h").is_file() and (out / "README.md").is_file()
    assert json.loads((out / MANIFEST).read_text())["verification"] is None
    for compiler in find_compilers()[:1]:
        compiler.run(
            ("-std=c99", "-Werror", "-c", source.name, "-o", str(tmp_path / "bird.o")), source.parent
        )


def test_an_earlier_export_is_replaced_and_nothing_else(policy, tmp_path, capsys):
    out = tmp_path / "out"
    assert export(policy, "--out", out, "--name", "first", "--no-verify") == 0
    assert export(policy, "--out", out, "--name", "second", "--no-verify") == 0
    assert (out / "second.c").is_file() and not (out / "first.c").exists()
    (out / MANIFEST).unlink()
    before = sorted(out.iterdir())
    assert export(policy, "--out", out, "--no-verify") == 2
    assert "holds something else than an export" in capsys.readouterr().err
    assert sorted(out.iterdir()) == before
    assert not list(tmp_path.glob(".export-*"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--name", "int"], "name = 'int' must be a C identifier"),
        (["--fuzz", "0"], "--fuzz = 0 is not a whole number from 1 to"),
        (["--rate-hz", "nan"], "--rate-hz = nan is not a finite number"),
        (["--rate-hz", "50"], "100"),
        (["--target", "crazyflie"], "22 observations"),
        (["--target", "wasm"], "22 observations"),
        (["--calibration", "x.npy"], "calibration is for the formats q15 and int8"),
        (["--calibration", "x.npy", "--format", "q15"], "there is no file x.npy"),
    ],
)
def test_bad_settings_get_one_sentence_and_write_nothing(policy, tmp_path, capsys, words, sentence):
    before = sorted(tmp_path.iterdir())
    assert export(policy, "--out", tmp_path / "out", "--no-verify", *words) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_policies_that_cannot_be_read_get_one_sentence(tmp_path, capsys):
    (tmp_path / "model.zip").write_bytes(b"PK")
    for name in ("nothing.safetensors", "model.zip"):
        assert export(tmp_path / name, "--out", tmp_path / "out", "--no-verify") == 2
        assert name in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "rows", [np.zeros((4, 2)), np.zeros(3), np.full((4, 3), np.nan), np.zeros((0, 3))]
)
def test_bad_calibrations_get_one_sentence(policy, tmp_path, capsys, rows):
    np.save(tmp_path / "rows.npy", rows)
    words = ("--format", "q15", "--calibration", tmp_path / "rows.npy", "--no-verify")
    assert export(policy, "--out", tmp_path / "out", *words) == 2
    assert "calibration = " in capsys.readouterr().err


def test_a_calibration_that_would_run_code_is_not_opened(policy, tmp_path, capsys):
    np.save(tmp_path / "rows.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    words = ("--format", "q15", "--calibration", tmp_path / "rows.npy", "--no-verify")
    assert export(policy, "--out", tmp_path / "out", *words) == 2
    assert "no .npy file of numbers" in capsys.readouterr().err


def test_a_folder_is_written_in_full_or_not_at_all(tmp_path):
    out = tmp_path / "out"
    write_folder(out, {"a/b.txt": "1", "c.bin": b"2"})
    assert (out / "a" / "b.txt").read_text() == "1"
    with pytest.raises(TypeError):
        write_folder(out, {"a/b.txt": "3", "c.bin": None})
    assert (out / "a" / "b.txt").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_tools_it_says_what_it_skips(random_network, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CC", raising=False)
    found = verify(generate(random_network(0, *MLP), "tiny"), airframes=1, fuzz_inputs=1)
    assert not found.problems and not found.host and found.fuzz is None
    text = "\n".join(found.skipped)
    assert "apt install gcc" in text and "gcc-arm-none-eabi" in text
    print_verification(found)
    assert "skipped - " in capsys.readouterr().out
    json.dumps(as_json(found))


def test_no_learner_is_imported():
    """A policy file is exported without torch, Ray or Stable-Baselines3."""
    program = (
        "import sys\n"
        "from eyas import cli\n"
        "assert cli.main(['export', '--no-verify', '--out', sys.argv[1]]) == 0\n"
        "print([name for name in ('torch', 'ray', 'stable_baselines3', 'sklearn') if name in sys.modules])\n"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", program, f"{folder}/out"], capture_output=True, text=True, check=True
        )
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_output_in_the_way_is_refused(policy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="in the way of a folder"):
        from eyas.hardware.export import export as run
        from eyas.hardware.export_config import ExportConfig

        run(ExportConfig(policy=policy, out=tmp_path / "file", verify=False))
