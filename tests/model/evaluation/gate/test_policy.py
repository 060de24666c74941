import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from model.errors import SettingsError
from model.evaluation.gate import policy as gate_policy
from model.evaluation.gate.policy import read_policy

SHIPPED = tomllib.loads((Path(gate_policy.__file__).parent / "gate.toml").read_text())


def write(path: Path, text: str) -> str:
    file = path / "policy.toml"
    file.write_text(text)
    return str(file)


def test_the_shipped_policy_sets_every_limit() -> None:
    assert asdict(read_policy()) == SHIPPED


def test_a_file_of_ones_own_changes_only_the_limits_it_names(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, "[alone]\nmin_accuracy = 0.95\nmax_p95_ms = inf"))
    expected = {**SHIPPED, "alone": SHIPPED["alone"] | {"min_accuracy": 0.95, "max_p95_ms": float("inf")}}
    assert asdict(policy) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[alone]\nmin_acuracy = 0.9", r"alone\.min_acuracy"),
        ("[alone]\nmin_accuracy = 85", r"alone\.min_accuracy=85"),
        ("[alone]\nmin_accuracy = nan", r"alone\.min_accuracy=nan"),
        ("[champion]\nsignificance = 0", r"champion\.significance=0"),
        ("[champion]\nlatency_growth = 0.5", r"champion\.latency_growth=0.5"),
        ("[champoin]\nmargin = 0.1", "champoin"),
        ("[champion]\nrequire_proof = true", r"require_proof is no longer a limit.*too_few replaces it"),
        ('[champion]\ntoo_few = "toss"', r"champion\.too_few='toss'"),
        ("[champion]\nmargin = 0.04", r"champion: widest_margin=0\.03 is below margin=0\.04"),
        ('[champion]\nmargin = 0.0\ntoo_few = "widen"', r"too_few='widen' needs a margin above 0"),
        ("[alone]\nmin_generator_recall = 0.9", r"min_generator_recall=0\.9 is above min_recall=0\.75"),
        ("alone = 3", "alone=3"),
        ("min_accuracy = 0.9", "min_accuracy"),
    ],
)
def test_an_unknown_limit_or_value_is_refused_by_its_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_policy(write(tmp_path, text))


@pytest.mark.parametrize("text", ["[alone", "[alone]\nmin_accuracy = high"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_policy(write(tmp_path, text))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"gate policy.*nowhere\.toml.* cannot be read"):
        read_policy("nowhere.toml")
