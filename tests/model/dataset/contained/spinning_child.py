"""A child that reads sources, with a planted fault: it never returns from a file that says SPIN."""

import sys

from model.dataset import intake
from model.dataset.contained.__main__ import main
from model.images.fingerprint import Fingerprint, fingerprint

SPIN = b"spin for ever"


def spin(data: bytes) -> Fingerprint:
    while data == SPIN:
        pass
    return fingerprint(data)


if __name__ == "__main__":
    intake.fingerprint = spin
    sys.exit(main())
