"""The page of alerts."""

import yaml

from truegrain_docs.markdown import code, page, table
from truegrain_rig.stack import ROOT


def alerts() -> str:
    """Return each alert with its severity, its condition and the section of the manual that says what to do."""
    rules = [
        rule
        for path in sorted((ROOT / "infra" / "prometheus" / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    rows = (
        (
            f"[{rule['alert']}](../operate/on-call.md#{rule['alert'].lower()})",
            rule["labels"]["severity"],
            rule.get("for", "at once"),
            code(" ".join(rule["expr"].split())),
        )
        for rule in rules
    )
    return page(
        "Alerts",
        "`page` cannot wait until the morning, `ticket` can. Each name leads to what to do.",
        table(("alert", "severity", "after", "condition (PromQL)"), rows),
    )
