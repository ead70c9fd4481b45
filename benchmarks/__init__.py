"""Benchmarks: what is measured, how it is measured, and whether its goal is met."""
