"""A wire that fails, and the books of what got through; the harness plays with them."""
