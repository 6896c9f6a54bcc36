"""The scripts of docs/hardware_importers.md run as they stand."""

import re
from pathlib import Path

import gymnasium as gym
import pytest
import torch
from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from eyas.hardware.importers.files import load_network

PAGE = Path(__file__).parents[3] / "docs" / "hardware_importers.md"
SCRIPTS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_there_are_scripts():
    assert [re.findall(r'save_network\("(\w+)', script) for script in SCRIPTS] == [
        ["torch"],
        ["recurrent"],
        ["ppo"],
        ["rllib"],
    ]


@pytest.mark.parametrize("script", SCRIPTS, ids=["torch", "recurrent", "ppo", "rllib"])
def test_script_writes_a_network(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    if "PPO.load" in script:
        env = VecNormalize(make_vec_env("Pendulum-v1"))
        PPO("MlpPolicy", env, n_steps=16, batch_size=16, device="cpu").save("ppo.zip")
        env.save("vec_normalize.pkl")
    if "rllib" in script:
        RLModuleSpec(
            module_class=DefaultPPOTorchRLModule,
            observation_space=gym.spaces.Box(-1, 1, (3,)),
            action_space=gym.spaces.Box(-2, 2, (1,)),
            model_config=DefaultModelConfig(fcnet_hiddens=[8]),
        ).build().save_to_path(tmp_path / "module_checkpoint")
    exec(compile(script, PAGE.name, "exec"), {"__name__": "script"})
    (path,) = tmp_path.glob("*.safetensors")
    network = load_network(path)
    assert network.rate_hz in (20, 100) and network.action_size in (1, 4)
