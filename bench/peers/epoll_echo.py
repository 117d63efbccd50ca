"""Echo on Python's select.epoll: the loop of examples/epoll_echo.py, for clients that come and go.

It prints nothing for a message, and keeps what a slow reader does not take.
"""

import resource
import select
import socket

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
server.setblocking(False)
print("listening on 127.0.0.1:%d" % server.getsockname()[1], flush=True)

epoll = select.epoll()
epoll.register(server, select.EPOLLIN)
clients = {}
unsent = {}


def send(fd, client, data):
    try:
        sent = client.send(data)
    except BlockingIOError:
        sent = 0
    if sent < len(data):
        epoll.modify(fd, select.EPOLLOUT)
        unsent[fd] = data[sent:]
    elif fd in unsent:
        epoll.modify(fd, select.EPOLLIN)
        del unsent[fd]


def accept():
    client, _ = server.accept()
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    epoll.register(client, select.EPOLLIN)
    clients[client.fileno()] = client


def drop(fd):
    unsent.pop(fd, None)
    epoll.unregister(fd)
    clients.pop(fd).close()


while True:
    for fd, _ in epoll.poll():
        if fd == server.fileno():
            accept()
            continue
        client = clients[fd]
        try:
            data = unsent[fd] if fd in unsent else client.recv(128 * 1024)
            if data:
                send(fd, client, data)
            else:
                drop(fd)
        except OSError:
            drop(fd)
