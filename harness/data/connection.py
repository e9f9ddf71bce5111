"""Opening an HTTP address, with every way that can fail told apart from the disk's failures."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from harness.system.errors import UserError

CHUNK = 256 * 1024


class TransferError(Exception):
    """No answer, or one that broke off; `retry` says whether asking again at once may help."""

    def __init__(self, reason: object, retry: bool):
        super().__init__(" ".join(str(reason).split()) or type(reason).__name__)
        self.retry = retry


def check_url(url: str) -> None:
    """Raises UserError unless `url` is http or https, names a host and carries no password."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise UserError(
            f"{url!r}: not an address to download from; it must begin with http:// or https://"
        )
    if parts.username is not None:
        raise UserError(f"{parts.hostname}: user name and password in an address are not supported")


def open_url(url: str, headers: dict[str, str], timeout: float) -> http.client.HTTPResponse:
    """Raises HTTPError for an error status, TransferError if there is no answer.

    The opener knows no schemes but http and https, so a redirection cannot lead elsewhere.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    fixed = {"User-Agent": "cyclebench", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers={**fixed, **headers})  # noqa: S310
    try:
        return opener.open(request, timeout=timeout)
    except HTTPError:
        raise
    except URLError as error:  # connecting failed: no such host, refused, unreachable, timed out
        raise TransferError(f"no connection ({error.reason})", retry=False) from None
    except (http.client.HTTPException, OSError) as error:
        raise TransferError(error, retry=True) from None
    except ValueError as error:  # a redirection to what is no address, a host that no name can be
        raise TransferError(f"no address to ask ({error})", retry=False) from None


def chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body in pieces. Raises TransferError if the connection breaks noticeably.

    A connection closed early is not noticed here: the caller compares with the length announced.
    """
    while True:
        try:
            chunk = response.read(CHUNK)
        except (http.client.HTTPException, OSError) as error:
            raise TransferError(error, retry=True) from None
        if not chunk:
            return
        yield chunk


def fetch_text(url: str, limit: int = 4096, timeout: float = 10.0) -> str | None:
    """The first `limit` bytes as text, or None if the server has no such file.

    Raises UserError if there is no answer or another refusal.
    """
    check_url(url)
    try:
        with open_url(url, {}, timeout) as response:
            content = b""
            for chunk in chunks(response):
                content += chunk
                if len(content) >= limit:
                    break
            return content[:limit].decode("utf-8", errors="replace")
    except HTTPError as error:
        error.close()
        if error.code in (403, 404, 410):
            return None
        raise UserError(f"{url}: the server answered {error.code}; try again later") from None
    except TransferError as error:
        raise UserError(f"{url}: {error}; check the address and the network") from None
