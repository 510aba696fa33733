"""How fast the hub is, measured against baselines of the same run.

``make bench`` or ``python3 -m benchmarks [topic ...]``.  Nothing here is needed by
the addon at run time.
"""
