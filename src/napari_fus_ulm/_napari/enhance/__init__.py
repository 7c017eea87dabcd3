"""The *Enhance* dock."""
