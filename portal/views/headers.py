"""Headers of every answer: what browsers may load, keep, and tell others."""

from typing import Final

from flask import Flask, Response

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)

ALWAYS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
STRICT_TRANSPORT: Final = "max-age=31536000; includeSubDomains"


def for_answers(*, is_https: bool) -> dict[str, str]:
    """The headers of every answer, on a site that is reached by https or on this machine only."""
    return {**ALWAYS, "Strict-Transport-Security": STRICT_TRANSPORT} if is_https else dict(ALWAYS)


def init_app(app: Flask, *, is_https: bool) -> None:
    """Every answer of this app carries them, and no page is kept by a cache: pages show PINs."""
    headers = for_answers(is_https=is_https)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            # A page may be stricter: what it says itself stays.
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
