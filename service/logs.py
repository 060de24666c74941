"""Configures the log of the service, Flask and gunicorn: a JSON object a line on standard output, without API keys."""

import logging.config
import warnings
from typing import Any, Final

import structlog

from model.images.silence import silence_libtiff
from service.protection.api_keys import strike_out

LONGEST_EVENT: Final = 1_000
"""Characters of what a line says. gunicorn quotes the header that it refuses, and JSON may need six bytes for each."""


def _strike_out(_: object, __: str, line: str) -> str:
    """Mask API keys: a log line may quote a header that gunicorn refused, or an id that a client gave."""
    return strike_out(line)


def _cut(_: object, __: str, line: Any) -> Any:
    if len(str(line["event"])) <= LONGEST_EVENT:
        return line
    return line | {"event": strike_out(str(line["event"]))[:LONGEST_EVENT] + "…"}  # first, or a cut key would be none


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
                _cut,
                structlog.processors.JSONRenderer(),
                _strike_out,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "propagate": True},
        # urllib3 warns at every poll while the registry is down; the follower logs an outage once.
        "urllib3": {"level": "ERROR"},
    },
}
"""For `logging.config.dictConfig` and gunicorn's `logconfig_dict`."""


def configure_logging() -> None:
    """Configure the log of this process, and of the processes that it forks, by LOGGING."""
    logging.config.dictConfig(LOGGING)
    # Pillow would write two lines on standard error for each odd tag of a file, which may have 60,000 of them.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    silence_libtiff()
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
