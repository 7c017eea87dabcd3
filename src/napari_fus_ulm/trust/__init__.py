"""Evidence for every drawn vessel, with or without a ground truth."""
