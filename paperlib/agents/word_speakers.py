"""Speakers that send one word per episode: tables of their returns, and exact training on these.

A speaker of ParticleWorld sees the target's colour, which does not change, and perhaps a context c
that describes its listener. If it sends one message, a word w of the 2^M, throughout an episode,
everything about a listener l that matters to it is the table R[l, target, w] of mean returns. The
expected return of a speaker π is then a sum without sampling noise,

    J(π) = mean over l, target and c of Σ_w π(w | target, c) R[l, target, w].
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib import _checks, streams
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Policies, against_each, play
from paperlib.environments.particleworld import (
    COLOURS,
    NUM_LANDMARKS,
    SPEAKER_SIZE,
    ParticleWorld,
    listener_size,
)

MAX_MESSAGE_SIZE = 8  # 256 words
SURE = 30.0  # logit of a bit that is sent with certainty


def words(message_size: int) -> Int[Tensor, "word bit"]:
    """The bits of all 2^M words; bit k of word w is the k-th binary digit of w, lowest first.

    Raises:
        ValueError: if there are too many words for a table.
    """
    message_size = _checks.integer("message_size", message_size, minimum=1)
    if message_size > MAX_MESSAGE_SIZE:
        raise ValueError(
            f"message_size must be at most {MAX_MESSAGE_SIZE} to try all messages, got "
            f"{message_size}"
        )
    return (torch.arange(2**message_size)[:, None] >> torch.arange(message_size)) & 1


def word_numbers(bits: Float[Tensor, "*batch bit"]) -> Int[Tensor, "*batch"]:
    """w, the number of each word; bits above 0.5 count as ones. The inverse of `words`."""
    return ((bits > 0.5).long() << torch.arange(bits.shape[-1], device=bits.device)).sum(-1)


def word_returns(
    listeners: StackedMLP,
    *,
    num_episodes: int,
    generator: torch.Generator,
    dynamics: str = "mpe2",
) -> Float[Tensor, "2 listener target word"]:
    """Two tables R of mean returns from independent episodes: choose on one, evaluate on the other.

    Args:
        listeners: a stack of L networks, for messages of at most 8 bits.
        num_episodes: episodes of each word with each listener; about a sixth per target and table.
        generator: draws the episodes.
        dynamics: dynamics of the world.

    Raises:
        ValueError: if there are too many words, or a target came up in no episode of a table.
    """
    message_size = listeners.sizes[0] - listener_size(0)
    bits = words(message_size).to(generator.device)
    num_listeners = listeners.num_networks
    world = ParticleWorld(
        (len(bits), num_listeners * num_episodes),
        generator=generator,
        message_size=message_size,
        dynamics=dynamics,
    )
    logits = SURE * (2 * bits - 1.0)
    episodes = play(
        lambda colour: logits[:, None].expand(-1, colour.shape[1], -1),
        against_each(listeners),
        world,
    )
    returns = episodes.rewards.sum(-1).unflatten(1, (num_listeners, num_episodes))
    target = episodes.colour.argmax(-1).unflatten(1, (num_listeners, num_episodes))
    half = torch.arange(num_episodes, device=returns.device) % 2
    tables = []
    for part in (0, 1):
        chosen = (target.unsqueeze(-1) == torch.arange(NUM_LANDMARKS, device=returns.device)) & (
            half == part
        ).unsqueeze(-1)  # (W, L, N, 3)
        if not chosen.any(2).all():
            raise ValueError(
                f"num_episodes: {num_episodes} of each word are too few to meet every target"
            )
        tables.append((returns.unsqueeze(-1) * chosen).sum(2) / chosen.sum(2))
    return torch.stack(tables).permute(0, 2, 3, 1)


def best_constant_returns(tables: Float[Tensor, "2 listener target word"]) -> Tensor:
    """Mean return with each listener of the best word for each target, (L,): the oracle. Words are
    chosen on the first table and evaluated on the second."""
    best = tables[0].argmax(-1, keepdim=True)
    return tables[1].gather(-1, best)[..., 0].mean(-1)


def best_code_returns(tables: Float[Tensor, "2 listener target word"]) -> Tensor:
    """Mean return with each listener, (L,), of the best code for all of them: one word for each
    target, chosen on the first table and evaluated on the second."""
    best = tables[0].mean(0).argmax(-1)  # (3,): targets are chosen independently
    return tables[1][:, torch.arange(NUM_LANDMARKS), best].mean(-1)


def _inputs(
    contexts: Float[Tensor, "speaker listener context size"],
) -> Float[Tensor, "speaker inputs in"]:
    """All combinations of a listener's contexts and a target, listeners first, targets last."""
    colours = COLOURS.to(contexts).expand(*contexts.shape[:3], -1, -1)  # (K, L, P, 3, 3)
    given = contexts.unsqueeze(3).expand(-1, -1, -1, NUM_LANDMARKS, -1)
    return torch.cat([colours, given], dim=-1).flatten(1, 3)


def expected_returns(
    speakers: StackedMLP,
    contexts: Float[Tensor, "speaker listener context size"],
    returns: Float[Tensor, "listener target word"],
) -> Float[Tensor, "speaker listener"]:
    """J of each speaker with each listener, averaged over its contexts and targets.

    Args:
        speakers: a stack of K networks, from 3 + C inputs to logits of the W words.
        contexts: given to the speakers, (K, L, P, C); C may be 0.
        returns: R, the same for all speakers.

    Raises:
        ValueError: if the sizes do not fit.
    """
    sizes = SPEAKER_SIZE + contexts.shape[-1], returns.shape[-1]
    found = speakers.sizes[0], speakers.sizes[-1]
    _check_listeners(contexts, returns)
    if sizes != found:
        raise ValueError(
            f"speakers with {found[0]} inputs and {found[1]} words do not fit contexts "
            f"{tuple(contexts.shape)} and returns {tuple(returns.shape)}"
        )
    return _expected(speakers(_inputs(contexts)).softmax(-1), returns)


def _check_listeners(contexts: Tensor, returns: Tensor) -> None:
    if contexts.shape[1] != len(returns):
        raise ValueError(
            f"returns must be of the {contexts.shape[1]} listeners of contexts, got {len(returns)}"
        )


def _expected(
    probabilities: Float[Tensor, "speaker inputs word"],
    returns: Float[Tensor, "listener target word"],
) -> Float[Tensor, "speaker listener"]:
    shape = len(returns), -1, NUM_LANDMARKS
    probabilities = probabilities.unflatten(1, shape)  # (K, L, P, 3, W)
    # J = Σ_w π(w | target, c) R[l, target, w]
    return (probabilities * returns.unsqueeze(1)).sum(-1).mean((2, 3))


def train_speakers(
    contexts: Float[Tensor, "speaker listener context size"],
    returns: Float[Tensor, "listener target word"],
    *,
    generators: list[torch.Generator],
    num_updates: int = 300,
    learning_rate: float = 1e-2,
    hidden_size: int = 128,
    entropy_weight: float = 4.0,
    contexts_per_update: int = 0,
) -> tuple[StackedMLP, Float[Tensor, "update speaker"]]:
    """Trains speakers for the highest mean `expected_returns`, by Adam on all listeners at once.

    The objective is J + τ H, where H is the entropy of the words (nats) and τ falls linearly from
    ``entropy_weight`` to zero: J alone has plateaus where a speaker is certain of a wrong word.

    Args:
        contexts: given to each of K speakers with each of L listeners, (K, L, P, C).
        returns: the table R of these listeners.
        generators: one for each speaker; draws its weights.
        num_updates: number of Adam updates.
        learning_rate: Adam's learning rate; decays to zero by a cosine schedule.
        hidden_size: size of both hidden layers.
        entropy_weight: τ at the start, in units of the return.
        contexts_per_update: number of each listener's P contexts that an update draws; 0 takes all
            of them.

    Returns:
        A stack of K speakers, and J averaged over listeners before each update.

    Raises:
        ValueError: if a number is out of range or sizes do not fit.
    """
    num_updates = _checks.integer("num_updates", num_updates, minimum=1)
    hidden_size = _checks.integer("hidden_size", hidden_size, minimum=1)
    _checks.integer("contexts_per_update", contexts_per_update, minimum=0)
    _checks.positive("learning_rate", learning_rate)
    if entropy_weight:
        _checks.positive("entropy_weight", entropy_weight)
    _check_listeners(contexts, returns)
    if len(generators) != len(contexts):
        raise ValueError(f"generators: got {len(generators)} for {len(contexts)} speakers")
    num_listeners, num_contexts = contexts.shape[1:3]
    inputs = _inputs(contexts)
    sizes = SPEAKER_SIZE + contexts.shape[-1], hidden_size, hidden_size, returns.shape[-1]
    speakers = StackedMLP(sizes, generators=generators).to(contexts.device)
    optimiser = torch.optim.Adam(speakers.parameters(), learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_updates)
    curve = []
    for update in range(num_updates):
        if 0 < contexts_per_update < num_contexts:
            shape = num_listeners, contexts_per_update
            chosen = [torch.randint(num_contexts, shape, generator=g) for g in generators]
            index = torch.stack(chosen)[..., None].to(contexts.device)  # (K, L, p, 1)
            inputs = _inputs(contexts.take_along_dim(index, dim=2))
        log_probs = speakers(inputs).log_softmax(-1)
        found = _expected(log_probs.exp(), returns).mean(1)  # J, (K,)
        entropy = -(log_probs.exp() * log_probs).sum(-1).mean(1)  # H, (K,)
        weight = entropy_weight * (1 - update / num_updates)
        optimiser.zero_grad()
        (-(found + weight * entropy).sum()).backward()  # each network maximises its own
        optimiser.step()
        schedule.step()
        curve.append(found.detach())
    return speakers.requires_grad_(False), torch.stack(curve)


def as_policies(speakers: StackedMLP, *, generator: streams.Generators) -> Policies:
    """Speakers for `populations.play` and `cross_play`: each draws one word and sends its bits
    throughout the episode.

    Args:
        speakers: a stack of K networks with 2^M outputs.
        generator: one for all speakers, or one for each; draws the words.
    """
    bits = words(speakers.sizes[-1].bit_length() - 1)

    def logits(inputs: Tensor) -> Tensor:
        probabilities = speakers(inputs).softmax(-1)
        noise = streams.uniform(generator, *inputs.shape[:2], 1)
        chosen = (probabilities.cumsum(-1) < noise).sum(-1).clamp(max=len(bits) - 1)
        return SURE * (2.0 * bits.to(inputs.device)[chosen] - 1)

    return logits
