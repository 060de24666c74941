"""Wording: from what a detector found in a file to the verdict that is sent, for every endpoint that gives verdicts."""

from datetime import UTC, datetime

from flask import g

from model.images.provenance.reading import read_provenance
from service.answers.options import Options
from service.answers.verdict import Verdict
from service.context import context
from service.verdicts.judging import Judged, to_verdict
from service.verdicts.model_store import ServedModel


def word(judged: Judged, data: bytes, model: ServedModel, options: Options) -> Verdict:
    """Return the verdict of `model` on the file `data`, with what the file says of itself; signed where asked for.

    Raises Refusal when a receipt is asked for where none are given.
    """
    evidence = read_provenance(data, format_=judged.format)
    verdict = to_verdict(judged, model, request_id=g.request_id, evidence=evidence)
    return context().require_notary().sign(verdict, at=datetime.now(UTC)) if options.receipt else verdict
