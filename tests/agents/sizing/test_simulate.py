"""``eyas simulate``: names and numbers of the ground truth, files of designs, bad input."""

import csv
import dataclasses
import json
import math
import shutil
from pathlib import Path

import pytest

from eyas import InputError
from eyas.agents.sizing.simulate import simulate
from eyas.agents.sizing.simulate_config import SimulateConfig
from eyas.envs.circuit import libngspice
from eyas.envs.circuit.topology import find_topology

DATA = Path(__file__).parents[2] / "data" / "circuit"
TRUTH = {
    "two-stage-tia": "two_stage.csv",
    "three-stage-tia": "three_stage.csv",
    "inverter-tia": "inv3_tia.csv",
    "two-stage-opamp": "two_stage_opamp.csv",
}
NOT_OURS = {"gmin_stepped", "src_stepped", "id", "tag"}  # how SPICE got there, and labels
NGSPICE = shutil.which("ngspice") is not None
needs_ngspice = pytest.mark.skipif(not NGSPICE, reason="ngspice is not installed")


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def same(ours, theirs, tolerance):
    """Whether two cells say the same, numbers to a relative tolerance (or to 1e-9 around zero)."""
    if ours == theirs:
        return True
    a, b = float(ours), float(theirs)
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-15)


@pytest.mark.parametrize(("topology", "file"), TRUTH.items())
def test_a_file_of_designs_reproduces_the_ground_truth(topology, file, tmp_path, capsys):
    truth = rows_of(DATA / file)
    names = find_topology(topology).names
    designs = tmp_path / "designs.csv"
    with designs.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, ["id", *names, "tag"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(truth)
    assert simulate(SimulateConfig(topology=topology, csv=designs)) == 0
    assert f"{len(truth)} designs simulated" in capsys.readouterr().out
    found = rows_of(tmp_path / "designs_metrics.csv")
    assert len(found) == len(truth)
    compared = 0
    for ours, theirs in zip(found, truth, strict=True):
        assert ours["status"] == "ok"
        # The file itself is exact to ten digits only, and SPICE's noise totals miss sharp resonances.
        for name in set(theirs) - NOT_OURS:
            totals = topology == "inverter-tia" and name in ("onoise_total", "irn_rms")
            tolerance = 1e-3 if totals else 1e-8
            if name.startswith("v_") and abs(float(theirs[name])) < 1e-3:
                assert abs(float(ours[name]) - float(theirs[name])) < 1e-9
            else:
                assert same(ours[name], theirs[name], tolerance), (theirs["id"], name)
            compared += 1
        assert [ours[name] for name in ("id", "tag", *names)] == [
            theirs[name] for name in ("id", "tag", *names)
        ]
    assert compared > 40 * len(truth)


def test_one_design_prints_what_the_file_says(capsys):
    truth = rows_of(DATA / "two_stage.csv")[2]
    variables = find_topology("two-stage-tia").names
    settings = tuple(f"{name}={truth[name]}" for name in variables)
    config = SimulateConfig(topology="two-stage-tia", set=settings, json=True)
    assert simulate(config) == 0
    entry = json.loads(capsys.readouterr().out)
    assert set(truth) - NOT_OURS <= set(entry)
    for name in ("gain", "power", "f3db", "inoise_f3db", "v_out1", "m5_gm", "m6_gmbs", *variables):
        assert entry[name] == pytest.approx(float(truth[name]), rel=1e-8)
    assert entry["regions"] == truth["regions"]
    assert entry["saturated"] == int(truth["saturated"])
    assert simulate(dataclasses.replace(config, json=False)) == 0
    table = capsys.readouterr().out
    for name in ("status", "regions", "f3db", "v_g6", "m6_gds"):
        assert f" {name} " in table
    assert f"{float(truth['gain']):.9g}" in table


def test_missing_sizes_are_nominal_and_a_crossing_that_does_not_exist_is_null(tmp_path, capsys):
    without = next(row for row in rows_of(DATA / "two_stage.csv") if row["f3db"] == "nan")
    names = find_topology("two-stage-tia").names
    settings = tuple(f"{name}={without[name]}" for name in names)
    assert simulate(SimulateConfig(topology="two-stage-tia", set=settings, json=True)) == 0
    assert json.loads(capsys.readouterr().out)["f3db"] is None
    assert simulate(SimulateConfig(topology="two-stage-tia", json=True)) == 0
    nominal = json.loads(capsys.readouterr().out)
    assert nominal["gain"] == pytest.approx(516.8790042, rel=1e-9)
    file = tmp_path / "a.csv"
    file.write_text("RF\n420\n421\n")
    assert simulate(SimulateConfig(topology="two-stage-tia", csv=file, set=("W1=1.1",))) == 0
    rows = rows_of(tmp_path / "a_metrics.csv")
    assert [row["W1"] for row in rows] == ["1.1", "1.1"]
    assert [row["W3"] for row in rows] == ["0.9", "0.9"]
    assert rows[0]["gain"] != rows[1]["gain"] != str(nominal["gain"])


def test_a_row_that_fails_says_why_and_disturbs_no_other(tmp_path, capsys):
    file = tmp_path / "a.csv"
    file.write_text(
        "\ufeffname, W1 ,W3\n"
        'good,1.02,0.9\nnegative,-1,0.9\n"no number",wide,0.9\nempty,,0.9\nnone,nan,0.9\n'
        "\nshort,1\nlong,1,1,1\n'huge',1e300,0.9\ngood again,1.02,0.9\n"
    )
    assert simulate(SimulateConfig(topology="two-stage-tia", csv=file)) == 0
    assert "9 designs simulated, 7 of them failed" in capsys.readouterr().out
    rows = rows_of(tmp_path / "a_metrics.csv")
    status = {row["name"]: row["status"] for row in rows}
    assert status["good"] == status["good again"] == "ok"
    assert "not a positive number" in status["negative"]
    assert status["no number"] == "W1 = 'wide' is not a number"
    assert status["empty"] == "W1 = '' is not a number"
    assert "not a positive number" in status["none"]
    assert status["short"] == "the row has 2 cells under 3 columns"
    assert status["long"] == "the row has 4 cells under 3 columns"
    assert status["'huge'"] not in ("", "ok")
    assert all(row["gain"] == "" for row in rows if row["status"] != "ok")
    good, again = rows[0], rows[-1]
    assert {**good, "name": ""} == {**again, "name": ""}
    assert float(good["gain"]) == pytest.approx(516.8790042, rel=1e-9)


def test_what_is_in_the_file_already_is_computed_anew_and_said(tmp_path, capsys):
    file, out = tmp_path / "a.csv", tmp_path / "b.csv"
    file.write_text("W1,gain,status,mine\n1.02,1,old,kept\n")
    config = SimulateConfig(topology="two-stage-tia", csv=file, out=out)
    assert simulate(config) == 0
    told = capsys.readouterr().out
    assert "2 columns" in told and "(replaced)" not in told
    (row,) = rows_of(out)
    assert (row["status"], row["mine"]) == ("ok", "kept")
    assert float(row["gain"]) == pytest.approx(516.879, rel=1e-5)
    before = out.read_bytes()
    assert simulate(dataclasses.replace(config, json=True)) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "rows": 1, "failed": 0}
    assert simulate(config) == 0
    assert "(replaced)" in capsys.readouterr().out
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_many_rows_take_several_batches(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("number,W1\n" + "".join(f"{i},{1 + i / 1e4}\n" for i in range(2100)))
    assert simulate(SimulateConfig(topology="two-stage-tia", csv=file, threads=2)) == 0
    rows = rows_of(tmp_path / "a_metrics.csv")
    assert [int(row["number"]) for row in rows] == list(range(2100))
    powers = [float(row["power"]) for row in rows]
    assert powers == sorted(powers) and len(set(powers)) == 2100


def test_corner_and_temperature_move_the_metrics_the_right_way(capsys):
    def metrics(**changes):
        assert simulate(SimulateConfig(topology="two-stage-tia", json=True, **changes)) == 0
        return json.loads(capsys.readouterr().out)

    typical, fast, slow = metrics(), metrics(corner="ff"), metrics(corner="ss")
    assert slow["power"] < 0.9 * typical["power"] < typical["power"] < 0.9 * fast["power"]
    hot, cold = metrics(temperature=125), metrics(temperature=-40)
    assert cold["onoise_f0"] < typical["onoise_f0"]
    assert cold["inoise_f0"] / hot["inoise_f0"] < 0.9
    assert metrics(temperature=27.0, corner="tt") == typical


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topology": "nine-stage"}, "topology 'nine-stage' does not exist; there are: two-stage-tia"),
        ({"set": ("W9=1",)}, "no design variable 'W9'; it has: W1, W3"),
        ({"set": ("w1=1",)}, "no design variable 'w1'"),
        ({"set": ("W1=-1",)}, "W1 = -1 um must be a positive number"),
        ({"set": ("W1=0",)}, "W1 = 0 um must be"),
        ({"set": ("W1=nan",)}, "W1 = nan um must be"),
        ({"set": ("W1=inf",)}, "W1 = inf um must be"),
        ({"set": ("W1=wide",)}, "W1 must be a positive number of um"),
        ({"set": ("A=",)}, "A must be a positive number$"),
        ({"set": ("W1",)}, "'W1' is not of the form NAME=VALUE"),
        ({"set": ("=1",)}, "'=1' is not of the form"),
        ({"set": ("W1=1", "W1=2")}, "W1 is given twice"),
        ({"set": ("W1=1e300",)}, "cannot be simulated at these sizes: "),
        ({"temperature": -1000.0}, "temperature = -1000"),
        ({"threads": -1}, "threads = -1"),
        ({"out": Path("x.csv")}, "out = x.csv is where the rows of a --csv FILE go"),
        ({"model_cards": Path("none.lib")}, "none.lib cannot be read"),
        ({"nmos": "n"}, "nmos and pmos name models of a --model-cards FILE"),
        ({"csv": Path("none.csv")}, "csv = none.csv: there is no such file"),
        ({"csv": Path("folder")}, "csv = folder is a folder"),
        ({"csv": Path("empty.csv")}, "no row of sizes under a header"),
        ({"csv": Path("binary.csv")}, "no text in UTF-8"),
        ({"csv": Path("quote.csv")}, "no table of comma-separated values"),
        ({"csv": Path("other.csv")}, "no column of a design variable of two-stage-tia: W1, W3"),
        ({"csv": Path("twice.csv")}, "two columns named 'W1'"),
        ({"csv": Path("nameless.csv")}, "a column without a name"),
        ({"csv": Path("good.csv"), "set": ("W1=2",)}, "W1=2: W1 is a column of good.csv already"),
        ({"csv": Path("good.csv"), "out": Path("good.csv")}, "out = good.csv is the file that is read"),
        ({"csv": Path("good.csv"), "out": Path("folder")}, "out = folder is a folder"),
        ({"csv": Path("good.csv"), "out": Path("no/x.csv")}, "there is no folder no"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    changes, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.csv").write_text("W1,W3\n\n")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00W")
    (tmp_path / "quote.csv").write_text('W1,W3\n1,"2\n')
    (tmp_path / "other.csv").write_text("width,length\n1,2\n")
    (tmp_path / "twice.csv").write_text("W1,W1\n1,2\n")
    (tmp_path / "nameless.csv").write_text("W1,\n1,2\n")
    (tmp_path / "good.csv").write_text("W1\n1\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    config = dataclasses.replace(SimulateConfig(topology="two-stage-tia"), **changes)
    with pytest.raises(InputError, match=words) as refusal:
        simulate(config)
    assert "\n" not in str(refusal.value)
    assert capsys.readouterr().out == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("simulator", ["ngspice", "libngspice"])
def test_without_ngspice(simulator, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(libngspice, "load", lambda: None)
    libngspice.library_version.cache_clear()
    file = tmp_path / "a.csv"
    file.write_text("W1\n1\n")
    with pytest.raises(InputError, match=f"^{simulator} is not installed") as refusal:
        simulate(SimulateConfig(topology="two-stage-tia", csv=file, simulator=simulator))
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@needs_ngspice
def test_ngspice_writes_the_same_file(tmp_path, capsys):
    file = tmp_path / "a.csv"
    file.write_text("W1,RF\n1.02,420\n-1,420\n0.6,900\n")
    for simulator in ("native", "ngspice"):
        config = SimulateConfig(
            topology="two-stage-tia", csv=file, out=tmp_path / f"{simulator}.csv", simulator=simulator
        )
        assert simulate(config) == 0
    ours, theirs = rows_of(tmp_path / "native.csv"), rows_of(tmp_path / "ngspice.csv")
    for row in (0, 2):
        assert list(ours[row]) == list(theirs[row])
        assert all(same(ours[row][name], theirs[row][name], 1e-8) for name in ours[row])
    assert ours[1]["status"] == theirs[1]["status"] != "ok"


@needs_ngspice
def test_model_cards_of_a_user(tmp_path, capsys):
    """Level-1 cards of a user's own, with the topology's numbers, give the topology's results."""
    cards = tmp_path / "cards.lib"
    common = "level=1 gamma=0.45 phi=0.8 tox=4.1e-9 cgbo=1e-12 af=1"
    cards.write_text(
        f".model mine_n nmos {common} vto=0.45 kp=170e-6 lambda={0.05 / 0.18} cgso=0.491e-9 cgdo=0.491e-9"
        " cj=0.965e-3 cjsw=0.233e-9 pb=0.8 mj=0.384 mjsw=0.125 kf=5e-28\n"
        f".MODEL mine_p PMOS {common} vto=-0.46 kp=56e-6 lambda={0.07 / 0.18} cgso=0.657e-9"
        " cgdo=0.657e-9 cj=1.19e-3 cjsw=0.192e-9 pb=0.84 mj=0.402 mjsw=0.335 kf=1e-28\n"
    )
    config = SimulateConfig(topology="two-stage-tia", simulator="ngspice", model_cards=cards, json=True)
    assert simulate(config) == 0
    entry = json.loads(capsys.readouterr().out)
    assert entry["gain"] == pytest.approx(516.8790042, rel=1e-8)
    assert entry["f3db"] == pytest.approx(6741042962, rel=1e-8)
    with pytest.raises(InputError, match="ours knows the topology's level-1 cards alone"):
        simulate(dataclasses.replace(config, simulator="native"))
    with pytest.raises(InputError, match="own process"):
        simulate(dataclasses.replace(config, corner="ff"))
    cards.write_text(".model a nmos\n.model b nmos\n.model c pmos\n")
    with pytest.raises(
        InputError, match=r"has 2 nmos models \(a, b\); name the one to take with --nmos"
    ):
        simulate(config)
