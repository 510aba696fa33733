"""What an author of a connector needs to prove it: suite, fakes, a fixed clock."""
