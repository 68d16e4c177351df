"""Embeddings of agents' policies from a handful of episodes, after Grover et al. (ICML 2018).

The core needs only six packages and takes episodes from any source:

- `encoders`, `objectives`, `embeddings`, `settings`: f_θ and π_φ; imitation, identification and
  hybrid; learning and computing embeddings; how they are trained
- `datasets`, `batches`, `graphs`: episodes of many agents; batches of them; interaction graphs and
  their splits
- `metrics`: clustering ratio, probes, summary statistics, means over episodes
- `alternatives`: encoders and objectives that are not the paper's: `deep_sets`; `gated_pooling`,
  with a policy that attends to its slots; `sequence_encoders`, GRU and Transformers; `scaling`,
  embeddings that start with unit variance; `objectives`, InfoNCE, LIAM, a VAE and classification;
  `merging`, which merges equal steps
- `comparison`: all encoders and objectives on one dataset, in one call
- `pretrained`: encoders and agents that come with the package, by name
- `streams`, `files`, `training`: random numbers; files with checksums; training runs that resume

``environments`` has the paper's two worlds, and poker:

- `particleworld`, `particleworld_loops`, `particleworld_rollouts`: the speaker-listener game,
  thousands of episodes at once; its step in C++; whole episodes in reused buffers
- `robosumo`, `robosumo_rules`, `robosumo_observations`: wrestling robots, hundreds of matches at
  once; rules and rewards; what each robot observes
- `robosumo_bodies`, `robosumo_models`, `robosumo_physics`: the robots' dimensions; their MuJoCo
  model; its simulations
- `poker`: Kuhn and Leduc poker, many hands at once
- `pettingzoo`, `parallel_env`, `rendering`: one episode as a PettingZoo environment; what both
  worlds share there; pictures

``agents`` has the agents that act in them:

- `maddpg`, `networks`, `replay`, `populations`: MADDPG for stacks of learners, the populations that
  it makes, and the episodes that they play
- `word_speakers`: speakers that send one word per episode, trained on exact expected returns
- `actor_critic`, `ppo`, `selfplay`, `rollouts`, `rewards`: PPO, and self-play of wrestlers
- `robosumo_policies`, `robosumo_features`, `robosumo_symmetries`, `published_policies`: policies
  for RoboSumo, their input features, and how these transform under symmetries; those that
  openai/robosumo published
- `contexts`, `contextual_games`: what a contextual policy is given about its opponent, and the
  games it plays
- `players`, `matches`: anything that can act, whole matches between any of them, and data sets of
  these
- `poker_policies`: untrained players
"""
