"""Compiled loops of the engine (numba): angles, instructions on coefficients, the sum of terms over samples, state vectors.

Everything works on blocks of samples ("lanes") so that the innermost loops run over neighbouring numbers. Importing this module
imports numba; the engine does so only where numba is there, and has a path in plain torch where it is not. All are in one file
because numba keeps what it has compiled until this file changes, with the functions of others that it calls inside.

Loops of the same shape stand here more than once, on purpose: a function that numba takes out of a table is called lane by lane,
not unrolled into vector instructions, and code that is made of a template it cannot keep from one process to the next. So each
operation and each kind of gate has a branch of its own around or inside its loop over lanes, forward and back.
"""

from __future__ import annotations

from math import cos, sin
from typing import Any

import numpy as np
from numba import njit

# mypy: allow-untyped-defs, allow-untyped-calls

#: Samples a block of the sum of terms.
LANES = 64

_options: Any = {"cache": True, "nogil": True, "boundscheck": False, "error_model": "numpy"}
_compiled: Any = njit(fastmath=True, **_options)
#: Without licence to reorder sums, where the order keeps digits; without saying so it would take its caller's.
_exact: Any = njit(fastmath=False, **_options)

#: Angles in radians up to which `sin_cos` reduces by three parts of π/2.
_LARGE = 1e6


@_exact
def sin_cos(angles, sines, cosines):
    """Put sines and cosines of angles (n,), in double precision, into the other arrays of any precision."""
    largest = 0.0
    for i in range(len(angles)):
        largest = max(largest, abs(angles[i]))
    if not largest < _LARGE:
        for i in range(len(angles)):
            sines[i], cosines[i] = sin(angles[i]), cos(angles[i])
        return
    for i in range(len(angles)):
        turns = (angles[i] * 0.6366197723675814 + 6755399441055744.0) - 6755399441055744.0  # the nearest whole number
        x = angles[i] - turns * 1.57079625129699707031 - turns * 7.54978941586159635336e-8 - turns * 5.39030285815811905290e-15
        z = x * x
        s = ((1.58962301576546568060e-10 * z - 2.50507477628578072866e-8) * z + 2.75573136213857245213e-6) * z
        s = ((s - 1.98412698295895385996e-4) * z + 8.33333333332211858878e-3) * z - 1.66666666666666307295e-1
        s = x + x * z * s
        c = ((-1.13585365213876817300e-11 * z + 2.08757008419747316778e-9) * z - 2.75573141792967388112e-7) * z
        c = ((c + 2.48015872888517045348e-5) * z - 1.38888888888730564116e-3) * z + 4.16666666666665929218e-2
        c = 1.0 - 0.5 * z + z * z * c
        quarter = np.int32(turns) & 3
        one, other = (c, s) if quarter & 1 else (s, c)
        sines[i] = -one if quarter & 2 else one
        cosines[i] = -other if (quarter + 1) & 2 else other


@_exact
def run_affine(row, variable, rate, constant, x, w, out):
    """Angles that are affine in inputs and weights: `run_angles` where nothing else is needed, and much shorter to compile."""
    n_inputs, total = x.shape[1], 0.0
    for k in range(len(constant)):
        base = constant[k]
        for e in range(row[k], row[k + 1]):
            if variable[e] >= n_inputs:
                base += rate[e] * w[variable[e] - n_inputs]
        for i in range(x.shape[0]):
            out[i, k] = base
        for e in range(row[k], row[k + 1]):
            if variable[e] < n_inputs:
                for i in range(x.shape[0]):
                    out[i, k] += rate[e] * x[i, variable[e]]
    for i in range(x.shape[0]):
        for k in range(n_inputs):
            total += x[i, k]
    return total


@_exact
def run_affine_back(row, variable, rate, n_inputs, grad, with_x, grad_x, grad_w):
    """Add derivatives of `run_affine` weighted by `grad` (n_samples, n_angles) to grad_w, and if asked to grad_x."""
    for k in range(grad.shape[1]):
        for e in range(row[k], row[k + 1]):
            if variable[e] >= n_inputs:
                for i in range(grad.shape[0]):
                    grad_w[variable[e] - n_inputs] += rate[e] * grad[i, k]
            elif with_x:
                for i in range(grad.shape[0]):
                    grad_x[i, variable[e]] += rate[e] * grad[i, k]


#: Operations of angles that are compiled, see `Formula` in angles.py; two arguments up to POWER.
AFFINE, ADD, MULTIPLY, DIVIDE, POWER, SIN, COS, TAN, EXP, LOG, SQRT, TANH, ATAN, ASIN, ACOS, ABS, NEGATE = range(17)


@_exact
def _evaluate(code, row, variable, rate, constant, x, begin, size, w, values):
    """Fill values (n_steps, LANES): each is made of inputs, weights and earlier ones."""
    n_inputs = x.shape[1]
    for i in range(len(code)):
        what, a, b = code[i, 0], code[i, 1], code[i, 2]
        if what == AFFINE:
            base = constant[i]
            for e in range(row[i], row[i + 1]):
                if variable[e] >= n_inputs:
                    base += rate[e] * w[variable[e] - n_inputs]
            values[i, :] = base
            for e in range(row[i], row[i + 1]):
                if variable[e] < n_inputs:
                    for lane in range(size):
                        values[i, lane] += rate[e] * x[begin + lane, variable[e]]
            continue
        for lane in range(LANES):
            p = values[a, lane]
            if what == ADD:
                values[i, lane] = p + values[b, lane]
            elif what == MULTIPLY:
                values[i, lane] = p * values[b, lane]
            elif what == DIVIDE:
                values[i, lane] = p / values[b, lane]
            elif what == POWER:
                values[i, lane] = p ** values[b, lane]
            elif what == SIN:
                values[i, lane] = np.sin(p)
            elif what == COS:
                values[i, lane] = np.cos(p)
            elif what == TAN:
                values[i, lane] = np.tan(p)
            elif what == EXP:
                values[i, lane] = np.exp(p)
            elif what == LOG:
                values[i, lane] = np.log(p)
            elif what == SQRT:
                values[i, lane] = np.sqrt(p)
            elif what == TANH:
                values[i, lane] = np.tanh(p)
            elif what == ATAN:
                values[i, lane] = np.arctan(p)
            elif what == ASIN:
                values[i, lane] = np.arcsin(p)
            elif what == ACOS:
                values[i, lane] = np.arccos(p)
            elif what == ABS:
                values[i, lane] = abs(p)
            else:
                values[i, lane] = -p


@_exact
def run_angles(code, row, variable, rate, constant, places, x, w, out):
    """Angles as formulas, in double precision.

    code: (n_steps, 3), an operation and the steps that it takes; row, variable, rate, constant: affine steps, as compressed rows
    over inputs and then weights; places: (n_angles,), the step of each angle; x: (n_samples, n_inputs); w: (n_weights,); out:
    (n_samples, n_angles). Returned is the sum of x, which is finite where they all are (and not too large).
    """
    values, total = np.zeros((len(code), LANES)), 0.0
    for begin in range(0, x.shape[0], LANES):
        size = min(LANES, x.shape[0] - begin)
        _evaluate(code, row, variable, rate, constant, x, begin, size, w, values)
        for k in range(len(places)):
            for lane in range(size):
                out[begin + lane, k] = values[places[k], lane]
        for lane in range(size):
            for k in range(x.shape[1]):
                total += x[begin + lane, k]
    return total


@_exact
def run_angles_back(code, row, variable, rate, constant, places, x, w, grad, with_x, grad_x, grad_w):
    """Add derivatives of `run_angles` weighted by `grad` (n_samples, n_angles) to grad_w, and if asked to grad_x."""
    n_inputs = x.shape[1]
    values, back = np.zeros((len(code), LANES)), np.empty((len(code), LANES))
    for begin in range(0, x.shape[0], LANES):
        size = min(LANES, x.shape[0] - begin)
        _evaluate(code, row, variable, rate, constant, x, begin, size, w, values)
        back[:] = 0
        for k in range(len(places)):
            for lane in range(size):
                back[places[k], lane] += grad[begin + lane, k]
        for i in range(len(code) - 1, -1, -1):
            what, a, b = code[i, 0], code[i, 1], code[i, 2]
            if what == AFFINE:
                for e in range(row[i], row[i + 1]):
                    place = variable[e] - n_inputs
                    if place >= 0:
                        total = 0.0
                        for lane in range(size):
                            total += back[i, lane]
                        grad_w[place] += rate[e] * total
                    elif with_x:
                        for lane in range(size):
                            grad_x[begin + lane, variable[e]] += rate[e] * back[i, lane]
                continue
            for lane in range(size):
                g, p, y = back[i, lane], values[a, lane], values[i, lane]
                if what <= POWER:
                    q = values[b, lane]
                    if what == ADD:
                        back[a, lane] += g
                        back[b, lane] += g
                    elif what == MULTIPLY:
                        back[a, lane] += g * q
                        back[b, lane] += g * p
                    elif what == DIVIDE:
                        back[a, lane] += g / q
                        back[b, lane] -= g * y / q
                    else:
                        back[a, lane] += g * q * p ** (q - 1) if q != 0 else 0.0
                        back[b, lane] += g * y * np.log(p) if p > 0 else 0.0
                elif what == SIN:
                    back[a, lane] += g * np.cos(p)
                elif what == COS:
                    back[a, lane] -= g * np.sin(p)
                elif what == TAN:
                    back[a, lane] += g * (1 + y * y)
                elif what == EXP:
                    back[a, lane] += g * y
                elif what == LOG:
                    back[a, lane] += g / p
                elif what == SQRT:
                    back[a, lane] += g * 0.5 / y
                elif what == TANH:
                    back[a, lane] += g * (1 - y * y)
                elif what == ATAN:
                    back[a, lane] += g / (1 + p * p)
                elif what == ASIN:
                    back[a, lane] += g / np.sqrt(1 - p * p)
                elif what == ACOS:
                    back[a, lane] -= g / np.sqrt(1 - p * p)
                elif what == ABS:
                    back[a, lane] += g * np.sign(p)
                else:
                    back[a, lane] -= g


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
def run_network(
    row, variable, rate, constant, x, sign, w, rates, offset, kind, start, first, second, factor, damp, initial,
    slots, lp, lc, rp, rc, group, right, features, cos, sin, tape, coefficients, out,
):  # fmt: skip
    """Everything from inputs to outputs: features of angles, coefficients from weights, the sum; returned is the sum of x.

    row, variable, rate, constant, x: angles as in `run_affine`; sign: (n_qubits,), of the features' sines; rates,
    offset: angles of the program from weights, (n_instructions, n_weights) and (n_instructions,). Filled are features (n_samples,
    2 n_qubits), cos, sin (1, n_instructions), tape, coefficients (n_outputs, n_terms) and out; the rest is as in `run_program`
    and `sum_terms`.
    """
    n_samples, n = x.shape[0], len(constant)
    theta = np.empty((n_samples, n))
    total = run_affine(row, variable, rate, constant, x, w, theta)
    column, s, c = np.empty(n_samples), np.empty(n_samples), np.empty(n_samples)
    for q in range(n):
        for i in range(n_samples):
            column[i] = theta[i, q]
        sin_cos(column, s, c)
        for i in range(n_samples):
            features[i, q] = sign[q] * s[i]
            features[i, n + q] = c[i]
    angles = np.empty(len(offset))
    for i in range(len(offset)):
        angles[i] = offset[i]
        for j in range(len(w)):
            angles[i] += rates[i, j] * w[j]
    sin_cos(angles, sin[0], cos[0])
    found, work = np.empty((1, initial.shape[1], len(slots))), np.empty(initial.shape)
    run_program(kind, start, first, second, factor, cos, sin, damp, initial, slots, work, tape, found)
    for k in range(found.shape[1]):
        for i in range(found.shape[2]):
            coefficients[k, i] = found[0, k, i]
    sum_terms(features, coefficients, lp, lc, rp, rc, group, right, out)
    return total


@_compiled
def run_network_back(
    sign, rates, kind, start, first, second, factor, damp, initial, slots, lp, lc, rp, rc, group, right, features, cos, sin, tape,
    coefficients, grad, with_theta, grad_theta, grad_w,
):  # fmt: skip
    """Derivatives of `run_network` weighted by `grad`: added to grad_w (n_weights,), and if asked put into grad_theta."""
    n = len(sign)
    grad_c = np.empty((1, coefficients.shape[0], coefficients.shape[1]))
    grad_f = np.empty((len(features) if with_theta else 0, 2 * n), features.dtype)
    sum_terms_back(features, coefficients, lp, lc, rp, rc, group, right, grad, with_theta, grad_c[0], grad_f)
    for i in range(len(grad_f)):
        for q in range(n):
            grad_theta[i, q] = sign[q] * (grad_f[i, q] * features[i, n + q] - grad_f[i, n + q] * features[i, q])
    slopes, work = np.zeros((1, cos.shape[1])), np.empty(initial.shape)
    run_program_back(kind, start, first, second, factor, cos, sin, damp, slots, grad_c, tape, work, slopes)
    for i in range(rates.shape[0]):
        for j in range(rates.shape[1]):
            grad_w[j] += slopes[0, i] * rates[i, j]


# State vectors: arrays (2^n, 2, n_lanes), real and imaginary part of each amplitude, bit q of the index for qubit q. A gate is a
# product of rotations about three words X̄, Ȳ = iX̄Z̄ and Z̄ that obey the rules of one qubit, with Z̄ diagonal; it joins
# amplitude j with amplitude j ^ x. All are [[a, -b*], [b, a*]] in the basis where Z̄ is diagonal. Constants are made of the
# arrays' own type: a product with a whole number would turn single precision into double.

#: What a gate turns about: Z̄, or Ȳ, or all.
DIAGONAL, REAL, WHOLE = range(3)
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
        elif kind == REAL:
            for lane in range(lanes):
                ar, br = m[0, lane], one * m[2, lane]
                p, q, u, v = psi[j, 0, lane], psi[j, 1, lane], psi[k, 0, lane], psi[k, 1, lane]
                psi[j, 0, lane] = ar * p - br * u
                psi[j, 1, lane] = ar * q - br * v
                psi[k, 0, lane] = br * p + ar * u
                psi[k, 1, lane] = br * q + ar * v
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
        elif kind == REAL:
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
def _fill(begin, size, angles, half, cd, sd):
    """Put cos and sin of half of a block's angles (n_samples, n_data) into cd, sd (n_data, n_lanes)."""
    for place in range(cd.shape[0]):
        half[:] = 0
        for lane in range(size):
            half[lane] = 0.5 * angles[begin + lane, place]
        sin_cos(half, sd[place], cd[place])


@_compiled
def _halves(angles, sines, cosines):
    half = np.empty(len(angles))
    for i in range(len(angles)):
        half[i] = 0.5 * angles[i]
    sin_cos(half, sines, cosines)


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
def run_states(lanes, gates, first, turns, common, angles, row, column, value, words, matrix, start, kept, out):
    """Expectation values of samples by their state vectors.

    lanes: samples a block; gates: (n_gates, 7), see `KIND`, ...; first: (n_gates + 1,), where a gate's turns begin; turns:
    (n_turns, 3), axis 0, 1, 2 for X̄, Ȳ, Z̄, a place p >= 0 among the common angles (n_common,) or -1 - p among those of each
    sample (n_samples, n_data), all in double precision, and a sign; row, column, value: what each basis state gives to each
    output; words: (n_words, 3), those measured that are not diagonal, x, z and power of i; matrix: (n_words, n_outputs); start:
    (n_samples, 2^n, 2), or (0, 2^n, 2) to start from |0…0⟩; kept: (n_blocks, 2^n, 2, lanes) for the states at the end, or none;
    out: (n_samples, n_outputs).
    """
    dtype, n_samples, n_outputs = out.dtype, out.shape[0], out.shape[1]
    psi = np.empty((len(row) - 1, 2, lanes), dtype)
    cd, sd = np.empty((angles.shape[1], lanes), dtype), np.empty((angles.shape[1], lanes), dtype)
    cw, sw, half = np.empty(len(common)), np.empty(len(common)), np.empty(lanes)
    _halves(common, sw, cw)
    c, s, m = np.empty(lanes, dtype), np.empty(lanes, dtype), np.empty((len(gates), 4, lanes), dtype)
    found, one = np.empty((n_outputs, lanes), dtype), np.empty(lanes, dtype)
    for block in range((n_samples + lanes - 1) // lanes):
        begin = block * lanes
        size = min(lanes, n_samples - begin)
        _fill(begin, size, angles, half, cd, sd)
        _begin(psi, begin, size, start)
        for gate in range(len(gates)):
            if gates[gate, DATA] or block == 0:
                _compose(first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, m[gate])
            _apply(psi, gates[gate], m[gate])
        for j in range(psi.shape[0] if kept.shape[0] else 0):
            for lane in range(lanes):
                kept[block, j, 0, lane] = psi[j, 0, lane]
                kept[block, j, 1, lane] = psi[j, 1, lane]
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
    lanes, gates, first, turns, common, angles, row, column, value, words, matrix, kept, grad, stop, grad_w, grad_d, grad_s
):
    """Derivatives of `run_states` weighted by `grad` (n_samples, n_outputs): to all angles and to the start.

    The states at the end, which the run has kept, are taken back gate by gate beside the adjoint states, so
    that memory does not grow with the depth. stop: the gates before it are not asked for.
    """
    dtype, n_samples, n_outputs = grad.dtype, grad.shape[0], grad.shape[1]
    psi, lam = np.empty((len(row) - 1, 2, lanes), dtype), np.empty((len(row) - 1, 2, lanes), dtype)
    cd, sd = np.empty((angles.shape[1], lanes), dtype), np.empty((angles.shape[1], lanes), dtype)
    cw, sw, half = np.empty(len(common)), np.empty(len(common)), np.empty(lanes)
    _halves(common, sw, cw)
    c, s, m = np.empty(lanes, dtype), np.empty(lanes, dtype), np.empty((len(gates), 4, lanes), dtype)
    slope, sums = np.empty((3, lanes), dtype), np.zeros((len(gates), 3))
    g, one = np.empty((n_outputs, lanes), dtype), np.empty(lanes, dtype)
    n_blocks = (n_samples + lanes - 1) // lanes
    for block in range(n_blocks):
        begin = block * lanes
        size = min(lanes, n_samples - begin)
        _fill(begin, size, angles, half, cd, sd)
        for j in range(psi.shape[0]):
            for lane in range(lanes):
                psi[j, 0, lane] = kept[block, j, 0, lane]
                psi[j, 1, lane] = kept[block, j, 1, lane]
        g[:] = 0
        for lane in range(size):
            for k in range(n_outputs):
                g[k, lane] = grad[begin + lane, k]
        _adjoint(psi, lam, row, column, value, words, matrix, g, one)
        for gate in range(len(gates) - 1, stop - 1, -1):
            if gates[gate, DATA] or block == 0:
                _compose(first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, m[gate])
            _undo(psi, lam, gates[gate], m[gate], slope)
            if not gates[gate, DATA]:  # all samples' slopes together, after the last
                for axis in range(3):
                    for lane in range(lanes):
                        sums[gate, axis] += slope[axis, lane]
                        slope[axis, lane] = 0
                    slope[axis, 0] = sums[gate, axis]
            if gates[gate, DATA] or block == n_blocks - 1:
                _share(begin, size, first[gate], first[gate + 1], turns, cw, sw, cd, sd, c, s, slope, grad_w, grad_d)
        for lane in range(size if grad_s.shape[0] else 0):
            for j in range(psi.shape[0]):
                grad_s[begin + lane, j, 0] = 2 * lam[j, 0, lane]
                grad_s[begin + lane, j, 1] = 2 * lam[j, 1, lane]
