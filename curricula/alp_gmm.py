"""ALP-GMM: sample where the return has changed most, up or down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..envs.tasks import TaskSpace
from .checks import check_flag, check_integer
from .mixture import Mixture
from .mixture_teacher import MixtureSettings, MixtureTeacher
from .neighbours import EpisodeHistory
from .state import StateReader
from .teacher import TeacherSettings

MIN_HISTORY = 6
"""Episodes there must be before progress is measured; until then it is 0 (published: 6)."""


@dataclass(frozen=True, kw_only=True)
class ALPGMMSettings(MixtureSettings):
    """Settings of :class:`ALPGMM`; the published values are teachDeepRL's."""

    history: int | None = 500
    """Episodes among which the nearest is sought: the latest ones, at least this many and at most
    twice; None is all (published: None)."""
    newest_twin: bool = True
    """Of several earlier episodes on the very same task, compare with the latest; False takes
    whichever the k-d tree comes upon (published: False)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.history is not None:
            check_integer("history", self.history, MIN_HISTORY)
        check_flag("newest_twin", self.newest_twin)


class ALPGMM(MixtureTeacher):
    """Absolute learning progress, Gaussian mixture model.

    The absolute learning progress (ALP) of an episode is the difference between its return and the
    return of the nearest earlier task. Every ``fit_every`` episodes a Gaussian mixture is fitted to
    the last ``fit_every`` rows (task, ALP); a Gaussian is drawn in proportion to its mean ALP, and a
    task from the Gaussian.

    Source: Portelas, Colas, Hofmann, Oudeyer, "Teacher algorithms for curriculum learning of deep RL
    in continuously parameterized environments" (CoRL 2019), algorithm 1; teachDeepRL alp_gmm.py.
    """

    name = "alp-gmm"
    extra_columns = 1
    settings_type = ALPGMMSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": ALPGMMSettings(),
        "published": ALPGMMSettings(
            return_range=(-150.0, 350.0),
            normalise=False,
            standardise=False,
            task_columns_only_in_aicc=True,
            history=None,
            newest_twin=False,
        ),
    }

    def __init__(
        self, task_space: TaskSpace, *, seed: int, settings: TeacherSettings | None = None
    ) -> None:
        super().__init__(task_space, seed=seed, settings=settings)
        self._history = self._empty_history()

    def _empty_history(self) -> EpisodeHistory:
        settings = self.settings
        return EpisodeHistory(
            self.task_space.dimension, settings.history, newest_twin=settings.newest_twin
        )

    def _row(self, point: NDArray[np.float64], return_: float) -> list[float]:
        progress = 0.0
        if len(self._history) >= MIN_HISTORY:
            progress = abs(return_ - self._history.nearest_return(point))
        self._history.add(point, return_)
        return [progress]

    def _progress(self, mixture: Mixture) -> NDArray[np.float64]:
        return mixture.means[:, -1]

    def _memory(self) -> dict[str, Any]:
        return {**super()._memory(), "history": self._history.memory()}

    def _remember(self, memory: StateReader) -> None:
        history = self._empty_history()
        history.remember(memory.level("history"))
        super()._remember(memory)
        self._history = history
