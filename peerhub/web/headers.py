"""What every answer says to the browser, pages, errors and files alike: trust nothing but this site, keep nothing."""

from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from peerhub.web import browser

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
ALWAYS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
}
_A_DAY = "public, max-age=86400"
_ASK_AGAIN = "private, no-cache"  # a calendar program keeps what it has read, and asks whether it is still so


async def add_headers(message: Message, scope: Scope) -> None:
    """Add them to whatever leaves, also where no handler was found (a ``before_send`` hook)."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    is_file = scope["path"].startswith("/static/") and message["status"] == 200
    is_feed = scope["path"].startswith("/feeds/") and message["status"] in (200, 304)
    headers["cache-control"] = _A_DAY if is_file else _ASK_AGAIN if is_feed else "no-store"
    new_browser = scope.get("state", {}).get("new_browser")
    if new_browser:
        connection = scope["litestar_app"].request_class(scope)
        headers.add("set-cookie", browser.write_cookie(connection, "browser", new_browser).to_header(header=""))
