"""Calls the sandbox's control API: JSON in and out, on loopback."""

import json
import urllib.request

# A sandbox that takes longer never answers.
PATIENCE = 300


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
    with opener.open(request, timeout=PATIENCE) as answer:
        return json.load(answer)
