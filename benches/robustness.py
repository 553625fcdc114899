#!/usr/bin/env python3
"""Attacks a server as clients on the internet do, and checks that it keeps answering.

    benches/robustness.py BINARY

Each check has a server of its own on a free port. The exit code is 0 when all checks hold, else 1.
"""

import contextlib
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import time

# Time limit for answers that should arrive immediately.
PATIENCE = 10.0

REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Wrong(Exception):
    """A check does not hold, and why."""


@contextlib.contextmanager
def server(binary, descriptors=None, connections=512):
    """A running server's address; `descriptors` bounds its open files, and it cannot raise that."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))) if descriptors else None
    process = subprocess.Popen(
        [binary, "serve", "--port", "0"],
        env={"MCPIST_MAX_CONNECTIONS": str(connections)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )
    try:
        line = process.stderr.readline()
        if "http://" not in line:
            raise Wrong(f"the server has not started: {line}")
        host, port = line.split("http://")[1].split("/")[0].split(":")
        yield host, int(port)
        if process.poll() is not None:
            raise Wrong(f"the server has ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def open_at_once(address, count):
    """Opens connections, all of them before waiting for the first."""
    connections = []
    for _ in range(count):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(address)
        connection.settimeout(PATIENCE)
        connections.append(connection)
    return connections


def close(connections):
    for connection in connections:
        connection.close()


def status(connection):
    """Returns the status of the response, which is read completely; None if the connection was closed without one."""
    answer = b""
    try:
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(4096)
            if not piece:
                return None
            answer += piece
        head, body = answer.split(b"\r\n\r\n", 1)
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            piece = connection.recv(4096)
            if not piece:
                return None
            body += piece
        return int(head.split(b" ")[1])
    except (ConnectionResetError, BrokenPipeError):
        return None


def ask(connection):
    try:
        connection.sendall(REQUEST)
    except (ConnectionResetError, BrokenPipeError):
        pass
    return status(connection)


def seconds_until_answered(address):
    """Returns the seconds until a new connection gets a 200."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=PATIENCE) as connection:
            if ask(connection) == 200:
                return time.monotonic() - began
    raise Wrong(f"no answer within {PATIENCE} s")


def outlives_the_descriptor_limit(binary):
    """With 64 descriptors, 300 connections are opened: those that are taken are answered, and the server outlives it."""
    with server(binary, descriptors=64) as address:
        connections = open_at_once(address, 300)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(REQUEST)
        statuses = [status(connection) for connection in connections]
        if 200 not in statuses:
            raise Wrong("no connection got an answer")
        close(connections)
        after = seconds_until_answered(address)
        return f"{statuses.count(200)} answered, {statuses.count(503)} refused, answers again after {after * 1000:.0f} ms"


def answers_within_a_second_of_a_flood(binary):
    """2,000 connections at once, over the cap of 512: all are answered or refused, and a second after them all is well."""
    with server(binary) as address:
        connections = open_at_once(address, 2000)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(REQUEST)
        statuses = [status(connection) for connection in connections]
        close(connections)
        after = seconds_until_answered(address)
        said = f"{statuses.count(200)} answered, {statuses.count(503)} refused, {statuses.count(None)} reset, answers after {after * 1000:.0f} ms"
        if statuses.count(200) < 500 or after > 1:
            raise Wrong(said)
        return said


def slow_clients_cost_others_nothing(binary):
    """400 clients send a byte of their heads a second: a 401st is answered as if it were alone."""
    with server(binary) as address:
        alone = latencies(address, 1)
        slow = open_at_once(address, 400)
        times = []
        for byte in range(5):
            for connection in slow:
                connection.sendall(REQUEST[byte : byte + 1])
            times += latencies(address, 1)
        with selectors.DefaultSelector() as selector:
            for connection in slow:
                selector.register(connection, selectors.EVENT_READ)
            if selector.select(0):
                raise Wrong("a slow client was cut before its ten seconds were over")
        close(slow)
        said = f"median {statistics.median(times) * 1000:.2f} ms, alone {statistics.median(alone) * 1000:.2f} ms, worst {max(times) * 1000:.1f} ms"
        if statistics.median(times) > 5 * statistics.median(alone) or max(times) > 1:
            raise Wrong(said)
        return said


def latencies(address, seconds):
    """Returns the duration of each request that one kept connection made in this time, with pauses."""
    times = []
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            if ask(connection) != 200:
                raise Wrong("a request among slow clients was not answered with 200")
            times.append(time.monotonic() - began)
            time.sleep(0.005)
    return times


def bursts_are_answered_while_all_stay_open(binary):
    """Opens groups of kept connections repeatedly: each must get an answer while all others stay open."""
    # Connections of earlier groups may still count when the next group arrives.
    with server(binary, connections=4096) as address:
        slowest = 0.0
        for count in [5, 20, 100, 300] * 5:
            began = time.monotonic()
            connections = open_at_once(address, count)
            for turn in (connections, connections[::-1]):
                for connection in turn:
                    connection.sendall(REQUEST)
                statuses = [status(connection) for connection in turn]
                if statuses != [200] * count:
                    raise Wrong(f"of {count}, only {statuses.count(200)} were answered with 200: {sorted(set(map(str, statuses)))}")
            slowest = max(slowest, time.monotonic() - began)
            close(connections)
        said = f"20 groups, the slowest within {slowest * 1000:.0f} ms"
        # If the queue is full, the handshake is repeated after a second.
        if slowest > 0.9:
            raise Wrong(said)
        return said


CHECKS = [
    outlives_the_descriptor_limit,
    answers_within_a_second_of_a_flood,
    slow_clients_cost_others_nothing,
    bursts_are_answered_while_all_stay_open,
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wrong = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            print(f"ok     {name}: {check(sys.argv[1])}", flush=True)
        except (Wrong, OSError) as error:
            wrong += 1
            print(f"WRONG  {name}: {error}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
