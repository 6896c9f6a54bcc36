"""The sizers by name, imported when one is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from ...envs.circuit.problem import SizingProblem
from ...errors import InputError
from .sizer import Sizer

SIZERS = {
    "eyas": ".agent:AgentSizer",
    "l2dc": ".l2dc:L2DCSizer",
    "cma-es": ".cma_es:CMAESSizer",
    "differential-evolution": ".differential_evolution:DifferentialEvolutionSizer",
    "tpe": ".tpe:TPESizer",
    "gaussian-process": ".gaussian_process:GaussianProcessSizer",
    "random": ".random_search:RandomSizer",
}
"""Where each sizer's class is, ``"module:class"`` relative to this package. A class is made from a
:class:`~eyas.envs.circuit.problem.SizingProblem`, a seed and the budget of simulations."""


def make_sizer(name: str, problem: SizingProblem, seed: int, budget: int) -> Sizer:
    """A new sizer.

    Args:
        name: key of :data:`SIZERS`.
        problem: what is sized.
        seed: of everything that is random in it.
        budget: simulations it may count on; exploration decays over it.

    Raises:
        InputError: there is no sizer of this name, or it cannot have this budget.
    """
    if name not in SIZERS:
        raise InputError(f"sizer {name!r} does not exist; there are: {', '.join(SIZERS)}")
    module, _, attribute = SIZERS[name].partition(":")
    factory: Callable[[SizingProblem, int, int], Sizer]
    factory = getattr(importlib.import_module(module, __package__), attribute)
    return factory(problem, seed, budget)
