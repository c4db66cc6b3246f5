"""Measurements: every number beside a limit or a peer of the same run (docs/benchmarks.md)."""
