"""Compiled loops of the engine (numba): instructions on coefficients, the sum of terms over samples, state vectors.

Everything works on blocks of samples ("lanes") so that the innermost loops run over neighbouring numbers. Importing this module
imports numba; the engine does so only where numba is there, and has a path in plain torch where it is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# mypy: allow-untyped-defs, allow-untyped-calls

#: Samples a block of the sum of terms, and of the state vectors.
LANES = 64
STATE_LANES = 16

_compiled: Any = njit(cache=True, fastmath=True, nogil=True, boundscheck=False)


@_compiled
def run_program(kind, start, first, second, factor, cos, sin, damp, initial, slots, work, tape, out):
    """Run a program for each row of angles; `tape` keeps what the way back needs.

    cos, sin: (n_rows, n_instructions); damp: (5,), factors of I, X, Y, Z and what Z gives to the identity; work: (n_slots,
    n_outputs); tape: (n_rows, 2 n_entries, n_outputs); out: (n_rows, n_outputs, n_terms).
    """
    n_outputs = initial.shape[1]
    keep = tape.shape[0] > 0
    for row in range(cos.shape[0]):
        for i in range(initial.shape[0]):
            for k in range(n_outputs):
                work[i, k] = initial[i, k]
        for i in range(len(kind)):
            if kind[i] == 0:
                c, s = cos[row, i], sin[row, i]
                for e in range(start[i], start[i + 1]):
                    a, b, t = first[e], second[e], factor[e] * s
                    for k in range(n_outputs):
                        p, q = work[a, k], work[b, k]
                        if keep:
                            tape[row, 2 * e, k] = p
                            tape[row, 2 * e + 1, k] = q
                        work[a, k] = c * p - t * q
                        work[b, k] = c * q + t * p
            elif kind[i] == 1:
                for e in range(start[i], start[i + 1]):
                    for k in range(n_outputs):
                        work[first[e], k] *= damp[second[e]]
            else:
                for e in range(start[i], start[i + 1]):
                    for k in range(n_outputs):
                        work[second[e], k] += damp[4] * factor[e] * work[first[e], k]
        for i in range(len(slots)):
            for k in range(n_outputs):
                out[row, k, i] = work[slots[i], k]


@_compiled
def run_program_back(kind, start, first, second, factor, cos, sin, damp, slots, grad, tape, work, out):
    """Derivatives of a sum weighted by `grad` (n_rows, n_outputs, n_terms) to the angles, into `out` (n_rows, n_instructions)."""
    n_outputs = grad.shape[1]
    for row in range(cos.shape[0]):
        work[:] = 0
        for i in range(len(slots)):
            for k in range(n_outputs):
                work[slots[i], k] = grad[row, k, i]
        for i in range(len(kind) - 1, -1, -1):
            if kind[i] == 0:
                c, s = cos[row, i], sin[row, i]
                total = 0.0
                for e in range(start[i], start[i + 1]):
                    a, b, f = first[e], second[e], factor[e]
                    t = f * s
                    for k in range(n_outputs):
                        p, q = tape[row, 2 * e, k], tape[row, 2 * e + 1, k]
                        u, v = work[a, k], work[b, k]
                        total += u * (-s * p - f * c * q) + v * (-s * q + f * c * p)
                        work[a, k] = c * u + t * v
                        work[b, k] = c * v - t * u
                out[row, i] = total
            elif kind[i] == 1:
                for e in range(start[i], start[i + 1]):
                    for k in range(n_outputs):
                        work[first[e], k] *= damp[second[e]]
            else:
                for e in range(start[i], start[i + 1]):
                    for k in range(n_outputs):
                        work[first[e], k] += damp[4] * factor[e] * work[second[e], k]


@_compiled
def _products(features, begin, size, parents, columns, block, products):
    """Fill products (n_products, LANES): each is an earlier one times a feature; the first is 1."""
    for j in range(block.shape[0]):
        for lane in range(size):
            block[j, lane] = features[begin + lane, j]
        for lane in range(size, LANES):
            block[j, lane] = 0
    products[0, :] = 1
    for i in range(1, len(parents)):
        parent, column = parents[i], columns[i]
        for lane in range(LANES):
            products[i, lane] = products[parent, lane] * block[column, lane]


@_compiled
def sum_terms(features, coefficients, lp, lc, rp, rc, group, right, out):
    """Sum over terms of coefficient · left product · right product.

    features: (n_samples, n_features); coefficients: (n_outputs, n_terms), terms sorted by left product; lp, lc, rp, rc:
    parents and columns of left and right products; group: (n_left + 1,), where a left product's terms begin; right:
    (n_terms,), right products; out: (n_samples, n_outputs).
    """
    n_samples, n_outputs = features.shape[0], coefficients.shape[0]
    block = np.empty((features.shape[1], LANES), features.dtype)
    lefts = np.empty((len(lp), LANES), features.dtype)
    rights = np.empty((len(rp), LANES), features.dtype)
    total = np.empty(LANES, features.dtype)
    part = np.empty(LANES, features.dtype)
    for begin in range(0, n_samples, LANES):
        size = min(LANES, n_samples - begin)
        _products(features, begin, size, lp, lc, block, lefts)
        _products(features, begin, size, rp, rc, block, rights)
        for k in range(n_outputs):
            total[:] = 0
            for i in range(len(lp)):
                if group[i] == group[i + 1]:
                    continue
                part[:] = 0
                for t in range(group[i], group[i + 1]):
                    value, j = coefficients[k, t], right[t]
                    for lane in range(LANES):
                        part[lane] += value * rights[j, lane]
                for lane in range(LANES):
                    total[lane] += part[lane] * lefts[i, lane]
            for lane in range(size):
                out[begin + lane, k] = total[lane]


@_compiled
def sum_terms_back(features, coefficients, lp, lc, rp, rc, group, right, grad, with_features, grad_c, grad_f):
    """Derivatives of `sum_terms` weighted by `grad` (n_samples, n_outputs): to coefficients and, if asked, to features."""
    n_samples, n_outputs = features.shape[0], coefficients.shape[0]
    dtype = features.dtype
    block = np.empty((features.shape[1], LANES), dtype)
    lefts = np.empty((len(lp), LANES), dtype)
    rights = np.empty((len(rp), LANES), dtype)
    weighted = np.empty(LANES, dtype)
    part = np.empty(LANES, dtype)
    g = np.empty(LANES, dtype)
    back_l = np.zeros((len(lp), LANES), dtype)
    back_r = np.zeros((len(rp), LANES), dtype)
    back_b = np.zeros((features.shape[1], LANES), dtype)
    grad_c[:] = 0
    for begin in range(0, n_samples, LANES):
        size = min(LANES, n_samples - begin)
        _products(features, begin, size, lp, lc, block, lefts)
        _products(features, begin, size, rp, rc, block, rights)
        if with_features:
            back_l[:] = 0
            back_r[:] = 0
            back_b[:] = 0
        for k in range(n_outputs):
            for lane in range(size):
                g[lane] = grad[begin + lane, k]
            for lane in range(size, LANES):
                g[lane] = 0
            for i in range(len(lp)):
                if group[i] == group[i + 1]:
                    continue
                for lane in range(LANES):
                    weighted[lane] = g[lane] * lefts[i, lane]
                if with_features:
                    part[:] = 0
                    for t in range(group[i], group[i + 1]):
                        value, j = coefficients[k, t], right[t]
                        dot = dtype.type(0)
                        for lane in range(LANES):
                            dot += weighted[lane] * rights[j, lane]
                            part[lane] += value * rights[j, lane]
                            back_r[j, lane] += value * weighted[lane]
                        grad_c[k, t] += dot
                    for lane in range(LANES):
                        back_l[i, lane] += part[lane] * g[lane]
                else:
                    for t in range(group[i], group[i + 1]):
                        j = right[t]
                        dot = dtype.type(0)
                        for lane in range(LANES):
                            dot += weighted[lane] * rights[j, lane]
                        grad_c[k, t] += dot
        if with_features:
            for i in range(len(lp) - 1, 0, -1):
                parent, column = lp[i], lc[i]
                for lane in range(LANES):
                    back_b[column, lane] += back_l[i, lane] * lefts[parent, lane]
                    back_l[parent, lane] += back_l[i, lane] * block[column, lane]
            for i in range(len(rp) - 1, 0, -1):
                parent, column = rp[i], rc[i]
                for lane in range(LANES):
                    back_b[column, lane] += back_r[i, lane] * rights[parent, lane]
                    back_r[parent, lane] += back_r[i, lane] * block[column, lane]
            for lane in range(size):
                for j in range(block.shape[0]):
                    grad_f[begin + lane, j] = back_b[j, lane]


@_compiled
def _parity(value):
    value ^= value >> 16
    value ^= value >> 8
    value ^= value >> 4
    value ^= value >> 2
    value ^= value >> 1
    return value & 1


@_compiled
def _turn(re, im, x, z, power, c, s):
    """Apply cos - i sin P to states (2^n, STATE_LANES); P has masks x, z and i^power; c, s: (STATE_LANES,) of half the angle."""
    rho = -1 if power in (0, 3) else 1
    if x == 0:
        for j in range(re.shape[0]):
            sign = 1 - 2 * _parity(z & j)
            for lane in range(STATE_LANES):
                t = sign * s[lane]
                p, q = re[j, lane], im[j, lane]
                re[j, lane] = c[lane] * p + t * q
                im[j, lane] = c[lane] * q - t * p
        return
    high = x
    while high & (high - 1):
        high &= high - 1
    for j in range(re.shape[0]):
        if j & high:
            continue
        m = j ^ x
        own = rho * (1 - 2 * _parity(z & m))  # what j gets of m
        other = rho * (1 - 2 * _parity(z & j))
        if power & 1:
            for lane in range(STATE_LANES):
                c1, s1, s2 = c[lane], own * s[lane], other * s[lane]
                p, q, u, v = re[j, lane], im[j, lane], re[m, lane], im[m, lane]
                re[j, lane] = c1 * p + s1 * u
                im[j, lane] = c1 * q + s1 * v
                re[m, lane] = c1 * u + s2 * p
                im[m, lane] = c1 * v + s2 * q
        else:
            for lane in range(STATE_LANES):
                c1, s1, s2 = c[lane], own * s[lane], other * s[lane]
                p, q, u, v = re[j, lane], im[j, lane], re[m, lane], im[m, lane]
                re[j, lane] = c1 * p - s1 * v
                im[j, lane] = c1 * q + s1 * u
                re[m, lane] = c1 * u - s2 * q
                im[m, lane] = c1 * v + s2 * p


@_compiled
def _slope(re, im, lre, lim, x, z, power, out):
    """Put Im⟨λ|P|ψ⟩ of each lane into out."""
    out[:] = 0
    for j in range(re.shape[0]):
        m = j ^ x
        sign = 1 - 2 * _parity(z & m)
        if power >= 2:
            sign = -sign
        if power & 1:  # P psi = i sign psi_m
            for lane in range(STATE_LANES):
                out[lane] += sign * (lre[j, lane] * re[m, lane] + lim[j, lane] * im[m, lane])
        else:
            for lane in range(STATE_LANES):
                out[lane] += sign * (lre[j, lane] * im[m, lane] - lim[j, lane] * re[m, lane])


@_compiled
def _forward(re, im, begin, size, xs, zs, powers, source, initial, cw, sw, cd, sd, c, s):
    re[:] = 0
    im[:] = 0
    if len(initial):
        for lane in range(size):
            for j in range(re.shape[0]):
                re[j, lane] = initial[begin + lane, j].real
                im[j, lane] = initial[begin + lane, j].imag
    else:
        re[0, :] = 1
    for r in range(len(xs)):
        _angles(r, begin, size, source, cw, sw, cd, sd, c, s)
        _turn(re, im, xs[r], zs[r], powers[r], c, s)


@_compiled
def _angles(r, begin, size, source, cw, sw, cd, sd, c, s):
    place = source[r]
    if place >= 0:
        c[:] = cw[place]
        s[:] = sw[place]
    else:
        for lane in range(size):
            c[lane] = cd[begin + lane, -1 - place]
            s[lane] = sd[begin + lane, -1 - place]
        for lane in range(size, STATE_LANES):
            c[lane] = 1
            s[lane] = 0


@_compiled
def run_state(n_qubits, xs, zs, powers, source, initial, cw, sw, cd, sd, ox, oz, opower, matrix, out):
    """Expectation values of samples by their state vectors.

    xs, zs, powers: (n_turns,), the axes; source: (n_turns,), a place p >= 0 among the shared half angles (cw, sw: (n_shared,)) or
    -1 - p among those of each sample (cd, sd: (n_samples, n_data)); initial: (n_samples, 2^n_qubits), complex, or of length 0 for
    |0…0⟩; ox, oz, opower: (n_words,), the words measured; matrix: (n_words, n_outputs); out: (n_samples, n_outputs).
    """
    dtype = out.dtype
    re = np.empty((1 << n_qubits, STATE_LANES), dtype)
    im = np.empty((1 << n_qubits, STATE_LANES), dtype)
    c = np.empty(STATE_LANES, dtype)
    s = np.empty(STATE_LANES, dtype)
    value = np.empty(STATE_LANES, dtype)
    for begin in range(0, out.shape[0], STATE_LANES):
        size = min(STATE_LANES, out.shape[0] - begin)
        _forward(re, im, begin, size, xs, zs, powers, source, initial, cw, sw, cd, sd, c, s)
        for lane in range(size):
            out[begin + lane, :] = 0
        for w in range(len(ox)):
            value[:] = 0
            for j in range(re.shape[0]):
                m = j ^ ox[w]
                sign = 1 - 2 * _parity(oz[w] & m)
                if opower[w] >= 2:
                    sign = -sign
                if opower[w] & 1:
                    for lane in range(STATE_LANES):
                        value[lane] -= sign * (re[j, lane] * im[m, lane] - im[j, lane] * re[m, lane])
                else:
                    for lane in range(STATE_LANES):
                        value[lane] += sign * (re[j, lane] * re[m, lane] + im[j, lane] * im[m, lane])
            for lane in range(size):
                for k in range(out.shape[1]):
                    out[begin + lane, k] += matrix[w, k] * value[lane]


@_compiled
def run_state_back(
    n_qubits, xs, zs, powers, source, initial, cw, sw, cd, sd, ox, oz, opower, matrix, grad, grad_w, grad_d, grad_i
):
    """Derivatives of `run_state` weighted by `grad` (n_samples, n_outputs), to all angles and to the initial states.

    The circuit is run forwards once more and then undone, rotation by rotation, beside the adjoint state, so that memory
    holds two states a lane whatever the depth.
    """
    dtype = grad.dtype
    re = np.empty((1 << n_qubits, STATE_LANES), dtype)
    im = np.empty((1 << n_qubits, STATE_LANES), dtype)
    lre = np.empty((1 << n_qubits, STATE_LANES), dtype)
    lim = np.empty((1 << n_qubits, STATE_LANES), dtype)
    c = np.empty(STATE_LANES, dtype)
    s = np.empty(STATE_LANES, dtype)
    slope = np.empty(STATE_LANES, dtype)
    weight = np.empty(STATE_LANES, dtype)
    for begin in range(0, grad.shape[0], STATE_LANES):
        size = min(STATE_LANES, grad.shape[0] - begin)
        _forward(re, im, begin, size, xs, zs, powers, source, initial, cw, sw, cd, sd, c, s)
        lre[:] = 0
        lim[:] = 0
        for w in range(len(ox)):
            weight[:] = 0
            for lane in range(size):
                for k in range(grad.shape[1]):
                    weight[lane] += matrix[w, k] * grad[begin + lane, k]
            for j in range(re.shape[0]):
                m = j ^ ox[w]
                sign = 1 - 2 * _parity(oz[w] & m)
                if opower[w] >= 2:
                    sign = -sign
                if opower[w] & 1:
                    for lane in range(STATE_LANES):
                        lre[j, lane] -= sign * weight[lane] * im[m, lane]
                        lim[j, lane] += sign * weight[lane] * re[m, lane]
                else:
                    for lane in range(STATE_LANES):
                        lre[j, lane] += sign * weight[lane] * re[m, lane]
                        lim[j, lane] += sign * weight[lane] * im[m, lane]
        for r in range(len(xs) - 1, -1, -1):
            _slope(re, im, lre, lim, xs[r], zs[r], powers[r], slope)
            place = source[r]
            if place >= 0:
                total = 0.0
                for lane in range(size):
                    total += slope[lane]
                grad_w[place] += total
            else:
                for lane in range(size):
                    grad_d[begin + lane, -1 - place] += slope[lane]
            _angles(r, begin, size, source, cw, sw, cd, sd, c, s)
            for lane in range(STATE_LANES):
                s[lane] = -s[lane]
            _turn(re, im, xs[r], zs[r], powers[r], c, s)
            _turn(lre, lim, xs[r], zs[r], powers[r], c, s)
        if len(initial):
            for lane in range(size):
                for j in range(re.shape[0]):
                    grad_i[begin + lane, j] = 2 * (lre[j, lane] + 1j * lim[j, lane])
