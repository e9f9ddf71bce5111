"""Opening an HTTP address. Its failures are TransferErrors: those of the disk are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.system.errors import UserError

if TYPE_CHECKING:
    import requests

CHUNK = 256 * 1024
OBJECT = re.compile(r"<[^<>]* object at 0x[0-9a-f]+>(: )?")


class TransferError(Exception):
    """No answer, or one that broke off. `retry`: whether asking again at once may help."""

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


def open_url(url: str, headers: dict[str, str], timeout: float) -> requests.Response:
    """The answer, whatever its status, its body not yet read. Raises TransferError for none.

    A redirection leads to http or https only. Proxies are those of the environment.
    """
    import requests  # takes a tenth of a second: only where something is downloaded
    import urllib3

    fixed = {"User-Agent": "cyclebench", "Accept-Encoding": "identity"}
    try:
        response = requests.get(url, headers={**fixed, **headers}, timeout=timeout, stream=True)
    except (ValueError, requests.TooManyRedirects) as error:
        # A redirection to what is no address or in circles, a host that no name can be.
        raise TransferError(f"no address to ask ({error})", retry=False) from None
    except OSError as error:
        cause = error.args[0] if error.args else error
        proxy = _proxy(url)
        through = f", through the proxy {proxy} that the environment names" if proxy else ""
        if isinstance(cause, urllib3.exceptions.MaxRetryError):
            # Connecting failed: no such host, refused, unreachable, no certificate, timed out.
            why = f"no connection{through} ({_why(cause.reason)})"
            raise TransferError(why, retry=False) from None
        raise TransferError(f"{_why(error)}{through}", retry=True) from None
    # The caller compares with the length announced, and keeps what came before the end.
    response.raw.enforce_content_length = False
    return response


def _proxy(url: str) -> str | None:
    """Host and port of the proxy that is asked for `url`, without its password; None: none is."""
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    return urlsplit(proxy if "//" in proxy else f"//{proxy}").netloc.rpartition("@")[2]


def _why(error: object) -> str:
    """Without the addresses in memory that urllib3's connections have as their names."""
    return " ".join(OBJECT.sub("", str(error)).split()) or type(error).__name__


def chunks(response: requests.Response) -> Iterator[bytes]:
    """The body in pieces. Raises TransferError if the connection breaks noticeably.

    A connection closed early is not noticed here: the caller compares with the length announced.
    """
    import urllib3

    try:
        while chunk := response.raw.read(CHUNK):
            yield chunk
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TransferError(error, retry=True) from None


def fetch_text(url: str, limit: int = 4096, timeout: float = 10.0) -> str | None:
    """The first `limit` bytes as text, or None if the server has no such file.

    Raises UserError if there is no answer or another refusal.
    """
    check_url(url)
    try:
        with open_url(url, {}, timeout) as response:
            if response.status_code in (403, 404, 410):
                return None
            if not response.ok:
                raise UserError(
                    f"{url}: the server answered {response.status_code}; try again later"
                )
            content = b""
            for chunk in chunks(response):
                content += chunk
                if len(content) >= limit:
                    break
            return content[:limit].decode("utf-8", errors="replace")
    except TransferError as error:
        raise UserError(f"{url}: {error}; check the address and the network") from None
