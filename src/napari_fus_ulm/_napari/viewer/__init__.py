"""The viewer around the layers: its parts, and its state kept and restored."""
