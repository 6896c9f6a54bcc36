"""A causal transformer over steps of learning histories, with an exact cache for acting.

One token per step: the observation, and what the step before did and earned. Attention looks back over
a sliding window, in training as in acting, and positions enter by rotation (RoPE), so only distances
matter; therefore a step computed with the ring cache equals the whole sequence computed anew, also for
copies that began at different times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..bounds import check, real, whole
from ..errors import InputError


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Shape of a transformer."""

    observation_cells: tuple[int, ...] = ()
    """Values of each component of an observation of whole numbers, like (9, 9); empty if not whole."""
    observation_size: int = 0
    """Length of an observation of real numbers; 0 if it is of whole numbers."""
    actions: Annotated[int, whole(1, 4096)] = 5
    """How many actions there are, or the length of a continuous action."""
    continuous: bool = False
    """Whether actions are real numbers."""
    dynamics: bool = False
    """Also predict the reward and the next observation of every action (DICP)."""
    layers: Annotated[int, whole(1, 64)] = 4
    """Blocks."""
    width: Annotated[int, whole(8, 4096)] = 64
    """Numbers per token."""
    heads: Annotated[int, whole(1, 64)] = 4
    """Attention heads; they share the width."""
    feed_forward: Annotated[int, whole(8, 16384)] = 256
    """Hidden units between two attentions."""
    context: Annotated[int, whole(1, 65_536)] = 80
    """Steps that attention looks back on, the present one included."""
    dropout: Annotated[float, real(0, 0.9)] = 0.0
    """Share of numbers left out in training, after attention and feed-forward."""

    def __post_init__(self) -> None:
        check(self)
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise InputError(f"width = {self.width} must be an even multiple of heads = {self.heads}")
        if bool(self.observation_cells) == bool(self.observation_size):
            raise InputError(
                "observations are either of whole numbers (observation_cells) or of real ones"
                f" (observation_size), got {self.observation_cells} and {self.observation_size}"
            )

    @property
    def cells(self) -> int:
        """How many observations of whole numbers there are."""
        return math.prod(self.observation_cells)


class Steps:
    """The input of a transformer: steps as tensors of shape ``(batch, time, ...)``.

    Attributes:
        observations: long ``(batch, time)``, cell numbers, or float ``(batch, time, size)``.
        actions: of the step before, long ``(batch, time)`` or float ``(batch, time, size)``;
            ``config.actions`` (one past the last) or zeros where there was none.
        rewards: of the step before, float ``(batch, time)``; 0 where there was none.
    """

    __slots__ = ("actions", "observations", "rewards")

    def __init__(self, observations: Tensor, actions: Tensor, rewards: Tensor) -> None:
        self.observations, self.actions, self.rewards = observations, actions, rewards


class Block(nn.Module):
    """Attention and feed-forward, both on normalised input and added to it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.before_attention = nn.LayerNorm(config.width)
        self.queries_keys_values = nn.Linear(config.width, 3 * config.width, bias=False)
        self.after_attention = nn.Linear(config.width, config.width, bias=False)
        self.before_feed_forward = nn.LayerNorm(config.width)
        self.widen = nn.Linear(config.width, config.feed_forward, bias=False)
        self.narrow = nn.Linear(config.feed_forward, config.width, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def project(self, x: Tensor, turns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of ``x`` ``(batch, time, width)``, each ``(batch, heads, time, size)``.

        Args:
            x: the tokens.
            turns: complex rotations, broadcastable to ``(batch, time, 1, size / 2)``.
        """
        batch, time, width = x.shape
        size = width // self.heads
        mixed = self.queries_keys_values(self.before_attention(x))
        both = mixed[..., : 2 * width].reshape(batch, time, 2 * self.heads, size // 2, 2)
        turned = torch.view_as_real(torch.view_as_complex(both) * turns).flatten(-2).transpose(1, 2)
        values = mixed[..., 2 * width :].reshape(batch, time, self.heads, size).transpose(1, 2)
        return turned[:, : self.heads], turned[:, self.heads :], values

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows attention; ``attended`` is ``(batch, heads, time, size)``."""
        batch, time, width = x.shape
        x = x + self.dropout(self.after_attention(attended.transpose(1, 2).reshape(batch, time, width)))
        hidden = functional.gelu(self.widen(self.before_feed_forward(x)))
        return x + self.dropout(self.narrow(hidden))

    def forward(self, x: Tensor, turns: Tensor, mask: Tensor) -> Tensor:
        """A whole sequence; ``mask`` is 0 where attention may look and -inf elsewhere."""
        queries, keys, values = self.project(x, turns)
        # Written out: for heads this small it is faster on a CPU than the fused kernel.
        weights = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1]) + mask
        return self.finish(x, torch.softmax(weights, dim=-1) @ values)


class Cache:
    """What attention may look back on, for copies that each have a position of their own.

    Attributes:
        keys: float, shape ``(layers, copies, heads, context, size)``, a ring in the fourth dimension.
        values: the same.
        positions: steps each copy has seen, long, shape ``(copies,)``.
    """

    def __init__(self, config: TransformerConfig, copies: int, device: torch.device) -> None:
        size = config.width // config.heads
        shape = (config.layers, copies, config.heads, config.context, size)
        self.keys = torch.zeros(shape, device=device)
        self.values = torch.zeros(shape, device=device)
        self.positions = torch.zeros(copies, dtype=torch.long, device=device)

    def reset(self, copies: Any = slice(None)) -> None:
        """Forget everything in some copies (an index or mask); all without an argument."""
        self.positions[copies] = 0

    def repeat(self, times: int) -> Cache:
        """A cache in which every copy comes ``times`` times, one after the other; for planning."""
        other = object.__new__(Cache)
        other.keys = self.keys.repeat_interleave(times, dim=1)
        other.values = self.values.repeat_interleave(times, dim=1)
        other.positions = self.positions.repeat_interleave(times)
        return other

    def select(self, rows: Tensor) -> Cache:
        """A cache of these copies, in this order; for planning."""
        other = object.__new__(Cache)
        other.keys, other.values = self.keys[:, rows], self.values[:, rows]
        other.positions = self.positions[rows]
        return other


class Transformer(nn.Module):
    """See the module. ``forward`` is for whole sequences, ``step`` for one step of many copies."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        if config.observation_cells:
            self.observe: nn.Module = nn.Embedding(config.cells, width)
        else:
            self.observe = nn.Linear(config.observation_size, width)
        if config.continuous:
            self.act: nn.Module = nn.Linear(config.actions, width)
        else:
            self.act = nn.Embedding(config.actions + 1, width)
        self.earn = nn.Linear(1, width, bias=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.policy = nn.Linear(width, 2 * config.actions if config.continuous else config.actions)
        if config.dynamics:
            outcome = config.cells or config.observation_size
            self.imagine = nn.Sequential(
                nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1 + outcome)
            )
            if config.continuous:
                self.consider: nn.Module = nn.Linear(config.actions, width)
            else:
                self.consider = nn.Embedding(config.actions, width)
        half = width // config.heads // 2
        speeds = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
        self.register_buffer("speeds", speeds, persistent=False)
        self._masks: dict[int, Tensor] = {}
        self._turns: dict[int, Tensor] = {}
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02 if module is not self.policy else 0.002)

    def embed(self, steps: Steps) -> Tensor:
        """Tokens, shape ``(batch, time, width)``."""
        tokens: Tensor = self.observe(steps.observations) + self.act(steps.actions)
        return tokens + self.earn(steps.rewards[..., None])

    def forward(self, steps: Steps) -> Tensor:
        """What the transformer knows after each step, shape ``(batch, time, width)``."""
        x = self.embed(steps)
        time = x.shape[1]
        turns, mask = self._turns_of(time), self._mask_of(time)
        for block in self.blocks:
            x = block(x, turns, mask)
        known: Tensor = self.norm(x)
        return known

    @torch.no_grad()
    def step(self, steps: Steps, cache: Cache) -> Tensor:
        """The same for one step of every copy; ``steps`` has a time of 1, the cache goes on.

        Returns:
            shape ``(copies, width)``.
        """
        x = self.embed(steps)
        copies, context = x.shape[0], self.config.context
        rows = torch.arange(copies, device=x.device)
        slots = cache.positions % context
        angles = cache.positions.double()[:, None] * self._buffer("speeds")
        turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)[:, None, None]
        seen = torch.minimum(cache.positions + 1, torch.tensor(context, device=x.device))
        unseen = torch.arange(context, device=x.device) >= seen[:, None]
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            queries, keys, values = block.project(x, turns)
            cache.keys[layer, rows, :, slots] = keys[:, :, 0]
            cache.values[layer, rows, :, slots] = values[:, :, 0]
            weights = (queries @ cache.keys[layer].transpose(-1, -2)) / math.sqrt(queries.shape[-1])
            weights = weights.masked_fill(unseen[:, None, None], -math.inf)
            x = block.finish(x, torch.softmax(weights, dim=-1) @ cache.values[layer])
        cache.positions += 1
        known: Tensor = self.norm(x[:, 0])
        return known

    def new_cache(self, copies: int) -> Cache:
        """An empty cache."""
        return Cache(self.config, copies, self.policy.weight.device)

    def outcomes(self, known: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Reward and next observation of actions, where ``known`` is what ``forward`` gives.

        Args:
            known: shape ``(..., width)``.
            actions: long ``(...)`` or float ``(..., size)``.

        Returns:
            rewards ``(...)``; logits of cells ``(..., cells)``, or observations ``(..., size)``.
        """
        imagined = self.imagine(torch.cat([known, self.consider(actions)], dim=-1))
        return imagined[..., 0], imagined[..., 1:]

    def _buffer(self, name: str) -> Tensor:
        buffer = getattr(self, name)
        assert isinstance(buffer, Tensor)
        return buffer

    def _turns_of(self, time: int) -> Tensor:
        if time not in self._turns:
            speeds = self._buffer("speeds")
            angles = torch.arange(time, device=speeds.device).double()[:, None] * speeds
            turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)
            self._turns[time] = turns[:, None]
        return self._turns[time]

    def _mask_of(self, time: int) -> Tensor:
        """0 on the last ``context`` steps up to the present one, -inf elsewhere, ``(time, time)``."""
        if time not in self._masks:
            place = torch.arange(time, device=self.policy.weight.device)
            back = place[:, None] - place
            hidden = (back < 0) | (back >= self.config.context)
            self._masks[time] = torch.zeros_like(back, dtype=torch.float32).masked_fill(
                hidden, -math.inf
            )
        return self._masks[time]
