"""Choosing an image, and correcting its metadata."""
