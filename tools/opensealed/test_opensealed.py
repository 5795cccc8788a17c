#!/usr/bin/env python3
"""Opens the worked example of docs/sealed-file.md, read from that page, and checks the known answers in it."""

import hashlib
import os
import re
import unittest

import mlkem768
import opensealed as s

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "sealed-file.md")


def example():
    with open(PAGE, encoding="utf-8") as f:
        return re.search(r"## Worked example\n(.*?)\n## ", f.read(), re.S).group(1)


def hex_lines(text):
    """The hex at the beginning of every indented line, together."""
    digits = ""
    for line in text.splitlines():
        if line.startswith("    "):
            digits += "".join(re.match(r"(?:(?:[0-9a-f]{2})+(?: +|$))*", line.strip()).group(0).split())
    return bytes.fromhex(digits)


def counting(first, n=32):
    return bytes(range(first, first + n))


class WorkedExample(unittest.TestCase):
    def setUp(self):
        self.text = example()
        self.file = counting(0x40, 16)
        self.key = s.hkdf(counting(0) + counting(0x20), self.file, b"sealgate/v1 file key")

    def test_keys(self):
        for name, key in {
            "file key": self.key,
            "header key": s.hkdf(self.key, b"", b"header"),
            "body key": s.hkdf(self.key, self.file, b"sealgate/v1 body"),
        }.items():
            self.assertRegex(self.text, f"{name} +{key.hex()}")
        self.assertIn(s.AccessKey(counting(0xA0)).fingerprint.hex(), self.text)

    def test_object(self):
        obj = hex_lines(self.text.split("Header:")[1].split("which opens to")[0])
        self.assertEqual(len(obj), 445)
        opened = s.open_object(obj, lambda h: self.key)
        self.assertEqual((opened.content, opened.name, opened.received_at), (b"hello", "hello.txt", 1768469400123456))
        for i in range(len(obj)):
            bad = obj[:i] + bytes([obj[i] ^ 1]) + obj[i + 1 :]
            with self.assertRaises(s.Damaged):
                s.open_object(bad, lambda h: self.key)
            with self.assertRaises(s.Damaged):
                s.open_object(obj[:i], lambda h: self.key)


class MLKEM(unittest.TestCase):
    def test_implicit_rejection(self):
        _, dk = mlkem768.keygen(counting(0), counting(0x20))
        c = bytes(mlkem768.CIPHERTEXT)
        self.assertEqual(mlkem768.decapsulate(dk, c), hashlib.shake_256(counting(0x20) + c).digest(32))


if __name__ == "__main__":
    unittest.main()
