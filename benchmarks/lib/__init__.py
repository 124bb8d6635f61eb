"""Code shared by several benchmarks: machines, statistics, prompts, painters, the baseline."""
