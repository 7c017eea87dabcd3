"""Training generators on pairs."""
