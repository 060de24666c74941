"""The processes beside the workers: the follower of the registry, and the monitor of drift."""
