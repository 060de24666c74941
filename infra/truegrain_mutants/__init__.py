"""Mutation testing: mutmut changes the code of judgement in one place at a time, and the tests must notice."""
