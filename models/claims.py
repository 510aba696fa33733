"""What a worker holds on to while it works: the number of its own claim."""

CLAIMS = "stock_channel_claims"
"""Context key: {message id: number of the claim this worker took it by}."""


class LostClaim(Exception):
    """The lease ran out and another worker has taken the message since.

    Whatever the late worker found out is not to be written: the other one works
    from a newer picture.
    """
