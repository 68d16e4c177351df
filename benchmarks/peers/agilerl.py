"""AgileRL's MADDPG on mpe2's simple_speaker_listener_v4 with discrete actions.

The loop is that of AgileRL's own ``train_multi_agent_off_policy``, without its evaluations, logs
and hyperparameter search. Networks, batch and updates per step are those of ours;
AgileRL's default networks would have one more hidden layer and layer norms.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from agilerl.algorithms import MADDPG
from agilerl.components.data import MultiAgentTransition, transition_to_tensordict
from agilerl.components.replay_buffer import ReplayBuffer
from agilerl.modules import EvolvableMLP, ModuleDict
from agilerl.vector import PzDummyVecEnv
from agilerl.vector.pz_async_vec_env import AsyncPettingZooVecEnv
from mpe2 import simple_speaker_listener_v4
from pettingzoo import ParallelEnv
from protocol import Case, require_rewards, serve


class Critic(EvolvableMLP):
    """Q(o, a) of the observations and actions of both agents."""

    def forward(self, observations: dict[str, torch.Tensor], actions: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.cat([*observations.values(), actions], dim=-1))


def make_env() -> ParallelEnv:
    return simple_speaker_listener_v4.parallel_env(continuous_actions=False)


def make_agent(num_envs: int, hidden_size: int, settings: dict[str, Any]) -> MADDPG:
    """MADDPG whose networks all have two hidden layers of one size, as ours have."""
    env = make_env()
    seen = {agent: env.observation_space(agent).shape[0] for agent in env.possible_agents}
    moves = {agent: int(env.action_space(agent).n) for agent in env.possible_agents}
    network = {"hidden_size": [hidden_size, hidden_size], "layer_norm": False}
    actors = {
        agent: EvolvableMLP(seen[agent], moves[agent], output_activation="GumbelSoftmax", **network)
        for agent in env.possible_agents
    }
    size = sum(seen.values()) + sum(moves.values())
    critics = {agent: Critic(size, 1, **network) for agent in env.possible_agents}
    return MADDPG(
        [env.observation_space(agent) for agent in env.possible_agents],
        [env.action_space(agent) for agent in env.possible_agents],
        agent_ids=env.possible_agents,
        vect_noise_dim=num_envs,
        actor_networks=ModuleDict(actors),
        critic_networks=ModuleDict(critics),
        **settings,
    )


def make_case(
    num_envs: int,
    threads: int,
    steps_per_update: int,
    replay_size: int,
    hidden_size: int,
    settings: dict[str, Any],
) -> Case:
    """One block is the least number of steps with whole updates; a unit is a step of one env.

    Args:
        num_envs: a single one steps in this process, more in as many processes, AgileRL's own way.
        threads: number of PyTorch threads.
        steps_per_update: environment steps for each update of all networks.
        replay_size: transitions in the replay, which is full from the beginning.
        hidden_size: size of both hidden layers of every network.
        settings: other arguments of `MADDPG`.
    """
    torch.set_num_threads(threads)
    envs = (
        PzDummyVecEnv(make_env()) if num_envs == 1 else AsyncPettingZooVecEnv([make_env] * num_envs)
    )
    agent = make_agent(num_envs, hidden_size, settings)
    agent.set_training_mode(True)
    memory = ReplayBuffer(replay_size)
    observations, infos = envs.reset()

    def step() -> tuple[Any, dict[str, Any]]:
        nonlocal observations, infos
        actions, raw_actions = agent.get_action(obs=observations, infos=infos)
        following, rewards, terminations, _, infos = envs.step(actions)
        transition = transition_to_tensordict(
            MultiAgentTransition(
                obs=observations,
                action=raw_actions,
                reward=rewards,
                next_obs=following,
                done=terminations,
            )
        )
        transition.batch_size = torch.Size([num_envs])
        memory.add(transition)
        observations = following
        return transition, rewards

    transition, rewards = step()
    while len(memory) < replay_size:
        memory.add(transition)
    rewards = [rewards["listener_0"].tolist() for _, rewards in (step() for _ in range(20))]
    require_rewards([reward for row in rewards for reward in row])
    num_steps = math.lcm(num_envs, steps_per_update) // num_envs

    def train() -> None:
        due = 0
        for _ in range(num_steps):
            step()
            due += num_envs
            while due >= steps_per_update:
                agent.learn(memory.sample(agent.batch_size))
                due -= steps_per_update

    return train, num_steps * num_envs


if __name__ == "__main__":
    serve(make_case, packages=("agilerl", "mpe2", "torch"))
