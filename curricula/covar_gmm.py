"""Covar-GMM: sample where the return has risen during the last window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .checks import check_flag
from .mixture import Mixture
from .mixture_teacher import MixtureSettings, MixtureTeacher
from .teacher import TeacherSettings


@dataclass(frozen=True, kw_only=True)
class CovarGMMSettings(MixtureSettings):
    """Settings of :class:`CovarGMM`; the published values are teachDeepRL's."""

    absolute: bool = True
    """Count falling returns as progress too (published: False)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("absolute", self.absolute)


class CovarGMM(MixtureTeacher):
    """Covariance of time and return in a Gaussian mixture model.

    Every ``fit_every`` episodes a Gaussian mixture is fitted to the last ``fit_every`` rows (task,
    time in the window from 0 to 1, return); a Gaussian is drawn in proportion to its covariance of
    time and return, and a task from the Gaussian.

    Source: Moulin-Frier, Nguyen, Oudeyer, "Self-organization of early vocal development in infants
    and machines" (Frontiers in Psychology 2014); teachDeepRL covar_gmm.py.
    """

    name = "covar-gmm"
    extra_columns = 2
    settings_type = CovarGMMSettings
    presets: ClassVar[Mapping[str, TeacherSettings]] = {
        "eyas": CovarGMMSettings(),
        "published": CovarGMMSettings(
            return_range=(-150.0, 350.0),
            normalise=False,
            standardise=False,
            task_columns_only_in_aicc=True,
            absolute=False,
        ),
    }

    def _row(self, point: NDArray[np.float64], return_: float) -> list[float]:
        return [self._filled / self.settings.fit_every, return_]

    def _progress(self, mixture: Mixture) -> NDArray[np.float64]:
        covariance = mixture.covariances[:, -2, -1]
        return np.abs(covariance) if self.settings.absolute else covariance
