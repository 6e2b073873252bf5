"""Retouch beside Portkey and a direct call, on one machine, in one interleaved run."""
