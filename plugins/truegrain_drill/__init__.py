"""The drill: a generator that nobody has seen, let loose on a platform of its own that has to notice and recover."""
