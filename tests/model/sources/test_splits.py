import pytest

from model.sources.folder_names import names_generator, names_subject, says_nothing
from model.sources.splits import find_split, may_name_split


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (("train", "TRAIN", "Training", "training_set", "Train Images", "train2017", "traindata"), "train"),
        (("val", "Valid", "validation", "dev", "dev-set", "val2017"), "val"),
        (("test", "Testing", "eval", "evaluation", "test_set", "Test Images", "TestSet", "testset"), "test"),
        (("test_data_v2", "holdout", "test labels"), "test"),
        (("test2", "trainers", "trainA", "flux-dev", "crash test dummies", "testimonials", "t" * 200), None),
    ],
)
def test_a_split_is_found_in_the_spellings_of_data_sets(names: tuple[str, ...], split: str | None) -> None:
    assert {find_split(name) for name in names} == {split}


def test_a_name_that_seems_to_be_a_split_but_is_not_understood_is_told_from_other_words() -> None:
    odd = ["test2", "trainA", "cats_test", "my val", "flux-dev", "testimonials", "valley", "test_set"]
    assert [may_name_split(name) for name in odd] == [True, True, True, True, False, False, False, False]


def test_generators_subjects_and_words_that_say_nothing_are_told_apart() -> None:
    generators = ["Midjourney", "stable_diffusion_v_1_5", "sdv4", "StyleGAN2", "FLUX.1-dev", "dalle3"]
    subjects = ["cat", "horses", "n01440764"]
    neither = ["2026-11-29", "20261129", "dt=2026-11-29", "29.11.2026", "2026-W48", "part_001", "images", "12", "train"]
    assert all(map(names_generator, generators))
    assert not any(map(names_generator, (*subjects, *neither, "organ", "elegant", "g_faces")))
    assert all(map(names_subject, subjects))
    assert not any(map(names_subject, (*generators, *neither)))
    assert all(map(says_nothing, neither))
    assert not any(map(says_nothing, (*generators, *subjects, "g_faces")))
