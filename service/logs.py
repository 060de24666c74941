"""Configures the log: one JSON object a line on standard output, also for Flask and gunicorn, without secrets."""

import logging.config
import warnings
from typing import Any, Final

import structlog

from service.protection.api_keys import strike_out


def _strike_out(_: object, __: str, line: str) -> str:
    """Whatever a line quotes, such as a header that gunicorn refuses or an id that a client gave, no key is in it."""
    return strike_out(line)


_SHARED: Final[list[Any]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
                _strike_out,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "propagate": True},
        # It warns of every retry, so at every poll while the registry is down; the follower says that once.
        "urllib3": {"level": "ERROR"},
    },
}
"""For `logging.config.dictConfig` and gunicorn's `logconfig_dict`."""


def configure_logging() -> None:
    """Send this process's log, and that of those it forks, through LOGGING."""
    logging.config.dictConfig(LOGGING)
    # Two lines on standard error for each of the 60,000 tags that a file may have: whoever sends it is told enough.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
