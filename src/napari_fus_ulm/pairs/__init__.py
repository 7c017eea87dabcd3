"""Paired data: intensity transforms, common grids, patches."""
