"""Builds the network that is trained: backbone, pooling, head."""
