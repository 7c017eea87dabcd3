"""Applying a generator to scans: settings, events, overlapping patches, samplers."""
