import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, MlpExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from stable_baselines3.td3.policies import Actor as TD3Actor
from torch import nn

from eyas.errors import InputError
from eyas.hardware.code.generate import generate
from eyas.hardware.host.compiled import CompiledPolicy
from eyas.hardware.host.compilers import find_compilers
from eyas.hardware.importers.stable_baselines3 import from_stable_baselines3
from eyas.hardware.network import LARGEST_LIMIT
from eyas.hardware.network_file import load_network_file, save_network


class Drift(gym.Env):
    """A point that is pushed about; parts of very different size, several dimensions if asked for."""

    scales = np.array([0.1, 1.0, 300.0, 20.0, 1.0, 5.0])

    def __init__(self, shape=(6,), low=(-2.0, 0.5), high=(1.0, 0.75), action_space=None, space=None):
        self.observation_space = space or gym.spaces.Box(-np.inf, np.inf, shape, np.float32)
        box = gym.spaces.Box(np.array(low, np.float32), np.array(high, np.float32))
        self.action_space = action_space or box

    def _observe(self):
        x = 3.0 + self.scales * self.np_random.standard_normal(6)
        return x.astype(np.float32).reshape(self.observation_space.shape)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._observe(), {}

    def step(self, action):
        self.steps += 1
        return self._observe(), -float(np.square(action).sum()), False, self.steps >= 20, {}


def on_policy(**arguments):
    return {"n_steps": 32, "policy_kwargs": {"net_arch": [8, 7]}} | arguments


def off_policy(**arguments):
    return {
        "learning_starts": 50,
        "buffer_size": 1000,
        "policy_kwargs": {"net_arch": [8, 7]},
    } | arguments


SDE = {"use_sde": True, "policy_kwargs": {"net_arch": [8], "squash_output": True}}
MODELS = {
    "PPO": (PPO, on_policy(batch_size=32, n_epochs=2), {}),
    "PPO, elu": (
        PPO,
        {"n_steps": 32, "batch_size": 32, "policy_kwargs": {"activation_fn": nn.ELU}},
        {},
    ),
    "PPO, linear": (PPO, {"n_steps": 32, "batch_size": 32, "policy_kwargs": {"net_arch": []}}, {}),
    "PPO, gSDE squashed": (PPO, {"n_steps": 32, "batch_size": 32} | SDE, {}),
    "PPO, two dimensions": (PPO, on_policy(batch_size=32), {"shape": (2, 3)}),
    "A2C": (A2C, on_policy(), {}),
    "SAC": (SAC, off_policy(), {}),
    "SAC, gSDE": (SAC, off_policy(use_sde=True, policy_kwargs={"net_arch": [8], "clip_mean": 0.0}), {}),
    "TD3": (TD3, off_policy(), {}),
    "DDPG": (DDPG, off_policy(), {"shape": (3, 2)}),
}
STEPS = 300


def trained(name, normalized=True):
    algorithm, arguments, world = MODELS[name]
    torch.set_num_threads(1)
    env = DummyVecEnv([lambda: Drift(**world)])
    if normalized:
        env = VecNormalize(env, clip_obs=3.0)
    model = algorithm("MlpPolicy", env, seed=1, device="cpu", **arguments)
    model.learn(STEPS)
    use_whole_range(
        model, env.normalize_obs(observations_of(model)) if normalized else observations_of(model)
    )
    return model, env


def use_whole_range(model, observations):
    """Stretch the last layer: after a moment of training actions hardly differ or are all at a bound."""
    policy = model.policy
    last = policy.action_net if hasattr(policy, "action_net") else policy.actor.mu
    last = last[-2] if isinstance(last, nn.Sequential) else last
    seen = []
    handle = last.register_forward_hook(lambda module, args, output: seen.append(output))
    model.predict(observations, deterministic=True)
    handle.remove()
    low, high = (torch.as_tensor(bound) for bound in (model.action_space.low, model.action_space.high))
    squashed = policy.squash_output
    middle, half = (0.0, 1.0) if squashed else ((low + high) / 2, (high - low) / 2)
    with torch.no_grad():
        factor = half / seen[0].std(0)
        last.weight.mul_(factor[:, None])
        last.bias.copy_(middle + (last.bias - seen[0].mean(0)) * factor)


def observations_of(model):
    """1,000 of them: as in training, up to 100 times as far out, and on zero."""
    generator = np.random.default_rng(2)
    far = np.where(np.arange(1000) % 2, 1.0, 10.0 ** generator.uniform(0, 2, 1000))[:, None]
    x = 3.0 + far * Drift.scales * generator.standard_normal((1000, 6))
    x[0] = 0
    return x.astype(np.float32).reshape(1000, *model.observation_space.shape)


@pytest.mark.parametrize("name", MODELS)
def test_actions_equal_predict(name, fly, tmp_path):
    model, env = trained(name)
    network = from_stable_baselines3(model, env, rate_hz=50, metadata={"task": "drift"})
    observations = observations_of(model)
    normalized = env.normalize_obs(observations)
    assert (np.abs(normalized) == 3).mean() > 0.2  # many are clipped
    expected = model.predict(normalized, deterministic=True)[0]
    low, high = model.action_space.low, model.action_space.high
    assert (np.ptp(expected, axis=0) > 0.1 * (high - low)).all()
    if not model.policy.squash_output:
        assert ((expected == low) | (expected == high)).mean() > 0.1
    found = fly(network, observations.reshape(1, 1000, 6))[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)

    assert network.metadata["task"] == "drift" and network.rate_hz == 50
    origin = network.metadata["origin"]
    assert origin["algorithm"] == name.split(",")[0] and origin["steps"] >= STEPS
    save_network(tmp_path / "n.safetensors", network)
    again = load_network_file(tmp_path / "n.safetensors")
    assert np.array_equal(fly(again, observations.reshape(1, 1000, 6))[0], found)


@pytest.mark.parametrize("name", ["PPO", "A2C", "SAC", "TD3", "PPO, gSDE squashed"])
def test_exported_c_equals_predict(name):
    if not find_compilers():
        pytest.skip("no C compiler here")
    model, env = trained(name)
    network = from_stable_baselines3(model, env, rate_hz=50)
    compiled = CompiledPolicy(generate(network, "policy", "float32"))
    observations = observations_of(model)
    expected = model.predict(env.normalize_obs(observations), deterministic=True)[0]
    found, _, status = compiled.evaluate(observations, compiled.initial_state(1000))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert len(set(status)) == 2  # some were clipped
    assert compiled.selftest() == 0


def test_loaded_model_and_statistics(fly, tmp_path):
    model, env = trained("PPO")
    model.save(tmp_path / "model.zip")
    env.save(str(tmp_path / "statistics.pkl"))
    loaded = PPO.load(tmp_path / "model.zip", device="cpu")
    statistics = VecNormalize.load(str(tmp_path / "statistics.pkl"), DummyVecEnv([Drift]))
    network = from_stable_baselines3(loaded, statistics, rate_hz=50)
    x = observations_of(model)
    expected = model.predict(env.normalize_obs(x), deterministic=True)[0]
    np.testing.assert_allclose(fly(network, x[None])[0], expected, rtol=0, atol=1e-5)


def test_without_normalization(fly):
    model, _ = trained("PPO", normalized=False)
    network = from_stable_baselines3(model, rate_hz=50)
    assert (network.input.limit == LARGEST_LIMIT).all() and not network.input.center.any()
    x = observations_of(model)
    expected = model.predict(x, deterministic=True)[0]
    np.testing.assert_allclose(fly(network, x[None])[0], expected, rtol=0, atol=1e-5)


def test_normalization_of_rewards_alone():
    model, env = trained("PPO")
    env.norm_obs = False
    assert not from_stable_baselines3(model, env, rate_hz=50).input.center.any()
    assert not from_stable_baselines3(model, rate_hz=50).input.center.any()


def test_forgotten_normalization_is_refused():
    model, _ = trained("PPO")
    with pytest.raises(InputError, match="trained with VecNormalize: give it"):
        from_stable_baselines3(model, rate_hz=50)


class Extractor(BaseFeaturesExtractor):
    def __init__(self, space):
        super().__init__(space, 6)

    def forward(self, x):
        return 2 * x


class OwnPolicy(PPO.policy_aliases["MlpPolicy"]):
    pass


def fresh(
    algorithm=PPO, policy="MlpPolicy", *, buffer=False, policy_kwargs=None, use_sde=False, **world
):
    arguments = {"buffer_size": 10} if buffer else {}
    if use_sde:
        arguments["use_sde"] = True
    env = DummyVecEnv([lambda: Drift(**world)])
    return algorithm(policy, env, device="cpu", policy_kwargs=policy_kwargs, **arguments)


def deep_nan():
    model = fresh()
    with torch.no_grad():
        model.policy.mlp_extractor.policy_net[2].weight[0, 1] = float("nan")
    return model


def unbounded():
    model = fresh()  # which refuses such a space itself; an older model may have one
    model.action_space = gym.spaces.Box(-1.0, np.inf, (2,), np.float32)
    return model


def other_latent():
    model = fresh(SAC, buffer=True)
    model.policy.actor.latent_pi = nn.Sequential(nn.Linear(6, 256), nn.Hardswish())
    return model


class OwnExtractor(MlpExtractor):
    pass


class OwnActor(TD3Actor):
    pass


def with_part(model, name, kind):
    getattr(model.policy, name).__class__ = kind
    return model


IMAGE = gym.spaces.Box(0, 255, (36, 36, 3), np.uint8)
PARTS = gym.spaces.Dict({"a": gym.spaces.Box(-1, 1, (6,), np.float32)})
REFUSED = {
    "discrete": (
        lambda: fresh(action_space=gym.spaces.Discrete(3)),
        r"action space Discrete\(3\) cannot",
    ),
    "unbounded": (
        unbounded,
        "unbounded: an exported action needs finite bounds",
    ),
    "cnn": (lambda: fresh(policy="CnnPolicy", space=IMAGE), "observation space Box.* is an image"),
    "cnn of td3": (lambda: fresh(TD3, "CnnPolicy", buffer=True, space=IMAGE), "is an image"),
    "image": (lambda: fresh(space=IMAGE), "is an image"),
    "unscaled cnn": (
        lambda: fresh(
            policy="CnnPolicy",
            space=gym.spaces.Box(0, 1, (3, 36, 36), np.float32),
            policy_kwargs={
                "normalize_images": False,
                "features_extractor_kwargs": {"normalized_image": True},
            },
        ),
        r"^policy \(ActorCriticCnnPolicy\) cannot be exported",
    ),
    "dict": (
        lambda: fresh(policy="MultiInputPolicy", space=PARTS),
        "observation space Dict.* expected a Box",
    ),
    "one-hot": (lambda: fresh(space=gym.spaces.Discrete(6)), r"observation space Discrete\(6\) cannot"),
    "dqn": (
        lambda: fresh(DQN, buffer=True, action_space=gym.spaces.Discrete(3)),
        r"action space Discrete\(3\) cannot",
    ),
    "clip mean": (
        lambda: fresh(SAC, buffer=True, use_sde=True),
        r"^policy\.actor\.mu\.1 \(Hardtanh\) cannot be exported",
    ),
    "extractor": (
        lambda: fresh(policy_kwargs={"features_extractor_class": Extractor}),
        r"^policy\.pi_features_extractor \(Extractor\) cannot be exported",
    ),
    "policy": (lambda: fresh(policy=OwnPolicy), r"^policy \(OwnPolicy\) cannot be exported"),
    "activation": (
        lambda: fresh(policy_kwargs={"activation_fn": nn.LeakyReLU}),
        r"^policy\.mlp_extractor\.policy_net\.1 \(LeakyReLU\) cannot be exported",
    ),
    "nan": (deep_nan, r"^policy\.mlp_extractor\.policy_net\.2 \(Linear\): weight at \[0, 1\] = nan"),
    "mlp": (
        lambda: with_part(fresh(), "mlp_extractor", OwnExtractor),
        r"^policy\.mlp_extractor \(OwnExtractor\) cannot be exported",
    ),
    "actor": (
        lambda: with_part(fresh(TD3, buffer=True), "actor", OwnActor),
        r"^policy\.actor \(OwnActor\) cannot be exported",
    ),
    "actor of sac": (
        lambda: with_part(fresh(SAC, buffer=True), "actor", nn.Identity),
        r"^policy\.actor \(Identity\) cannot be exported",
    ),
    "latent": (other_latent, r"^policy\.actor\.latent_pi\.1 \(Hardswish\) cannot be exported"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_part(name):
    make, sentence = REFUSED[name]
    with pytest.raises(InputError, match=sentence):
        from_stable_baselines3(make(), rate_hz=50)


def test_wrong_statistics_are_refused():
    model = fresh()
    other = VecNormalize(DummyVecEnv([lambda: Drift(shape=(2, 3))]))
    with pytest.raises(InputError, match=r"of shape \(2, 3\), the policy reads shape \(6,\)"):
        from_stable_baselines3(model, other, rate_hz=50)
    with pytest.raises(InputError, match="is a DummyVecEnv, expected a VecNormalize"):
        from_stable_baselines3(model, DummyVecEnv([Drift]), rate_hz=50)
    same = VecNormalize(DummyVecEnv([Drift]), clip_obs=0.0)
    with pytest.raises(InputError, match=r"clip_obs = 0\.0 must be above 0"):
        from_stable_baselines3(model, same, rate_hz=50)
