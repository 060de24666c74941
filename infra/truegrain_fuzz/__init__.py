"""Fuzzing: every parser of what strangers send gets bytes that Atheris mutates, guided by the branches they reach."""
