"""Running pieces that benches, tests and the drill share: processes, servers, clients."""
