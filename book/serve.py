"""Show the built site on this machine only. `make serve` runs this.

    python book/serve.py 8000

Binds 127.0.0.1, gives the files of `build/site` and nothing else: no list of a folder, nothing outside that a link leads to. A
browser is told to load nothing from other hosts, so that a page which tried to would show it.
"""

from __future__ import annotations

import functools
import gzip
import io
import re
import sys
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).resolve().parents[1] / "build" / "site"

#: What a page may load. The theme writes scripts and styles into its pages, hence 'unsafe-inline'; icons are data: addresses.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


#: Kinds of files that are sent compressed, as any host of static sites does.
PACKED = {".html", ".css", ".js", ".svg", ".json", ".ipynb", ".csv"}


@functools.lru_cache(maxsize=256)
def packed(file: Path, changed: float) -> bytes:
    """Content of a file, compressed; made anew when it has changed."""
    return gzip.compress(file.read_bytes(), 6)


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder."""

    def end_headers(self) -> None:
        """Say what a page may load, and that a file is what it says it is."""
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def send_head(self):
        """Refuse what lies outside the folder once links are followed."""
        file = Path(self.translate_path(self.path))
        if not file.resolve().is_relative_to(Path(self.directory).resolve()):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        if self.path.endswith("/"):
            file /= "index.html"
        packs = "gzip" in self.headers.get("Accept-Encoding", "") and "If-Modified-Since" not in self.headers
        if not packs or file.suffix not in PACKED or not file.is_file():
            return super().send_head()
        changed = file.stat().st_mtime
        content = packed(file, changed)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", self.date_time_string(changed))
        self.end_headers()
        return io.BytesIO(content)

    def send_error(self, code, message=None, explain=None):
        """Show the site's own page for what is not there: its addresses are those of the top folder, wherever it is shown."""
        page = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        text = re.sub(r'(\s(?:href|src|action)=")(?![a-z]+:|[/#"])', r"\1/", page.read_text(encoding="utf-8")).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def list_directory(self, path):
        """Show no list of a folder."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


class Server(ThreadingHTTPServer):
    """A server that does not share its port: on some systems two could listen on one."""

    allow_reuse_address = sys.platform != "win32"


def main(argv: list[str], site: Path = SITE) -> int:
    """Serve until interrupted; return the exit code."""
    given = argv[0] if argv else "8000"
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        print(f"serve: PORT is {given!r}; allowed is a number from 1 to 65535: make serve PORT=8000", file=sys.stderr)
        return 2
    if not (site / "index.html").exists():
        print("serve: no site in build/site yet; run: make book", file=sys.stderr)
        return 2
    try:
        server = Server(("127.0.0.1", int(given)), functools.partial(Handler, directory=str(site)))
    except OSError as error:
        other = int(given) + 1 if 1024 <= int(given) < 65535 else 8000
        print(
            f"serve: port {given} cannot be had ({error.strerror.lower()}); take another: make serve PORT={other}",
            file=sys.stderr,
        )
        return 2
    print(f"serve: http://127.0.0.1:{given}/  (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
