"""Processes that measure apart from the one that asks for it, and what memory they take."""

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor


def pool(workers: int) -> ProcessPoolExecutor:
    """Start fresh processes, which share nothing with this one: neither memory nor threads."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def most_held() -> float:
    """Return the most memory that this process has ever held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
