"""`truegrain sources check`: what is printed, the page, and the exit status."""

import json
from pathlib import Path

import pytest

from model.preview.__main__ import main
from support.small_images import labelled


def save_both(root: Path, each: int = 2) -> Path:
    for number in range(2 * each):
        label = ("real", "ai")[number % 2]
        path = root / "train" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(labelled(number, label).data)
    return root


def test_the_text_says_what_would_be_ingested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(save_both(tmp_path))]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{tmp_path}: would be ingested\n")
    assert "read as 'folders', because 'train/ai/1.png' lies below a folder that names its class" in told
    assert "4 images: real 2, ai 2" in told or "4 images: ai 2, real 2" in told
    assert "splits: train 4" in told
    assert "4 of the images were read: PNG 4" in told


def test_json_says_the_same_to_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(save_both(tmp_path)), "--json", "--sample", "2"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["sources"]
    assert (told["status"], told["kind"], told["images"], told["error"]) == (0, "folders", 4, None)
    assert told["labels"] == {"ai": 2, "real": 2}
    assert [(group["label"], group["split"], group["generator"], group["images"]) for group in told["groups"]] == [
        ("ai", "train", "unknown", 2),
        ("real", "train", None, 2),
    ]
    assert {"origin", "label", "generator", "width"} <= told["examples"][0].keys()


def test_the_page_shows_each_example_with_its_label(tmp_path: Path) -> None:
    report = tmp_path / "out" / "report.html"
    assert main(["check", str(save_both(tmp_path / "shop")), "--report", str(report)]) == 0
    page = report.read_text()
    assert page.count("data:image/webp") == 4
    assert "Would be ingested" in page
    assert all(f"train/{label}/{number}.png" in page for number, label in enumerate(("real", "ai")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "shop"]


def test_the_page_names_why_a_source_is_refused_and_shows_the_others(tmp_path: Path) -> None:
    save_both(tmp_path / "shop")
    (tmp_path / "odd<b>").mkdir()
    (tmp_path / "sources.toml").write_text(
        '[sources.shop]\nlocation = "shop"\nlicence = "ours"\n[sources.odd]\nlocation = "odd<b>"\nlicence = "ours"\n'
    )
    assert main(["check", str(tmp_path / "sources.toml"), "--report", str(tmp_path / "report.html")]) == 1
    page = (tmp_path / "report.html").read_text()
    assert "Would be refused" in page
    assert "odd&lt;b&gt;" in page
    assert "odd<b>" not in page
    assert page.count("data:image/webp") == 4


@pytest.mark.parametrize(
    ("made", "status", "said"),
    [
        ({"cats/a.png": b"a"}, 1, "would be refused"),
        ({}, 1, "holds no image at all"),
        ({"real/a.png": b"a", "t.csv": b"name,label\nreal/a.png,ai\n"}, 1, "contradicts a folder"),
        (None, 2, "cannot be read"),
    ],
)
def test_the_exit_status_says_what_would_become_of_the_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: dict[str, bytes] | None, status: int, said: str
) -> None:
    folder = tmp_path / "source"
    for path, content in ({} if made is None else made).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    if made == {}:
        folder.mkdir()
    assert main(["check", str(folder)]) == status
    assert said in capsys.readouterr().out


def test_a_declaration_that_is_not_understood_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sources.toml").write_text('[sources.shop]\nlocation = "shop"\n')
    assert main(["check", str(tmp_path / "sources.toml")]) == 1
    assert "licence is missing" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "gone.toml")]) == 2


def test_without_a_location_the_setting_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRUEGRAIN_SOURCE", str(save_both(tmp_path)))
    assert main(["check"]) == 0
    assert capsys.readouterr().out.startswith(str(tmp_path))


@pytest.mark.parametrize("sample", ["0", "-1", "many"])
def test_a_sample_has_one_image_or_more(sample: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["check", "synthetic", "--sample", sample])


def test_a_report_that_cannot_be_written_and_a_wrong_setting_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["check", "synthetic?images=2", "--report", str(tmp_path / "file" / "report.html")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
    monkeypatch.setenv("TRUEGRAIN_SOURC", "misspelt")
    assert main(["check", "synthetic?images=2"]) == 2
    assert "TRUEGRAIN_SOURC" in capsys.readouterr().err
