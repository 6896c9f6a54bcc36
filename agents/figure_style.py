"""How all figures look."""

from __future__ import annotations

from typing import Any

INK = "#22272e"
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "font.size": 10,
    "axes.edgecolor": "#9aa4af",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e8ebee",
    "grid.linewidth": 0.8,
    "xtick.color": "#5b6672",
    "ytick.color": "#5b6672",
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 130,
}
"""Settings of matplotlib, for ``rc_context``."""
