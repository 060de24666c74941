"""Fuzzing: Atheris sends mutated bytes to every parser of untrusted data, guided by the branches that they reach."""
