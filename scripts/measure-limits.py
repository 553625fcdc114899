#!/usr/bin/env python3
"""Measures what strangers, one user, and large answers take from others, and checks it.

    scripts/measure-limits.py BINARY [strangers | questions | memory]...

The server runs in hosted mode against a control plane and a service that live in this script. Without names, every check is run.
The exit code is 0 when all of them hold, else 1. `memory` needs Linux: it samples the resident memory of the server.
"""

import contextlib
import http.server
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

USERS = {"mcpist_alice": "00000000-0000-4000-8000-00000000000a", "mcpist_bob": "00000000-0000-4000-8000-00000000000b"}
TOOLS = ["list_rows", "list_numbers", "get_text", "remove_row"]

# What a body may have, less one byte: the largest upload that the head does not give away.
UPLOAD = 4 * 1024 * 1024 - 1
STRANGERS = 64
QUESTIONS = 300
CALLS = 60
MEMORY_MIB = 256

# A little less than the largest answer of a service.
ANSWER = 10 * 1024 * 1024 - 64

MODULE = {
    "module": "rows",
    "title": "Rows",
    "description": "Large answers.",
    "base_url": "https://rows.invalid",
    "base_url_env": "ROWS_API_URL",
    "tools": [
        {"name": "list_rows", "path": "/rows", "output": {"items": "", "fields": {"id": "id", "title": "title", "text": "text"}}},
        {"name": "list_numbers", "path": "/numbers", "output": {"fields": {"all": ""}}},
        {"name": "get_text", "path": "/text", "output": {"text": ""}},
        {"name": "remove_row", "method": "DELETE", "path": "/rows/{id}", "output": {"done": "Removed."}},
    ],
}


class Wrong(Exception):
    """A check does not hold, and why."""


def module():
    """Returns the module file."""
    tools = []
    for tool in MODULE["tools"]:
        removes = tool.get("method") == "DELETE"
        whole = {
            "name": tool["name"],
            "description": f"Makes the call {tool['name']}.",
            "docs": "https://rows.invalid/docs",
            "annotations": {"readOnlyHint": not removes, "openWorldHint": False},
            "request": {"method": tool.get("method", "GET"), "path": tool["path"]},
            "output": tool["output"],
        }
        if removes:
            whole["annotations"] |= {"destructiveHint": True, "idempotentHint": True}
            whole["params"] = {"id": {"in": "path", "type": "integer", "required": True, "description": "Number of the row."}}
        tools.append(whole)
    return json.dumps(MODULE | {"tools": tools})


def large_answers():
    """Returns the bodies of the service by path, each of almost 10 MiB."""
    rows = []
    size = 2
    while size < ANSWER - 400:
        row = json.dumps({"id": len(rows), "title": "A row", "text": "x" * 200, "url": "https://rows.invalid/" + "y" * 80})
        size += len(row) + 1
        rows.append(row)
    numbers = "[" + ",".join(["0"] * ((ANSWER - 2) // 2)) + "]"
    return {
        "/rows": ("application/json", ("[" + ",".join(rows) + "]").encode()),
        "/numbers": ("application/json", numbers.encode()),
        "/text": ("text/plain", b"A line of a log.\n" * (ANSWER // 17)),
    }


class Handler(http.server.BaseHTTPRequestHandler):
    """The control plane and the service."""

    protocol_version = "HTTP/1.1"
    bodies = {}

    def log_message(self, *_):
        pass

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        user = USERS.get(self.headers.get("x-mcpist-token", ""))
        kind, body, status = "application/json", b"{}", 200
        if self.path in self.bodies:
            kind, body = self.bodies[self.path]
        elif self.path.endswith("/tool-sieve") and user:
            modules = {"rows": {"tools": TOOLS, "accounts": []}}
            body = json.dumps({"user_id": user, "version": "1", "ttl_s": 60, "modules": modules}).encode()
        elif self.path.endswith("/tool-sieve"):
            status, body = 401, b'{"error": {"code": "invalid_token", "message": "no"}}'
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer


class Surroundings(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        """A server that refuses an answer closes its connection."""


@contextlib.contextmanager
def server(binary, **variables):
    """A running server's process and address."""
    surroundings = Surroundings(("127.0.0.1", 0), Handler)
    threading.Thread(target=surroundings.serve_forever, daemon=True).start()
    there = f"http://127.0.0.1:{surroundings.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "rows.json"), "w", encoding="utf-8") as file:
            file.write(module())
        process = subprocess.Popen(
            [binary, "serve", "--port", "0", "--bind", "127.0.0.1"],
            env={
                "MCPIST_MODULES_DIR": folder,
                "MCPIST_LOG": "off",
                # The rate limit is not what is measured.
                "MCPIST_TOOL_CALLS_PER_MINUTE": "1000000",
                "MCPIST_CONFIRM": "human",
                "ROWS_API_URL": there,
                "TOKEN_BROKER_URL": f"{there}/functions/v1/token-exchanger",
                "TOKEN_BROKER_KEY": "sb_publishable_measured",
                **variables,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = process.stderr.readline()
            if "http://" not in line:
                raise Wrong(f"the server has not started: {line}{process.stderr.read()}")
            threading.Thread(target=process.stderr.read, daemon=True).start()
            host, port = line.split("http://")[1].split("/")[0].split(":")
            yield process, (host, int(port))
            if process.poll() is not None:
                raise Wrong(f"the server has ended with {process.returncode}")
        finally:
            process.kill()
            process.wait()
            surroundings.shutdown()


def connect(address):
    connection = socket.create_connection(address, timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head(method, path, token=None, **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json, text/event-stream"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(token, body, **headers):
    text = json.dumps(body).encode()
    return head("POST", "/mcp", token, Content_Type="application/json", Content_Length=len(text), **headers) + text


def modern(token, method, params):
    meta = {"protocolVersion": "2026-07-28", "clientCapabilities": {}, "clientInfo": {"name": "measure", "version": "1"}}
    params = params | {"_meta": {f"io.modelcontextprotocol/{name}": value for name, value in meta.items()}}
    named = {"Mcp_Name": params["name"]} if "name" in params else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return post(token, body, MCP_Protocol_Version="2026-07-28", Mcp_Method=method, **named)


def call(token, tool):
    arguments = {"module": "rows", "tool": tool, "params": {}}
    return modern(token, "tools/call", {"name": "call", "arguments": arguments})


def reply(connection):
    """Returns the status, headers and body of an answer with a length."""
    arrived = b""
    while b"\r\n\r\n" not in arrived:
        arrived += received(connection)
    first, body = arrived.split(b"\r\n\r\n", 1)
    lines = first.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    pieces, length = [body], len(body)
    while length < int(headers["content-length"]):
        pieces.append(received(connection))
        length += len(pieces[-1])
    return int(lines[0].split()[1]), headers, b"".join(pieces)


def received(connection):
    piece = connection.recv(1024 * 1024)
    if not piece:
        raise Wrong("the server has closed a connection without an answer")
    return piece


def median(address, token, count=200):
    """Returns the median time of a caller's requests in milliseconds; each has to be answered."""
    times = []
    with connect(address) as connection:
        for _ in range(count):
            begun = time.monotonic()
            connection.sendall(modern(token, "tools/list", {}))
            status, _, body = reply(connection)
            times.append((time.monotonic() - begun) * 1000)
            if status != 200:
                raise Wrong(f"a caller gets {status}: {body[:200]}")
    return statistics.median(times)


def compared(name, quiet, busy, most):
    print(f"{name}: median {quiet:.2f} ms quiet, {busy:.2f} ms busy, {busy / quiet:.2f} times")
    if busy > quiet * most:
        raise Wrong(f"it is over {most} times")


def strangers(binary):
    """64 strangers upload 4 MiB each and stall, again whenever they are cut; a caller is answered meanwhile."""
    stop, cut = threading.Event(), []

    def stranger(address, number):
        opening = [
            head("POST", "/mcp", Content_Length=UPLOAD),
            head("POST", "/mcp", "mcpist_madeup", Content_Length=UPLOAD),
            head("GET", "/health", Transfer_Encoding="chunked") + f"{UPLOAD:x}\r\n".encode(),
            head("POST", "/messages?session=x", Transfer_Encoding="chunked") + f"{UPLOAD:x}\r\n".encode(),
        ][number % 4]
        while not stop.is_set():
            with contextlib.suppress(OSError), connect(address) as connection:
                connection.sendall(opening)
                connection.sendall(b"x" * (UPLOAD - 1))
                connection.settimeout(0.2)
                while not stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        if not connection.recv(4096):
                            break
            cut.append(number)
            # As many bytes as 17 Mbit/s carry would come more seldom.
            stop.wait(2)

    with server(binary) as (_, address):
        median(address, "mcpist_alice", 20)
        quiet = median(address, "mcpist_alice")
        threads = [threading.Thread(target=stranger, args=(address, number)) for number in range(STRANGERS)]
        for thread in threads:
            thread.start()
        # Every stranger has been cut once.
        deadline = time.monotonic() + 60
        while len(set(cut)) < STRANGERS and time.monotonic() < deadline:
            time.sleep(0.1)
        busy = median(address, "mcpist_alice")
        stop.set()
        for thread in threads:
            thread.join()
    compared(f"{STRANGERS} strangers", quiet, busy, 2)


def questions(binary):
    """One user has 300 calls that ask and are not answered; another user is answered meanwhile."""
    with server(binary) as (_, address):
        quiet = median(address, "mcpist_bob")
        capabilities = {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "a", "version": "1"}}
        with connect(address) as connection:
            connection.sendall(post("mcpist_alice", {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": capabilities}))
            session = reply(connection)[1]["mcp-session-id"]
        asking = []
        for number in range(QUESTIONS):
            connection = connect(address)
            arguments = {"module": "rows", "tool": "remove_row", "params": {"id": number}}
            body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "call", "arguments": arguments}}
            connection.sendall(post("mcpist_alice", body, Mcp_Session_Id=session, MCP_Protocol_Version="2025-11-25"))
            asking.append(connection)
        time.sleep(1)
        busy = median(address, "mcpist_bob")
        for connection in asking:
            connection.close()
    compared(f"{QUESTIONS} open questions of another user", quiet, busy, 1.5)


def memory(binary):
    """60 calls at once whose answers have 10 MiB each do not take more than 256 MiB."""
    Handler.bodies = large_answers()
    for tool in ["list_rows", "list_numbers", "get_text"]:
        with server(binary, MCPIST_MAX_REQUESTS_PER_USER=str(CALLS)) as (process, address):
            median(address, "mcpist_alice", 20)
            peaks, outcomes, stop = [resident(process)], [], threading.Event()

            def sample(process=process, peaks=peaks, stop=stop):
                while not stop.wait(0.002):
                    with contextlib.suppress(OSError, ValueError):
                        peaks.append(resident(process))

            def caller(address=address, outcomes=outcomes, tool=tool):
                with connect(address) as connection:
                    connection.sendall(call("mcpist_alice", tool))
                    _, _, body = reply(connection)
                    busy = b"code: busy" in body[:4096]
                    failed = b'"isError":true' in body[-200:] or b'"error"' in body[:200]
                    outcomes.append("busy" if busy else "failed" if failed else "answered")

            sampler = threading.Thread(target=sample)
            sampler.start()
            callers = [threading.Thread(target=caller) for _ in range(CALLS)]
            for thread in callers:
                thread.start()
            for thread in callers:
                thread.join()
            stop.set()
            sampler.join()
            counts = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
            print(f"{CALLS} answers of 10 MiB ({tool}): {max(peaks):.0f} MiB at most, {peaks[0]:.0f} before; {counts}")
            if len(outcomes) != CALLS:
                raise Wrong(f"only {len(outcomes)} calls were answered")
            if max(peaks) > MEMORY_MIB:
                raise Wrong(f"that is over {MEMORY_MIB} MiB")


def resident(process):
    """Returns the resident memory of a process in MiB."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def main():
    checks = {"strangers": strangers, "questions": questions, "memory": memory}
    names = sys.argv[2:] or list(checks)
    if len(sys.argv) < 2 or any(name not in checks for name in names):
        sys.exit(__doc__)
    failures = 0
    for name in names:
        try:
            checks[name](sys.argv[1])
        except (Wrong, OSError) as error:
            failures += 1
            print(f"{name}: {error}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
