"""The *Compare* dock."""
