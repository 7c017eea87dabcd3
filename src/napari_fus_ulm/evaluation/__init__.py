"""Generators and baselines on a cohort: scores, intervals, tables and pictures."""
