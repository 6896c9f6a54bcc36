"""Bayesian optimisation with a Gaussian process, by BoTorch (Balandat et al. 2020)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.exceptions.warnings import BotorchWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim.optimize import optimize_acqf
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.sampling import manual_seed
from gpytorch.kernels import MaternKernel, ScaleKernel
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import GammaPrior
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata
from scipy.stats.qmc import Sobol

from ...envs.circuit.problem import Evaluation, SizingProblem
from ..torch_state import load_module, module_state

INITIAL = 20
"""Points of a scrambled Sobol sequence before the first model."""
BATCH = 4
"""Points chosen together."""
TRAINING = 400
"""Most simulations that a model is made of: beyond, the best half and the latest half of as many."""

Array = NDArray[np.float64]


class GaussianProcessSizer:
    """Expected improvement under a Matern-5/2 process with a length for each variable.

    The process is fitted to the normal quantiles of the scores' ranks: scores lie close together while
    no design is feasible, jump where one is, and are -5 where a simulation failed. Each batch of 4
    maximises the joint expected improvement (its logarithm, Ament et al. 2023). A batch takes about a
    second of one core, so budgets beyond some hundreds of simulations are slow.

    Args:
        problem: what is sized.
        seed: of the first points and of BoTorch's samples.
        budget: unused.
    """

    def __init__(self, problem: SizingProblem, seed: int, budget: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._points = np.empty((0, problem.dimension))
        self._scores = np.empty(0)
        self._hyperparameters: dict[str, NDArray[Any]] = {}

    def ask(self) -> Array:
        """The first 20 points, then batches of 4, shape ``(n, dimension)``."""
        dimension = self._points.shape[1]
        if not len(self._scores):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # 20 is no power of two
                return np.asarray(Sobol(dimension, rng=self._rng).random(INITIAL))
        points, values = self._training()
        with warnings.catch_warnings(), manual_seed(int(self._rng.integers(2**31))):
            warnings.simplefilter("ignore", BotorchWarning)
            warnings.simplefilter("ignore", RuntimeWarning)  # retries of the fit
            model = self._fit(points, values)
            acquisition = qLogExpectedImprovement(
                model,
                best_f=values.max(),
                sampler=SobolQMCNormalSampler(torch.Size([64]), seed=int(self._rng.integers(2**31))),
            )
            chosen, _ = optimize_acqf(
                acquisition,
                bounds=torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, dimension),
                q=BATCH,
                num_restarts=4,
                raw_samples=128,
                options={"maxiter": 60, "batch_limit": 4},
            )
        return np.asarray(chosen.detach().numpy())

    def tell(self, evaluation: Evaluation) -> None:
        """Take the scores of the last ``ask``."""
        self._points = np.concatenate([self._points, evaluation.unit])
        self._scores = np.concatenate([self._scores, evaluation.scores])

    def state(self) -> dict[str, Any]:
        """All simulations, the generator's state and the last hyperparameters."""
        return {
            "points": self._points.copy(),
            "scores": self._scores.copy(),
            "rng": self._rng.bit_generator.state,
            "hyperparameters": dict(self._hyperparameters),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from these simulations."""
        self._points, self._scores = np.array(state["points"]), np.array(state["scores"])
        self._rng.bit_generator.state = state["rng"]
        self._hyperparameters = dict(state["hyperparameters"])

    def _training(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Points and normal quantiles of the simulations that the model is made of."""
        chosen = np.arange(len(self._scores))
        if len(chosen) > TRAINING:
            latest = chosen[-TRAINING // 2 :]
            earlier = chosen[: -TRAINING // 2]
            best = earlier[np.argsort(-self._scores[earlier], kind="stable")[: TRAINING // 2]]
            chosen = np.concatenate([best, latest])
        quantiles = ndtri((rankdata(self._scores[chosen]) - 0.5) / len(chosen))
        return torch.from_numpy(self._points[chosen]), torch.from_numpy(quantiles)[:, None]

    def _fit(self, points: torch.Tensor, values: torch.Tensor) -> SingleTaskGP:
        """The process with the most likely hyperparameters, searched from the last ones."""
        kernel = ScaleKernel(
            MaternKernel(2.5, ard_num_dims=points.shape[1], lengthscale_prior=GammaPrior(3.0, 6.0)),
            outputscale_prior=GammaPrior(2.0, 0.15),
        )
        model = SingleTaskGP(points, values, covar_module=kernel, outcome_transform=None)
        if self._hyperparameters:
            load_module(model, self._hyperparameters)
        fit_gpytorch_mll(
            ExactMarginalLogLikelihood(model.likelihood, model),
            optimizer_kwargs={"options": {"maxiter": 50}},
        )
        self._hyperparameters = module_state(model)
        return model
