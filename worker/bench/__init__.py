"""Benchmarks: each starts what it needs, and measures against a yardstick in the same run."""
