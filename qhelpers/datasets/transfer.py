"""Copy one file from an HTTP server into a partial file, and go on where a cut left it.

Looked at before writing this: pooch fetches into a temporary file that it deletes on any failure (no resumption), takes
no lock, and checks the hash of an archive rather than of its members; resumable-urlretrieve resumes without If-Range and
takes no lock; pypdl needs aiohttp. So the transport is the standard library's, the lock filelock, the bar tqdm.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tqdm import tqdm

TRIES = 5  # requests a call
PAUSE = 1.0  # seconds before the second, twice as many before the third, and so on
REDIRECTS = 10
_CHUNK = 1 << 16
_MOVED = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that may be gone a while later
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class TransferError(Exception):
    """The transfer failed, in words. `lasting` tells that going on from what has come makes no sense."""

    def __init__(self, words: str, *, lasting: bool) -> None:
        super().__init__(words)
        self.lasting = lasting


class _Cut(Exception):
    """The connection failed; `began` tells whether an answer had come."""

    def __init__(self, words: str, *, began: bool) -> None:
        super().__init__(words)
        self.began = began


class _Unfit(Exception):
    """The server's answer does not continue what is here."""


def no_room(error: OSError) -> bool:
    """Whether a disk or a quota is full."""
    return error.errno in _NO_ROOM


@dataclass(frozen=True)
class Partial:
    """What has come of a file so far, with a note beside it (``.json``) of the version it belongs to.

    The note is written after the file is emptied and before its first byte comes, so a kill at any moment leaves
    either both of one version, or something that counts as nothing.
    """

    path: Path

    @property
    def _note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    def size(self) -> int:
        """Bytes that have come."""
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> tuple[str | None, int | None]:
        """ETag or date (for If-Range), and whole length in bytes, each None where the server did not tell."""
        note = json.loads(self._note.read_text(encoding="utf-8"))
        return note["version"], note["bytes"]

    def begin(self, address: str, version: str | None, length: int | None) -> None:
        """Empty the file and note what will come into it."""
        self.path.write_bytes(b"")
        note = {"address": address, "version": version, "bytes": length}
        self._note.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")

    def settle(self, target: Path) -> None:
        """Give a whole and checked file its name, safe against a power cut."""
        with self.path.open("r+b") as stream:
            os.fsync(stream.fileno())
        os.replace(self.path, target)
        self.drop()

    def drop(self) -> None:
        """Remove the file and the note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def receive(address: str, partial: Partial, *, largest: int, seconds: float) -> bool:
    """Bring a partial file to its whole length; nobody else may be at it.

    A connection that breaks or stalls after an answer has begun is taken up again, with at most `TRIES` requests in all.
    A continuation is asked for with Range and, where the server names a version, If-Range; an answer that does not
    continue what is here (another version, another place, the whole file) starts the file anew.

    Parameters
    ----------
    address : str
        Where the file is; redirects are followed to HTTP and HTTPS, and not from HTTPS to HTTP.
    partial : Partial
        What has come so far, possibly nothing.
    largest : int
        Bytes that the file may have at most.
    seconds : float
        How long the server may be silent.

    Returns
    -------
    bool
        Whether the file was put together from more than one answer.

    Raises
    ------
    TransferError
        If the file cannot be had, in words without the address.
    OSError
        If the file cannot be written.
    """
    resumed = False
    for attempt in range(1, TRIES + 1):
        try:
            resumed = _request(address, partial, largest, seconds)
        except _Unfit as error:
            partial.drop()
            reason = str(error)
        except _Cut as error:
            reason = str(error)
            if attempt == 1 and not error.began:
                raise TransferError(reason, lasting=False) from error
            if attempt < TRIES:
                time.sleep(PAUSE * attempt)
        else:
            return resumed
    raise TransferError(f"it broke off {TRIES} times, the last time because {reason}", lasting=False)


def _request(address: str, partial: Partial, largest: int, seconds: float) -> bool:
    """One request for what is missing; returns whether it continued something."""
    have, version, length = partial.size(), None, None
    if have:
        try:
            version, length = partial.version()
        except (OSError, ValueError, KeyError, TypeError):  # no note, or a torn one: nobody knows what this is
            have = 0
    if have and have == length:
        return True
    headers = {"User-Agent": "qhelpers", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})
    try:
        answer = _open(address, headers, seconds)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                if error.headers.get("Content-Range") == f"bytes */{have}":
                    return True  # that was all
                raise _Unfit("the server's file has another length than before") from None
            raise TransferError(_refusal(error), lasting=error.code not in _PASSING) from error
    except (ValueError, http.client.InvalidURL) as error:
        raise TransferError(f"this is no address that can be asked for ({error})", lasting=True) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(_why(error, address, seconds), began=False) from error
    with answer:
        if (answer.headers.get("Content-Encoding") or "identity").lower() != "identity":
            raise TransferError("the server sends it packed by the way (Content-Encoding), though asked not to", lasting=True)
        stop: int | None
        if answer.status == HTTPStatus.PARTIAL_CONTENT and have:
            length, stop = _continues(answer.headers, have, version, length)
        elif answer.status == HTTPStatus.OK:
            have, length = 0, _length(answer.headers)
            stop = length
        else:
            raise TransferError(f"the server answers with HTTP {answer.status} where 200 is right", lasting=True)
        if (promised := max(length or 0, stop or 0)) > largest:
            raise TransferError(f"it has {promised:,} bytes; at most {largest:,} are expected here", lasting=True)
        if have == 0:
            partial.begin(address, _version(answer.headers), length)
        if (free := shutil.disk_usage(partial.path.parent).free) < (stop or 0) - have:
            raise OSError(errno.ENOSPC, f"{(stop or 0) - have:,} bytes are to come, {free:,} are free")
        _copy(answer, partial, have, stop, largest, seconds)
    if length is not None and partial.size() < length:
        raise _Cut(f"{partial.size():,} of {length:,} bytes had come when it ended", began=True)
    return have > 0


def _copy(answer: http.client.HTTPResponse, partial: Partial, have: int, stop: int | None, largest: int, seconds: float) -> None:
    """Append the body to the partial file, up to the byte before `stop` if that is known."""
    with (
        partial.path.open("ab") as stream,
        # disable=None: only where the error output is a terminal.
        tqdm(total=stop, initial=have, unit="B", unit_scale=True, disable=None, file=sys.stderr, leave=False) as bar,
    ):
        while stop is None or have < stop:
            try:
                # As soon as anything is there, so that a cut loses nothing that has come.
                chunk = answer.read1(_CHUNK if stop is None else min(_CHUNK, stop - have))
            except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a chunk's length is no number
                raise _Cut(_why(error, answer.geturl(), seconds), began=True) from error
            if not chunk:
                return
            have += len(chunk)
            if have > largest:
                raise TransferError(f"it does not end after {largest:,} bytes, more than is expected here", lasting=True)
            stream.write(chunk)
            stream.flush()
            bar.update(len(chunk))


def _open(address: str, headers: dict[str, str], seconds: float) -> http.client.HTTPResponse:
    """Ask for an address and follow redirects, but not away from HTTP and HTTPS."""
    opener = urllib.request.OpenerDirector()
    # urllib's own redirections would read a redirecting answer's body to its end, however long, and allow FTP.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    for _ in range(REDIRECTS + 1):
        try:
            answer = opener.open(urllib.request.Request(address, headers=headers), timeout=seconds)
        except urllib.error.HTTPError as error:
            if error.code not in _MOVED or "Location" not in error.headers:
                raise
            error.close()
            old, address = urlsplit(address).scheme, urljoin(address, error.headers["Location"])
            if (new := urlsplit(address).scheme) not in ("http", "https") or (old, new) == ("https", "http"):
                raise TransferError(
                    f"the server redirects from {old} to {address!r}; allowed are https, and from http also http", lasting=True
                ) from None
        else:
            assert isinstance(answer, http.client.HTTPResponse)
            return answer
    raise TransferError(f"the server redirects more than {REDIRECTS} times", lasting=True)


def _continues(headers: Message, have: int, version: str | None, length: int | None) -> tuple[int | None, int]:
    """Whole length and end of a partial answer, or `_Unfit` if it does not go on where the partial file ends."""
    told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", headers.get("Content-Range", ""))
    if told is None or int(told[1]) != have or int(told[2]) < have:
        raise _Unfit("the server sends another part of it than asked for")
    whole = None if told[3] == "*" else int(told[3])
    if (None not in (whole, length) and whole != length) or (version and _version(headers) not in (None, version)):
        raise _Unfit("the server's file has changed meanwhile")
    return (length if whole is None else whole), int(told[2]) + 1


def _version(headers: Message) -> str | None:
    """What If-Range takes: the ETag unless it is a weak one, else the date of the last change."""
    tag, date = headers.get("ETag", ""), headers.get("Last-Modified", "")
    version = tag if tag and not tag.startswith("W/") else date
    return version if re.fullmatch(r"[ -~]{1,200}", version) else None  # it is sent back, so nothing strange


def _length(headers: Message) -> int | None:
    told = headers.get("Content-Length", "")
    return int(told) if re.fullmatch(r"[0-9]{1,18}", told) and "Transfer-Encoding" not in headers else None


def _refusal(answer: urllib.error.HTTPError) -> str:
    """An HTTP status in words; the server's own words are not repeated."""
    try:
        status = f"HTTP {answer.code}, {HTTPStatus(answer.code).phrase}"
    except ValueError:
        status = f"HTTP {answer.code}"
    if answer.code in (404, 410):
        return f"there is no such file on the server ({status}); the publisher may have moved it"
    if answer.code in (401, 403, 407, 451):
        return f"the server does not give it out ({status})"
    if answer.code == 429 or (answer.code == 503 and "Retry-After" in answer.headers):
        wait = answer.headers.get("Retry-After", "")
        wait = f"{int(wait):,} s" if re.fullmatch(r"[0-9]{1,9}", wait) else "a while"
        return f"the server has been asked too often ({status}); wait {wait}"
    if answer.code >= 500:
        return f"the server is in trouble ({status})"
    return f"the server refuses ({status})"


def _why(error: Exception, address: str, seconds: float) -> str:
    """A failed connection in words."""
    host = urlsplit(address).netloc.rpartition("@")[2]
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, socket.gaierror):
        return f"the name {host} cannot be resolved ({reason.strerror}); check the network and the address"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {host} is not trusted ({reason.verify_message}); check this machine's clock and its certificates"
        )
    if isinstance(reason, TimeoutError):
        return f"{host} was silent for {seconds:g} s"
    if isinstance(reason, ConnectionRefusedError):
        return f"{host} refuses connections"
    if isinstance(reason, http.client.IncompleteRead):
        return f"the answer of {host} stopped in its middle"
    if isinstance(reason, ConnectionError):
        return f"{host} closed the connection"
    if isinstance(reason, OSError):  # a proxy's refusal comes without a number, and with the proxy's own words
        words = "".join(c for c in reason.strerror or str(reason) if c.isprintable())[:200]
        return f"{host} cannot be reached ({words})"
    return f"the answer of {host} is no proper HTTP ({type(reason).__name__})"
