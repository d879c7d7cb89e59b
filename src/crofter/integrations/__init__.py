"""Crofter for other frameworks."""
