"""The log shows no secrets, whoever writes to it."""

import json
import logging
import logging.config

from service.logs import LOGGING
from service.protection.api_keys import make_secret, strike_out


def test_a_key_is_struck_out_wherever_a_line_quotes_it() -> None:
    secret = make_secret()
    formatter = logging.config.DictConfigurator(LOGGING).configure_formatter(LOGGING["formatters"]["json"])
    error = ValueError(f"a header such as X-API-Key: {secret}")
    record = logging.LogRecord("gunicorn.error", 30, "f", 1, f"refused {secret}", (), (ValueError, error, None))
    line = formatter.format(record)
    assert secret not in line
    assert json.loads(line)["event"] == "refused tg_***"


def test_other_text_is_left_alone() -> None:
    assert strike_out("tg_short is a name") == "tg_short is a name"
