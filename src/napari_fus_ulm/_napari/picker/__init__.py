"""Choosing an image, and correcting what is said of it."""
