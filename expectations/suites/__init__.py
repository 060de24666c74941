"""Lists the rules for manifests, for shortcuts and the mix, and for predictions."""
