"""What ALP-GMM and Covar-GMM share: fit a mixture to recent episodes, sample from its Gaussians."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import Task, TaskSpace
from ..errors import InputError
from .checks import check_flag, check_integer, check_number
from .mixture import CRITERIA, Mixture, fit_mixture
from .state import StateReader
from .teacher import Coordinates, Teacher, TeacherSettings, draw_in_proportion


@dataclass(frozen=True, kw_only=True)
class MixtureSettings(TeacherSettings):
    """Settings that ALP-GMM and Covar-GMM share; the published values are teachDeepRL's."""

    fit_every: int = 250
    """Episodes between two fits; also the window that is fitted and the length of the uniform
    start (published: 250)."""
    min_components: int = 2
    """Smallest number of Gaussians tried (published: 2)."""
    max_components: int = 10
    """Largest number of Gaussians tried (published: 10)."""
    random_ratio: float = 0.2
    """Share of tasks drawn uniformly after the start, in [0, 1] (published: 0.2)."""
    criterion: str = "aic"
    """What chooses the number of Gaussians: "aic", "aicc" or "bic" (published: "aic")."""
    restarts: int = 1
    """Runs of expectation maximisation per number of Gaussians (published: 1)."""
    normalise: bool = True
    """Map every task dimension to [0, 1] first, so that distances and Gaussians do not depend on
    units (published: False)."""
    standardise: bool = True
    """Fit in units of each column's standard deviation, so that the initialisation does not depend
    on the scale of returns (published: False)."""
    task_columns_only_in_aicc: bool = False
    """Count AICc's parameters as if the fitted rows were tasks alone (published: True, a slip)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("fit_every", self.fit_every, 2)
        check_integer("min_components", self.min_components, 1)
        check_integer("max_components", self.max_components, self.min_components, self.fit_every)
        check_number("random_ratio", self.random_ratio, 0.0, 1.0)
        if self.criterion not in CRITERIA:
            raise InputError(f"criterion = {self.criterion!r} must be one of {', '.join(CRITERIA)}")
        check_integer("restarts", self.restarts, 1)
        check_flag("normalise", self.normalise)
        check_flag("standardise", self.standardise)
        check_flag("task_columns_only_in_aicc", self.task_columns_only_in_aicc)


class MixtureTeacher(Teacher):
    """Samples from the Gaussians of a mixture in proportion to the progress each stands for.

    A subclass says what a row holds besides the task (``_row``) and how much progress a Gaussian
    stands for (``_progress``).
    """

    extra_columns: int
    """Columns of a row after the task's."""

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        self._coordinates = Coordinates(task_space, normalised=self.settings.normalise)
        self._columns = task_space.dimension + self.extra_columns
        self._rows: NDArray[np.float64] = np.empty((self.settings.fit_every, self._columns))
        self._filled = 0
        self._mixture: Mixture | None = None

    @abstractmethod
    def _row(self, point: NDArray[np.float64], return_: float) -> list[float]:
        """The extra columns of this episode's row."""

    @abstractmethod
    def _progress(self, mixture: Mixture) -> NDArray[np.float64]:
        """Learning progress per Gaussian, shape ``(k,)``; negative counts as zero."""

    def _sample(self) -> Task:
        if self._mixture is None or self._rng.random() < self.settings.random_ratio:
            return self.task_space.sample(self._rng)
        chosen = draw_in_proportion(self._weights, self._rng)
        noise = self._rng.standard_normal(self.task_space.dimension)
        return self._coordinates.to_task(self._task_means[chosen] + self._factors[chosen] @ noise)

    def _update(self, task: Task, return_: float) -> None:
        point = self._coordinates.from_task(task)
        self._rows[self._filled] = [*point, *self._row(point, return_)]
        self._filled += 1
        if self._filled == self.settings.fit_every:
            self._fit()
            self._filled = 0

    def _fit(self) -> None:
        settings = self.settings
        task_only = settings.task_columns_only_in_aicc
        mixture = fit_mixture(
            self._rows,
            component_counts=range(settings.min_components, settings.max_components + 1),
            criterion=settings.criterion,
            counted_columns=self.task_space.dimension if task_only else self._columns,
            restarts=settings.restarts,
            standardise=settings.standardise,
            random_state=int(self._rng.integers(2**32)),
        )
        if mixture is not None:  # else the last one still serves
            self._adopt(mixture)

    def _adopt(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._weights = np.maximum(self._progress(mixture), 0.0)
        # Leaving columns out of a Gaussian leaves the Gaussian of the others.
        d = self.task_space.dimension
        self._task_means = mixture.means[:, :d]
        self._factors = _square_roots(mixture.covariances[:, :d, :d])

    def describe(self) -> dict[str, Any]:
        """A summary; the keys after ``gaussians`` are there once a mixture has been fitted.

        ``teacher``; ``episodes``; ``gaussians``, how many there are (0 before the first fit);
        ``means``, shape ``(k, dimension)``, and ``covariances``, shape ``(k, dimension, dimension)``,
        both in task units; ``weights``, the mixture's shares, shape ``(k,)``; ``probabilities`` of
        drawing from each Gaussian, shape ``(k,)``; ``progress`` of each, shape ``(k,)``;
        ``mean_progress`` over the window, the Gaussians weighted by their shares.
        """
        summary: dict[str, Any] = {"teacher": self.name, "episodes": self.episodes, "gaussians": 0}
        if self._mixture is None:
            return summary
        d = self.task_space.dimension
        scale = self._coordinates.scale
        total = self._weights.sum()
        k = len(self._weights)
        summary.update(
            gaussians=k,
            means=self._coordinates.to_task(self._task_means),
            covariances=self._mixture.covariances[:, :d, :d] * np.multiply.outer(scale, scale),
            weights=self._mixture.weights.copy(),
            probabilities=self._weights / total if total > 0.0 else np.full(k, 1.0 / k),
            progress=self._weights.copy(),
            mean_progress=float(self._mixture.weights @ self._weights),
        )
        return summary

    def _memory(self) -> dict[str, Any]:
        memory: dict[str, Any] = {"rows": self._rows[: self._filled].copy(), "mixture": {}}
        if self._mixture is not None:
            memory["mixture"] = {
                "weights": self._mixture.weights.copy(),
                "means": self._mixture.means.copy(),
                "covariances": self._mixture.covariances.copy(),
            }
        return memory

    def _remember(self, memory: StateReader) -> None:
        rows = memory.array("rows", (None, self._columns))
        if len(rows) >= self.settings.fit_every:
            raise InputError("teacher state: field memory/rows holds more than one window")
        mixture = None
        stored = memory.level("mixture")
        if len(stored):
            weights = stored.array("weights", (None,))
            if len(weights) == 0:
                raise InputError("teacher state: field memory/mixture/weights is empty")
            mixture = Mixture(
                weights,
                stored.array("means", (len(weights), self._columns)),
                stored.array("covariances", (len(weights), self._columns, self._columns)),
            )
        self._rows[: len(rows)] = rows
        self._filled = len(rows)
        self._mixture = None
        if mixture is not None:
            self._adopt(mixture)


def _square_roots(covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrices F with F F^T = covariance, shape ``(k, d, d)``; also for singular covariances."""
    values, vectors = np.linalg.eigh(covariances)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])
