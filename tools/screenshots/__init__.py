"""The guide's pictures: a demo of its own, a day in the office, and a browser."""
