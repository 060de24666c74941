"""`make drill` shows the results of a drill, whether it passed or failed."""

import io
from pathlib import Path

import pytest

from model.pages.drill_page import write_post_mortem
from model.settings import Settings
from support.drill_records import make_drill
from truegrain_local import drill_run
from truegrain_local.errors import LaunchError
from truegrain_local.progress import Progress


@pytest.mark.usefixtures("without_plots")
def test_goals_and_post_mortem_are_shown_also_when_the_drill_was_not_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_api: object, dag: str, conf: dict[str, object], *_: object) -> None:
        assert (dag, conf) == ("drill_new_generator", {"generator": "patch"})
        leave(tmp_path / "drills" / "20261121-190000-patch")
        raise LaunchError("task report of drill_new_generator failed")

    monkeypatch.setattr(drill_run, "run_dag", fail)
    leave(tmp_path / "drills" / "20261101-090000-patch")
    shown = io.StringIO()
    with pytest.raises(LaunchError):
        drill_run.run_drill(None, "patch", Settings(home=tmp_path), Progress(shown))
    assert "MISSED  Images of the new generator until the monitor suspected it: not reached" in shown.getvalue()
    assert str(tmp_path / "drills" / "20261121-190000-patch" / "post-mortem.html") in shown.getvalue()
    assert "20261101" not in shown.getvalue(), "an earlier drill is none of this one's business"


def leave(folder: Path) -> None:
    """Write the files of a drill that noticed nothing."""
    folder.mkdir(parents=True)
    missed = make_drill(readings=())
    (folder / "drill.json").write_text(missed.to_json())
    write_post_mortem(missed, folder)
