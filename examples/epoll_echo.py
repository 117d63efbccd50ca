# An echo server on select.epoll, as small as it gets: it does not notice clients that leave, and
# loses what a slow one does not take at once. epoll-echo.ts has neither fault.
import select
import socket
import sys

server = socket.create_server(('127.0.0.1', int(sys.argv[1]) if sys.argv[1:] else 33445))
server.setblocking(False)
print('listening on', server.getsockname(), flush=True)

epoll = select.epoll()
epoll.register(server, select.EPOLLIN)
clients = {}

while True:
    for fd, event in epoll.poll(1):
        if fd == server.fileno():
            client, address = server.accept()
            client.setblocking(False)
            epoll.register(client, select.EPOLLIN)
            clients[client.fileno()] = client
            print('client', client.fileno(), address, flush=True)
        elif event & select.EPOLLIN:
            data = clients[fd].recv(4096)
            print('data', fd, data, flush=True)
            clients[fd].send(data)
