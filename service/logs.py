"""Configures the log of the service, Flask and gunicorn: a JSON object a line on standard output, without API keys."""

import logging.config
import sys
import warnings
from typing import Any, Final

import structlog
from gunicorn.glogging import Logger

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


class Log(Logger):  # type: ignore[misc]
    """gunicorn's log without its access lines: `service.request_log` writes fuller ones."""

    def access(self, *_: object) -> None:
        """Write no access line, and collect nothing for one."""


def _is_no_silence(record: logging.LogRecord) -> bool:
    """Leave out gunicorn's traceback for a client that fell silent before its request had come."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


_SHARED: Final[list[Any]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

_RENDERED: Final[list[Any]] = [_cut, structlog.processors.JSONRenderer(), _strike_out]


class _Lines:
    """A logger that writes lines to standard output itself: through `logging` a line takes twice as long."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def info(self, line: str) -> None:
        """Write a line in one piece, so that threads do not mix their lines."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    warning = error = critical = info


LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_RENDERED,
            ],
        }
    },
    "filters": {"silence": {"()": lambda: _is_no_silence}},
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "propagate": True, "filters": ["silence"]},
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
        processors=[*_SHARED, *_RENDERED],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
