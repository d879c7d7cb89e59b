"""Tiny random models of every architecture, from metadata alone: what the rules of cutting are proven on."""
