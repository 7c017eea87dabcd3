"""Scans to layers and back."""
