"""The Lambda runtime loop, with response streaming. Started as `python -m retouch.runtime`."""
