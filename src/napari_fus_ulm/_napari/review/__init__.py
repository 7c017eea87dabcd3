"""The *Blinded review* dock."""
