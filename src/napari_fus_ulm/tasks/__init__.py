"""What a click or a command does: one function each, for docks, command line and notebooks."""
