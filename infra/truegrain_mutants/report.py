"""Reads what mutmut found, and tells how many mutants of each module the tests killed. Pure."""

from collections.abc import Mapping
from typing import Final

KILLED: Final = frozenset({"killed", "timeout"})
"""What mutmut says of a mutant that the tests noticed; an endless loop is noticed, too."""
_UNTRIED: Final = "not checked"


def read_results(told: str) -> dict[str, str]:
    """Return what became of each mutant that was tried, by its name, from the output of `mutmut results --all true`."""
    pairs = (line.strip().rpartition(": ") for line in told.splitlines() if line.strip())
    return {name: status for name, _, status in pairs if status != _UNTRIED}


def share_killed(results: Mapping[str, str]) -> float:
    """Return the share of the mutants that the tests killed. Raises ValueError if no mutant was tried."""
    if not results:
        raise ValueError(
            "no mutant was tried: no name of a mutant ends in one of the digits, or is of the modules named"
        )
    return sum(status in KILLED for status in results.values()) / len(results)


def describe(results: Mapping[str, str]) -> str:
    """Return a line for each module and one for all, then the names of the mutants that survived."""
    modules = {name: name.rpartition(".")[0] for name in results}
    shown = [
        (module, {name: results[name] for name in results if modules[name] == module})
        for module in sorted(set(modules.values()))
    ]
    lines = [f"{module:40}{share_killed(of):7.1%} of {len(of):5,}" for module, of in [*shown, ("all", results)]]
    survivors = [f"  {name} ({status})" for name, status in sorted(results.items()) if status not in KILLED]
    if survivors:
        lines += ["", "Survivors; `mutmut show <name>` shows the change:", *survivors]
    return "\n".join(lines)
