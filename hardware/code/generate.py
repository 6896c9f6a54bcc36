"""The files of an exported policy: header, source, self-test and description."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import jinja2
import numpy as np
from numpy.typing import NDArray

from ... import __version__
from ...errors import InputError
from .. import activations
from ..bounds import CELL_LIMIT, largest_values
from ..fixed.code import MEMORY_TYPE, fixed_source
from ..fixed.quantise import quantise
from ..fixed.reference import FixedReference
from ..network import LARGEST_LIMIT, Network
from ..reference import FloatReference
from .program import float_literal, float_program

Array = NDArray[np.float32]
NumberFormat = Literal["float32", "q15", "int8"]
NUMBER_FORMATS: tuple[NumberFormat, ...] = ("float32", "q15", "int8")
STALE_PERIODS = 5
GOLDEN_STEPS = 16
_GOLDEN_NONFINITE, _GOLDEN_LARGE = 5, 9
_GOLDEN_AMPLITUDE = 3.0
_TANH_CONSTANTS = (
    *activations.TANH_NUMERATOR,
    *activations.TANH_DENOMINATOR,
    activations.TANH_LIMIT,
    -activations.TANH_LIMIT,
)
_RESERVED = """
asm auto bool break case catch char class const continue default delete do double else enum extern false
float for friend goto if inline int long namespace new operator private protected public register restrict
return short signed sizeof static struct switch template this throw true try typedef typename union
unsigned using virtual void volatile while
"""


class Reference(Protocol):
    """The numpy twin of the generated code; also a pilot for flights."""

    network: Network

    def initial_state(self, count: int) -> NDArray[Any]:
        """The memory at the start of ``count`` episodes, shape ``(count, memory size)``."""

    def step(self, observations: Array, memory: NDArray[Any]) -> tuple[Array, NDArray[Any]]:
        """Actions, shape ``(count, actions)``, and the new memories."""

    def evaluate(
        self, observations: Array, memory: NDArray[Any]
    ) -> tuple[Array, NDArray[Any], NDArray[np.uint32]]:
        """Actions, memories and the bits of the status, shape ``(count,)``."""


@dataclass(frozen=True, kw_only=True)
class Generated:
    """An exported policy."""

    name: str
    """Prefix of everything in the C."""
    number_format: NumberFormat
    network: Network
    reference: Reference
    files: Mapping[str, str]
    """Text by file name: ``NAME.h``, ``NAME.c``, ``NAME_selftest.c``, ``NAME.json``."""
    fallback: Array
    """The action on a stale sample, shape ``(action size,)``."""
    stale_us: int
    """A sample older than this is not flown on (microseconds)."""

    @property
    def description(self) -> dict[str, Any]:
        """What ``NAME.json`` says."""
        described: dict[str, Any] = json.loads(self.files[f"{self.name}.json"])
        return described


def generate(
    network: Network,
    name: str = "policy",
    number_format: NumberFormat = "float32",
    calibration: Array | None = None,
) -> Generated:
    """Turn a network into C.

    Args:
        network: the policy.
        name: prefix of all names in the C, a C identifier of lower-case letters, digits and _.
        number_format: of weights and arithmetic.
        calibration: observations as they occur, shape ``(any, observation size)``; the fixed-point
            formats choose their scales by them. Float32 needs none.

    Raises:
        InputError: the name is no identifier, or the network cannot be exported in this format.
    """
    check_name(name)
    largest_values(network)
    if number_format not in NUMBER_FORMATS:
        raise InputError(f"format {number_format!r} is none of {', '.join(NUMBER_FORMATS)}")
    fallback = fallback_action(network)
    stale_us = round(STALE_PERIODS * 1e6 / network.rate_hz)
    context = _common(network, name, number_format, fallback, stale_us)
    reference: Reference
    if number_format == "float32":
        reference = FloatReference(network)
        program, more = float_program(name, network)
        context |= more | {"initial_memory": more["initial_memory"]}
        context["kernels"] = _float_kernels(context, program)
        notes: dict[str, Any] = {"tanh_error": activations.TANH_ERROR}
        crc = zlib.crc32(np.array(program.constants, "<f4").tobytes())
    else:
        fixed = quantise(network, number_format, calibration)
        reference = FixedReference(fixed)
        source = fixed_source(name, fixed)
        context["kernels"] = source.kernels
        context["initial_memory"] = source.initial_memory
        crc, notes = source.crc, fixed.report
    observations, results = _golden(reference)
    context |= {"crc": crc, "golden_observations": observations, "golden_results": results}
    files = {
        f"{name}.h": _render("policy.h.j2", context),
        f"{name}.c": _render("policy.c.j2", context),
        f"{name}_selftest.c": _render("selftest.c.j2", context),
    }
    files[f"{name}.json"] = _describe(network, name, number_format, crc, fallback, stale_us, notes)
    return Generated(
        name=name,
        number_format=number_format,
        network=network,
        reference=reference,
        files=files,
        fallback=fallback,
        stale_us=stale_us,
    )


def readme(generated: Generated) -> str:
    """How to use the files, for those who open the folder."""
    context = _common(
        generated.network,
        generated.name,
        generated.number_format,
        generated.fallback,
        generated.stale_us,
    )
    return _render("README.md.j2", context)


def check_name(name: str) -> None:
    """Refuse what is no C identifier of the house's style.

    Raises:
        InputError: it is none, or a word of C or C++.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name) or name in _RESERVED.split():
        raise InputError(
            f"name = {name!r} must be a C identifier of 1 to 31 lower-case letters, digits and _"
        )


def fallback_action(network: Network) -> Array:
    """What is commanded when the samples are stale: the slowest rotors, or what is nearest to 0."""
    low, high = network.output.low, network.output.high
    action = network.metadata.get("action") or {}
    if isinstance(action, Mapping) and action.get("name") == "rotor set-points":
        return low
    return np.clip(np.zeros_like(low), low, high)


def _common(
    network: Network, name: str, number_format: NumberFormat, fallback: Array, stale_us: int
) -> dict[str, Any]:
    """What all templates are told."""
    rate = network.rate_hz
    previous = network.previous_action
    return {
        "name": name,
        "upper": name.upper(),
        "data": f"{name}_data",
        "number_format": number_format,
        "observations": network.observation_size,
        "actions": network.action_size,
        "rate": f"{rate:g}" if rate == int(rate) else f"{rate!r}f",
        "period_us": round(1e6 / rate),
        "stale_us": stale_us,
        "memory_size": network.memory_size,
        "memory_type": "float" if number_format == "float32" else MEMORY_TYPE,
        "previous_action": previous if previous is not None else 0,
        "has_previous": previous is not None,
        "fallback": ", ".join(float_literal(value) for value in fallback),
        "layers": ", ".join(_title(layer) for layer in network.layers),
        "observation_lines": list(_observation_lines(network)),
        "action_line": _action_line(network),
        "golden_steps": GOLDEN_STEPS,
        "version": __version__,
    }


def _title(layer: Any) -> str:
    return f"{getattr(layer, 'name', layer.kind)} {layer.outputs}"


def _observation_lines(network: Network) -> list[str]:
    start, lines = 0, []
    for part in network.observation_parts():
        size = part["size"]
        words = f"observation[{start}..{start + size - 1}]: {part['name']}"
        for key in ("of", "unit", "frame"):
            words += f"; {part[key]}" if part.get(key) else ""
        lines.append(_comment(words))
        start += size
    return lines


def _action_line(network: Network) -> str:
    action = network.metadata.get("action")
    if not isinstance(action, Mapping) or "name" not in action:
        return ""
    words = [f"action: {action['name']}"]
    words += [f"{key} {action[key]}" for key in ("of", "order") if action.get(key)]
    return _comment("; ".join(words))


def _comment(words: str) -> str:
    """Text that cannot end a comment of C."""
    return re.sub(r"[^\x20-\x7e]", "?", words).replace("*/", "* /").replace("/*", "/ *")


def _float_kernels(context: dict[str, Any], program: Any) -> str:
    def accumulate(out: str, start: int | str, weight: int, x: str, inputs: int, outputs: int) -> str:
        first = start if isinstance(start, str) else program.at(start)
        return (
            f"    {context['name']}_accumulate({out}, {first}, {program.at(weight)}, {x},"
            f" {inputs}u, {outputs}u);"
        )

    return _render(
        "float.c.j2",
        {
            **context,
            "accumulate": accumulate,
            "constants": [float_literal(value) for value in program.constants],
            "body": program.body,
            "stages": program.stages,
            "functions": program.functions,
            "widths": program.widths,
            "widest_even": program.widest["even"],
            "widest_odd": program.widest["odd"],
            "result": program.result if program.result in program.widest else f"({program.result})",
            "tanh_limit_bits": _words(np.array([activations.TANH_LIMIT], np.float32))[0][:-1],
            # In the order of the registers.
            "tanh_constants": [float_literal(value) for value in _TANH_CONSTANTS],
            "tanh_numerator": _horner(activations.TANH_NUMERATOR),
            "tanh_denominator": _horner(activations.TANH_DENOMINATOR),
            "atanh_series": _horner(activations.ATANH_SERIES),
            "square_root_seed": f"0x{activations.SQUARE_ROOT_SEED:08x}",
            "cell_limit": float_literal(CELL_LIMIT),
        },
    )


def _horner(coefficients: tuple[float, ...]) -> str:
    text = float_literal(coefficients[-1])
    for number, coefficient in enumerate(coefficients[-2::-1]):
        text = f"({text})" if number else text
        text = f"{text} * y + {float_literal(coefficient)}"
    return text


def _golden(reference: Reference) -> tuple[list[list[str]], list[list[str]]]:
    """Recorded steps of the self-test: observations, and status and actions, as literals."""
    network = reference.network
    rng = np.random.default_rng(0)
    limit = network.input.limit
    spread = np.minimum(limit, np.float32(_GOLDEN_AMPLITUDE))
    noise = rng.uniform(-1, 1, (GOLDEN_STEPS, network.observation_size)).astype(np.float32)
    observations = network.input.center + spread * noise
    observations[_GOLDEN_NONFINITE, rng.integers(network.observation_size)] = np.nan
    large = rng.integers(network.observation_size)
    observations[_GOLDEN_LARGE, large] = network.input.center[large] + 2 * limit[large]
    memory = reference.initial_state(1)
    results = []
    for observation in observations:
        actions, memory, status = reference.evaluate(observation[None], memory)
        results.append([f"{status[0]}u", *_words(actions[0])])
    return [_words(row) for row in observations], results


def _words(numbers: Array) -> list[str]:
    return [f"0x{word:08x}u" for word in np.ascontiguousarray(numbers, np.float32).view(np.uint32)]


def _describe(
    network: Network,
    name: str,
    number_format: NumberFormat,
    crc: int,
    fallback: Array,
    stale_us: int,
    notes: Mapping[str, Any],
) -> str:
    limited = network.input.limit < LARGEST_LIMIT
    description = {
        "name": name,
        "eyas": __version__,
        "number_format": number_format,
        "observations": network.observation_size,
        "actions": network.action_size,
        "memory": network.memory_size,
        "parameters": network.parameter_count,
        "layers": [_title(layer) for layer in network.layers],
        "rate_hz": network.rate_hz,
        "stale_us": stale_us,
        "input_center": network.input.center.tolist(),
        "input_limit": [
            float(x) if known else None for x, known in zip(network.input.limit, limited, strict=True)
        ],
        "output": network.output.kind,
        "output_low": network.output.low.tolist(),
        "output_high": network.output.high.tolist(),
        "fallback": fallback.tolist(),
        "weights_crc32": f"{crc:08x}",
        "arithmetic": dict(notes),
        "metadata": dict(network.metadata),
    }
    return json.dumps(description, indent=1) + "\n"


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # C, not HTML
)


def _render(template: str, context: Mapping[str, Any]) -> str:
    return _TEMPLATES.get_template(template).render(context)
