"""Files that one process writes for the others on this machine."""
