"""The pages of the public Python of `model`, one a room."""

import pkgutil
from collections.abc import Mapping

import model
from truegrain_docs.markdown import page


def rooms() -> Mapping[str, str]:
    """Return a page for each room of `model`, by the name of its file, and one for the modules outside of rooms."""
    modules = [found.name for found in pkgutil.walk_packages(model.__path__, "model.") if _is_public(found.name)]
    grouped: dict[str, list[str]] = {}
    for name in modules:
        parts = name.split(".")
        room = parts[1] if len(parts) > 2 or _is_package(name, modules) else "ground"
        grouped.setdefault(room, []).append(name)
    return {room: _page(room, names) for room, names in sorted(grouped.items())}


def _is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


def _is_package(name: str, modules: list[str]) -> bool:
    return any(other.startswith(f"{name}.") for other in modules)


def _page(room: str, modules: list[str]) -> str:
    title = "model: the ground floor" if room == "ground" else f"model.{room}"
    return page(title, *(_module(name) for name in modules))


def _module(name: str) -> str:
    return f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n   :undoc-members:\n```"
