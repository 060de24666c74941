"""GET /: the page on which people have pictures judged."""

from apiflask import APIBlueprint
from flask import render_template

from model.detectors.training_data import DEMONSTRATION
from model.images.formats import FORMATS, SUFFIXES
from service.context import context
from service.protection.bodies import BATCH_WEIGHT
from service.protection.uploads import MOST_FILES

blueprint = APIBlueprint("page", __name__, enable_openapi=False)


@blueprint.get("/")
def page() -> str:
    """Show the page. Before the first detector is in service, the page says so."""
    shared = context()
    file_bytes = shared.limits.max_bytes
    limits = {"fileBytes": file_bytes, "batchBytes": BATCH_WEIGHT * file_bytes, "batchFiles": MOST_FILES}
    served = shared.store.current
    trained_on = served.detector.card.trained_on if served else None
    return render_template(
        "page.html",
        formats=FORMATS,
        suffixes=SUFFIXES,
        limits=limits,
        served=served,
        warning=DEMONSTRATION if trained_on and trained_on.demonstration else "",
        training=trained_on.describe() if trained_on else "",
        signs=shared.notary is not None,
    )
