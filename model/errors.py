"""Every error Truegrain raises on purpose.

TruegrainError
├── SettingsError          a TRUEGRAIN_* variable is unknown or its value is not allowed
├── InvalidImage           bytes that are not an image we accept; carries a short `reason`
├── SourceError            a source of labelled images cannot be read or understood
│   └── ContradictingLabels   a source calls one image real and AI
├── FeedbackError          an answer about what users reported cannot be understood
├── DatasetError           a batch, a manifest or a dataset version is missing, broken or empty
├── StorageFull            there is no room for what was to be written
├── LockHeld               another process has held a lock for too long
├── ValidationFailed       a dataset version may not be trained on
├── TrainingError          training cannot start, resume or finish
│   └── TrainingInterrupted   something outside ended it, and it may go on where it was
├── ArtifactError          a released detector is incomplete, altered or does not compute what it promised
└── RegistryError          the model registry refused, or holds no such model, version or alias
    └── RegistryUnavailable   the registry did not answer
"""

from typing import Final

HOPELESS_STATUS: Final = 2
"""Exit status of a process whose error a person has to mend: the same call would end in it again."""


class TruegrainError(Exception):
    """Base of all errors whose message is meant for a person: what is wrong, which value, the way out."""


class SettingsError(TruegrainError):
    """A setting is unknown or has a value that is not allowed."""


class InvalidImage(TruegrainError):
    """Bytes that are not an image we accept.

    `reason` is one word of a closed set (see `model.images.decoding.REASONS`), fit for a metric label.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SourceError(TruegrainError):
    """A source of labelled images cannot be read or understood."""


class ContradictingLabels(SourceError):
    """A source calls one image real and AI: in two columns, or in a table and by a folder."""


class FeedbackError(TruegrainError):
    """An answer about what users reported cannot be understood."""


class DatasetError(TruegrainError):
    """A batch, a manifest or a dataset version is missing, broken or empty."""


class StorageFull(TruegrainError):
    """There is no room for what was to be written."""


class LockHeld(TruegrainError):
    """Another process has held a lock for too long."""


class ValidationFailed(TruegrainError):
    """A dataset version was refused; nothing may be trained on it."""


class TrainingError(TruegrainError):
    """Training cannot start, resume or finish."""


class TrainingInterrupted(TrainingError):
    """Training was ended by something outside; the same call may go on where it was."""


class ArtifactError(TruegrainError):
    """A released detector is incomplete, was altered, or does not compute what it promised."""


class RegistryError(TruegrainError):
    """The model registry refused, or holds no such model, version or alias."""


class RegistryUnavailable(RegistryError):
    """The model registry did not answer."""


def in_one_line(text: str) -> str:
    """Return what a stranger may have written as one printable line, fit to be quoted: for an error, a log, a terminal.

    Line breaks, control characters and rows of blanks become a blank.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
