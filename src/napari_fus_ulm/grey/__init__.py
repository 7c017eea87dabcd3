"""Grey levels: what generators see and give, on common grids."""
