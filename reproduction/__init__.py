"""Reproduces the paper with the library: runs of notebooks, their numbers, tables and figures.

Notebooks import it, the library never does.

- `runner`, `staging`, `results`, `jobs`, `streams`: one notebook at a time, and the folder that it
  writes to; its numbers; work in several processes; random streams by name
- `trainings`, `wrestlers`, `training_runs`, `train`: populations and speakers; wrestlers, and how
  each is trained; training runs by name
- `best_responses`, `best_response_games`: policies against one wrestler alone, and against all; how
  much they score
- `policy_study`, `policy_training`, `policy_games`, `contextual_policies`, `policy_plots`: the
  policies of Figure 4: who they meet, how they train, how they are judged, the files that hold
  them, and their figures
- `shipped_agents`: agents that notebooks take instead of training them, with what parameters
- `comparisons`, `comparison_files`, `choices`: the encoders of a table, where they are kept, and
  how their settings are chosen
- `listeners`, `speakers`, `listener_tables`: Tables 2 and 3: episodes, splits, measures; what new
  speakers are given; rows
- `generalisation`, `generalisation_plots`, `cells`, `listener_sources`, `channel_symmetries`:
  speakers for unseen listeners: who learns with whom, with which encoder, from which episodes;
  listeners behind relabelled channels, 48 languages of each
- `languages`, `listening`, `distances`, `language_plots`: what speakers say and listeners
  understand; what listeners do; two kinds of distance compared
- `value_of_knowing`: what best responses to each agent gain over the best response to all
- `poker`, `roshambo`, `identification`: a published protocol of agent identification; OpenSpiel's
  bots; classifiers of agents, and the accuracy that likelihoods reach
- `benchmark`, `benchmark_worlds`, `benchmark_tasks`, `benchmark_measures`, `benchmark_answers`,
  `benchmark_plots`: pairs of encoder and objective, their worlds, and their results
- `hunters`: the agents of the notebook your_own_agents
- `tournaments`, `strengths`, `wrestler_evaluation`: outcomes and styles of matches; ratings,
  and how much of the outcomes they explain
- `wrestler_measures`, `wrestler_tables`, `wrestler_plots`: Table 1: measures, rows, figures
- `measures`, `statistics`, `verdicts`, `claims`: what tables measure; intervals; tests; the claims
- `tables`, `publishing`, `shipping`: our numbers beside the paper's; what the repository shows of
  them; copying encoders into the package
- `plots`, `comparison_plots`, `diagrams`: figures
- `executed_notebooks`, `site`: notebooks with their outputs, and the web book of them (`chapters`,
  `docstrings`, `mathml`); the embedding explorer (`explorer`)
"""

import sys

# Jupyter's packages load jsonschema, which would compile a grammar of URIs whenever it starts, with
# rfc3987_syntax. That takes longer than anything else that a notebook's runner loads but torch, and
# checking notebooks does not need it.
sys.modules.setdefault("rfc3987_syntax", None)
