"""What several measurements share: machines, statistics, prompts, painters, the baseline."""
