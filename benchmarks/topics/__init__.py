"""One module per topic; each has ``measure(bench)``, which yields figures."""
