"""What a simulation of a batch of designs returns, from our simulator and from its twin alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .readings import NAMES
from .topology import Topology

DEVICE_COLUMNS = (
    "id", "ibs", "ibd", "vgs", "vds", "vbs", "vth", "vdsat", "vod", "beta", "gam_eff", "gm", "gds", "gmb",
    "cdtot", "cgtot", "cstot", "cbtot", "cgs", "cgd",
)  # fmt: skip
"""The operating point of a transistor as HSPICE prints it; type-normalised (a PMOS reads like an NMOS)."""
_ALIASES = {"gmbs": "gmb", "von": "vth"}

REASONS = (
    "ok",
    "a size is not a positive number",
    "no operating point was found",
    "the small-signal matrix is singular",
    "a metric is not finite",
    "the simulator failed",
)
"""What each ``status`` means."""


def metric_names(topology: Topology) -> tuple[str, ...]:
    """The metrics of a topology, in the order of ``Results.metrics``."""
    left_out = () if topology.bench.unity_gain else ("ugbw", "pm_deg")
    extra = [f"{p}_gain_{at}" for p, _ in topology.bench.disturbances for at in ("f0", "max")]
    return (*(name for name in NAMES if name not in left_out), *extra)


@dataclass(frozen=True)
class Results:
    """One row for each design; what failed is NaN.

    Metrics (SI units but for dB, degrees and the area in um^2): ``power``, ``area``, ``saturated`` (all
    transistors in saturation, 0 or 1), ``pole_max_re`` (rad/s), ``stable``, ``zeta_min`` (the least
    damping of a pole pair, 1 without pairs), ``gain`` at the lowest frequency, ``gain_db``,
    ``gain_max_db``, ``peaking_db``, ``f3db``, ``f3db_max``, ``phase_at_f3db_deg``, ``ugbw``, ``pm_deg``,
    densities of noise at the output (``onoise_f0``, V/sqrt(Hz)) and referred to the input
    (``inoise_f0``, ``inoise_f3db``, ``inoise_min``), their totals over the grid (``onoise_total``,
    ``inoise_total``) and ``irn_rms = onoise_total / gain``.
    """

    topology: Topology
    designs: NDArray[np.float64]
    """Shape ``(n, variables)``, in the variables' units."""
    status: NDArray[np.uint8]
    """0 if the design was simulated, else an index into :data:`REASONS`."""
    metric_names: tuple[str, ...]
    metrics: NDArray[np.float64]
    """Shape ``(n, metrics)``."""
    voltages: NDArray[np.float64]
    """Of ``topology.netlist.nodes`` at the operating point (V), shape ``(n, nodes)``."""
    devices: NDArray[np.float64]
    """Shape ``(n, transistors, 20)``, see :data:`DEVICE_COLUMNS`."""
    regions: NDArray[np.uint8]
    """ASCII codes, shape ``(n, transistors)``: S saturation, T triode, C cut off; lower case if reversed."""
    frequencies: NDArray[np.float64]
    """The grid (Hz)."""
    response: NDArray[np.complex128] | None = None
    """Output per input, shape ``(n, frequencies)``, with ``spectra``."""
    output_noise: NDArray[np.float64] | None = None
    """V/sqrt(Hz), shape ``(n, frequencies)``, with ``spectra``."""
    input_noise: NDArray[np.float64] | None = None
    """Referred to the input, shape ``(n, frequencies)``, with ``spectra``."""
    poles: NDArray[np.complex128] | None = None
    """rad/s, shape ``(n, poles)``, padded with NaN, with ``poles``."""
    reasons: tuple[str, ...] = ()
    """A sentence for each design, where the simulator had more to say than :data:`REASONS`."""

    def __len__(self) -> int:
        return len(self.designs)

    def reason(self, row: int) -> str:
        """Why a design failed, or ``"ok"``."""
        if self.reasons and self.reasons[row]:
            return self.reasons[row]
        return REASONS[self.status[row]]

    @property
    def column_names(self) -> tuple[str, ...]:
        """All names that :meth:`column` knows."""
        nodes = [f"v_{node}" for node in self.topology.netlist.nodes]
        devices = [
            f"{transistor.name}_{column}"
            for transistor in self.topology.netlist.transistors
            for column in ("id", "gm", "gds", "gmbs")
        ]
        return ("status", "regions", *self.metric_names, *nodes, *devices)

    def column(self, name: str) -> NDArray[Any]:
        """One quantity of all designs, shape ``(n,)``.

        Args:
            name: a metric, ``v_NODE``, ``DEVICE_COLUMN`` as in ``m1_gm``, ``regions`` (a string such as
                ``"SSTS"``) or ``status`` (``"ok"`` or the reason).

        Raises:
            InputError: there is no such quantity.
        """
        if name in self.metric_names:
            return self.metrics[:, self.metric_names.index(name)]
        if name == "status":
            return np.array([self.reason(row) for row in range(len(self))])
        if name == "regions":
            return np.array([bytes(row).decode("ascii") for row in self.regions])
        nodes = self.topology.netlist.nodes
        if name.startswith("v_") and name[2:] in nodes:
            return self.voltages[:, nodes.index(name[2:])]
        device, _, quantity = name.rpartition("_")
        transistors = [transistor.name for transistor in self.topology.netlist.transistors]
        quantity = _ALIASES.get(quantity, quantity)
        if device in transistors and quantity in DEVICE_COLUMNS:
            return self.devices[:, transistors.index(device), DEVICE_COLUMNS.index(quantity)]
        raise InputError(
            f"{self.topology.name} has no metric {name!r}; it has: {', '.join(self.metric_names)}"
        )
