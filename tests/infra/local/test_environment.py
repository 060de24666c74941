"""The settings that `make up` reads."""

from pathlib import Path

import pytest

from model.errors import SettingsError
from model.settings import PREFIX, Settings
from truegrain_local.environment import FILES, ROOT, names_source, read_settings


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("TRUEGRAIN_WORKERS=7\nTRUEGRAIN_RECIPE=production\n")
    settings = read_settings({"TRUEGRAIN_WORKERS": "3"}, dotenv=dotenv)
    assert (settings.workers, settings.recipe) == (3, "production")


def test_comments_blank_lines_and_quotes_of_the_file_are_no_values(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "# a comment\n\nTRUEGRAIN_WORKERS=3 # another\nTRUEGRAIN_RECIPE = \"two words\"\nTRUEGRAIN_API_KEYS='/keys=x'\n"
    )
    settings = read_settings({}, dotenv=dotenv)
    assert (settings.workers, settings.recipe, settings.api_keys) == (3, "two words", "/keys=x")


def test_a_dollar_in_the_file_is_a_dollar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "other")
    dotenv = tmp_path / ".env"
    dotenv.write_text("TRUEGRAIN_PREDICTIONS=postgresql://me:pa${WORD}$WORD@host/db\n")
    assert read_settings({}, dotenv=dotenv).predictions == "postgresql://me:pa${WORD}$WORD@host/db"


def test_a_name_without_a_value_is_a_setting_left_empty(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("TRUEGRAIN_RECEIPT_KEY\nTRUEGRAIN_PREDICTIONS=\n")
    settings = read_settings({}, dotenv=dotenv)
    assert (settings.receipt_key, settings.predictions) == ("", "")


def test_a_misspelt_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("TRUEGRAIN_WORKRES=7\n")
    with pytest.raises(SettingsError, match="TRUEGRAIN_WORKERS"):
        read_settings({}, dotenv=dotenv)


def test_a_relative_source_is_the_one_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = read_settings({"TRUEGRAIN_SOURCE": "images"}, dotenv=tmp_path / ".env")
    assert settings.source == str(tmp_path / "images")


@pytest.mark.parametrize("name", FILES)
def test_a_relative_file_is_the_one_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings({PREFIX + name.upper(): "this.file"}, dotenv=tmp_path / ".env")
    assert getattr(settings, name) == str(tmp_path / "this.file")
    assert getattr(read_settings({}, dotenv=tmp_path / ".env"), name) == ""


def test_a_source_that_is_no_path_stays_as_it_is(tmp_path: Path) -> None:
    settings = read_settings({"TRUEGRAIN_SOURCE": "synthetic?images=600"}, dotenv=tmp_path / ".env")
    assert settings.source == "synthetic?images=600"


def test_only_a_source_that_a_person_has_written_down_counts_as_named(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    assert not names_source(read_settings({"TRUEGRAIN_SOURCE": ""}, dotenv=dotenv))
    assert names_source(read_settings({"TRUEGRAIN_SOURCE": "synthetic"}, dotenv=dotenv))
    dotenv.write_text("TRUEGRAIN_SOURCE=synthetic?images=600\n")
    assert names_source(read_settings({}, dotenv=dotenv))


def test_a_relative_home_is_in_the_repository(tmp_path: Path) -> None:
    assert read_settings({}, dotenv=tmp_path / ".env").home == ROOT / ".local"


def test_started_programs_read_the_settings_that_were_given_to_them(tmp_path: Path) -> None:
    settings = read_settings({"TRUEGRAIN_MLFLOW_PORT": "5055", "TRUEGRAIN_HOME": str(tmp_path)}, dotenv=tmp_path / "no")
    assert settings.tracking_uri == "http://127.0.0.1:5055"
    assert Settings.from_environment(settings.to_environment()) == settings
