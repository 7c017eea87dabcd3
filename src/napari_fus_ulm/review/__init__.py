"""Blinded looks by an expert: cases -> plan -> session -> answers -> unblinded report."""
