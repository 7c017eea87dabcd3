"""How two images of one section lie to each other."""
