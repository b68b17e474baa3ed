"""PyTorch side of `latte bench ops --ops layers`: the same layers at the same sizes, on one GPU.
A layer: RMSNorm, qkv (no bias, heads = kv heads), softmax attention over N tokens (no context), output projection, add;
RMSNorm, SwiGLU, add. No modulation, no residual attention: the shapes compare engines, not models.

python tooling/benchmark/layers.py [--out FILE]

Prints one JSON object: machine and versions, and a result for each shape, dtype and engine, in milliseconds."""
import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

SHAPES = {"small": dict(D=384, I=1024, H=6, L=4, B=64, N=256), "group": dict(D=1536, I=8960, H=12, L=7, B=1, N=64)}
WARM_UP, REPETITIONS, ROUNDS = 3, 20, 5


class Layer(nn.Module):
    def __init__(self, D, I, H):
        super().__init__()
        self.H = H
        self.qkv, self.o = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)
        self.gate, self.up, self.down = nn.Linear(D, I, bias=False), nn.Linear(D, I, bias=False), nn.Linear(I, D, bias=False)
        self.n1, self.n2 = nn.RMSNorm(D, eps=1e-6), nn.RMSNorm(D, eps=1e-6)

    def forward(self, x):
        B, N, D = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, N, 3, self.H, D // self.H).permute(2, 0, 3, 1, 4)
        x = x + self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, N, D))
        h = self.n2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def clock(work):
    """Milliseconds of one repetition: the median of the rounds, the fastest and the slowest."""
    for _ in range(WARM_UP):
        work()
    times = []
    for _ in range(ROUNDS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(REPETITIONS):
            work()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) / REPETITIONS * 1e3)
    return {"ms": statistics.median(times), "ms_min": min(times), "ms_max": max(times)}


def forward_flops(s):
    products = 2 * s["B"] * s["N"] * (4 * s["D"] ** 2 + 3 * s["D"] * s["I"])
    return s["L"] * (products + 4 * s["B"] * s["N"] ** 2 * s["D"])


def training_step(model, x):
    target = torch.randn_like(x)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad()
        ((model(x) - target) ** 2).mean().backward()
        optimizer.step()

    return step


def mixed_training_step(model, x):
    """float16 operands, float32 weights; no loss scaling, which the timing does not need."""
    target = torch.randn_like(x)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.float16):
            loss = ((model(x).float() - target) ** 2).mean()
        loss.backward()
        optimizer.step()

    return step


def measure(emit):
    for name, s in SHAPES.items():
        flops = forward_flops(s)
        for dtype in (torch.float32, torch.float16):
            model = nn.Sequential(*[Layer(s["D"], s["I"], s["H"]) for _ in range(s["L"])]).cuda().to(dtype)
            x = torch.randn(s["B"], s["N"], s["D"], device="cuda", dtype=dtype)
            label = {"name": "layers", "shape": name, "precision": str(dtype).removeprefix("torch.")}
            with torch.no_grad():
                emit({**label, "pass": "forward", "engine": "pytorch eager", **clock(lambda: model(x))}, flops)
                compiled = torch.compile(model, mode="reduce-overhead")
                emit({**label, "pass": "forward", "engine": "pytorch compiled", **clock(lambda: compiled(x))}, flops)
            if dtype == torch.float32 and name == "small":
                label["pass"], label["engine"] = "training step", "pytorch eager"
                emit({**label, **clock(training_step(model, x))}, 3 * flops)
                emit({**label, "precision": "mixed", **clock(mixed_training_step(model, x))}, 3 * flops)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="also write the JSON to this file")
    out = parser.parse_args().out
    results = []

    def emit(result, flops):
        results.append({**result, "tflops": flops / result["ms"] / 1e9, "repetitions": REPETITIONS, "rounds": ROUNDS})
        print(results[-1], file=sys.stderr, flush=True)

    measure(emit)
    report = {
        "command": "python tooling/benchmark/layers.py",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "adapter": {"description": torch.cuda.get_device_name()},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda},
        "shapes": SHAPES,
        "results": results,
    }
    print(json.dumps(report))
    if out is not None:
        with open(out, "w") as file:
            json.dump(report, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
