"""A trained circuit as a C function of a few lines, for a microcontroller: float32, or int16 in fixed point.

A circuit's output is a sum of products of sines and cosines (`qhelpers.circuits.Surrogate`). What is written here is that sum,
nested so that it costs few multiplications, with the scaling of the readings folded into its angles and a sine of its own: the
function calls no library.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from qhelpers.circuits.surrogate import Surrogate

Floats = NDArray[np.float64]

NUMBERS = ("float32", "int16")
#: Compiler, flags and tools for each processor whose code can be measured. Unwind tables are left out: firmware has none.
TARGETS = {
    "host": ("", ()),
    "cortex-m4": ("arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    "cortex-m0plus": ("arm-none-eabi-", ("-mcpu=cortex-m0plus", "-mthumb", "-mfloat-abi=soft")),
}
_FLAGS = ("-std=c99", "-Os", "-Wall", "-Werror", "-ffreestanding", "-fno-asynchronous-unwind-tables", "-fno-stack-protector")
_PACKAGES = {"arm-none-eabi-gcc": "gcc-arm-none-eabi"}
_STEPS = 65536  # of a 16-bit converter

_SINE = {
    "float32": """\
static __attribute__((noinline)) float sine(float t)  /* sin(2 pi t) */
{{
    t -= (int32_t)t;
    if (t > 0.5f) t -= 1.0f;
    if (t < -0.5f) t += 1.0f;
    if (t > 0.25f) t = 0.5f - t;
    if (t < -0.25f) t = -0.5f - t;
    const float u = t * t;
    return t * ({0} + u * ({1} + u * ({2} + u * ({3} + u * {4}))));
}}
""",
    "int16": """\
#define MUL(a, b) (((int32_t)(a) * (b) + 16384) >> 15)

static __attribute__((noinline)) int16_t sine(uint16_t phase)  /* 65536 to a turn; 32768 is one */
{{
    int32_t x = (int16_t)phase, y;
    if (x > 16384) x = 32768 - x;
    if (x < -16384) x = -32768 - x;
    const int32_t u = x * x >> 12;
    y = {2} + ({3} * u >> 16);
    y = {1} + (y * u >> 16);
    y = {0} + (y * u >> 16);
    y = (x * y + 8192) >> 14;
    return y > 32767 ? 32767 : y < -32767 ? -32767 : y;
}}
""",
}
_DROP = {"float32": 1e-6, "int16": 2e-5}
#: Multiplications of a call of each of them.
_SINE_MULTIPLIES = {"float32": 6, "int16": 5}


def _sine_polynomial(n: int) -> Floats:
    """Coefficients of n powers of y² with sin(πy/2) ≈ y Σ a_k y^2k for |y| ≤ 1, interpolated at Chebyshev's points."""

    def ratio(u: Floats) -> Floats:
        return np.asarray(np.sinc(np.sqrt(u) / 2) * math.pi / 2)

    fitted = Chebyshev.interpolate(ratio, n - 1, domain=[0, 1]).convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1])
    return np.asarray(fitted.coef, float)


@dataclass(frozen=True)
class CFunction:
    """A function in C, and what it is made of.

    Attributes
    ----------
    name, number, source : str
        Name, type of its arithmetic, and the whole file.
    n_features, n_outputs, n_terms, n_sines : int
        Readings it takes, numbers it gives, terms of its sums, calls of its sine.
    multiply_adds : int
        Multiplications of one call, each with the addition that follows it.
    constant_bytes : int
        Bytes of the numbers that training and scaling left: coefficients, gains, offsets.
    dropped : float
        At most so much do the terms that were left out change the output.
    low, high : ndarray of shape (n_features,)
        Readings of a 16-bit converter's lowest and highest count (int16 only).
    one : float
        The score that stands for an output of 1.
    """

    name: str
    number: str
    source: str
    n_features: int
    n_outputs: int
    n_terms: int
    n_sines: int
    multiply_adds: int
    constant_bytes: int
    dropped: float
    low: Floats
    high: Floats
    one: float

    def counts(self, X: ArrayLike) -> NDArray[Any]:
        """What the function takes for readings `X` (n_samples, n_features): float32, or the counts of a 16-bit converter."""
        readings = np.asarray(X, float)
        if self.number == "float32":
            return np.ascontiguousarray(readings, np.float32)
        steps = np.rint((readings - self.low) / (self.high - self.low) * (_STEPS - 1))
        return np.ascontiguousarray(np.clip(steps, 0, _STEPS - 1) - _STEPS // 2, np.int16)

    def compile(self) -> CompiledFunction:
        """Compile it for this machine, to call it from Python.

        Raises
        ------
        RuntimeError
            If there is no gcc, or it refuses the source.
        """
        return CompiledFunction(self)

    def object_size(self, target: str = "host") -> int:
        """Bytes of code and constants in the object file that ``gcc -Os -c`` makes.

        Parameters
        ----------
        target : {"host", "cortex-m4", "cortex-m0plus"}
            Processor; float32 on a Cortex-M0+ calls the compiler's floating-point routines, whose bytes are not in this number.
        """
        with tempfile.TemporaryDirectory() as folder:
            built, prefix = self._object(Path(folder), target)
            listed = _run([f"{prefix}size", "-A", "-d", str(built)])
        found = re.findall(r"^\.(text|rodata|data|bss)\S*\s+(\d+)", listed, re.MULTILINE)
        return sum(int(size) for _, size in found)

    def instructions(self, target: str = "cortex-m4") -> int:
        """Machine instructions of one call, at most: there is no loop, so that each counts once, the sine's once a call of it."""
        with tempfile.TemporaryDirectory() as folder:
            built, prefix = self._object(Path(folder), target)
            listed = _run([f"{prefix}objdump", "-d", "--no-show-raw-insn", str(built)])
        counts: dict[str, int] = {}
        name = ""
        for line in listed.splitlines():
            if heading := re.match(r"^[0-9a-f]+ <(\w+)>:", line):
                name = heading[1]
            elif re.match(r"^\s+[0-9a-f]+:\s+(?!\.)\S", line):
                counts[name] = counts.get(name, 0) + 1
        return counts[self.name] + self.n_sines * counts["sine"]

    def _object(self, folder: Path, target: str) -> tuple[Path, str]:
        if target not in TARGETS:
            raise ValueError(f"target {target!r} is unknown; allowed are {', '.join(TARGETS)}")
        prefix, flags = TARGETS[target]
        source, built = folder / f"{self.name}.c", folder / f"{self.name}.o"
        source.write_text(self.source, encoding="utf-8")
        _run([f"{prefix}gcc", *_FLAGS, *flags, "-c", str(source), "-o", str(built)])
        return built, prefix


def has_compiler(target: str = "host") -> bool:
    """Whether this machine can compile for a target of `TARGETS`."""
    return all(shutil.which(TARGETS[target][0] + tool) for tool in ("gcc", "size", "objdump"))


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError(f"{command[0]} is not installed; install it (Debian: {_PACKAGES.get(command[0], 'gcc')})") from error
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


class CompiledFunction:
    """A `CFunction` on this machine.

    Parameters
    ----------
    function : CFunction

    Examples
    --------
    ``classes, outputs = function.compile()(readings)``
    """

    def __init__(self, function: CFunction) -> None:
        self.function = function
        kind = {"float32": "float", "int16": "int16_t"}[function.number]
        call = f"{function.name}(x + {function.n_features} * i, score + {function.n_outputs} * i)"
        driver = (
            f"\nvoid batch(const {kind} *x, int32_t n, {kind} *score, int32_t *label)\n"
            f"{{\n    for (int32_t i = 0; i < n; i++) {'label[i] = ' if function.n_outputs == 1 else ''}{call};\n}}\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder) / f"{function.name}.c", Path(folder) / f"{function.name}.so"
            source.write_text(function.source + driver, encoding="utf-8")
            _run(["gcc", *_FLAGS, "-shared", "-fPIC", str(source), "-o", str(library)])
            self._batch = ctypes.CDLL(str(library)).batch  # stays loaded when the file goes
        self._batch.restype = None
        self._dtype = np.dtype(np.float32 if function.number == "float32" else np.int16)

    def __call__(self, X: ArrayLike) -> tuple[NDArray[np.int32], Floats]:
        """Class (0 or 1) and output of each of the readings `X` (n_samples, n_features); of several outputs a column each."""
        labels, scores = self.raw(self.function.counts(X))
        return labels, scores.astype(float) / self.function.one

    def raw(self, counts: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """Class and score as the function gives them, of what `CFunction.counts` gave."""
        if counts.dtype != self._dtype or counts.ndim != 2 or counts.shape[1] != self.function.n_features:
            raise ValueError(
                f"counts are {counts.dtype} of shape {counts.shape}; allowed is {self._dtype} of shape "
                f"(n_samples, {self.function.n_features}): take function.counts(X)"
            )
        counts = np.ascontiguousarray(counts)
        one = self.function.n_outputs == 1
        labels = np.empty(len(counts), np.int32)
        scores = np.empty(len(counts) if one else (len(counts), self.function.n_outputs), self._dtype)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (counts, scores, labels)]
        self._batch(pointers[0], ctypes.c_int32(len(counts)), pointers[1], pointers[2])
        return labels if one else (scores > 0).astype(np.int32), scores


def export_c(
    surrogate: Surrogate,
    gain: ArrayLike,
    centre: ArrayLike,
    *,
    names: Sequence[str],
    number: str = "float32",
    spans: Sequence[tuple[float, float]] | None = None,
    name: str = "classify",
    drop: float | None = None,
) -> CFunction:
    """Write a trained circuit as a C function ``int classify(const float reading[], float *score)``.

    It returns 1 where the output is above 0, and the output in ``score``. The circuit's inputs are ``gain @ (reading - centre)``.
    Of a circuit with several outputs it is ``void classify(const float reading[], float score[])``.

    Parameters
    ----------
    surrogate : Surrogate
        Of a circuit at its trained weights.
    gain : array-like of shape (n_inputs, n_features)
    centre : array-like of shape (n_features,)
        How the circuit's inputs, in radians, follow from the readings: what a scaler, or a scaler and a PCA, has learned.
    names : sequence of str
        What the readings are, with their units.
    number : {"float32", "int16"}
        Type of readings, arithmetic and score. An int16 reading is the count of a 16-bit converter, -32768 at the low and 32767
        at the high end of its span; the score is the output times 32768 (less, where partial sums could leave 32 bits), and
        stops at the ends of 16 bits.
    spans : sequence of (float, float), optional
        Lowest and highest reading of each feature; int16 needs it.
    name : str, default="classify"
        Name of the function.
    drop : float, optional
        The smallest terms are left out while the sum of their absolute coefficients stays below this; by default 1e-6 in float32,
        and 2e-5 (less than a step of the score) in int16.

    Returns
    -------
    CFunction

    Raises
    ------
    ValueError
        If shapes do not fit, or int16 has no spans.
    """
    if number not in NUMBERS:
        raise ValueError(f"number={number!r} is unknown; allowed are {', '.join(map(repr, NUMBERS))}")
    coefficients = surrogate.coefficients.detach().double().numpy()
    matrix, middle = np.asarray(gain, float), np.asarray(centre, float)
    rates = surrogate.rates.double().numpy()
    if matrix.shape != (rates.shape[1], len(names)) or middle.shape != (len(names),):
        raise ValueError(
            f"gain has shape {matrix.shape} and centre {middle.shape}; with {rates.shape[1]} inputs of the circuit and "
            f"{len(names)} names they are ({rates.shape[1]}, {len(names)}) and ({len(names)},)"
        )
    if number == "int16" and spans is None:
        raise ValueError("int16 needs spans: the lowest and highest reading of each feature, as the sensor's converter has them")
    drop = _DROP[number] if drop is None else drop
    values, factors, dropped = _live(coefficients, surrogate.factors.numpy(), drop)
    turns = rates @ matrix / (2 * math.pi)
    start = surrogate.offset.double().numpy() / (2 * math.pi)
    factors, turns, start = _used(factors, turns, start)
    order = _cheapest(values, factors)
    factors, turns, start = factors[:, order], turns[order], start[order]
    low, high = np.array(spans if spans is not None else [(0.0, 1.0)] * len(names), float).reshape(-1, 2).T
    full = np.column_stack([turns, start])
    same = [next(j for j in range(d + 1) if np.allclose(full[j], full[d])) for d in range(len(full))]
    writer: _Writer = _Float(values, factors, same) if number == "float32" else _Fixed(values, factors, same, low, high)
    head = _comment(name, number, names, turns, low, high, writer, dropped)
    lines = [*writer.angles(turns, start, middle), *writer.waves(), *writer.result()]
    kind = {"float32": "float", "int16": "int16_t"}[number]
    n_outputs = coefficients.shape[1]
    gives, score = ("int", "*score") if n_outputs == 1 else ("void", f"score[{n_outputs}]")
    body = "".join(f"    {line}\n" for line in lines)
    signature = f"{gives} {name}(const {kind} reading[{len(names)}], {kind} {score})"
    source = f"{head}#include <stdint.h>\n\n{writer.sine()}\n{signature}\n{{\n{body}}}\n"
    return CFunction(
        name=name,
        number=number,
        source=source,
        n_features=len(names),
        n_outputs=n_outputs,
        n_terms=len(values),
        n_sines=writer.n_sines,
        multiply_adds=writer.multiplies + writer.n_sines * _SINE_MULTIPLIES[number],
        constant_bytes=writer.constant_bytes,
        dropped=dropped,
        low=low,
        high=high,
        one=writer.one,
    )


def _live(values: Floats, factors: NDArray[np.int64], drop: float) -> tuple[Floats, NDArray[np.int64], float]:
    """Leave out the smallest terms as long as all of them together weigh less than `drop`; values (n_terms, n_outputs)."""
    largest = np.abs(values).max(1)
    order = np.argsort(largest, kind="stable")
    weights = largest[order]
    n_gone = int(np.searchsorted(np.cumsum(weights), drop))
    keep = np.sort(order[n_gone:])
    return values[keep], factors[keep], float(weights[:n_gone].sum())


def _used(factors: NDArray[np.int64], turns: Floats, start: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Keep the angles that a live term reads; `turns` (n_angles, n_features) and `start` (n_angles,) in turns."""
    used = (factors != 0).any(0)
    return factors[:, used], turns[used], start[used]


def _cheapest(values: Floats, factors: NDArray[np.int64]) -> list[int]:
    """Order of the angles, outermost first, in which the nested sum has the fewest multiplications."""
    n_angles = factors.shape[1]
    orders = itertools.permutations(range(n_angles)) if n_angles <= 5 else [tuple(range(n_angles))]
    return list(min(orders, key=lambda order: sum(one.multiplies for one in _sums(values, factors[:, list(order)]))))


class _Sum:
    """Σ_t value_t Π_d f_td as E0 + cos_0 E1 + sin_0 E2, each E the same over the other angles."""

    def __init__(self, values: Floats, factors: NDArray[np.int64], depth: int = 0) -> None:
        self.depth, self.value = depth, 0.0
        self.parts: dict[int, _Sum] = {}
        if factors.shape[1] == depth:
            self.value = float(values.sum())
        else:
            for kind in range(3):
                rows = factors[:, depth] == kind
                if rows.any():
                    self.parts[kind] = _Sum(values[rows], factors[rows], depth + 1)

    @property
    def multiplies(self) -> int:
        return sum(part.multiplies + (kind > 0) for kind, part in self.parts.items())

    @property
    def is_sum(self) -> bool:
        """Whether it is written with a plus sign outside all brackets."""
        return len(self.parts) > 1 or (0 in self.parts and self.parts[0].is_sum)

    @property
    def leaves(self) -> list[float]:
        return [leaf for part in self.parts.values() for leaf in part.leaves] if self.parts else [self.value]

    @property
    def bound(self) -> float:
        """The most that this sum, or any sum inside it, can be."""
        return max([self.size, *(part.bound for part in self.parts.values())])

    @property
    def size(self) -> float:
        if not self.parts:
            return abs(self.value)
        sizes = {kind: part.size for kind, part in self.parts.items()}
        return sizes.get(0, 0.0) + math.hypot(sizes.get(1, 0.0), sizes.get(2, 0.0))

    def waves(self) -> set[tuple[int, int]]:
        """(angle, 1 for cos or 2 for sin) that are needed."""
        own = {(self.depth, kind) for kind in self.parts if kind}
        return own.union(*(part.waves() for part in self.parts.values())) if self.parts else own


def _sums(values: Floats, factors: NDArray[np.int64]) -> list[_Sum]:
    """The nested sum of each output, of the terms that it has."""
    if values.shape[1] == 1:
        return [_Sum(values[:, 0], factors)]
    return [_Sum(column[column != 0], factors[column != 0]) for column in values.T]


class _Writer:
    """What both types of arithmetic share."""

    number: str
    one: float

    def __init__(self, values: Floats, factors: NDArray[np.int64], same: list[int]) -> None:
        self.sums, self.same = _sums(values, factors), same
        self.needed = sorted({(same[d], kind) for one in self.sums for d, kind in one.waves()})
        self.n_sines, self.multiplies, self.constant_bytes = len(self.needed), sum(one.multiplies for one in self.sums), 0

    def sine(self) -> str:
        raise NotImplementedError

    def term(self, part: _Sum) -> str:
        raise NotImplementedError

    def product(self, wave: str, inner: str, nested: bool) -> str:
        raise NotImplementedError

    def angle(self, row: Floats, first: float, centre: Floats) -> str:
        raise NotImplementedError

    def waves(self) -> list[str]:
        raise NotImplementedError

    def result(self) -> list[str]:
        raise NotImplementedError

    def angles(self, turns: Floats, start: Floats, centre: Floats) -> list[str]:
        """A line for each angle; a reading that turns several qubits alike is read once."""
        kind = "float" if self.number == "float32" else "uint16_t"
        return [f"const {kind} t{d} = {self.angle(turns[d], start[d], centre)};" for d in range(len(turns)) if self.same[d] == d]

    def write(self, part: _Sum) -> str:
        """A nested sum; what is itself a sum stands on a line of its own, further in."""
        if not part.parts:
            return self.term(part)
        text = ""
        for kind, inner in part.parts.items():
            nested = inner.is_sum
            piece = self.write(inner)
            if kind:
                piece = self.product(f"{'_cs'[kind]}{self.same[part.depth]}", piece, nested)
            start = f"\n{'    ' * (part.depth + 2)}" if nested else " "
            text += f"{start}+ {piece}" if text else piece
        return text


class _Float(_Writer):
    number, one = "float32", 1.0

    def sine(self) -> str:
        powers = _sine_polynomial(5) * 4.0 ** (2 * np.arange(5) + 1)  # y is four times the turns
        return _SINE["float32"].format(*(_literal(one) for one in powers))

    def term(self, part: _Sum) -> str:
        self.constant_bytes += 4
        return _literal(part.value)

    def product(self, wave: str, inner: str, nested: bool) -> str:
        return f"{wave} * ({inner})" if nested else f"{wave} * {inner}"

    def angle(self, row: Floats, first: float, centre: Floats) -> str:
        parts = [f"{_literal(row[k])} * (reading[{k}] - {_literal(centre[k])})" for k in np.flatnonzero(row)]
        self.multiplies += len(parts)
        self.constant_bytes += 8 * len(parts) + 4 * (first != 0)
        return " + ".join([*parts, *([_literal(first)] if first else [])]) or "0.0f"

    def waves(self) -> list[str]:
        return [f"const float {'_cs'[kind]}{d} = sine(t{d}{' + 0.25f' if kind == 1 else ''});" for d, kind in self.needed]

    def result(self) -> list[str]:
        if len(self.sums) > 1:
            return [f"score[{k}] = {self.write(one)};" for k, one in enumerate(self.sums)]
        return [f"*score = {self.write(self.sums[0])};", "return *score > 0.0f;"]


class _Fixed(_Writer):
    number = "int16"

    def __init__(self, values: Floats, factors: NDArray[np.int64], same: list[int], low: Floats, high: Floats) -> None:
        super().__init__(values, factors, same)
        self.low, self.high = low, high
        # a cosine of 16 bits times a partial sum stays within 32 bits while the sum is below 2^16
        bits = min(15, math.floor(math.log2(65535 / max(*(one.bound for one in self.sums), 1e-9))))
        self.one = float(2**bits)

    def sine(self) -> str:
        return _SINE["int16"].format(*(str(round(one * 32768)) for one in _sine_polynomial(4)))

    def term(self, part: _Sum) -> str:
        self.constant_bytes += 2
        return str(round(part.value * self.one))

    def product(self, wave: str, inner: str, nested: bool) -> str:
        return f"MUL({wave}, {inner})"

    def angle(self, row: Floats, first: float, centre: Floats) -> str:
        step = (self.high - self.low) / (_STEPS - 1)
        offset = first + row @ (self.low + step * _STEPS / 2 - centre)
        parts = [f"{round(row[k] * step[k] * 2**32) % 2**32}u * (uint32_t)reading[{k}]" for k in np.flatnonzero(row)]
        self.multiplies += len(parts)
        self.constant_bytes += 4 * len(parts) + 4
        parts.append(f"{(round(float(offset) * 2**32) + 32768) % 2**32}u")  # half a step of the phase: rounded, not cut
        return f"({' + '.join(parts)}) >> 16"

    def waves(self) -> list[str]:
        return [f"const int16_t {'_cs'[kind]}{d} = sine(t{d}{' + 16384' if kind == 1 else ''});" for d, kind in self.needed]

    def result(self) -> list[str]:
        several = len(self.sums) > 1
        lines = []
        for k, one in enumerate(self.sums):
            z, score = (f"z{k}", f"score[{k}]") if several else ("z", "*score")
            lines += [f"const int32_t {z} = {self.write(one)};", f"{score} = {z} > 32767 ? 32767 : {z} < -32768 ? -32768 : {z};"]
        return lines if several else [*lines, "return z > 0;"]


def _literal(value: float) -> str:
    text = str(np.float32(value))
    return f"{text if re.search('[.e]', text) else text + '.0'}f"


def _comment(
    name: str, number: str, names: Sequence[str], turns: Floats, low: Floats, high: Floats, writer: _Writer, dropped: float
) -> str:
    n_terms = sum(len(one.leaves) for one in writer.sums)
    lines = [f"/* {name}: a trained circuit as its {n_terms} live terms, {number}."]
    for k, one in enumerate(names):
        seen = bool(len(turns)) and bool(np.any(turns[:, k]))
        span = f", counts of a 16-bit converter from {low[k]:g} to {high[k]:g}" if number == "int16" and seen else ""
        lines.append(f"   reading[{k}]: {one}{span if seen else ', not used: no live term reads it'}")
    scale = "the output" if writer.one == 1 else f"the output times {writer.one:.0f}"
    left_out = f"terms left out change it by at most {dropped:.0e}" if dropped else "no term is left out"
    lines.append(f"   score: {scale}; {left_out}. */")
    return "\n".join(lines) + "\n"
