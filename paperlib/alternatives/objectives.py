"""Further objectives: InfoNCE (contrastive), LIAM (reconstruction), a VAE, and classification."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from paperlib import _checks
from paperlib.batches import steps_before
from paperlib.datasets import InteractionDataset
from paperlib.encoders import ConditionalPolicy
from paperlib.objectives import Networks, Triplets, embed_triplets, imitation_loss

NO_PARTNERS = "dataset: LIAM reconstructs partner_observations and partner_actions; there are none"


def info_nce_loss(
    embeddings: Float[Tensor, "view agent embedding"], *, temperature: float = 0.1
) -> Float[Tensor, ""]:
    """Cross-entropy of finding an agent's other episodes among all others, by cosine similarity.

    L = mean_a -1/|P(a)| Σ_{p ∈ P(a)} log [exp(z_a·z_p / τ) / Σ_{b ≠ a} exp(z_a·z_b / τ)],

    z = f / ‖f‖, P(a) the other episodes of the agent of episode a: InfoNCE (van den Oord et al.
    2018) with several positives, L^sup_out of SupCon (Khosla et al. 2020).

    Args:
        embeddings: f of V ≥ 2 episodes of each of N agents, (V, N, D).
        temperature: τ > 0.

    Raises:
        ValueError: if there is one agent, or one episode of each, embeddings are not (V, N, D), or
            τ is not positive and finite.
    """
    _checks.positive("temperature", temperature)
    if embeddings.ndim != 3:
        raise ValueError(f"embeddings must be (V, N, D), got {tuple(embeddings.shape)}")
    views, agents = embeddings.shape[:2]
    if min(views, agents) < 2:
        raise ValueError(f"embeddings: at least 2 of 2 agents are needed, got {views} of {agents}")
    z = functional.normalize(embeddings.flatten(0, 1), dim=-1)  # (views * agents, D)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    log_probs = (z @ z.T / temperature).masked_fill(itself, -torch.inf).log_softmax(-1)
    same = torch.eye(agents, dtype=torch.bool, device=z.device).repeat(views, views) & ~itself
    return -log_probs.masked_fill(~same, 0.0).sum() / (len(z) * (views - 1))


@dataclasses.dataclass(frozen=True)
class InfoNCE:
    """`info_nce_loss` over all e*, e+ and e- of an update: 3 n episodes of each of N agents.

    An e- may coincide with an e* or e+.

    Attributes:
        temperature: τ > 0.

    Raises:
        ValueError: if τ is not positive and finite.
    """

    temperature: float = 0.1

    def __post_init__(self) -> None:
        _checks.positive("temperature", self.temperature)

    def __call__(self, networks: Networks, triplets: Triplets) -> Float[Tensor, ""]:
        embedded = embed_triplets(networks.encoder, triplets)  # (3, n, N, D)
        return info_nce_loss(embedded.flatten(0, 1), temperature=self.temperature)


class LIAM(nn.Module):
    """Reconstruction of the other agent's observations and actions from the agent's own episode.

    L = 1/|e*| Σ_t [½ ‖(o'_t - μ) / σ - u(o_t, f_θ(e*))‖² - log v(a'_t | o_t, f_θ(e*))],

    averaged over episodes: o' and a' are the partner's observations and actions in the steps of e*,
    u and v MLPs like `ConditionalPolicy`. For continuous actions, the second term is ½ ‖a' - v‖².
    After LIAM (Papoudakis et al. 2021), which embeds the steps so far at every step. Here, the
    embedding of the whole episode is decoded at every step, together with its observation o_t.

    Args:
        dataset: must hold the partners' observations and actions; μ and σ are the observations'
            mean and standard deviation in it, σ at least 0.01.
        embedding_size: D.
        hidden_size: hidden size of the decoders u and v.

    Raises:
        ValueError: if the dataset has no partners' observations and actions.
    """

    def __init__(
        self, dataset: InteractionDataset, embedding_size: int, *, hidden_size: int = 64
    ) -> None:
        super().__init__()
        if not dataset.has_partner_steps:
            raise ValueError(NO_PARTNERS)
        within = steps_before(dataset.lengths, dataset.observations.shape[1])
        seen = dataset.partner_observations[within]  # (steps, O')
        counts = 1.0 if dataset.step_counts is None else dataset.step_counts[within]
        shares = (torch.ones_like(seen[:, 0]) * counts).unsqueeze(1)
        shares = shares / shares.sum()
        mean = (shares * seen).sum(0)
        variance = (shares * (seen - mean).square()).sum(0)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", variance.sqrt().clamp(min=1e-2))
        kind = "categorical" if dataset.num_partner_actions else "squared_error"
        action_size = dataset.num_partner_actions or dataset.partner_actions.shape[-1]
        options = {"embedding_size": embedding_size, "hidden_size": hidden_size}
        self.observations, self.actions = (
            ConditionalPolicy(
                dataset.observation_size,
                size,
                likelihood=likelihood,
                generator=torch.Generator(),  # `learn` draws the weights anew
                **options,
            )
            for size, likelihood in ((seen.shape[-1], "squared_error"), (action_size, kind))
        )

    def forward(self, networks: Networks, triplets: Triplets) -> Float[Tensor, ""]:
        own = triplets.reference
        if own.partner is None:
            raise ValueError(NO_PARTNERS)
        embedding = networks.encoder(*own)
        scaled = (own.partner.observations - self.mean) / self.scale
        observed = imitation_loss(self.observations, own._replace(actions=scaled), embedding)
        acted = imitation_loss(self.actions, own._replace(actions=own.partner.actions), embedding)
        return observed + acted


class VAE(nn.Module):
    """A variational autoencoder of an episode's actions; the embedding is the posterior's mean.

    L = 1/|e*| (-Σ_{(o,a) ∈ e*} log π_φ(a | o, z) + β KL(N(m, σ²) ‖ N(0, I))), z ~ N(m, σ²),

    m = f_θ(e*), log σ² = W f_θ(e*) + b, averaged over episodes: with β = 1 the negative evidence
    lower bound of the actions given the observations, per step, from one draw of z (Kingma and
    Welling 2014). Papoudakis and Albrecht (2020) embed opponents this way.

    Args:
        dataset: unused, but `compare` passes it to every objective that it builds.
        embedding_size: D.
        kl_weight: β > 0.

    Raises:
        ValueError: if β is not positive, or, when called, if there is no generator to draw z.
    """

    def __init__(
        self, dataset: InteractionDataset | None, embedding_size: int, *, kl_weight: float = 1.0
    ) -> None:
        super().__init__()
        _checks.positive("kl_weight", kl_weight)
        self.kl_weight = kl_weight
        self.log_variance = nn.Linear(embedding_size, embedding_size)

    def forward(self, networks: Networks, triplets: Triplets) -> Float[Tensor, ""]:
        if networks.generator is None:
            raise ValueError("networks.generator must be a torch.Generator: it draws z; got None")
        episodes = triplets.reference
        mean = networks.encoder(*episodes)
        log_variance = self.log_variance(mean)
        noise = torch.randn(
            mean.shape, generator=networks.generator, device=mean.device, dtype=mean.dtype
        )
        drawn = mean + (0.5 * log_variance).exp() * noise
        # KL = ½ Σ_d (m² + σ² - 1 - log σ²)
        divergence = 0.5 * (mean.square() + log_variance.expm1() - log_variance).sum(-1)
        length = episodes.step_weights.sum(-1)
        imitated = imitation_loss(networks.policy, episodes, drawn)
        return imitated + self.kl_weight * (divergence / length).mean()


class Classification(nn.Module):
    """Cross-entropy of classifying episodes by agent, -log softmax(W f_θ(e) + b)_i, averaged over
    all episodes: a supervised reference, with labels that the paper's methods do without.

    Args:
        num_agents: N; every update must use all of them.
        embedding_size: D.

    Raises:
        ValueError: when called with another number of agents.
    """

    def __init__(self, num_agents: int, embedding_size: int) -> None:
        super().__init__()
        self.head = nn.Linear(embedding_size, num_agents)

    def forward(self, networks: Networks, triplets: Triplets) -> Float[Tensor, ""]:
        scores = self.head(embed_triplets(networks.encoder, triplets))  # (3, n, N, N)
        num_agents = scores.shape[-2]
        if num_agents != self.head.out_features:
            raise ValueError(
                f"num_agents must be {num_agents}, as in an update, got {self.head.out_features}"
            )
        agents = torch.arange(num_agents, device=scores.device).expand(scores.shape[:-1])
        return functional.cross_entropy(scores.flatten(0, -2), agents.flatten())


class Supervised(Classification):
    """`Classification` of a dataset's agents: the reference that learns from labels."""

    def __init__(self, dataset: InteractionDataset, embedding_size: int) -> None:
        super().__init__(len(dataset.agents.unique()), embedding_size)
