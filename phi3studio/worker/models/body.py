"""The body of an HTTP answer, block by block.

httpx reads 64 KiB at a time through an HTTP parser. A large body whose length is known is read
from the connection itself instead, a mebibyte at a time: on a fast network that is twice as fast
(``network_stream`` is httpx's documented way to a response's connection).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_BLOCK = 1024 * 1024
_LARGE = 4 * 1024 * 1024


def blocks(response: Any, timeout_s: float) -> Iterator[bytes]:
    """What arrives of *response*, an open stream, at once when it arrives.

    Raises httpx's errors when the connection breaks. Afterwards the connection of a large body is
    closed with its response and not used again.
    """
    import httpcore2
    import httpx2

    parsed = response.iter_raw()
    length = _plain_length(response)
    stream = response.extensions.get("network_stream")
    if length is None or length < _LARGE or stream is None:
        yield from parsed
        return
    # What came together with the headers is in the parser, and nothing else of the body.
    first = next(parsed, b"")
    yield first
    left = length - len(first)
    while left > 0:
        try:
            data = stream.read(min(left, _BLOCK), timeout=timeout_s)
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as exc:
            raise httpx2.ReadError(str(exc) or type(exc).__name__) from exc
        if not data:
            raise httpx2.RemoteProtocolError("the connection was closed before the end")
        left -= len(data)
        yield data


def _plain_length(response: Any) -> int | None:
    """The body's length in bytes, where it comes as it is over a connection of its own."""
    headers = response.headers
    if response.http_version != "HTTP/1.1" or headers.get("Content-Encoding", "identity") != (
        "identity"
    ):
        return None
    length = headers.get("Content-Length", "")
    return int(length) if length.isdigit() and "Transfer-Encoding" not in headers else None
