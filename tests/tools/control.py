"""Calls the sandbox's control API: JSON in and out, on loopback."""

import json
import urllib.request


def call(address: str, body: dict | None = None):
    """Returns the response; with a body, the call is a POST."""
    request = urllib.request.Request(
        address,
        method="GET" if body is None else "POST",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    # The user's proxy must not be used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        return json.load(answer)
