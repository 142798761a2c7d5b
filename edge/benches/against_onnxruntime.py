#!/usr/bin/env python3
"""Network step of a bundle in tract and in onnxruntime, one thread each, in one run.

    pip install onnxruntime numpy
    cargo build --release -p unmask-edge
    python3 edge/benches/against_onnxruntime.py [BUNDLE]

Run by hand; no part of the tests.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import onnxruntime as ort

root = pathlib.Path(__file__).resolve().parents[2]
bundle = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / "models/afsl-stream-m")


def onnxruntime_ms() -> float:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    run = ort.InferenceSession(str(bundle / "model.onnx"), options, providers=["CPUExecutionProvider"])
    outputs = [o.name for o in run.get_outputs()]
    generator = np.random.default_rng(1)
    feed = {i.name: generator.random(i.shape, np.float32) for i in run.get_inputs()}
    times = []
    for _ in range(600):
        began = time.perf_counter()
        out = run.run(outputs, feed)
        times.append((time.perf_counter() - began) * 1e3)
        feed.update({n[5:]: v for n, v in zip(outputs, out) if n.startswith("next_")})
    return statistics.median(times[100:])


def tract_ms() -> tuple[float, dict]:
    edge = root / "target/release/unmask-edge"
    out = subprocess.run(
        [edge, "bench", "--format", "json", "--bundle", bundle],
        check=True, capture_output=True, text=True,
    )
    report = json.loads(out.stdout)
    return report["stages_ms"]["network"], report


before = onnxruntime_ms()
tract, report = tract_ms()
after = onnxruntime_ms()
reference = min(before, after)
print(json.dumps({
    "tract_ms": round(tract, 3),
    "onnxruntime_ms": [round(before, 3), round(after, 3)],
    "ratio": round(tract / reference, 2),
    "onnxruntime": ort.__version__,
    "bench": report,
}, indent=2))
