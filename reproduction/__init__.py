"""What turns the library into the paper: runs of notebooks, their numbers, tables and figures.

Notebooks import it, the library never does.

- `runner`, `results`, `jobs`: one notebook at a time; its numbers; work in several processes
- `trainings`, `wrestlers`, `training_runs`, `train`: populations and speakers; wrestlers, and how
  each trains; each training by name
- `best_responses`: policies against one wrestler alone, and against all
- `policy_study`, `policy_training`, `contextual_policies`: the policies of Figure 4: who they meet,
  how they train, and the files that hold them
- `comparisons`, `comparison_files`, `choices`: the encoders of a table, where they are kept, and
  how their settings are chosen
- `listeners`, `speakers`: the runs of Tables 2 and 3: episodes, splits, measures; what new speakers
  are given
- `generalisation`, `generalisation_plots`, `cells`, `sources`: speakers for unseen listeners: who
  learns with whom, with which encoder, from which episodes
- `languages`, `listening`, `distances`, `language_plots`: what speakers say and listeners
  understand; what listeners do; two kinds of distance compared
- `value_of_knowing`: what a best response to each gains over the best one to all
- `poker`, `roshambo`, `identification`: a published protocol of agent identification; OpenSpiel's
  bots; who is who, and how well that can be told
- `benchmark`, `benchmark_worlds`, `benchmark_tasks`, `benchmark_measures`, `benchmark_answers`,
  `benchmark_plots`: cells of encoder and objective, their worlds, and what came of them
- `hunters`: the agents of the notebook your_own_agents
- `tournaments`, `strengths`, `wrestler_evaluation`: how matches ended, and how they were fought;
  what strengths explain of it
- `wrestler_measures`, `wrestler_tables`, `wrestler_plots`: Table 1: measures, rows, figures
- `measures`, `statistics`, `verdicts`, `claims`: what tables measure; intervals; tests; the claims
- `tables`, `publishing`, `shipping`: ours beside the paper's; what the repository shows of it;
  encoders on their way into the package
- `plots`, `comparison_plots`, `diagrams`: figures
- `executed_notebooks`, `site`: notebooks with their outputs, and the web book of them (`chapters`,
  `docstrings`, `mathml`); the page of embeddings (`explorer`)
"""
