"""Processes, servers and clients that benches, tests and the drill share."""
