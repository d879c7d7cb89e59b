"""Makes layers of zeros cheap where only they are in a file: the head's, which computes them for every token."""

from .layers import Layers


def shrink(layers: Layers, plan):  # placeholder
    return plan
