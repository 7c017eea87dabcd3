"""The Train dock: pairs, plan, run, acceptance."""
