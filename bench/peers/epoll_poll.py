"""Times select.epoll.poll on request, for epoll-poll.ts.

Reads lines of "ready polls" and writes for each how many nanoseconds that many polls took, with
that many eventfds ready. Knows nothing of the other side.
"""

import os
import select
import sys
import time


def make(ready):
    epoll = select.epoll()
    for _ in range(ready):
        epoll.register(os.eventfd(1), select.EPOLLIN)
    return epoll


def measure(epoll, polls):
    poll = epoll.poll
    start = time.perf_counter_ns()
    for _ in range(polls):
        poll(0)
    return time.perf_counter_ns() - start


epolls = {}
for line in sys.stdin:
    ready, polls = map(int, line.split())
    if ready not in epolls:
        epolls[ready] = make(ready)
    print(measure(epolls[ready], polls), flush=True)
