"""The sections below a result."""
