"""The sweeper: a helper per deployment that ends the runs whose engine ended without a word."""
