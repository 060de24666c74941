"""`python -m model.registry`: shows the history of production, changes production, and signs versions."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from model.detectors import artifact, signature
from model.detectors.detector import Detector
from model.errors import ArtifactError, RegistryUnavailable, TruegrainError, in_one_line
from model.registry import Registry, connect, promotion
from model.registry.history import Change
from model.registry.state import look
from model.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status, which is 1 after a failure, with the reason on stderr."""
    asked = _parse(arguments)
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))  # stdout is for the history
    try:
        registry = connect(Settings.from_environment(os.environ))
        sys.stdout.write(_carry_out(registry, asked))
    except RegistryUnavailable as error:
        told = in_one_line(str(error))
        sys.stderr.write(f"{told}\nThe change may have been made: look at `python -m model.registry history` first.\n")
        return 1
    except TruegrainError as error:
        sys.stderr.write(f"{in_one_line(str(error))}\n")  # it may quote what a stranger wrote into a tag
        return 1
    return 0


def _carry_out(registry: Registry, asked: argparse.Namespace) -> str:
    if asked.command == "promote":
        promotion.promote(registry, asked.version, reason=asked.reason, override=asked.override)
    elif asked.command == "rollback":
        promotion.rollback(registry, reason=asked.reason, to=asked.to)
    elif asked.command == "repair":
        promotion.repair(registry)
    elif asked.command == "sign":
        _sign(registry, asked.version, asked.key, asked.sha256)
    return "".join(f"{_line(change)}\n" for change in look(registry).history.changes)


def _sign(registry: Registry, version: str, key: Path, sha256: str | None) -> None:
    """Sign a version whose files have the hash `sha256`, after its golden outputs were reproduced.

    Raises ArtifactError, which names the actual hash, if `sha256` is None or another hash. Raises SettingsError if
    `key` is not the file of a private key.
    """
    private_key = signature.read_private_key(key)
    wanted = registry.require(version)
    with tempfile.TemporaryDirectory() as aside:
        folder = registry.download(wanted.version, Path(aside))
        found = artifact.digest(folder)
        if found != (sha256 or "").lower():
            other = f", not {sha256}" if sha256 else ""
            raise ArtifactError(
                f"nothing was signed: version {wanted.version} in the registry has the hash {found}{other}. Anyone with"
                " write access to the registry may have changed the files. As --sha256 give the hash from the line"
                " `artifact` in the log of the training"
            )
        Detector.load(folder)
        signed = signature.sign(folder, private_key, name=registry.model_name, version=wanted.version)
        registry.tag(wanted.version, {signature.TAG: signed})
    issue = signed.partition(":")[0]
    sys.stderr.write(f"signed version {wanted.version} of '{registry.model_name}', {found}, issue {issue}\n")


def _line(change: Change) -> str:
    """Return a change as one line that is safe to print.

    Anyone with write access to the registry may have written the change.
    """
    versions = f"{change.from_version or '-'} -> {change.to_version or '-'}"
    at, versions, by, reason = map(in_one_line, (change.at, versions, change.by, change.reason))
    return f"{change.number:>4}  {at}  {change.how:<9}  {versions:<12}  {by}: {reason}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.registry", description="Every command prints the history.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("history", help="print every change of production: when, how, from and to, who and why")
    commands.add_parser("repair", help="finish an interrupted change, and record a change that was made by hand")
    promote = commands.add_parser("promote", help="put a version into production")
    promote.add_argument("version", help="a version, or an alias such as candidate")
    promote.add_argument(
        "--override", action="store_true", help="promote the version even if the gate has not passed it"
    )
    rollback = commands.add_parser("rollback", help="put the previous version, or another one, back into production")
    rollback.add_argument("--to", metavar="VERSION", help="a version, or an alias such as previous")
    sign = commands.add_parser("sign", help="sign a version, for services that set TRUEGRAIN_REQUIRE_SIGNATURE")
    sign.add_argument("version")
    sign.add_argument("--key", type=Path, required=True, metavar="PEM", help="file of the Ed25519 private key")
    sign.add_argument(
        "--sha256", metavar="HASH", help="hash of the artifact as training logged it; other files are not signed"
    )
    for command in (promote, rollback):
        command.add_argument("--reason", required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
