#!/usr/bin/env python3
"""Walks through the vectors of docs/connect-protocol.md, knowing nothing but that page.

Usage: check_connect.py VECTORS.json
"""

import base64
import hashlib
import hmac
import json
import struct
import sys
import uuid

from cryptography.hazmat.primitives.asymmetric import ed25519

import opensealed as s

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def transcript(domain, *fields):
    return b"".join(struct.pack(">I", len(f)) + f for f in (domain.encode(), *fields))


def b64(text):
    return base64.b64decode(text, validate=True)


def read_code(text):
    bits = 0
    for c in text.removeprefix("sgc1").replace("-", ""):
        bits = bits << 5 | CROCKFORD.index(c)
    raw = bits.to_bytes(60, "big")
    assert hashlib.sha256(raw[:56]).digest()[:4] == raw[56:], "checksum of the code"
    return raw[:32], raw[32:40], raw[40:56]


def member(value):
    assert value.startswith("sig="), value
    return value.removeprefix("sig=")


def digest(body):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


SLOT = 12 + 65536 + 16


def slots(body):
    """What stands for a part: of whole slots nonce and tag, and the rest as it is."""
    whole = len(body) // SLOT
    marks = b"".join(body[k * SLOT :][:12] + body[: (k + 1) * SLOT][-16:] for k in range(whole)) + body[whole * SLOT :]
    said = transcript("sealgate/connect/v1 slots", struct.pack(">Q", len(body)), marks)
    return "sha-256=:" + base64.b64encode(hashlib.sha256(said).digest()).decode() + ":"


def verify(key, lines, headers):
    params, signature = member(headers["Signature-Input"]), member(headers["Signature"])
    base = "".join(f"{name}: {value}\n" for name, value in lines) + f'"@signature-params": {params}'
    covered = "(" + " ".join(name for name, _ in lines) + ")"
    assert params.startswith(covered + ";created="), params
    key.verify(b64(signature.strip(":")), base.encode())
    return base


def split(target):
    path, _, query = target.partition("?")
    return path, "?" + query


class Life:
    def __init__(self, v):
        seed = lambda name: bytes.fromhex(v[name])
        self.v = v
        self.identity = ed25519.Ed25519PrivateKey.from_private_bytes(seed("identity_seed")).public_key()
        self.sign = ed25519.Ed25519PrivateKey.from_private_bytes(seed("agent_sign_seed")).public_key()
        self.receive, self.ingest = s.AccessKey(seed("agent_receive_seed")), s.AccessKey(seed("ingest_seed"))
        self.agent = uuid.UUID(v["agent"]).bytes
        self.fingerprint = hashlib.sha256(self.identity.public_bytes_raw()).digest()
        self.name = "SHA256:" + base64.b64encode(self.fingerprint).decode().rstrip("=")

    def enrolment(self):
        gateway, invitation, secret = read_code(self.v["code"])
        assert gateway == self.fingerprint
        key = s.hkdf(secret, invitation, b"sealgate/connect/v1 enrolment")
        assert key.hex() == self.v["enrolment_key"]
        e, r = json.loads(self.v["enrolment"]), json.loads(self.v["enrolled"])
        asked = transcript(
            "sealgate/connect/v1 enrol", gateway, invitation, b64(e["nonce"]), b64(e["sign_key"]), b64(e["receive_key"]),
            e["platform"].encode(), e["program"].encode(),
        )
        assert asked.hex() == self.v["enrolment_transcript"]
        assert hmac.new(key, asked, "sha256").digest() == b64(e["mac"])
        self.sign.verify(b64(e["signature"]), asked)
        assert b64(e["receive_key"]) == self.receive.ek + self.receive.t_pub
        agent = uuid.UUID(r["agent"]).bytes
        told = transcript("sealgate/connect/v1 enrolled", asked, self.identity.public_bytes_raw(), agent, b64(r["nonce"]), b64(r["sealed"]))
        assert hmac.new(key, told, "sha256").digest() == b64(r["mac"])
        self.identity.verify(b64(r["signature"]), told)
        info = transcript("sealgate/connect/v1 welcome", hashlib.sha256(asked).digest(), agent)
        account = json.loads(self.receive.open(info, b64(r["sealed"])))
        lock = [uuid.UUID(account["id"]).bytes, account["content"].encode()]
        for part in ("certificates", "access_keys"):
            members = sorted(b64(m) for m in account[part])
            lock += [bytes([len(members)]), *members]
        assert hashlib.sha256(transcript("sealgate/connect/v1 lock", *lock)).digest() == b64(account["lock"])

    def answer(self, x, lines):
        body, headers = bytes.fromhex(x["answer_body"]), x["answer_headers"]
        assert headers["Content-Digest"] == digest(body)
        assert f'keyid="{self.name}";alg="ed25519";tag="sealgate-connect-v1-answer"' in headers["Signature-Input"]
        verify(self.identity, [('"@status"', x["status"]), ('"content-digest"', digest(body)), *lines], headers)
        return body

    def gateway(self):
        x = self.v["gateway"]
        path, query = split(x["target"])
        doc = json.loads(self.answer(x, [('"@path";req', path), ('"@query";req', query)]))
        assert b64(doc["identity"]) == self.identity.public_bytes_raw() and doc["epoch"] == self.v["epoch"]

    def exchange(self, x):
        h, body = x["headers"], bytes.fromhex(x["body"])
        if "body_counted" in x:
            body = bytes(i % 251 for i in range(x["body_counted"]))
        path, query = split(x["target"])
        covered = ('"sealgate-slots"', slots(body)) if "Sealgate-Slots" in h else ('"content-digest"', digest(body))
        base = verify(self.sign, [
            ('"@method"', x["method"]), ('"@path"', path), ('"@query"', query), covered,
            ('"sealgate-gateway"', self.name), ('"sealgate-epoch"', self.v["epoch"]),
        ], h)
        assert base == x["signature_base"] and (h["Sealgate-Gateway"], h["Sealgate-Epoch"]) == (self.name, self.v["epoch"])
        if "message" in x:
            n = struct.unpack(">I", body[32:36])[0]
            assert body[:32] == self.ingest.fingerprint
            told = self.ingest.open(transcript("sealgate/connect/v1 request", path.encode(), self.agent), body[36 : 36 + n])
            assert told.decode() == x["message"]
        answer = self.answer(x, [
            ('"signature-input";req;key="sig"', member(h["Signature-Input"])), ('"signature";req;key="sig"', member(h["Signature"])),
        ])
        if "answer_message" in x:
            signature = b64(member(h["Signature"]).strip(":"))
            info = transcript("sealgate/connect/v1 answer", path.encode(), self.agent, hashlib.sha256(signature).digest())
            assert self.receive.open(info, answer).decode() == x["answer_message"]
        elif x["status"] >= 400:
            assert json.loads(answer)["type"] == "urn:sealgate:problem:stale-epoch"


def main(name):
    with open(name, encoding="utf-8") as f:
        life = Life(json.load(f))
    life.enrolment()
    life.gateway()
    for x in life.v["exchanges"]:
        life.exchange(x)
    print(f"{len(life.v['exchanges'])} exchanges are as the page says")


if __name__ == "__main__":
    main(sys.argv[1])
