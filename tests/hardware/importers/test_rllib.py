import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.algorithms.sac.torch.default_sac_torch_rl_module import DefaultSACTorchRLModule
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.utils.spaces.space_utils import unsquash_action
from torch import nn

from eyas.errors import InputError
from eyas.hardware.importers.rllib import from_rllib

SIZE = 5
SMALL = {"fcnet_hiddens": [7, 6]}
OBSERVATION = gym.spaces.Box(-np.inf, np.inf, (SIZE,), np.float32)
ACTION = gym.spaces.Box(np.array([-2.0, -3.0], np.float32), np.array([1.0, 0.75], np.float32))
BOUNDS = {"rate_hz": 20, "low": ACTION.low, "high": ACTION.high}


def build(
    module_class=DefaultPPOTorchRLModule, *, observation=OBSERVATION, action=ACTION, extra=(), **config
):
    config = vars(DefaultModelConfig(**(SMALL | config))) | dict(extra)
    module = RLModuleSpec(
        module_class=module_class,
        observation_space=observation,
        action_space=action,
        model_config=config,
    ).build()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.7 * torch.randn_like(parameter))
    return module


def add_batch(state, count):
    if isinstance(state, dict):
        return {key: add_batch(value, count) for key, value in state.items()}
    return torch.as_tensor(state)[None].repeat(count, *[1] * state.ndim)


def deterministic(module, sequence, stretch=True):
    """What RLlib's own connectors make of the module's outputs without exploration."""
    state = add_batch(module.get_initial_state(), sequence.shape[1])
    actions = []
    for observations in sequence:
        batch = {Columns.OBS: torch.as_tensor(observations)}
        if module.is_stateful():  # it reads (batch, time, size)
            batch = {Columns.OBS: batch[Columns.OBS][:, None], Columns.STATE_IN: state}
        with torch.no_grad():
            out = module.forward_inference(batch)
        state = out.get(Columns.STATE_OUT)
        means = module.get_inference_action_dist_cls().from_logits(out[Columns.ACTION_DIST_INPUTS])
        means = means.to_deterministic().sample().numpy().reshape(len(observations), -1)
        if stretch:
            actions.append(np.stack([unsquash_action(mean, ACTION) for mean in means]))
        else:
            actions.append(np.clip(means, ACTION.low, ACTION.high))
    return np.stack(actions)


CONFIGS = {
    "bound deviation": {"vf_share_layers": False},
    "shared encoder": {"vf_share_layers": True},
    "free deviation": {"free_log_std": True, "vf_share_layers": False},
    "relu": {"fcnet_activation": "relu"},
    "head": {"head_fcnet_hiddens": [4], "head_fcnet_activation": "silu"},
    "lstm": {"use_lstm": True, "lstm_cell_size": 4, "max_seq_len": 5},
    "lstm, separate": {
        "use_lstm": True,
        "lstm_cell_size": 4,
        "max_seq_len": 5,
        "vf_share_layers": False,
    },
}


@pytest.mark.parametrize("stretch", [True, False])
@pytest.mark.parametrize("name", CONFIGS)
def test_actions_equal_inference(name, stretch, fly):
    module = build(**CONFIGS[name])
    network = from_rllib(module, normalize_actions=stretch, **BOUNDS)
    sequence = np.random.default_rng(1).standard_normal((6, 40, SIZE)).astype(np.float32)
    expected = deterministic(module, sequence, stretch)
    assert (np.ptp(expected, axis=(0, 1)) > 0.1).all()
    np.testing.assert_allclose(fly(network, sequence), expected, rtol=0, atol=2e-6)
    assert network.memory_size == (8 if "lstm" in name else 0)
    assert network.metadata["origin"]["module"] == "DefaultPPOTorchRLModule"


def test_activation_after_the_head(fly):
    module = build()
    module.pi.net.mlp.append(nn.Tanh())
    sequence = np.random.default_rng(3).standard_normal((2, 40, SIZE)).astype(np.float32)
    network = from_rllib(module, **BOUNDS)
    assert [layer.outputs for layer in network.layers[-3:]] == [2, 2, 2]
    np.testing.assert_allclose(
        fly(network, sequence), deterministic(module, sequence), rtol=0, atol=2e-6
    )


def test_mean_and_deviation_of_a_filter(fly):
    module = build()
    mean, std = np.array([1.0, -2, 0, 3, 0]), np.array([0.5, 2, 1, 1, 4])
    network = from_rllib(module, input_mean=mean, input_std=std, input_clip=1.0, **BOUNDS)
    sequence = (4 * np.random.default_rng(2).standard_normal((1, 50, SIZE))).astype(np.float32)
    expected = deterministic(module, np.clip((sequence - mean) / std, -1, 1).astype(np.float32))
    np.testing.assert_allclose(fly(network, sequence), expected, rtol=0, atol=2e-6)


class OwnModule(DefaultPPOTorchRLModule):
    pass


def with_part(name, part):
    module = build()
    setattr(module.encoder.encoder if name == "net" else module, name, part)
    return module


def with_norm():
    module = build()
    module.pi.net.mlp.append(nn.LayerNorm(4))
    return module


IMAGE = gym.spaces.Box(0, 1, (84, 84, 3), np.float32)
REFUSED = {
    "discrete": (lambda: build(action=gym.spaces.Discrete(3)), r"action space Discrete\(3\) cannot"),
    "image": (
        lambda: build(observation=IMAGE, conv_filters=[[4, 8, 8]], fcnet_hiddens=[4]),
        r"^encoder\.encoder \(TorchCNNEncoder\) cannot be exported; known: TorchMLPEncoder",
    ),
    "subclass": (lambda: build(OwnModule), r"^module \(OwnModule\) cannot be exported"),
    "sac": (
        lambda: build(DefaultSACTorchRLModule, extra={"twin_q": False}),
        r"^module \(DefaultSACTorchRLModule\) cannot be exported",
    ),
    "torch": (lambda: nn.Linear(5, 2), r"^module \(Linear\) cannot be exported"),
    "activation": (
        lambda: build(fcnet_activation=nn.GELU),
        r"^encoder\.encoder\.net\.mlp\.1 \(GELU\) cannot be exported",
    ),
    "pi": (lambda: with_part("pi", nn.Linear(6, 4)), r"^pi \(Linear\) cannot be exported"),
    "encoder": (
        lambda: with_part("encoder", nn.Linear(6, 4)),
        r"^encoder \(Linear\) cannot be exported",
    ),
    "norm": (with_norm, r"^pi cannot be exported; its last layer with weights must be a Linear"),
    "net": (
        lambda: with_part("net", nn.Linear(5, 6)),
        r"^encoder\.encoder\.net \(Linear\) cannot be exported",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_part(name):
    make, sentence = REFUSED[name]
    with pytest.raises(InputError, match=sentence):
        from_rllib(make(), **BOUNDS)
