"""What is believed about where a request comes from: the names it may call, the proxies that speak for others."""

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

LOCAL = ("localhost", "127.0.0.1", "[::1]")
"""Always trusted: what probes on the same machine call, and no name that an attacker could profit from."""


def init_app(app: APIFlask, *, hosts: list[str], proxies: int) -> None:
    """Refuse requests to other names than `hosts` (empty: any); believe X-Forwarded-* of so many `proxies`.

    A proxy adds to X-Forwarded-For the address that it was called from; of that list the last `proxies` entries are
    theirs, and anything before these may be forged.
    """
    if hosts:
        app.config["TRUSTED_HOSTS"] = [*hosts, *LOCAL]
    if proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
