"""The echo of asyncio_echo.py on uvloop."""

import asyncio

import uvloop
from asyncio_echo import serve

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.run(serve())
