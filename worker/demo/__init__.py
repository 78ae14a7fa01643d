"""The demo newsroom: a small news site of our own with three feeds, for first runs, tests and benchmarks."""
