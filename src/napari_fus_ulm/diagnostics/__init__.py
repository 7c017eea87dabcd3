"""How far to trust a result: coherence, support, ground truth."""
