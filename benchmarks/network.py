"""How many windows a second QEML-Net trains on, by image size and by what plain torch can be told. `make network` runs this.

A step is forward, the compound loss, backward and Adam, on batches of made-up images; the full network, with its circuit. Ways
take turns, round by round, and the best round counts: what counts is the ratio to plain torch (float32, Adam as it is by default)
in the same run. Times are of the processor, on one thread: a machine with other work changes them little. How far each way's loss
lies from that of float32 stands beside it. torch.compile takes minutes before its first step and is asked for with --compile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from qhelpers.papers.bearings.costs import n_parameters
from qhelpers.papers.bearings.model import QEMLNet, loss

RESULTS = Path(__file__).parent / "network.json"
BATCH, N_CLASSES = 64, 4
#: What each way is told, by name; the first is the one that others are compared with.
WAYS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "fused Adam": ("fused",),
    "channels last": ("fused", "last"),
    "bfloat16": ("fused", "half"),
    "bfloat16, channels last": ("fused", "half", "last"),
}
COMPILED = {"bfloat16, compiled": ("fused", "half", "compile")}


def stepper(told: tuple[str, ...], size: int, stem: str) -> Callable[[], float]:
    """Return what makes a step and gives its loss."""
    torch.manual_seed(0)
    net = QEMLNet(N_CLASSES, stem=stem)
    images, y = torch.randn(BATCH, 3, size, size), torch.arange(BATCH) % N_CLASSES
    assert net.backbone is not None
    backbone: Any = net.backbone
    if "last" in told:
        net, images = net.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if "compile" in told:
        backbone = torch.compile(backbone)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, fused="fused" in told)

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled="half" in told):
            features = backbone(images)
        torch.manual_seed(1)  # dropouts
        found = loss(net.head, net.head(features.float()), y).total
        optimiser.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return float(found.detach())

    return step


def measured(size: int, stem: str, ways: dict[str, tuple[str, ...]], rounds: int) -> list[dict[str, Any]]:
    """Time each way: seconds of the first step, and windows a second of the best of the others."""
    steps = {name: stepper(told, size, stem) for name, told in ways.items()}
    first, losses, best = {}, {}, dict.fromkeys(ways, float("inf"))
    for name, step in steps.items():
        start = time.process_time()
        losses[name] = step()
        first[name] = time.process_time() - start
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.process_time()
            step()
            best[name] = min(best[name], time.process_time() - start)
    plain = next(iter(ways))
    return [
        {
            "size": size,
            "stem": stem,
            "way": name,
            "windows_per_second": round(BATCH / best[name], 1),
            "ratio": round(best[plain] / best[name], 3),
            "first_seconds": round(first[name], 2),
            "loss_difference": abs(losses[name] - losses[plain]),
        }
        for name in ways
    ]


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the best counts (default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64], help="pixels a side (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too, which takes minutes")
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    ways = WAYS | (COMPILED if given.compile else {})
    rows = [row for size in given.sizes for row in measured(size, "standard", ways, given.rounds)]
    rows += measured(32, "fine", {name: WAYS[name] for name in ("plain", "bfloat16")}, given.rounds)
    found = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": given.threads,
        "batch": BATCH,
        "parameters": n_parameters(QEMLNet(N_CLASSES)),
        "rows": rows,
    }
    part = given.out.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    part.replace(given.out)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
