"""Settings from environment variables."""

from pathlib import Path

import pytest

from model.errors import SettingsError
from model.settings import Settings


def test_defaults_hold_without_any_variable() -> None:
    settings = Settings.from_environment({"PATH": "/bin"})
    assert settings.source == "synthetic?test=2000"
    assert settings.lake_url == str(Path(".local/lake").resolve())


def test_a_variable_sets_its_field_and_an_empty_one_does_not() -> None:
    settings = Settings.from_environment({"TRUEGRAIN_LAKE": "s3://bucket/lake", "TRUEGRAIN_SOURCE": ""})
    assert settings.lake_url == "s3://bucket/lake"
    assert settings.source == "synthetic?test=2000"


def test_the_lock_of_reports_lies_beside_that_of_promoters() -> None:
    assert Settings(lock="/shared/mine.lock").reports_lock == Path("/shared/reports.lock")
    assert Settings(home=Path("home")).reports_lock == Path("home/reports.lock")


def test_a_misspelt_variable_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(SettingsError, match=r"TRUEGRAIN_POLL_SECOND .*did you mean TRUEGRAIN_POLL_SECONDS"):
        Settings.from_environment({"TRUEGRAIN_POLL_SECOND": "1"})


@pytest.mark.parametrize(("name", "value"), [("TRUEGRAIN_WORKERS", "none"), ("TRUEGRAIN_DRIFT_WINDOW", "20001")])
def test_a_value_that_is_not_allowed_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='{value}'"):
        Settings.from_environment({name: value})


def test_every_setting_says_what_it_means() -> None:
    assert all(Settings.variables().values())
