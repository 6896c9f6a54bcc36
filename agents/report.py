"""The report of a training run: figures, films and one HTML file that holds them all."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import TaskSpace
from ..errors import InputError
from ..files import atomic_write
from ..policies.policy import Policy, load_policy
from ..runs import MASTERED, MEAN_RETURN, Run
from . import figures
from .curriculum_run import POLICY, load_training_state
from .episode_log import EpisodeLog
from .play import film, play
from .world import TEST_SEED, World

REPORT = "report.html"
_GRID = 10
_EPISODES_PER_CELL = 3
_FILM_FRAMES_PER_SECOND = 25
_TEMPLATE = Path(__file__).with_name("report.html")


def write_report(folder: Path, world: World | None = None, quiet: bool = False) -> Path:
    """Draw the figures of a run, film its policy and write ``report.html``.

    Args:
        folder: the run folder; it must have a checkpoint.
        world: what was trained in; found from the run's config if it is a walker.
        quiet: do not say what is being done.

    Returns:
        the path of the report, which needs no other file and no network.

    Raises:
        InputError: the run has no checkpoint yet.
    """
    with Run.open(folder) as run:
        checkpoint = run.latest_checkpoint()
        metrics = run.read_metrics()
        if world is None:
            from .train_walker import stored_config, world_of

            world = world_of(stored_config(run))
    if checkpoint is None:
        raise InputError(f"run folder {folder} has no checkpoint yet, so there is nothing to report")
    if not quiet:
        print("Drawing the figures and filming the policy ...", flush=True)
    state = load_training_state(checkpoint.folder)
    policy = load_policy(folder / POLICY)
    tests: list[dict[str, Any]] = state["tests"]
    space = world.make_batch(1).task_space
    log = EpisodeLog(space.dimension)
    log.load_state_dict(state["curriculum"]["log"])
    pictures = folder / "figures"
    figures.learning_curve(pictures / "learning_curve.png", metrics, world.mastered_return)
    figures.sampling(pictures / "sampling.png", space, log, tests)
    cells, returns = evaluate_grid(world, space, policy)
    figures.mastery_map(
        pictures / "mastery_map.png",
        space,
        cells,
        returns,
        world.mastered_return,
        world.test_tasks,
        tests[-1]["returns"],
    )
    films = film_showcase(world, policy, pictures)
    path = folder / REPORT
    atomic_write(path, _page(run, world, space, metrics, len(log), pictures, films))
    return path


def evaluate_grid(
    world: World, space: TaskSpace, policy: Policy
) -> tuple[tuple[NDArray[np.float64], ...], NDArray[np.float64]]:
    """Play on a grid of 10 by 10 cells over the first two parameters, three episodes in each cell.

    Tasks lie at the cells' centres; further parameters are drawn uniformly.

    Returns:
        the cell centres along each axis, and the mean returns, shape ``(10, 10)`` (or ``(10,)``).
    """
    axes = min(space.dimension, 2)
    centres = (np.arange(_GRID) + 0.5) / _GRID
    rng = np.random.default_rng(TEST_SEED)
    shape = (*[_GRID] * axes, _EPISODES_PER_CELL)
    units = rng.random((*shape, space.dimension))
    for axis, grid in enumerate(np.meshgrid(*[centres] * axes, indexing="ij")):
        units[..., axis] = grid[..., np.newaxis]
    tasks = space.denormalise(units).reshape(-1, space.dimension)
    played = play(world.make_batch, policy, tasks, seed=TEST_SEED)
    cells = tuple(space.low[axis] + centres * (space.high - space.low)[axis] for axis in range(axes))
    return cells, played.returns.reshape(shape).mean(axis=-1)


def film_showcase(world: World, policy: Policy, folder: Path) -> list[tuple[str, Path]]:
    """Film one episode on each of the world's showcase tasks, as MP4.

    Returns:
        a caption and the file of each; nothing if the world cannot be rendered.
    """
    from imageio import v2 as imageio

    probe = world.make_batch(1)
    if "rgb_array" not in probe.render_modes:
        return []
    space = probe.task_space
    every = max(round(probe.render_fps / _FILM_FRAMES_PER_SECOND), 1)
    films = []
    for name, task in world.showcase.items():
        pictures, return_ = film(world.make_batch, policy, task, seed=TEST_SEED, every=every)
        path = folder / f"{name}.mp4"
        writer: Any = imageio.get_writer(
            path,
            format="FFMPEG",
            fps=probe.render_fps / every,
            codec="libx264",
            quality=None,
            macro_block_size=2,
            output_params=["-crf", "28", "-preset", "veryfast", "-movflags", "+faststart"],
        )
        with writer:
            for picture in pictures:
                writer.append_data(picture)
        films.append((f"{name}: {_task_text(space, task)}; return {return_:.0f}", path))
    return films


def _task_text(space: TaskSpace, task: NDArray[np.float64]) -> str:
    if len(set(task.tolist())) == 1 and space.dimension > 2:
        return f"all {space.dimension} parameters {task[0]:.3g}"
    pairs = zip(space.parameters, task, strict=True)
    return ", ".join(f"{parameter.name.replace('_', ' ')} {value:.3g}" for parameter, value in pairs)


# The page -------------------------------------------------------------------------------------


def _page(
    run: Run,
    world: World,
    space: TaskSpace,
    metrics: Sequence[Mapping[str, Any]],
    episodes: int,
    pictures: Path,
    films: Sequence[tuple[str, Path]],
) -> str:
    config = run.record["config"]
    blocks = {
        "title": html.escape(world.title),
        "subtitle": html.escape(_subtitle(config)),
        "numbers": _numbers(world, metrics, episodes),
        "learning_curve": _image(pictures / "learning_curve.png", "Mastery and return over time"),
        "sampling": _image(pictures / "sampling.png", "Where the teacher sampled"),
        "mastery_map": _image(pictures / "mastery_map.png", "Return over the task space"),
        "sampling_text": _sampling_text(config, space),
        "films": "".join(_film(caption, path) for caption, path in films),
        "command": html.escape(shlex.join(run.record["command"])),
        "config": html.escape(json.dumps(config, indent=2)),
        "origin": _origin(run.record),
    }
    page = _TEMPLATE.read_text(encoding="utf-8")
    for name, block in blocks.items():
        page = page.replace("{{" + name + "}}", block)
    return page


def _subtitle(config: Mapping[str, Any]) -> str:
    return (
        f"{config['teacher']} teacher, {config['student'].upper()} student, {config['steps']:,} steps,"
        f" {config['copies']} copies, seed {config['seed']}"
    )


def _numbers(world: World, metrics: Sequence[Mapping[str, Any]], episodes: int) -> str:
    tested = [line for line in metrics if line.get(MASTERED) is not None]
    trained = [line for line in metrics if line.get(MEAN_RETURN) is not None]
    facts: list[tuple[str, str]] = []
    if tested:
        best = max(tested, key=lambda line: (line[MASTERED], line["test/mean_return"]))
        share = f"{100 * tested[-1][MASTERED]:.0f} %"
        facts.append((share, f"of {len(world.test_tasks)} test tracks mastered at the end"))
        facts.append((f"{100 * best[MASTERED]:.0f} %", f"at best, after {best['step']:,} steps"))
        facts.append((f"{tested[-1]['test/mean_return']:.0f}", "mean return on the test set"))
    if trained:
        last = trained[-1]
        facts.append((f"{episodes:,}", "training episodes"))
        seconds = last["train/seconds"]
        facts.append(
            (_duration(seconds), f"of training, {last['step'] / max(seconds, 1e-9):,.0f} steps/s")
        )
    return "".join(
        f"<div><b>{html.escape(value)}</b><span>{html.escape(text)}</span></div>"
        for value, text in facts
    )


def _sampling_text(config: Mapping[str, Any], space: TaskSpace) -> str:
    shown = {
        "alp-gmm": "Ellipses are the teacher's Gaussians at two standard deviations, darker the more"
        " often it draws from them.",
        "covar-gmm": "Ellipses are the teacher's Gaussians at two standard deviations, darker the more"
        " often it draws from them.",
        "riac": "Boxes are the teacher's regions.",
        "progress-forest": "Boxes are the leaves of the teacher's trees, which overlap.",
        "lp-bandit": "Boxes are the teacher's bins.",
        "adr": "The box is the teacher's, which grows where the student succeeds.",
        **dict.fromkeys(
            ("plr", "robust-plr", "accel"),
            "Crosses are the tasks that the teacher most wants to replay.",
        ),
        "sfl": "Crosses are the tasks that are won now and then.",
        "oracle": "The box is the teacher's window.",
    }.get(config["teacher"], "")
    if space.dimension == 1:
        shown = ""
    projected = (
        f" The first two of {space.dimension} parameters are shown." if space.dimension > 2 else ""
    )
    return html.escape(f"Each dot is a training episode. {shown}{projected}".strip())


def _origin(record: Mapping[str, Any]) -> str:
    git = record.get("git")
    revision = "no git checkout"
    if git:
        revision = f"git {git['revision'][:12]}{' with local changes' if git['dirty'] else ''}"
    packages = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    started = record["started"]
    return html.escape(
        f"Started {started}; {revision}; Python {record['python']} on {record['platform']}; {packages}."
    )


def _image(path: Path, text: str) -> str:
    if not path.is_file():
        return "<p>No episode has ended yet.</p>"
    return f'<img src="{_data_url(path, "image/png")}" alt="{html.escape(text)}">'


def _film(caption: str, path: Path) -> str:
    return (
        f'<figure><video src="{_data_url(path, "video/mp4")}" controls muted loop playsinline autoplay>'
        f"</video><figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _data_url(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
    )
