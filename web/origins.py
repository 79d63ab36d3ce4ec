"""Where a browser's request came from: pages of other sites may neither write with the user's cookie nor open the
feed.
"""

from collections.abc import Collection


def is_own(origin: str | None, host: str | None, allowed: Collection[str] = ()) -> bool:
    """Whether `Origin` names this host or one that is allowed. A request without `Origin` comes from no other page:
    own.

    The scheme is left out of the comparison, since a proxy may speak TLS in front of us.
    """
    if origin is None:
        return True
    if origin in allowed:
        return True
    return host is not None and origin.partition("://")[2].lower() == host.lower()


def is_cross_site(fetch_site: str | None) -> bool:
    """Whether the browser itself says (`Sec-Fetch-Site`) that another site's page sent the request."""
    return fetch_site is not None and fetch_site not in ("same-origin", "none")
