"""Critics: models that learn all metrics from the designs simulated so far, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]

_JITTER = 1e-7
_MOST_FOR_FIT = 200  # designs that the hyperparameters are found from; the prediction uses all


class Adam:
    """Kingma and Ba's Adam; torch's own takes seconds to import.

    Args:
        parameters: leaves that require gradients; changed in place.
    """

    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        self._parameters = list(parameters)
        self._first = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._second = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._steps = 0

    def step(self, loss: torch.Tensor, rate: float) -> None:
        """Descend ``loss`` once."""
        gradients = torch.autograd.grad(loss, self._parameters)
        self._steps += 1
        with torch.no_grad():
            for parameter, gradient, first, second in zip(
                self._parameters, gradients, self._first, self._second, strict=True
            ):
                first.lerp_(gradient, 0.1)
                second.lerp_(gradient * gradient, 0.001)
                mean = first / (1 - 0.9**self._steps)
                square = second / (1 - 0.999**self._steps)
                parameter.sub_(rate * mean / (square.sqrt() + 1e-8))


class Critic(Protocol):
    """Predicts metrics of designs."""

    def fit(self, unit: Array, metrics: Array, steps: int) -> None:
        """Learn from designs ``(n, dimension)`` and their metrics ``(n, metrics)``, all finite."""

    def predict(self, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means, with gradients towards ``unit``, and standard deviations, ``(n, metrics)`` each."""

    def state(self) -> Array:
        """What is carried from one fit to the next."""

    def restore(self, state: Array) -> None:
        """Take over :meth:`state`."""


class GaussianCritic:
    """A Gaussian process for every metric: Matern-5/2 kernel, one length scale for every size.

    The hyperparameters are the maximum a posteriori, found by Adam from those of the last fit.

    Args:
        dimension: number of free variables.
        metrics: number of modelled metrics.
    """

    def __init__(self, dimension: int, metrics: int) -> None:
        self._dimension = dimension
        # Columns: logarithms of the length scales, of the variance, of the variance of the noise.
        self._parameters = torch.zeros(metrics, dimension + 2, dtype=torch.float64)
        self._prior = 0.5 * math.log(dimension) + math.log(0.4)
        self._parameters[:, :dimension] = self._prior - 0.3
        self._parameters[:, dimension + 1] = -9.0

    def fit(self, unit: Array, metrics: Array, steps: int) -> None:
        """Learn from designs and their metrics.

        Args:
            unit: shape ``(n, dimension)``.
            metrics: shape ``(n, metrics)``, finite.
            steps: of Adam on the hyperparameters.
        """
        points = torch.tensor(unit)
        self._mean = torch.tensor(metrics.mean(axis=0))
        self._scale = torch.tensor(metrics.std(axis=0) + 1e-9)
        values = ((torch.tensor(metrics) - self._mean) / self._scale).T[:, :, None]
        if steps:
            parameters = self._parameters.clone().requires_grad_(True)
            optimizer = Adam([parameters])
            few = slice(_MOST_FOR_FIT)
            for _ in range(steps):
                optimizer.step(self._loss(parameters, points[few], values[:, few]), 0.08)
                with torch.no_grad():
                    parameters[:, -1].clamp_(-14.0, 0.0)
            self._parameters = parameters.detach()
        self._points = points
        self._factor, white = self._factorise(self._parameters, points, values)
        self._weights = torch.linalg.solve_triangular(self._factor.transpose(1, 2), white, upper=True)

    def predict(self, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and standard deviations, ``(n, metrics)`` each.

        The deviations carry no gradient: it would cost more than all the rest.
        """
        cross = self._kernel(self._parameters, unit, self._points)
        mean = (cross @ self._weights)[:, :, 0]
        with torch.no_grad():
            white = torch.linalg.solve_triangular(self._factor, cross.transpose(1, 2), upper=False)
            variance = torch.exp(self._parameters[:, -2])[:, None] - (white * white).sum(dim=1)
            deviation = variance.clamp_min(1e-10).sqrt()
        return mean.T * self._scale + self._mean, deviation.T * self._scale

    def state(self) -> Array:
        """The hyperparameters."""
        return self._parameters.numpy().copy()

    def restore(self, state: Array) -> None:
        """Take them over."""
        self._parameters = torch.tensor(state)

    def _kernel(self, parameters: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        lengths = torch.exp(parameters[:, None, : self._dimension])
        scaled_a, scaled_b = (a - 0.5) / lengths, (b - 0.5) / lengths
        squares = (scaled_a**2).sum(-1)[:, :, None] + (scaled_b**2).sum(-1)[:, None]
        squares = (squares - 2 * scaled_a @ scaled_b.transpose(1, 2)).clamp_min(0)
        distance = torch.sqrt(5 * squares + 1e-10)
        variance = torch.exp(parameters[:, -2, None, None])
        return variance * (1 + distance + distance**2 / 3) * torch.exp(-distance)

    def _factorise(
        self, parameters: torch.Tensor, points: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        noise = torch.exp(parameters[:, -1]) + _JITTER
        identity = torch.eye(len(points), dtype=torch.float64)
        covariance = self._kernel(parameters, points, points) + noise[:, None, None] * identity
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed.any():  # designs too near to each other for this length scale
            factor = torch.linalg.cholesky(covariance + 1e-3 * identity)
        return factor, torch.linalg.solve_triangular(factor, values, upper=False)

    def _loss(
        self, parameters: torch.Tensor, points: torch.Tensor, values: torch.Tensor
    ) -> torch.Tensor:
        """Negative logarithm of the posterior density, up to a constant."""
        factor, white = self._factorise(parameters, points, values)
        likelihood = 0.5 * (white**2).sum() + factor.diagonal(dim1=1, dim2=2).log().sum()
        lengths, variance, noise = parameters[:, :-2], parameters[:, -2], parameters[:, -1]
        prior = (lengths - self._prior) ** 2
        return (
            likelihood
            + 0.5 * prior.sum()
            + 0.5 * ((variance - 0.5) ** 2).sum()
            + 0.5 * (((noise + 9) / 2) ** 2).sum()
        )


class NetworkCritic:
    """An ensemble of small networks, each fitted to all metrics from weights and batches of its own.

    Args:
        dimension: number of free variables.
        metrics: number of modelled metrics.
        rng: of the initial weights and the batches.
        members: networks.
        hidden: units of each of the two hidden layers.
    """

    def __init__(
        self,
        dimension: int,
        metrics: int,
        rng: np.random.Generator,
        members: int = 5,
        hidden: int = 64,
    ) -> None:
        self._rng = rng

        def layer(inputs: int, outputs: int) -> list[torch.Tensor]:
            weights = rng.standard_normal((members, inputs, outputs)) / math.sqrt(inputs)
            return [
                torch.tensor(weights, dtype=torch.float32),
                torch.zeros(members, 1, outputs),
            ]

        self._weights = [
            *layer(dimension, hidden),
            *layer(hidden, hidden),
            *layer(hidden, metrics),
            layer(dimension, metrics)[0],
        ]
        self._members = members

    def fit(self, unit: Array, metrics: Array, steps: int) -> None:
        """Learn from designs and their metrics.

        Args:
            unit: shape ``(n, dimension)``.
            metrics: shape ``(n, metrics)``, finite.
            steps: batches of each member are ten times as many.
        """
        # Centred on the data at hand, so that the networks resolve a small region as well.
        self._centre = torch.tensor(unit.mean(axis=0), dtype=torch.float32)
        self._spread = torch.tensor(unit.std(axis=0) + 0.02, dtype=torch.float32)
        self._mean = torch.tensor(metrics.mean(axis=0), dtype=torch.float32)
        self._scale = torch.tensor(metrics.std(axis=0) + 1e-6, dtype=torch.float32)
        points = (torch.tensor(unit, dtype=torch.float32) - self._centre) / self._spread
        values = (torch.tensor(metrics, dtype=torch.float32) - self._mean) / self._scale
        weights = [weight.requires_grad_(True) for weight in self._weights]
        optimizer = Adam(weights)
        count, batches = len(unit), 10 * steps
        for step in range(batches):
            rows = torch.tensor(self._rng.integers(0, count, (self._members, min(count, 64))))
            loss = ((self._forward(points[rows]) - values[rows]) ** 2).mean()
            optimizer.step(loss, 5e-3 * (1 - step / batches) + 1e-5)
        self._weights = [weight.detach() for weight in weights]

    def predict(self, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means over the members and standard deviations between them, ``(n, metrics)`` each."""
        points = (unit.float() - self._centre) / self._spread
        values = self._forward(points.expand(self._members, *points.shape))
        values = values * self._scale + self._mean
        return values.mean(dim=0).double(), values.std(dim=0).double()

    def state(self) -> Array:
        """All weights, flat."""
        return np.concatenate([weight.numpy().ravel().astype(np.float64) for weight in self._weights])

    def restore(self, state: Array) -> None:
        """Take them over."""
        start = 0
        for place, weight in enumerate(self._weights):
            part = state[start : start + weight.numel()].reshape(weight.shape)
            self._weights[place] = torch.tensor(part, dtype=torch.float32)
            start += weight.numel()

    def _forward(self, points: torch.Tensor) -> torch.Tensor:
        first, first_bias, second, second_bias, last, last_bias, straight = self._weights
        hidden = torch.nn.functional.silu(points @ first + first_bias)
        hidden = torch.nn.functional.silu(hidden @ second + second_bias)
        return hidden @ last + last_bias + points @ straight
