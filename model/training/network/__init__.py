"""The network that is trained: backbone, pooling, head."""
