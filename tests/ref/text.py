#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes text.txt: bytes in hex, and the text that Python reads in them.

Lines "BYTES TEXT", both in hex ("-" for none), the text as UTF-8. What is not
UTF-8 is replaced as errors="replace" does, and so is NUL.

usage: python3 tests/ref/text.py > tests/ref/text.txt
"""
import random

PARTS = [b"a", b" ", b"\n", b"\0", "\u00e9".encode(), "\u20ac".encode(),
         "\u6c34".encode(), "\U0001f600".encode(), "\ufffd".encode(),
         b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xc2", b"\xdf", b"\xe0",
         b"\xe0\x9f", b"\xe0\xa0", b"\xe1\x80", b"\xe2\x82", b"\xed\x9f",
         b"\xed\xa0", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xef\xbf", b"\xf0",
         b"\xf0\x8f", b"\xf0\x90", b"\xf0\x90\x80", b"\xf0\x9f\x98", b"\xf1",
         b"\xf4\x8f\xbf", b"\xf4\x90", b"\xf4\x90\x80\x80", b"\xf5", b"\xf8",
         b"\xfe", b"\xff"]


def line(data):
    text = data.decode("utf-8", errors="replace").replace("\0", "\ufffd")
    print(data.hex() or "-", text.encode().hex() or "-")


rng = random.Random(1)
line(b"")
for part in PARTS:
    line(part)
    line(b"x" + part + b"y")
for _ in range(400):
    line(b"".join(rng.choice(PARTS) for _ in range(rng.randint(2, 8))))
for _ in range(100):
    line(bytes(rng.choice([rng.randint(0, 255), rng.randint(128, 255)])
               for _ in range(rng.randint(1, 12))))
