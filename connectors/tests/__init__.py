"""Pure tests: ``python -m unittest discover -s connectors/tests -t .``."""

from hypothesis import settings

# The same examples in every run: a red test must be red again on the next machine.
settings.register_profile(
    "pure", derandomize=True, database=None, deadline=None, max_examples=60
)
settings.load_profile("pure")
