"""Evaluations and comparisons as pages, tables, charts and contact sheets."""
