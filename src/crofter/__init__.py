"""Crofter: a privacy-first, local-first, peer-to-peer AI node. Import the rooms, not this file."""
