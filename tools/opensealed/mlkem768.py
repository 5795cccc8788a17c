"""ML-KEM-768 decapsulation, written out from FIPS 203 (August 2024).

Only what opening a sealed file needs: key generation from the seed (Algorithm
16) and decapsulation (Algorithm 18) with the encryption it repeats inside.
Plain and slow on purpose, and NOT constant time: a reader for checking the
format, not for a server.
"""

import hashlib
import hmac

Q, N, K = 3329, 256, 3
ETA1, ETA2, DU, DV = 2, 2, 10, 4  # Table 2
CIPHERTEXT = 32 * (DU * K + DV)  # 1088
EK = 384 * K + 32  # 1184


def _bitrev7(i):
    return int(format(i, "07b")[::-1], 2)


ZETA = [pow(17, _bitrev7(i), Q) for i in range(128)]  # section 4.3
GAMMA = [pow(17, 2 * _bitrev7(i) + 1, Q) for i in range(128)]


def _g(data):
    h = hashlib.sha3_512(data).digest()
    return h[:32], h[32:]


def _h(data):
    return hashlib.sha3_256(data).digest()


def _prf(eta, s, b):
    return hashlib.shake_256(s + bytes([b])).digest(64 * eta)


def _encode(d, f):  # Algorithm 5
    n = 0
    for i, c in enumerate(f):
        n |= c << (d * i)
    return n.to_bytes(32 * d, "little")


def _decode(d, b):  # Algorithm 6
    n, mask = int.from_bytes(b, "little"), (1 << d) - 1
    m = Q if d == 12 else 1 << d
    return [((n >> (d * i)) & mask) % m for i in range(N)]


def _compress(d, f):
    return [((c << d) + Q // 2) // Q % (1 << d) for c in f]


def _decompress(d, f):
    return [(c * Q + (1 << (d - 1))) >> d for c in f]


def _sample_ntt(seed):  # Algorithm 7
    size = 840
    while True:
        stream = hashlib.shake_128(seed).digest(size)
        a = []
        for i in range(0, size - 2, 3):
            c0, c1, c2 = stream[i : i + 3]
            for d in (c0 + 256 * (c1 % 16), c1 // 16 + 16 * c2):
                if d < Q and len(a) < N:
                    a.append(d)
        if len(a) == N:
            return a
        size *= 2


def _sample_cbd(eta, b):  # Algorithm 8
    n = int.from_bytes(b, "little")
    bit = lambda i: (n >> i) & 1
    out = []
    for i in range(N):
        x = sum(bit(2 * i * eta + j) for j in range(eta))
        y = sum(bit(2 * i * eta + eta + j) for j in range(eta))
        out.append((x - y) % Q)
    return out


def _ntt(f):  # Algorithm 9
    f, i, size = list(f), 1, 128
    while size >= 2:
        for start in range(0, N, 2 * size):
            z, i = ZETA[i], i + 1
            for j in range(start, start + size):
                t = z * f[j + size] % Q
                f[j + size] = (f[j] - t) % Q
                f[j] = (f[j] + t) % Q
        size //= 2
    return f


def _inverse_ntt(f):  # Algorithm 10
    f, i, size = list(f), 127, 2
    while size <= 128:
        for start in range(0, N, 2 * size):
            z, i = ZETA[i], i - 1
            for j in range(start, start + size):
                t = f[j]
                f[j] = (t + f[j + size]) % Q
                f[j + size] = z * (f[j + size] - t) % Q
        size *= 2
    return [c * 3303 % Q for c in f]


def _multiply(f, g):  # Algorithms 11 and 12
    h = [0] * N
    for i in range(128):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h[2 * i] = (a0 * b0 + a1 * b1 * GAMMA[i]) % Q
        h[2 * i + 1] = (a0 * b1 + a1 * b0) % Q
    return h


def _add(f, g):
    return [(a + b) % Q for a, b in zip(f, g)]


def _sub(f, g):
    return [(a - b) % Q for a, b in zip(f, g)]


def _dot(u, v):
    total = [0] * N
    for f, g in zip(u, v):
        total = _add(total, _multiply(f, g))
    return total


def _matrix(rho):  # A[i][j] = SampleNTT(rho || j || i)
    return [[_sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def keygen(d, z):
    """Algorithm 16: returns (ek, dk) for the seed d || z."""
    rho, sigma = _g(d + bytes([K]))
    a = _matrix(rho)
    s = [_ntt(_sample_cbd(ETA1, _prf(ETA1, sigma, i))) for i in range(K)]
    e = [_ntt(_sample_cbd(ETA1, _prf(ETA1, sigma, K + i))) for i in range(K)]
    t = [_add(_dot(a[i], s), e[i]) for i in range(K)]
    ek = b"".join(_encode(12, f) for f in t) + rho
    dk = b"".join(_encode(12, f) for f in s)
    return ek, dk + ek + _h(ek) + z


def _encrypt(ek, m, r):  # Algorithm 14
    t = [_decode(12, ek[384 * i : 384 * (i + 1)]) for i in range(K)]
    a = _matrix(ek[384 * K :])
    y = [_ntt(_sample_cbd(ETA1, _prf(ETA1, r, i))) for i in range(K)]
    e1 = [_sample_cbd(ETA2, _prf(ETA2, r, K + i)) for i in range(K)]
    e2 = _sample_cbd(ETA2, _prf(ETA2, r, 2 * K))
    u = [_add(_inverse_ntt(_dot([a[j][i] for j in range(K)], y)), e1[i]) for i in range(K)]
    mu = _decompress(1, _decode(1, m))
    v = _add(_add(_inverse_ntt(_dot(t, y)), e2), mu)
    return b"".join(_encode(DU, _compress(DU, f)) for f in u) + _encode(DV, _compress(DV, v))


def _decrypt(dk, c):  # Algorithm 15
    cut = 32 * DU
    u = [_decompress(DU, _decode(DU, c[cut * i : cut * (i + 1)])) for i in range(K)]
    v = _decompress(DV, _decode(DV, c[cut * K :]))
    s = [_decode(12, dk[384 * i : 384 * (i + 1)]) for i in range(K)]
    w = _sub(v, _inverse_ntt(_dot(s, [_ntt(f) for f in u])))
    return _encode(1, _compress(1, w))


def decapsulate(dk, c):
    """Algorithm 18: the shared secret, or for a bad ciphertext a secret nobody else has."""
    assert len(c) == CIPHERTEXT
    dk_pke, ek = dk[: 384 * K], dk[384 * K : 768 * K + 32]
    h, z = dk[768 * K + 32 : 768 * K + 64], dk[768 * K + 64 :]
    m = _decrypt(dk_pke, c)
    key, r = _g(m + h)
    if hmac.compare_digest(c, _encrypt(ek, m, r)):
        return key
    return hashlib.shake_256(z + c).digest(32)
