"""What the tests share: builders, fakes, databases, and the guard against real network."""
