"""Pairs on disk: their table, their sides, and which weights have seen them."""
