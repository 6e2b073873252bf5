"""Benchmarks: compare Retouch with Portkey and with a direct call, on one machine, in one interleaved run."""
