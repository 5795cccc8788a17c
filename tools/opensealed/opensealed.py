#!/usr/bin/env python3
"""Opens a sealed file, as docs/sealed-file.md says and with nothing else.

    opensealed.py FILE --certificate-key KEY.pem --access-key KEY [-o OUT]

This is the second, independent reader of the format: it shares no code with the
gateway and was written from the document. It needs python3-cryptography. It holds
the whole file in memory and does not run in constant time; use `gateway open` for
work. Exit codes: 0 opened, 4 not sealed for these keys, 6 damaged.
"""

import argparse
import base64
import hashlib
import hmac
import os
import struct
import sys
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import mlkem768

SLOT, OVERHEAD, TRAILER = 65536, 28, 304 + 28
FIXED, WRAP_HEAD, MAC = 48, 36, 32
MAX_WRAPS, MAX_HEADER, MAX_SLOTS = 64, 1 << 20, 1 << 31


class Damaged(Exception):
    code = 6


class Locked(Exception):
    code = 4


# --- section "Derivation": HKDF (RFC 5869)


def hkdf_extract(hash_, salt, ikm):
    return hmac.new(salt or bytes(hashlib.new(hash_).digest_size), ikm, hash_).digest()


def hkdf_expand(hash_, prk, info, length):
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([i]), hash_).digest()
        out, i = out + block, i + 1
    return out[:length]


def hkdf(secret, salt, info):
    return hkdf_expand("sha256", hkdf_extract("sha256", salt, secret), info, 32)


# --- section "HPKE" (RFC 9180, base mode)


def labeled_extract(hash_, suite, salt, label, ikm):
    return hkdf_extract(hash_, salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(hash_, suite, prk, label, info, length):
    return hkdf_expand(hash_, prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def hpke_open(kem_id, shared_secret, info, ciphertext):
    """Key schedule with HKDF-SHA256 (1) and AES-256-GCM (2), then the first and only message."""
    suite = b"HPKE" + struct.pack(">HHH", kem_id, 1, 2)
    context = b"\0" + labeled_extract("sha256", suite, b"", b"psk_id_hash", b"")
    context += labeled_extract("sha256", suite, b"", b"info_hash", info)
    secret = labeled_extract("sha256", suite, shared_secret, b"secret", b"")
    key = labeled_expand("sha256", suite, secret, b"key", context, 32)
    nonce = labeled_expand("sha256", suite, secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def dhkem_decap(kem_id, hash_, key, enc):
    peer = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, enc)
    dh = key.exchange(ec.ECDH(), peer)
    suite = b"KEM" + struct.pack(">H", kem_id)
    prk = labeled_extract(hash_, suite, b"", b"eae_prk", dh)
    size = hashlib.new(hash_).digest_size
    return labeled_expand(hash_, suite, prk, b"shared_secret", enc + point(key.public_key()), size)


def point(public):
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class AccessKey:
    """A key of the hybrid KEM MLKEM768-X25519, from its seed of 32 bytes."""

    def __init__(self, seed):
        if len(seed) != 32:
            raise ValueError("an access key has 32 bytes")
        self.seed = seed
        stream = hashlib.shake_256(seed).digest(96)
        self.ek, self.dk = mlkem768.keygen(stream[:32], stream[32:64])
        self.t = x25519.X25519PrivateKey.from_private_bytes(stream[64:])
        self.t_pub = self.t.public_key().public_bytes_raw()
        self.fingerprint = hashlib.sha256(self.ek + self.t_pub).digest()

    def decap(self, enc):
        ct_pq, ct_t = enc[: mlkem768.CIPHERTEXT], enc[mlkem768.CIPHERTEXT :]
        ss_pq = mlkem768.decapsulate(self.dk, ct_pq)
        ss_t = self.t.exchange(x25519.X25519PublicKey.from_public_bytes(ct_t))
        return hashlib.sha3_256(ss_pq + ss_t + ct_t + self.t_pub + b"\\.//^\\").digest()

    def open(self, info, data):
        return hpke_open(0x647A, self.decap(data[:1120]), info, data[1120:])


# --- section "Header"


@dataclass
class Wrap:
    kind: int
    alg: int
    key: bytes
    data: bytes


WRAP_SIZES = {(0x41, 1): range(384, 1025), (0x41, 2): [113], (0x41, 3): [145], (0x42, 4): [1168]}


class Header:
    def __init__(self, obj):
        if len(obj) < FIXED + MAC:
            raise Damaged("cut in the header")
        magic, version, suite, count, size, self.file, self.account = struct.unpack(">8sBBHI16s16s", obj[:FIXED])
        if magic != b"SEALGATE" or version != 1 or suite != 1:
            raise Damaged("not a sealed file of version 1, suite 1")
        if count > MAX_WRAPS or size > MAX_HEADER - FIXED - MAC or len(obj) < FIXED + size + MAC:
            raise Damaged("impossible header")
        self.signed, self.mac = obj[: FIXED + size], obj[FIXED + size : FIXED + size + MAC]
        self.length = FIXED + size + MAC
        self.wraps = list(self._wraps(obj[FIXED : FIXED + size], count))

    @staticmethod
    def _wraps(b, count):
        seen = set()
        for _ in range(count):
            if len(b) < WRAP_HEAD:
                raise Damaged("wraps do not fill their room")
            kind, alg, size, key = struct.unpack(">BBH32s", b[:WRAP_HEAD])
            if size not in WRAP_SIZES.get((kind, alg), []) or len(b) < WRAP_HEAD + size:
                raise Damaged("impossible wrap")
            if (kind, key) in seen:
                raise Damaged("a key twice")
            seen.add((kind, key))
            yield Wrap(kind, alg, key, b[WRAP_HEAD : WRAP_HEAD + size])
            b = b[WRAP_HEAD + size :]
        if b:
            raise Damaged("wraps do not fill their room")

    def find(self, kind, fingerprint):
        for w in self.wraps:
            if (w.kind, w.key) == (kind, fingerprint):
                return w
        raise Locked("no wrap names this key")

    def info(self, label):
        return label + self.file + self.account


# --- section "Wraps"


def certificate_fingerprint(key):
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).digest()


def open_share_a(h, w, key):
    info = h.info(b"sealgate/v1 share A")
    if isinstance(key, rsa.RSAPrivateKey):
        if w.alg != 1:
            raise Damaged("wrap of another algorithm")
        plain = key.decrypt(w.data, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        if len(plain) != 64 or not hmac.compare_digest(plain[32:], hashlib.sha256(info).digest()):
            raise Damaged("wrap of another file or account")
        return plain[:32]
    alg, kem_id, hash_, size = {"secp256r1": (2, 0x10, "sha256", 65), "secp384r1": (3, 0x11, "sha384", 97)}[key.curve.name]
    if w.alg != alg:
        raise Damaged("wrap of another algorithm")
    return hpke_open(kem_id, dhkem_decap(kem_id, hash_, key, w.data[:size]), info, w.data[size:])


def file_key(h, certificate_key, access_key):
    wa = h.find(0x41, certificate_fingerprint(certificate_key))
    wb = h.find(0x42, access_key.fingerprint)
    try:
        a = open_share_a(h, wa, certificate_key)
        b = access_key.open(h.info(b"sealgate/v1 share B"), wb.data)
    except (InvalidTag, ValueError) as e:
        raise Damaged("a wrap does not open") from e
    return hkdf(a + b, h.file, b"sealgate/v1 file key")


def file_key_by_grant(h, grant, ingest_key):
    kind, data, info = grant[:1], grant[1:], h.info(b"sealgate/v1 grant")
    try:
        if kind == b"\x01":
            return ingest_key.open(info, data)
        if kind == b"\x02":
            key = hkdf(ingest_key.seed, b"", b"sealgate/v1 grant key")
            return AESGCM(key).decrypt(data[:12], data[12:], info)
    except (InvalidTag, ValueError) as e:
        raise Damaged("the grant does not open") from e
    raise Damaged("a grant of an unknown kind")


# --- sections "Body" and "Trailer"


@dataclass
class Opened:
    content: bytes
    name: str
    received_at: int  # microseconds since 1970, UTC


def open_object(obj, get_key):
    """get_key is given the header and returns the file key."""
    h = Header(obj)
    body_len = len(obj) - h.length - TRAILER
    if body_len < 0 or 0 < body_len % (SLOT + OVERHEAD) <= OVERHEAD:
        raise Damaged("cut")
    slots = -(-body_len // (SLOT + OVERHEAD))
    if slots > MAX_SLOTS:
        raise Damaged("too long")
    key = get_key(h)
    mac_key = hkdf(key, b"", b"header")
    if not hmac.compare_digest(h.mac, hmac.new(mac_key, h.signed, "sha256").digest()):
        raise Damaged("header MAC")
    aead = AESGCM(hkdf(key, h.file, b"sealgate/v1 body"))

    def unseal(sealed, ad):
        try:
            return aead.decrypt(sealed[:12], sealed[12:], ad)
        except InvalidTag as e:
            raise Damaged("slot or trailer") from e

    t = unseal(obj[len(obj) - TRAILER :], b"T" + h.file + struct.pack(">Q", slots))
    size, sha, received, name_len = struct.unpack(">Q32sqB", t[:49])
    if size != body_len - slots * OVERHEAD or any(t[49 + name_len :]):
        raise Damaged("trailer")
    parts, at = [], h.length
    for k in range(slots):
        n = min(SLOT, size - k * SLOT)
        ad = b"B" + h.file + struct.pack(">QI", k, n)
        parts.append(unseal(obj[at : at + n + OVERHEAD], ad))
        at += n + OVERHEAD
    content = b"".join(parts)
    if hashlib.sha256(content).digest() != sha:
        raise Damaged("SHA-256")
    return Opened(content, t[49 : 49 + name_len].decode("utf-8", "replace"), received)


# --- key files and command line


def load_certificate_key(name):
    with open(name, "rb") as f:
        return serialization.load_pem_private_key(f.read(), None)


def load_access_key(name):
    lines = open(name, encoding="ascii").read().splitlines()
    begin = lines.index("-----BEGIN SEALGATE ACCESS KEY-----")
    end = lines.index("-----END SEALGATE ACCESS KEY-----")
    body = [line for line in lines[begin + 1 : end] if ":" not in line]
    return AccessKey(base64.b64decode("".join(body)))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("file")
    p.add_argument("--certificate-key", required=True)
    p.add_argument("--access-key", required=True)
    p.add_argument("-o", "--output", help="default: standard output")
    args = p.parse_args()
    cert, access = load_certificate_key(args.certificate_key), load_access_key(args.access_key)
    with open(args.file, "rb") as f:
        obj = f.read()
    try:
        opened = open_object(obj, lambda h: file_key(h, cert, access))
    except (Damaged, Locked) as e:
        print(f"opensealed: {args.file}: {type(e).__name__.lower()}: {e}", file=sys.stderr)
        return e.code
    if not args.output:
        sys.stdout.buffer.write(opened.content)
        return 0
    fd = os.open(args.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(opened.content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
