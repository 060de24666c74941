"""Defines every error that Truegrain raises on purpose.

- TruegrainError

  - SettingsError: a TRUEGRAIN_* variable is unknown or its value is not allowed.
  - InvalidImage: bytes are not an image that is accepted; carries a short `reason`.
  - SourceError: a source of labelled images cannot be read or understood.

    - ContradictingLabels: a source labels one image as real and as AI.
    - UnreadableSource: a source is not there, may not be read, or is damaged.

  - FeedbackError: an answer to a review of users' reports cannot be understood.
  - DatasetError: a batch, a manifest or a dataset version is missing, broken or empty.
  - StorageFull: there is no room for a file.
  - LockHeld: another process has held a lock for too long.
  - ValidationFailed: a dataset version may not be trained on, or the newest predictions break a rule.
  - TrainingError: training cannot start, resume or finish.

    - TrainingInterrupted: training was ended from outside; the same call may resume it.

  - ArtifactError: a released detector is incomplete, was altered, or does not reproduce its golden outputs.
  - RegistryError: the model registry refused, or holds no such model, version or alias.

    - RegistryUnavailable: the registry did not answer.
"""

from typing import Final

HOPELESS_STATUS: Final = 2
"""Exit status for an error that a person has to fix: the same call would fail again."""


class TruegrainError(Exception):
    """Base of all errors whose message is for a person: what is wrong, which value, how to fix it."""


class SettingsError(TruegrainError):
    """A setting is unknown or has a value that is not allowed."""


class InvalidImage(TruegrainError):
    """Bytes are not an image that is accepted.

    `reason` is one of `model.images.decoding.REASONS`; this fixed set can label a metric.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SourceError(TruegrainError):
    """A source of labelled images cannot be read or understood."""


class ContradictingLabels(SourceError):
    """A source labels one image as real and as AI: in two columns, or in a table and by a folder."""


class UnreadableSource(SourceError):
    """A source is not there, may not be read, or is damaged."""


class ChangedSince(UnreadableSource):
    """A file of a source has changed since it was listed, or is gone."""


class FeedbackError(TruegrainError):
    """An answer to a review of users' reports cannot be understood."""


class DatasetError(TruegrainError):
    """A batch, a manifest or a dataset version is missing, broken or empty."""


class StorageFull(TruegrainError):
    """There is no room for a file."""


class LockHeld(TruegrainError):
    """Another process has held a lock for too long."""


class ValidationFailed(TruegrainError):
    """A dataset version may not be trained on, or the newest predictions break a rule."""


class TrainingError(TruegrainError):
    """Training cannot start, resume or finish."""


class TrainingInterrupted(TrainingError):
    """Training was ended from outside; the same call may resume it."""


class ArtifactError(TruegrainError):
    """A released detector is incomplete, was altered, or does not reproduce its golden outputs."""


class RegistryError(TruegrainError):
    """The model registry refused, or holds no such model, version or alias."""


class RegistryUnavailable(RegistryError):
    """The model registry did not answer."""


def in_one_line(text: str) -> str:
    """Return an untrusted text as one printable line, safe to quote in an error, a log or a terminal.

    Line breaks, control characters and repeated blanks become one blank.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
