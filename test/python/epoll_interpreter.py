"""Runs sequences of operations on select.epoll, for epoll/differential.test.ts.

Reads one JSON list of operations a line and writes the JSON list of their results. Knows the
operations and the error mapping of docs/epoll.md; must not know what the other side does.
test/helpers/epoll-interpreter.ts is the same in TypeScript.
"""

import errno
import fcntl
import json
import os
import select
import socket
import sys
import tempfile


def number(value):
    """Numbers that JSON has no form for travel as text."""
    return float(value["float"]) if isinstance(value, dict) and "float" in value else value


class WithFileno:
    def __init__(self, value):
        self.value = value

    def fileno(self):
        if self.value == "throws":
            raise LookupError("fileno() throws")
        return self.value


class WithFd:
    def __init__(self, value):
        self.fd = value


def argument(value):
    if isinstance(value, dict) and "fileno" in value:
        return WithFileno(argument(value["fileno"]))
    if isinstance(value, dict) and "fd" in value:
        return WithFd(argument(value["fd"]))
    return number(value)


class Unsettled(Exception):
    """TCP did not deliver: the comparison would mean nothing."""


class Interpreter:
    def __init__(self):
        self.epolls = {}
        self.opened = set()

    # Descriptors get numbers from `lowest` on, so that both sides have the same ones.
    def place(self, fd, lowest):
        fd_placed = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        os.close(fd)
        os.set_blocking(fd_placed, False)
        self.opened.add(fd_placed)
        return fd_placed

    def place_all(self, fds, lowest):
        return [self.place(fd, lowest) for fd in fds]

    def epoll(self, slot, *arguments):
        self.drop(slot)
        self.epolls[slot] = select.epoll(*map(argument, arguments))

    def fromfd(self, slot, lowest):
        self.drop(slot)
        made = select.epoll()
        fd = fcntl.fcntl(made.fileno(), fcntl.F_DUPFD_CLOEXEC, lowest)
        made.close()
        self.opened.add(fd)
        self.epolls[slot] = select.epoll.fromfd(fd)
        return fd

    def adopt(self, slot, fd):
        self.drop(slot)
        self.epolls[slot] = select.epoll.fromfd(argument(fd))

    def drop(self, slot):
        if slot in self.epolls:
            self.epolls.pop(slot).close()

    def call(self, slot, method, *arguments):
        if slot not in self.epolls:
            return None
        return getattr(self.epolls[slot], method)(*map(argument, arguments))

    # A set as an argument, by itself and not by its number.
    def nest(self, slot, method, inner, *arguments):
        if slot not in self.epolls or inner not in self.epolls:
            return None
        return getattr(self.epolls[slot], method)(self.epolls[inner], *map(argument, arguments))

    def closed(self, slot):
        return self.epolls[slot].closed if slot in self.epolls else None

    def pipe(self, lowest):
        return self.place_all(os.pipe(), lowest)

    def socketpair(self, lowest):
        return self.place_all([one.detach() for one in socket.socketpair()], lowest)

    def tcp(self, lowest):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
        return self.place_all([client.detach(), accepted.detach()], lowest)

    def eventfd(self, lowest, initial):
        return self.place(os.eventfd(initial), lowest)

    def file(self, lowest):
        fd, path = tempfile.mkstemp()
        os.unlink(path)
        return self.place(fd, lowest)

    def dup(self, fd, lowest):
        made = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        self.opened.add(made)
        return made

    def dup2(self, fd, target):
        made = os.dup2(fd, target, inheritable=False)
        self.opened.add(made)
        return made

    def close(self, fd):
        os.close(fd)

    def reset(self, fd):
        with socket.socket(fileno=fd) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def shutdown(self, fd, how):
        one = socket.socket(fileno=fd)
        try:
            one.shutdown(how)
        finally:
            one.detach()

    def read(self, fd, length):
        return len(os.read(fd, length))

    # The first byte is 1, so that 8 bytes add 1 to an eventfd.
    def write(self, fd, length):
        return os.write(fd, (b"\1" + bytes(length))[:length])

    def settle(self, fd, mask):
        """Waits until TCP has delivered what was sent: `fd` has all of `mask`."""
        poll = select.poll()
        poll.register(fd, mask)
        while True:
            ready = poll.poll(10_000)
            if not ready:
                raise Unsettled(f"fd {fd} never had {mask}")
            if ready[0][1] & mask == mask:
                return None

    def finish(self):
        for one in self.epolls.values():
            one.close()
        for fd in self.opened:
            try:
                os.close(fd)
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise

    def run(self, operations):
        results = []
        try:
            for name, *arguments in operations:
                try:
                    results.append({"value": getattr(self, name)(*arguments)})
                except Unsettled:
                    raise
                except OSError as error:
                    code = errno.errorcode.get(error.errno, error.args[0])
                    results.append({"error": code})
                except Exception as error:
                    closed = "closed epoll object" in str(error)
                    results.append({"error": "closed" if closed else type(error).__name__})
        finally:
            self.finish()
        return results


def main():
    for line in sys.stdin:
        print(json.dumps(Interpreter().run(json.loads(line))))


main()
