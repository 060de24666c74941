"""The result of validating a dataset version is written once and can be read again."""

import json

import pytest

from model.dataset.lake import Lake
from model.dataset.validation import Validation, read_validation, write_validation
from model.errors import DatasetError

VERSION = "20260105-0123456789ab"


def write_by_hand(lake: Lake, text: str) -> None:
    lake.version_path(VERSION).mkdir(parents=True)
    (lake.version_path(VERSION) / "validation.json").write_text(text)


def test_a_validation_is_read_as_it_was_written(lake: Lake) -> None:
    result = {"rule": "every image is “decodable”", "observed": 3, "success": False}
    validation = Validation(
        version=VERSION,
        success=False,
        accepted=60,
        refused=3,
        failed=("images of both classes",),
        warnings=("weak shortcut",),
        refused_by_reason={"cannot be decoded": 3},
        great_expectations="1.24.1",
        results=(result,),
    )
    write_validation(lake, validation)
    read = read_validation(lake, VERSION)
    assert read is not None
    assert vars(read) == vars(validation)
    written = json.loads((lake.version_path(VERSION) / "validation.json").read_text(encoding="utf-8"))
    assert list(written) == [
        "version",
        "success",
        "accepted",
        "refused",
        "failed",
        "warnings",
        "refused_by_reason",
        "great_expectations",
        "results",
    ]


def test_a_version_that_was_not_validated_has_no_validation(lake: Lake) -> None:
    assert read_validation(lake, VERSION) is None


def test_a_validation_of_an_earlier_release_is_read_although_no_rule_warned_then(lake: Lake) -> None:
    write_by_hand(lake, json.dumps({"version": VERSION, "success": True, "accepted": 60, "refused": 0, "failed": []}))
    assert read_validation(lake, VERSION) == Validation(version=VERSION, success=True, accepted=60)


@pytest.mark.parametrize("text", ["{}", '{"success": "true"}', '{"success": 1}', '{"success": null}', "[]", '{"succ'])
def test_what_does_not_say_plainly_that_it_passed_is_no_validation(lake: Lake, text: str) -> None:
    write_by_hand(lake, text)
    with pytest.raises(DatasetError, match="this is no validation of a dataset version"):
        read_validation(lake, VERSION)
