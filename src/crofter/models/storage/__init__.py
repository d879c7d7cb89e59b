"""Models on the disk: manifests, a file for each group of tensors, installing, reading out."""
