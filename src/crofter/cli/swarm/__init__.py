"""Nodes on this machine that exist for a trial only."""
