"""ClickHouse's HTTP interface over the real engine in this process (chDB): `python -m tests.history.clickhouse_server`.

No ClickHouse server can be had from where the tests get things, its engine can. What is made up here is the way to
it: https://clickhouse.com/docs/interfaces/http. Prints its port.
"""

import re
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

# What is about the request and no setting of the query.
OWN = frozenset({"query", "database", "session_id", "query_id", "wait_end_of_query", "client_protocol_version"})
INSERT = re.compile(rb"\s*INSERT INTO (\S+)\s.*FORMAT Parquet\s*", re.DOTALL)


class Handler(BaseHTTPRequestHandler):
    """One request is one query."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        params = dict(parse_qsl(urlsplit(self.path).query))
        body = self._body()
        try:
            answer = self._answer(params, body)
        except Exception as error:  # noqa: BLE001 - told to the client, as the server does it
            self._send(500, str(error).encode())
        else:
            self._send(200, answer)

    def _answer(self, params, body):
        asked = params.get("query", "").encode()
        session = self.server.session
        if found := INSERT.fullmatch(asked):
            with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
                file.write(body)
                file.flush()
                rows = f"SELECT * FROM file('{file.name}', 'Parquet')"  # noqa: S608 - a name of our own
                session.query(f"INSERT INTO {found[1].decode()} {rows}")
            return b""
        session.query(f"USE {params.get('database', 'default')}")
        for name, value in params.items():
            if name not in OWN:
                session.query(f"SET {name} = {value if value.isdigit() else repr(value)}")
        return session.query((asked + b"\n" + body).decode(), "TabSeparated").bytes()

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    with Session() as session, HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.session = session
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
