"""How far to believe a result: coherence, support, truth."""
