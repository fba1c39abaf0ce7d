"""Compiled loops on state vectors (numba): gates on pairs of amplitudes, for a block of samples ("lanes") at a time.

A state is an array (2^n, 2, n_lanes): real and imaginary part of each amplitude, bit q of the index for qubit q. A gate is a
product of rotations about three words X̄, Ȳ = iX̄Z̄ and Z̄ that obey the rules of one qubit, with Z̄ diagonal; it joins amplitude j
with amplitude j ^ x. All of them are [[a, -b*], [b, a*]] in the basis where Z̄ is diagonal. Constants are made of the arrays' own
type: a product with a whole number would turn single precision into double.
"""

from __future__ import annotations

import numpy as np

from qhelpers.circuits.kernels import _compiled

# mypy: allow-untyped-defs, allow-untyped-calls

#: What a gate turns about.
DIAGONAL, REAL_X, REAL_Y, WHOLE = 0, 2, 1, 3
#: Columns of the table of gates.
KIND, MASK, SIGNS, SIGN, AXIS, SIZE, DATA = range(7)


@_compiled
def _parity(value):
    value ^= value >> 16
    value ^= value >> 8
    value ^= value >> 4
    value ^= value >> 2
    value ^= value >> 1
    return value & 1


@_compiled
def _angle(turn, turns, cw, sw, cd, sd, c, s):
    """Put cos and sin of half a turn's angle into c and s (n_lanes,)."""
    source, sign = turns[turn, 1], c.dtype.type(turns[turn, 2])
    if source >= 0:
        c[:] = cw[source]
        s[:] = sign * sw[source]
    else:
        for lane in range(len(c)):
            c[lane] = cd[-1 - source, lane]
            s[lane] = sign * sd[-1 - source, lane]


@_compiled
def _compose(first, last, turns, cw, sw, cd, sd, c, s, m):
    """Put the product of turns into m (4, n_lanes): real and imaginary parts of a and b."""
    m[0, :] = 1
    m[1:, :] = 0
    for turn in range(first, last):
        _angle(turn, turns, cw, sw, cd, sd, c, s)
        axis = turns[turn, 0]
        for lane in range(len(c)):
            p, q, u, v = m[0, lane], m[1, lane], m[2, lane], m[3, lane]
            if axis == 2:
                m[0, lane], m[1, lane] = c[lane] * p + s[lane] * q, c[lane] * q - s[lane] * p
                m[2, lane], m[3, lane] = c[lane] * u - s[lane] * v, c[lane] * v + s[lane] * u
            elif axis == 0:
                m[0, lane], m[1, lane] = c[lane] * p + s[lane] * v, c[lane] * q - s[lane] * u
                m[2, lane], m[3, lane] = c[lane] * u + s[lane] * q, c[lane] * v - s[lane] * p
            else:
                m[0, lane], m[1, lane] = c[lane] * p - s[lane] * u, c[lane] * q - s[lane] * v
                m[2, lane], m[3, lane] = c[lane] * u + s[lane] * p, c[lane] * v + s[lane] * q


@_compiled
def _top(x):
    while x & (x - 1):
        x &= x - 1
    return x


@_compiled
def _apply(psi, gate, m):
    """Apply a gate to states."""
    kind, x, signs, sign, axis, size = gate[KIND], gate[MASK], gate[SIGNS], gate[SIGN], gate[AXIS], gate[SIZE]
    lanes, top = psi.shape[2], _top(x)
    for place in range(size):
        if place & top:
            continue
        j = place ^ x if _parity(axis & place) and kind != DIAGONAL else place
        k = j ^ x
        one = psi.dtype.type(sign * (1 - 2 * _parity(signs & j)))
        if kind == DIAGONAL:
            one = psi.dtype.type(1 - 2 * _parity(axis & j))
            for lane in range(lanes):
                ar, ai = m[0, lane], one * m[1, lane]
                p, q = psi[j, 0, lane], psi[j, 1, lane]
                psi[j, 0, lane] = ar * p - ai * q
                psi[j, 1, lane] = ar * q + ai * p
        elif kind == REAL_Y:
            for lane in range(lanes):
                ar, br = m[0, lane], one * m[2, lane]
                p, q, u, v = psi[j, 0, lane], psi[j, 1, lane], psi[k, 0, lane], psi[k, 1, lane]
                psi[j, 0, lane] = ar * p - br * u
                psi[j, 1, lane] = ar * q - br * v
                psi[k, 0, lane] = br * p + ar * u
                psi[k, 1, lane] = br * q + ar * v
        elif kind == REAL_X:
            for lane in range(lanes):
                ar, bi = m[0, lane], one * m[3, lane]
                p, q, u, v = psi[j, 0, lane], psi[j, 1, lane], psi[k, 0, lane], psi[k, 1, lane]
                psi[j, 0, lane] = ar * p - bi * v
                psi[j, 1, lane] = ar * q + bi * u
                psi[k, 0, lane] = ar * u - bi * q
                psi[k, 1, lane] = ar * v + bi * p
        else:
            for lane in range(lanes):
                ar, ai, br, bi = m[0, lane], m[1, lane], one * m[2, lane], one * m[3, lane]
                p, q, u, v = psi[j, 0, lane], psi[j, 1, lane], psi[k, 0, lane], psi[k, 1, lane]
                psi[j, 0, lane] = ar * p - ai * q - br * u - bi * v
                psi[j, 1, lane] = ar * q + ai * p - br * v + bi * u
                psi[k, 0, lane] = br * p - bi * q + ar * u + ai * v
                psi[k, 1, lane] = br * q + bi * p + ar * v - ai * u


@_compiled
def _undo(psi, lam, gate, m, slope):
    """Put Im⟨λ|P|ψ⟩ for P of X̄, Ȳ, Z̄ into slope (3, n_lanes), then take the gate off both states."""
    kind, x, signs, sign, axis, size = gate[KIND], gate[MASK], gate[SIGNS], gate[SIGN], gate[AXIS], gate[SIZE]
    lanes, top = psi.shape[2], _top(x)
    slope[:] = 0
    for place in range(size):
        if place & top:
            continue
        j = place ^ x if _parity(axis & place) and kind != DIAGONAL else place
        k = j ^ x
        one = psi.dtype.type(sign * (1 - 2 * _parity(signs & j)))
        if kind == DIAGONAL:
            one = psi.dtype.type(1 - 2 * _parity(axis & j))
            for lane in range(lanes):
                ar, ai = m[0, lane], -one * m[1, lane]
                p, q, f, g = psi[j, 0, lane], psi[j, 1, lane], lam[j, 0, lane], lam[j, 1, lane]
                slope[2, lane] += one * (f * q - g * p)
                psi[j, 0, lane] = ar * p - ai * q
                psi[j, 1, lane] = ar * q + ai * p
                lam[j, 0, lane] = ar * f - ai * g
                lam[j, 1, lane] = ar * g + ai * f
        elif kind == REAL_Y:
            for lane in range(lanes):
                ar, br = m[0, lane], -one * m[2, lane]
                p, q, u, v = psi[j, 0, lane], psi[j, 1, lane], psi[k, 0, lane], psi[k, 1, lane]
                f, g, h, i = lam[j, 0, lane], lam[j, 1, lane], lam[k, 0, lane], lam[k, 1, lane]
                slope[1, lane] += one * (h * p + i * q - f * u - g * v)
                psi[j, 0, lane] = ar * p - br * u
                psi[j, 1, lane] = ar * q - br * v
                psi[k, 0, lane] = br * p + ar * u
                psi[k, 1, lane] = br * q + ar * v
                lam[j, 0, lane] = ar * f - br * h
                lam[j, 1, lane] = ar * g - br * i
                lam[k, 0, lane] = br * f + ar * h
                lam[k, 1, lane] = br * g + ar * i
        elif kind == REAL_X:
            for lane in range(lanes):
                ar, bi = m[0, lane], -one * m[3, lane]
                p, q, u, v = psi[j, 0, lane], psi[j, 1, lane], psi[k, 0, lane], psi[k, 1, lane]
                f, g, h, i = lam[j, 0, lane], lam[j, 1, lane], lam[k, 0, lane], lam[k, 1, lane]
                slope[0, lane] += one * (f * v - g * u + h * q - i * p)
                psi[j, 0, lane] = ar * p - bi * v
                psi[j, 1, lane] = ar * q + bi * u
                psi[k, 0, lane] = ar * u - bi * q
                psi[k, 1, lane] = ar * v + bi * p
                lam[j, 0, lane] = ar * f - bi * i
                lam[j, 1, lane] = ar * g + bi * h
                lam[k, 0, lane] = ar * h - bi * g
                lam[k, 1, lane] = ar * i + bi * f
        else:
            for lane in range(lanes):
                ar, ai, br, bi = m[0, lane], -m[1, lane], -one * m[2, lane], -one * m[3, lane]
                p, q, u, v = psi[j, 0, lane], psi[j, 1, lane], psi[k, 0, lane], psi[k, 1, lane]
                f, g, h, i = lam[j, 0, lane], lam[j, 1, lane], lam[k, 0, lane], lam[k, 1, lane]
                slope[0, lane] += one * (f * v - g * u + h * q - i * p)
                slope[1, lane] += one * (h * p + i * q - f * u - g * v)
                slope[2, lane] += f * q - g * p - h * v + i * u
                psi[j, 0, lane] = ar * p - ai * q - br * u - bi * v
                psi[j, 1, lane] = ar * q + ai * p - br * v + bi * u
                psi[k, 0, lane] = br * p - bi * q + ar * u + ai * v
                psi[k, 1, lane] = br * q + bi * p + ar * v - ai * u
                lam[j, 0, lane] = ar * f - ai * g - br * h - bi * i
                lam[j, 1, lane] = ar * g + ai * f - br * i + bi * h
                lam[k, 0, lane] = br * f - bi * g + ar * h + ai * i
                lam[k, 1, lane] = br * g + bi * f + ar * i - ai * h


@_compiled
def _fill(begin, size, cos, sin, cd, sd):
    """Put a block's cos and sin (n_samples, n_data) into cd, sd (n_data, n_lanes)."""
    for place in range(cd.shape[0]):
        for lane in range(size):
            cd[place, lane] = cos[begin + lane, place]
            sd[place, lane] = sin[begin + lane, place]
        for lane in range(size, cd.shape[1]):
            cd[place, lane] = 1
            sd[place, lane] = 0


@_compiled
def _begin(psi, begin, size, start):
    psi[:] = 0
    if start.shape[0] == 0:
        psi[0, 0, :] = 1
    for lane in range(size if start.shape[0] else 0):
        for j in range(psi.shape[0]):
            psi[j, 0, lane] = start[begin + lane, j, 0]
            psi[j, 1, lane] = start[begin + lane, j, 1]


@_compiled
def run_states(lanes, gates, first, turns, cw, sw, cos, sin, row, column, value, words, matrix, start, kept, out):
    """Expectation values of samples by their state vectors.

    lanes: samples a block; gates: (n_gates, 7), see `KIND`, ...; first: (n_gates + 1,), where a gate's turns begin; turns:
    (n_turns, 3), axis 0, 1, 2 for X̄, Ȳ, Z̄, a place p >= 0 among cw, sw (n_shared,) or -1 - p among cos, sin (n_samples, n_data)
    of half the angles, sign; row, column, value: what each basis state gives to each output; words: (n_words, 3), those measured
    that are not diagonal, x, z and power of i; matrix: (n_words, n_outputs); start: (n_samples, 2^n, 2), or (0, 2^n, 2) to start
    from |0…0⟩; kept: (n_blocks, 2^n, 2, lanes) for what the way back needs, or none; out: (n_samples, n_outputs).
    """
    dtype, n_samples, n_outputs = out.dtype, out.shape[0], out.shape[1]
    psi = np.empty((len(row) - 1, 2, lanes), dtype)
    cd, sd = np.empty((cos.shape[1], lanes), dtype), np.empty((cos.shape[1], lanes), dtype)
    c, s, m = np.empty(lanes, dtype), np.empty(lanes, dtype), np.empty((4, lanes), dtype)
    shared = np.empty((len(gates), 4, lanes), dtype)
    for gate in range(len(gates)):
        if not gates[gate, DATA]:
            _compose(first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, shared[gate])
    found, one = np.empty((n_outputs, lanes), dtype), np.empty(lanes, dtype)
    for block in range((n_samples + lanes - 1) // lanes):
        begin = block * lanes
        size = min(lanes, n_samples - begin)
        _fill(begin, size, cos, sin, cd, sd)
        _begin(psi, begin, size, start)
        for gate in range(len(gates)):
            if gates[gate, DATA]:
                _compose(first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, m)
                _apply(psi, gates[gate], m)
            else:
                _apply(psi, gates[gate], shared[gate])
        if kept.shape[0]:
            kept[block] = psi
        found[:] = 0
        for j in range(psi.shape[0]):
            if row[j] == row[j + 1]:
                continue
            for lane in range(lanes):
                one[lane] = psi[j, 0, lane] * psi[j, 0, lane] + psi[j, 1, lane] * psi[j, 1, lane]
            for place in range(row[j], row[j + 1]):
                k, factor = column[place], value[place]
                for lane in range(lanes):
                    found[k, lane] += factor * one[lane]
        for w in range(len(words)):
            x, z, power = words[w, 0], words[w, 1], words[w, 2]
            one[:] = 0
            for j in range(psi.shape[0]):
                k = j ^ x
                sign = dtype.type(1 - 2 * ((_parity(z & k) + (power >= 2)) & 1))
                if power & 1:
                    for lane in range(lanes):
                        one[lane] -= sign * (psi[j, 0, lane] * psi[k, 1, lane] - psi[j, 1, lane] * psi[k, 0, lane])
                else:
                    for lane in range(lanes):
                        one[lane] += sign * (psi[j, 0, lane] * psi[k, 0, lane] + psi[j, 1, lane] * psi[k, 1, lane])
            for k in range(n_outputs):
                for lane in range(lanes):
                    found[k, lane] += matrix[w, k] * one[lane]
        for lane in range(size):
            for k in range(n_outputs):
                out[begin + lane, k] = found[k, lane]


@_compiled
def _adjoint(psi, lam, row, column, value, words, matrix, g, one):
    """Put the weighted observable times ψ into λ; g: (n_outputs, n_lanes)."""
    lanes = psi.shape[2]
    for j in range(psi.shape[0]):
        one[:] = 0
        for place in range(row[j], row[j + 1]):
            k, factor = column[place], value[place]
            for lane in range(lanes):
                one[lane] += factor * g[k, lane]
        for lane in range(lanes):
            lam[j, 0, lane] = one[lane] * psi[j, 0, lane]
            lam[j, 1, lane] = one[lane] * psi[j, 1, lane]
    for w in range(len(words)):
        x, z, power = words[w, 0], words[w, 1], words[w, 2]
        one[:] = 0
        for k in range(matrix.shape[1]):
            for lane in range(lanes):
                one[lane] += matrix[w, k] * g[k, lane]
        for j in range(psi.shape[0]):
            k = j ^ x
            sign = psi.dtype.type(1 - 2 * ((_parity(z & k) + (power >= 2)) & 1))
            if power & 1:
                for lane in range(lanes):
                    lam[j, 0, lane] -= sign * one[lane] * psi[k, 1, lane]
                    lam[j, 1, lane] += sign * one[lane] * psi[k, 0, lane]
            else:
                for lane in range(lanes):
                    lam[j, 0, lane] += sign * one[lane] * psi[k, 0, lane]
                    lam[j, 1, lane] += sign * one[lane] * psi[k, 1, lane]


@_compiled
def _share(begin, size, first, last, turns, cw, sw, cd, sd, c, s, slope, grad_w, grad_d):
    """Give a gate's slopes (3, n_lanes) to its turns, the last one first; slopes turn back on the way."""
    for turn in range(last - 1, first - 1, -1):
        axis, source, sign = turns[turn, 0], turns[turn, 1], c.dtype.type(turns[turn, 2])
        _angle(turn, turns, cw, sw, cd, sd, c, s)
        if source >= 0:
            total = 0.0
            for lane in range(size):
                total += slope[axis, lane]
            grad_w[source] += turns[turn, 2] * total
        else:
            for lane in range(size):
                grad_d[begin + lane, -1 - source] += sign * slope[axis, lane]
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for lane in range(slope.shape[1]):
            cos, sin = c[lane] * c[lane] - s[lane] * s[lane], (c[lane] + c[lane]) * s[lane]
            p, q = slope[a, lane], slope[b, lane]
            slope[a, lane] = cos * p + sin * q
            slope[b, lane] = cos * q - sin * p


@_compiled
def run_states_back(
    lanes, gates, first, turns, cw, sw, cos, sin, row, column, value, words, matrix, start, kept, grad, stop, grad_w, grad_d, grad_s
):
    """Derivatives of `run_states` weighted by `grad` (n_samples, n_outputs): to shared angles, to those of each sample, to the start.

    The states at the end, or if none were kept those of a second run, are taken back gate by gate beside the adjoint states, so
    that memory holds two states a lane whatever the depth. stop: the gates before it are not asked for.
    """
    dtype, n_samples, n_outputs = grad.dtype, grad.shape[0], grad.shape[1]
    psi, lam = np.empty((len(row) - 1, 2, lanes), dtype), np.empty((len(row) - 1, 2, lanes), dtype)
    cd, sd = np.empty((cos.shape[1], lanes), dtype), np.empty((cos.shape[1], lanes), dtype)
    c, s, m = np.empty(lanes, dtype), np.empty(lanes, dtype), np.empty((4, lanes), dtype)
    shared = np.empty((len(gates), 4, lanes), dtype)
    for gate in range(len(gates)):
        if not gates[gate, DATA]:
            _compose(first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, shared[gate])
    slope, sums = np.empty((3, lanes), dtype), np.zeros((len(gates), 3, 1))
    g, one = np.empty((n_outputs, lanes), dtype), np.empty(lanes, dtype)
    for block in range((n_samples + lanes - 1) // lanes):
        begin = block * lanes
        size = min(lanes, n_samples - begin)
        _fill(begin, size, cos, sin, cd, sd)
        if kept.shape[0]:
            psi[:] = kept[block]
        else:
            _begin(psi, begin, size, start)
            for gate in range(len(gates)):
                if gates[gate, DATA]:
                    _compose(first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, m)
                    _apply(psi, gates[gate], m)
                else:
                    _apply(psi, gates[gate], shared[gate])
        g[:] = 0
        for lane in range(size):
            for k in range(n_outputs):
                g[k, lane] = grad[begin + lane, k]
        _adjoint(psi, lam, row, column, value, words, matrix, g, one)
        for gate in range(len(gates) - 1, stop - 1, -1):
            if gates[gate, DATA]:
                _compose(first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, m)
                _undo(psi, lam, gates[gate], m, slope)
                _share(begin, size, first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, slope, grad_w, grad_d)
            else:
                _undo(psi, lam, gates[gate], shared[gate], slope)
                for axis in range(3):
                    total = 0.0
                    for lane in range(lanes):
                        total += slope[axis, lane]
                    sums[gate, axis, 0] += total
        for lane in range(size if grad_s.shape[0] else 0):
            for j in range(psi.shape[0]):
                grad_s[begin + lane, j, 0] = 2 * lam[j, 0, lane]
                grad_s[begin + lane, j, 1] = 2 * lam[j, 1, lane]
    wide_c, wide_s, none = cw.astype(np.float64), sw.astype(np.float64), np.empty((0, 1))
    c_one, s_one = np.empty(1), np.empty(1)
    for gate in range(stop, len(gates)):
        if not gates[gate, DATA]:
            _share(0, 1, first[gate], first[gate + 1], turns, wide_c, wide_s, none, none, c_one, s_one, sums[gate], grad_w, none)
