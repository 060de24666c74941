import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from model.errors import SettingsError
from model.monitoring import limits
from model.monitoring.limits import read_limits

SHIPPED = tomllib.loads((Path(limits.__file__).parent / "drift.toml").read_text())


def test_the_shipped_policy_sets_every_limit() -> None:
    assert asdict(read_limits()) == SHIPPED


def test_a_file_of_ones_own_changes_only_the_limits_it_names(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("psi = 0.5")
    assert asdict(read_limits(str(file))) == SHIPPED | {"psi": 0.5}


@pytest.mark.parametrize(("text", "named"), [("pis = 0.5", "pis: "), ("psi = 0", "psi=0"), ("chance = 0.6", "chance")])
def test_an_unknown_limit_or_value_is_refused_by_its_name(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=rf"the drift policy .*{named}.*model/drift\.toml lists all"):
        read_limits(str(file))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"the drift policy 'nowhere\.toml' cannot be read"):
        read_limits("nowhere.toml")
