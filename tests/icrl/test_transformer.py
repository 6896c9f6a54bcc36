"""The cache is exact, for copies at different positions too; attention sees its window and no more."""

import numpy as np
import pytest
import torch

from eyas.errors import InputError
from eyas.icrl.transformer import Steps, Transformer, TransformerConfig

SMALL = {"layers": 3, "width": 32, "heads": 2, "feed_forward": 48}


def build(context=7, **changes):
    torch.manual_seed(0)
    options = {"observation_cells": (4, 5), **SMALL, "context": context, **changes}
    model = Transformer(TransformerConfig(**options)).eval()
    for block in model.blocks:  # so that attention is far from uniform
        block.queries_keys_values.weight.data *= 20.0
    return model


def steps_of(model, batch, time, seed=0):
    g, config = torch.Generator().manual_seed(seed), model.config
    if config.observation_cells:
        observations = torch.randint(config.cells, (batch, time), generator=g)
    else:
        observations = torch.randn((batch, time, config.observation_size), generator=g)
    if config.continuous:
        actions = torch.randn((batch, time, config.actions), generator=g)
    else:
        actions = torch.randint(config.actions + 1, (batch, time), generator=g)
    return Steps(observations, actions, torch.rand((batch, time), generator=g))


def part(steps, rows, times):
    return Steps(
        steps.observations[rows, times], steps.actions[rows, times], steps.rewards[rows, times]
    )


@pytest.mark.parametrize(
    "changes", [{}, {"observation_cells": (), "observation_size": 3, "continuous": True}]
)
def test_cached_equals_uncached(changes):
    model = build(**changes)
    steps = steps_of(model, 3, 40)
    with torch.no_grad():
        whole = model(steps)
    cache = model.new_cache(3)
    for t in range(40):
        known = model.step(part(steps, slice(None), slice(t, t + 1)), cache)
        torch.testing.assert_close(known, whole[:, t], atol=1e-5, rtol=1e-5)


def test_cached_equals_uncached_with_staggered_resets():
    model = build()
    copies, time = 5, 60
    steps = steps_of(model, copies, time)
    rng = np.random.default_rng(0)
    resets = rng.random((time, copies)) < 0.08
    cache = model.new_cache(copies)
    began = np.zeros(copies, dtype=int)
    for t in range(time):
        cache.reset(torch.from_numpy(resets[t]))
        began[resets[t]] = t
        known = model.step(part(steps, slice(None), slice(t, t + 1)), cache)
        for copy in range(copies):
            own = part(steps, slice(copy, copy + 1), slice(int(began[copy]), t + 1))
            with torch.no_grad():
                torch.testing.assert_close(known[copy], model(own)[0, -1], atol=1e-5, rtol=1e-5)
    assert resets.sum() > 10


def test_attention_looks_back_over_its_window_per_layer():
    """Through 3 layers of context 7 a step can matter for 3 * 6 steps, and not one more."""
    model = build()
    steps = steps_of(model, 1, 40)
    other = Steps(steps.observations.clone(), steps.actions, steps.rewards)
    other.observations[0, 10] = (other.observations[0, 10] + 1) % 20
    with torch.no_grad():
        changed = (model(steps) != model(other)).any(dim=-1)[0].numpy()
    assert changed[10:17].all() and not changed[:10].any() and not changed[29:].any()


def test_repeat_and_select():
    model = build()
    steps = steps_of(model, 4, 12)
    cache = model.new_cache(4)
    for t in range(10):
        model.step(part(steps, slice(None), slice(t, t + 1)), cache)
    twice = cache.repeat(2)
    again = twice.select(torch.tensor([0, 2, 4, 6]))
    now = part(steps, slice(None), slice(10, 11))
    known = model.step(now, again)
    torch.testing.assert_close(known, model.step(now, cache))
    assert (twice.positions == 10).all() and (cache.positions == 11).all()  # copies are copies


def test_parameters_of_the_default():
    model = Transformer(TransformerConfig(observation_cells=(9, 9)))
    assert 200_000 < sum(p.numel() for p in model.parameters()) < 206_000


def test_outcomes():
    model = build(dynamics=True)
    rewards, cells = model.outcomes(torch.zeros(2, 5, 32), torch.zeros(2, 5, dtype=torch.long))
    assert rewards.shape == (2, 5) and cells.shape == (2, 5, 20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "width = 32 must be an even multiple of heads = 3"),
        ({"observation_size": 2}, "either of whole numbers"),
        ({"context": 0}, "context"),
    ],
)
def test_shapes_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        build(**changes)
