from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SECRET = "sig-7c1e5a-planted"


class Workflows:
    """A webhook on loopback that answers by script: status, body and headers of each request in turn."""

    def __init__(self):
        self.script, self.received, self.released = [(202, "", {})], [], threading.Event()
        workflows = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                workflows.received.append((time.monotonic(), self.path, body))
                workflows.answer(self)

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/workflows/abc?sp=x&sig={SECRET}"

    def answer(self, handler):
        status, text, headers = self.script[min(len(self.received), len(self.script)) - 1]
        if status == 0:
            self.released.wait(10)
            return
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def workflows():
    server = Workflows()
    yield server
    server.stop()


@pytest.fixture
def secret():
    return SECRET
