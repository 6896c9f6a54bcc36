"""Figures and the report: they are there, show the run, and need nothing else."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from eyas import InputError
from eyas.agents import figures
from eyas.agents.curriculum_run import POLICY
from eyas.agents.episode_log import EpisodeLog
from eyas.agents.report import evaluate_grid, write_report
from eyas.curricula import make_teacher
from eyas.envs.batch import Episodes
from eyas.envs.tasks import TaskSpace
from eyas.policies.policy import load_policy
from eyas.runs import Run


@pytest.fixture(scope="module")
def trained(tmp_path_factory, point_job) -> Path:
    folder = tmp_path_factory.mktemp("report") / "a run & <more>"
    assert point_job.work(folder, point_job.settings("ppo", steps=8000)) is None
    return folder


@pytest.fixture(scope="module")
def page(trained, point_job) -> str:
    path = write_report(trained, point_job.point_world(title="point <world>"), quiet=True)
    assert path == trained / "report.html"
    return path.read_text(encoding="utf-8")


def picture(path: Path) -> np.ndarray:
    from imageio import v2 as imageio

    return np.asarray(imageio.imread(path))[..., :3]


def test_report_needs_no_other_file_and_no_network(page):
    sources = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert len(sources) == 5
    assert all(
        source.startswith(("data:image/png;base64,", "data:video/mp4;base64,")) for source in sources
    )
    assert "http://" not in page and "https://" not in page and "@import" not in page
    assert "{{" not in page


def test_report_tells_the_numbers_and_escapes_text(page, trained):
    last = json.loads((trained / "metrics.jsonl").read_text().splitlines()[-1])
    assert f"{100 * last['test/mastered']:.0f} %" in page
    assert f"{last['train/episodes']:,}" in page
    assert "point &lt;world&gt;" in page and "<world>" not in page
    assert "point_job" in page and "alp-gmm teacher, PPO student, 8,000 steps" in page


def test_embedded_pictures_are_the_files(page, trained):
    embedded = [base64.b64decode(data) for data in re.findall(r"data:[a-z0-9/]+;base64,([^\"]+)", page)]
    files = [path.read_bytes() for path in sorted((trained / "figures").iterdir())]
    assert sorted(embedded) == sorted(files) and len(files) == 5


def test_films_show_the_episode(page, trained, point_world):
    from imageio import v2 as imageio

    reader = imageio.get_reader(trained / "figures" / "easy.mp4")
    frames = [np.asarray(frame) for frame in reader.iter_data()]
    policy = load_policy(trained / POLICY)
    batch = point_world.PointWorld(1)
    observations = batch.reset(seed=4222, tasks=point_world.TASK_SPACE.low)
    first = batch.render_copy(0)
    steps = 0
    while True:
        observations, _, _, _, episodes = batch.step(policy(observations), autoreset=False)
        steps += 1
        if episodes is not None:
            break
    assert len(frames) == steps + 1  # a slow world: every step is a frame
    assert np.abs(frames[0].astype(int) - first).mean() < 8  # but for compression
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 50


def test_grid_covers_the_space(trained, point_job, point_world):
    policy = load_policy(trained / POLICY)
    cells, returns = evaluate_grid(point_job.point_world(), point_world.TASK_SPACE, policy)
    assert returns.shape == (10, 10)
    np.testing.assert_allclose(cells[0][[0, -1]], [0.775, 5.725])
    np.testing.assert_allclose(cells[1][[0, -1]], [0.075, 1.425])


def test_refuses_a_run_without_checkpoint(tmp_path, point_job):
    Run.create(tmp_path / "new", {}, [], job="x").close()
    with pytest.raises(InputError, match="no checkpoint yet"):
        write_report(tmp_path / "new", point_job.point_world())
    with pytest.raises(InputError, match="train walker"):
        write_report(tmp_path / "new")


@pytest.mark.parametrize("dimension", [1, 2, 12])
@pytest.mark.parametrize(
    "teacher", ["random", "alp-gmm", "covar-gmm", "riac", "progress-forest", "plr"]
)
def test_sampling_of_any_dimension_and_teacher(tmp_path, dimension, teacher):
    space = TaskSpace.from_bounds({f"p{i}": (-1.0, 2.0) for i in range(dimension)})
    chooser = make_teacher(teacher, space, seed=0)
    log, tests = EpisodeLog(dimension), []
    for step in range(600):
        task = chooser.sample()
        chooser.update(task, float(task[0] * step))
        log.append(Episodes(np.zeros(1, int), task[None], task[:1] * step, np.ones(1, int)), 100 * step)
        if step % 100 == 0:
            tests.append({"step": 100 * step, "teacher": chooser.describe()})
    path = tmp_path / "figures" / "sampling.png"
    figures.sampling(path, space, log, tests)
    image = picture(path)
    assert image.shape[0] > 300 and (image < 200).any(axis=-1).mean() > 0.005


def test_sampling_without_any_episode_draws_nothing(tmp_path):
    figures.sampling(tmp_path / "x.png", TaskSpace.from_bounds({"p": (0, 1)}), EpisodeLog(1), [])
    assert not (tmp_path / "x.png").exists()


def test_learning_curve_shows_the_metrics(tmp_path):
    lines = [{"step": 1000 * k, "train/mean_return": 10.0 * k} for k in range(5)]
    flat = [line | {"test/mastered": 0.0, "test/mean_return": 0.0} for line in lines]
    steep = [line | {"test/mastered": k / 4, "test/mean_return": 0.0} for k, line in enumerate(lines)]
    for name, metrics in (("flat", flat), ("steep", steep), ("none", [])):
        figures.learning_curve(tmp_path / f"{name}.png", metrics, 230.0)
    assert (picture(tmp_path / "flat.png") != picture(tmp_path / "steep.png")).any()
    assert picture(tmp_path / "none.png").size > 0


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_mastery_map_of_any_dimension(tmp_path, dimension):
    space = TaskSpace.from_bounds({f"p{i}": (0.0, 1.0) for i in range(dimension)})
    cells = (np.linspace(0.05, 0.95, 10),) * min(dimension, 2)
    returns = np.linspace(-100, 300, 10 ** min(dimension, 2)).reshape([10] * min(dimension, 2))
    tasks = space.sample(np.random.default_rng(0), 20)
    figures.mastery_map(tmp_path / "map.png", space, cells, returns, 230.0, tasks, 400 * tasks[:, 0])
    assert (picture(tmp_path / "map.png") < 200).any(axis=-1).mean() > 0.005
