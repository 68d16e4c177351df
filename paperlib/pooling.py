"""What several episodes tell of an agent: means of the embeddings of single ones."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def average_episodes(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    num_averages: int,
    generator: torch.Generator,
) -> Float[Tensor, "agent average embedding"]:
    """Means of the embeddings of several episodes of one agent: what is known of it after them.

    Args:
        embeddings: of single episodes.
        agents: whose they are.
        num_episodes: how many different episodes one mean is taken over.
        num_averages: how many means of each agent; each draws its episodes anew.

    Returns:
        Rows for agents in ascending order of their ids.

    Raises:
        ValueError: if an agent has fewer than ``num_episodes``.
    """
    result = []
    for agent in agents.unique().tolist():
        own = embeddings[agents == agent]
        if len(own) < num_episodes:
            raise ValueError(f"agent {agent} has {len(own)} episodes, num_episodes={num_episodes}")
        noise = torch.rand(num_averages, len(own), generator=generator, device=generator.device)
        chosen = noise.argsort(dim=-1)[:, :num_episodes].to(own.device)
        result.append(own[chosen].mean(1))
    return torch.stack(result)


def disjoint_averages(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "average embedding"], Int[Tensor, " average"]]:
    """Means over disjoint groups of ``num_episodes`` random episodes of one agent, and whose each
    is. Independent given the agent, unlike `average_episodes`: what a metric needs.

    Raises:
        ValueError: if an agent has fewer than two groups.
    """
    means, owners = [], []
    for agent in agents.unique().tolist():
        own = embeddings[agents == agent]
        count = len(own) // num_episodes
        if count < 2:
            raise ValueError(
                f"agent {agent} has {len(own)} episodes; two groups of num_episodes={num_episodes} "
                f"take {2 * num_episodes}"
            )
        order = torch.randperm(len(own), generator=generator, device=generator.device).to(
            own.device
        )
        means.append(own[order[: count * num_episodes]].unflatten(0, (count, -1)).mean(1))
        owners.append(agents.new_full((count,), agent))
    return torch.cat(means), torch.cat(owners)


def average_others(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    generator: torch.Generator,
) -> Float[Tensor, "episode embedding"]:
    """For every episode, the mean of the embeddings of random *other* episodes of its agent: what
    was known of the agent without that episode.

    Args:
        embeddings: of single episodes.
        agents: whose they are.
        num_episodes: how many different ones a mean is taken over; all others of an agent that has
            no more.

    Raises:
        ValueError: if an agent has a single episode.
    """
    result = torch.empty_like(embeddings)
    for agent in agents.unique().tolist():
        rows = (agents == agent).nonzero()[:, 0]
        if len(rows) < 2:
            raise ValueError(f"agent {agent} has a single episode; there is no other one")
        noise = torch.rand(len(rows), len(rows), generator=generator, device=generator.device)
        order = noise.fill_diagonal_(2.0).argsort(dim=-1)  # the episode itself comes last
        chosen = order[:, : min(num_episodes, len(rows) - 1)].to(rows.device)
        result[rows] = embeddings[rows[chosen]].mean(1)
    return result
