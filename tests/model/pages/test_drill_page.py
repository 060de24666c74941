"""The post-mortem describes a drill from its record, whether it passed or failed."""

from pathlib import Path

import pytest

from model.drill.record import Drill
from model.drill.story import tell
from model.pages.drill_page import MARKDOWN, accuracies, write_post_mortem
from model.pages.drill_plots import draw_drill_plots, rolling_accuracy
from support.drill_records import make_answers, make_drill, make_learnt, make_reading


def write(drill: Drill, folder: Path) -> tuple[str, str]:
    page = write_post_mortem(drill, folder)
    return page.read_text(), (folder / MARKDOWN).read_text()


def test_the_page_stands_alone_with_every_plot(tmp_path: Path) -> None:
    page, _ = write(make_drill(), tmp_path)
    assert page.count("<svg") == len(draw_drill_plots(make_drill())) == 4
    assert page.count("data:image/webp") == 1
    assert "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.usefixtures("without_plots")
def test_both_forms_say_what_was_measured(tmp_path: Path) -> None:
    for text in write(make_drill(), tmp_path):
        for fact in ("25 points", "80 images", "192 s", "300 of 300 images are accepted", "were by patch", "19:02:21"):
            assert fact in text
        assert "missed" not in text.replace(".missed", "")
        assert "could not be estimated (0 % to 100 %): the traffic has drifted (new_generator)" in text


@pytest.mark.usefixtures("without_plots")
def test_an_undecided_goal_is_named_and_does_not_fail_the_drill(tmp_path: Path) -> None:
    few = (*make_drill().answers[:1300], *make_answers(302, by="patch", right=94, of=100, version="2"))
    page, markdown = write(make_drill(answers=few), tmp_path)
    named = "Passed, but undecided: Accuracy still lost after recovery, on the same kind of traffic"
    assert f"<strong>{named}</strong>" in page and f"**{named}.**" in markdown
    assert 'class="verdict good"' in page
    assert "images in each phase would decide it" in markdown


@pytest.mark.usefixtures("without_plots")
def test_a_drill_that_ended_early_says_why_and_shows_what_there_is(tmp_path: Path) -> None:
    ended = make_drill(steps=(), answers=(), readings=(), asked=None, labelling=None, after=None, fault="disk <full>")
    page, markdown = write(ended, tmp_path)
    assert "The drill ended early: disk &lt;full&gt;" in page
    assert "The drill ended early: disk <full>" in markdown
    assert "No reading suspected a new generator." in markdown


@pytest.mark.usefixtures("without_plots")
def test_a_newcomer_that_nobody_noticed_is_told_with_what_the_monitor_said_last(tmp_path: Path) -> None:
    _, markdown = write(make_drill(readings=(make_reading(110, newcomers=80),)), tmp_path)
    assert "No reading suspected a new generator. The last one said: No signal is over." in markdown


def test_the_story_is_in_the_order_of_time_and_names_what_the_gate_said() -> None:
    story = tell(make_drill(after=make_learnt("2", images=2300, promoted=False)))
    assert [event.seconds for event in story] == sorted(event.seconds for event in story)
    assert any("refuses the new detector: failed: accuracy" in event.what for event in story)


def test_the_table_tells_phases_and_makers_apart() -> None:
    rows = {row.images: [share and share.value for share in row.accuracy] for row in accuracies(make_drill())}
    assert rows["all"] == [0.95, 0.70, 0.95]
    assert rows["by known generators"][1:] == [None, None]
    assert rows["by patch"][0] is None


def test_rolling_accuracy_looks_back_over_its_width() -> None:
    minutes, share = rolling_accuracy(make_drill().answers, 10)
    assert len(minutes) == len(share) == 4291
    assert (share[0], share[-1]) == (pytest.approx(1.0), pytest.approx(0.0))
