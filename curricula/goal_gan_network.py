"""The two networks of GoalGAN: one makes up tasks, one judges them.

They are in plain numpy. A training takes hundreds of steps of a few matrices of 64 x 64, at which the
threads of the libraries cost more than they bring; so the products are compiled loops on one core,
several times faster than torch, and no result depends on how many threads there are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.jit import kernel
from .state import StateReader

Array = NDArray[np.float32]
GENERATOR_SLOPE = 0.0
"""Slope of the hidden units below zero: these are rectified,"""
DISCRIMINATOR_SLOPE = 0.2
"""these leaky."""
DECAY = 0.9
"""Of RMSProp's mean squares (TensorFlow's default), which begin at one as there."""
EPSILON = 1e-10
"""Added to them."""


@kernel
def _product(a: Array, b: Array) -> Array:
    """The matrix product of ``(n, k)`` and ``(k, m)``, both in C order."""
    out = np.zeros((a.shape[0], b.shape[1]), dtype=np.float32)
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            factor = a[i, k]
            if factor != 0.0:  # half of the hidden units rest
                for j in range(b.shape[1]):
                    out[i, j] += factor * b[k, j]
    return out


def product(a: Array, b: Array) -> Array:
    """The matrix product of float32 matrices in any order, on one core."""
    return _product(np.ascontiguousarray(a), np.ascontiguousarray(b))


class Perceptron:
    """A network of fully connected layers with a linear output, and its optimiser, RMSProp.

    Attributes:
        parameters: all weights and biases, float32, shape ``(count,)``.
        mean_squares: of their gradients, float32, shape ``(count,)``.

    Args:
        sizes: units of the input, of each hidden layer and of the output.
        slope: of the hidden units below zero.
        rng: for the first weights, uniform by Glorot and Bengio; biases begin at zero.
    """

    def __init__(self, sizes: tuple[int, ...], slope: float, rng: np.random.Generator) -> None:
        self._sizes, self._slope = sizes, np.float32(slope)
        count = sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes))
        self.parameters: Array = np.zeros(count, dtype=np.float32)
        self.mean_squares: Array = np.ones(count, dtype=np.float32)
        self._gradient: Array = np.zeros(count, dtype=np.float32)
        self._layers = self._views(self.parameters)
        self._slopes = self._views(self._gradient)
        for weights, _ in self._layers:
            limit = np.sqrt(6.0 / sum(weights.shape))
            weights[:] = rng.uniform(-limit, limit, weights.shape)

    def _views(self, flat: Array) -> list[tuple[Array, Array]]:
        """Weights ``(inputs, outputs)`` and biases ``(outputs,)`` of each layer, in one vector."""
        layers, at = [], 0
        for inputs, outputs in pairwise(self._sizes):
            weights = flat[at : at + inputs * outputs].reshape(inputs, outputs)
            at += inputs * outputs
            layers.append((weights, flat[at : at + outputs]))
            at += outputs
        return layers

    def forward(self, inputs: Array) -> list[Array]:
        """What goes into each layer, and the output last; shape ``(n, units)`` each."""
        passed = [inputs]
        for number, (weights, biases) in enumerate(self._layers):
            out = product(passed[-1], weights) + biases
            if number < len(self._layers) - 1:
                out = np.where(out > 0.0, out, self._slope * out)
            passed.append(out)
        return passed

    def backward(self, passed: list[Array], slope: Array) -> Array:
        """Keep the gradient of a loss for :meth:`step`.

        Args:
            passed: what :meth:`forward` gave.
            slope: of the loss by the output, shape ``(n, outputs)``.

        Returns:
            The slope of the loss by the input, shape ``(n, inputs)``.
        """
        for number in range(len(self._layers) - 1, -1, -1):
            to_weights, to_biases = self._slopes[number]
            to_weights[:] = product(passed[number].T, slope)
            to_biases[:] = slope.sum(axis=0)
            slope = product(slope, self._layers[number][0].T)
            if number:
                slope = np.where(passed[number] > 0.0, slope, self._slope * slope)
        return slope

    def step(self, learning_rate: float) -> None:
        """One step of RMSProp down the gradient that was kept."""
        gradient = self._gradient
        self.mean_squares *= np.float32(DECAY)
        self.mean_squares += np.float32(1.0 - DECAY) * gradient * gradient
        self.parameters -= (
            np.float32(learning_rate) * gradient / np.sqrt(self.mean_squares + np.float32(EPSILON))
        )

    def memory(self) -> dict[str, Any]:
        """Copies of parameters and mean squares."""
        return {"parameters": self.parameters.copy(), "mean_squares": self.mean_squares.copy()}

    def read(self, stored: StateReader) -> tuple[Array, Array]:
        """Check what :meth:`memory` gave; changes nothing."""
        shape = self.parameters.shape
        parameters = stored.array("parameters", shape, np.float32)
        return parameters, np.abs(stored.array("mean_squares", shape, np.float32))

    def take(self, read: tuple[Array, Array]) -> None:
        """Take over what :meth:`read` gave."""
        self.parameters[:], self.mean_squares[:] = read


class LeastSquaresGAN:
    """A generator and a discriminator in least-squares training.

    The discriminator learns +1 for points of label 1 and -1 for those of label 0 and for generated
    ones; the generator learns to make it say +1. After Mao et al. (2017) and Florensa et al. (2018),
    with the targets of rllab-curriculum gan.py. Points are in [-1, 1] as the generator's tanh gives.

    Args:
        dimension: of a point, and of the noise a point is made from.
        generator_hidden: units of each of its two hidden layers.
        discriminator_hidden: likewise.
        rng: for the first weights.
    """

    def __init__(
        self,
        dimension: int,
        generator_hidden: int,
        discriminator_hidden: int,
        rng: np.random.Generator,
    ) -> None:
        sizes = (dimension, generator_hidden, generator_hidden, dimension)
        self.generator = Perceptron(sizes, GENERATOR_SLOPE, rng)
        sizes = (dimension, discriminator_hidden, discriminator_hidden, 1)
        self.discriminator = Perceptron(sizes, DISCRIMINATOR_SLOPE, rng)

    def generate(self, noise: Array) -> Array:
        """Points in (-1, 1) from standard normal noise, both of shape ``(n, dimension)``."""
        made: Array = np.tanh(self.generator.forward(noise)[-1])
        return made

    def train(
        self,
        points: Array,
        labels: Array,
        *,
        iterations: int,
        batch: int,
        learning_rate: float,
        rng: np.random.Generator,
    ) -> None:
        """Train both, in turns.

        Args:
            points: shape ``(n, dimension)``.
            labels: 0 or 1, shape ``(n,)``.
            iterations: steps of each network.
            batch: labelled points, and generated ones, in a step; all labelled ones if that is fewer.
            learning_rate: of both.
            rng: for the noise.
        """
        start = 0
        for _ in range(iterations):
            rows = (start + np.arange(min(batch, len(points)))) % len(points)
            start = (start + batch) % len(points)
            noise = rng.standard_normal((batch, points.shape[1]), dtype=np.float32)
            passed = self.generator.forward(noise)
            made = np.tanh(passed[-1])

            shown = np.concatenate([points[rows], made])
            targets = np.concatenate([2.0 * labels[rows] - 1.0, np.full(batch, -1.0)])
            judged = self.discriminator.forward(shown)
            error = judged[-1] - targets[:, None].astype(np.float32)
            self.discriminator.backward(judged, error * np.float32(2.0 / len(error)))
            self.discriminator.step(learning_rate)

            judged = self.discriminator.forward(made)
            slope = self.discriminator.backward(judged, (judged[-1] - 1.0) * np.float32(2.0 / batch))
            through_tanh = (slope * (1.0 - made * made)).astype(np.float32)
            self.generator.backward(passed, through_tanh)
            self.generator.step(learning_rate)
