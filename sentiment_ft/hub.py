"""Is the Hugging Face hub there? Asked once, in three seconds, before a library spends a minute on retries
(measured: 46 s).
"""

from __future__ import annotations

import functools
import os
import socket
import urllib.request
from urllib.parse import urlsplit

CONNECT_TIMEOUT_S = 3.0


def forbidden() -> bool:
    """True when HF_HUB_OFFLINE says that the hub must not be asked."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


@functools.cache
def reachable() -> bool:
    """False when HF_HUB_OFFLINE is set, or nothing answers at the hub's address and no proxy is configured."""
    if forbidden():
        return False
    try:
        address = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
        if urllib.request.getproxies().get(address.scheme or "https"):
            return True  # the proxy resolves names; only it can tell
        port = address.port or (80 if address.scheme == "http" else 443)
        if not address.hostname:
            return False
        with socket.create_connection((address.hostname, port), CONNECT_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False
