#!/usr/bin/env python3
"""The training step of a network here and in PyTorch, one after the other.

    pip install torch
    cargo build --release -p unmask-trainer
    python3 trainer/benches/against_pytorch.py [--size medium] [--threads 2] [--sides 112 64]
    python3 trainer/benches/against_pytorch.py --architecture lite --clock processor

The same network (stream: RepVGG branches under batch normalisation; lite: 11 blocks of
EfficientNet-Lite0, normalisations folded in; cosine head), batch, threads and step: PGD-3 on the margin from a random start, clean and attacked faces through the
network together, AFSL, clipping of each gradient, AdamW, average of the weights. The
attack runs on the network in evaluation mode with gradients of the images alone.

PyTorch is timed in both memory layouts, and its attack both on the network as it is and
on one that was fused into plain convolutions; each ratio is taken against the faster
layout. Both programs run in turns, and the fastest step of all turns counts, so that
other work on the machine disturbs neither more than the other; with `--clock processor`
the time that processors computed for it counts instead (here the median).

Run by hand; no part of the tests.
"""
import argparse
import copy
import json
import pathlib
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parents[2]
WIDTHS = {
    "tiny": (16, 16, 32, 48),
    "small": (16, 16, 48, 96),
    "medium": (32, 32, 64, 128),
    "large": (32, 48, 96, 192),
}
PAST = 16
EPSILON = 2 / 255


def network(size: str):
    """The network of `unmask-trainer bench --architecture stream`."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride, past):
            super().__init__()
            self.wide = nn.Conv2d(inputs + past, outputs, 3, stride, 1, bias=False)
            self.wide_norm = nn.BatchNorm2d(outputs)
            self.point = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.point_norm = nn.BatchNorm2d(outputs)
            self.identity = stride == 1 and inputs == outputs
            self.past = past

        def weight(self):
            # Single frames have no past: its channels are left out.
            return self.wide.weight[:, : self.wide.in_channels - self.past]

        def forward(self, x):
            wide = F.conv2d(x, self.weight(), None, self.wide.stride, 1)
            y = self.wide_norm(wide) + self.point_norm(self.point(x))
            return F.relu(y + x if self.identity else y)

        def fused(self):
            scale, bias = affine(self.wide_norm)
            weight = self.weight() * scale[:, None, None, None]
            point_scale, point_bias = affine(self.point_norm)
            centre = self.point.weight * point_scale[:, None, None, None]
            if self.identity:
                centre = centre + torch.eye(len(centre))[:, :, None, None]
            weight[:, :, 1:2, 1:2] += centre
            return weight, bias + point_bias, self.wide.stride, 1

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            stem, *widths = WIDTHS[size]
            self.stem = nn.Conv2d(3, stem, 6, 2, 2, bias=False)
            self.stem_norm = nn.BatchNorm2d(stem)
            depths = (0, 1, 1) if size == "tiny" else (2, 2, 2)
            blocks, before = [], stem
            for stage, (width, depth) in enumerate(zip(widths, depths)):
                blocks.append(Block(before, width, 2, 0))
                for block in range(depth):
                    past = PAST if stage > 0 and block == 0 else 0
                    blocks.append(Block(width, width, 1, past))
                before = width
            self.blocks = nn.ModuleList(blocks)
            self.embed_norm = nn.BatchNorm1d(before)
            self.head = nn.Parameter(torch.randn(before))

        def score(self, x):
            embedding = self.embed_norm(x.mean((2, 3)))
            cosine = F.normalize(embedding, dim=1) @ F.normalize(self.head, dim=0)
            return embedding, 16 * cosine

        def forward(self, x):
            x = F.relu(self.stem_norm(self.stem(x - 0.5)))
            for block in self.blocks:
                x = block(x)
            return self.score(x)

        def fused(self):
            """The same function as plain convolutions."""
            with torch.no_grad():
                scale, bias = affine(self.stem_norm)
                stem = self.stem.weight * scale[:, None, None, None]
                convs = [(stem, bias, (2, 2), 2)] + [b.fused() for b in self.blocks]

            def run(x):
                x = x - 0.5
                for weight, bias, stride, padding in convs:
                    x = F.relu(F.conv2d(x, weight, bias, stride, padding))
                return self.score(x)

            return run

    def affine(norm):
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return scale, norm.bias - norm.running_mean * scale

    return Net()


def lite():
    """The network of `unmask-trainer bench --architecture lite`."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Same(nn.Conv2d):
        def forward(self, x):
            (k, _), (s, _), side = self.kernel_size, self.stride, x.shape[-1]
            pad = max((-(-side // s) - 1) * s + k - side, 0)
            if pad % 2:  # even padding is left to the convolution, which is faster
                x, pad = F.pad(x, [pad // 2, pad - pad // 2] * 2), 0
            return F.conv2d(x, self.weight, self.bias, s, pad // 2, 1, self.groups)

    class Inverted(nn.Module):
        def __init__(self, cin, cout, kernel, stride, expand):
            super().__init__()
            inner = cin * expand
            self.expand = Same(cin, inner, 1) if expand > 1 else None
            self.depthwise = Same(inner, inner, kernel, stride, groups=inner)
            self.project = Same(inner, cout, 1)
            self.shortcut = stride == 1 and cin == cout

        def forward(self, x):
            y = x if self.expand is None else F.relu6(self.expand(x))
            y = self.project(F.relu6(self.depthwise(y)))
            return x + y if self.shortcut else y

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = Same(3, 32, 3, 2)
            blocks, cin = [], 32
            for count, kernel, stride, cout in (
                (1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112)
            ):
                for at in range(count):
                    first = stride if at == 0 else 1
                    blocks.append(Inverted(cin, cout, kernel, first, 6 if blocks else 1))
                    cin = cout
            self.blocks = nn.Sequential(*blocks)
            self.head = nn.Parameter(torch.randn(cin))

        def forward(self, x):
            x = F.relu6(self.stem((x * 255 - 127) / 128))
            embedding = self.blocks(x).mean((2, 3))
            cosine = F.normalize(embedding, dim=1) @ F.normalize(self.head, dim=0)
            return embedding, 16 * cosine

        def fused(self):
            return self

    return Net()


class Steps:
    """The steps that are timed."""

    def __init__(self, options, side, channels_last):
        import torch

        torch.manual_seed(1)
        self.torch = torch
        batch = options.batch
        layout = torch.channels_last if channels_last else torch.contiguous_format
        net = lite() if options.architecture == "lite" else network(options.size)
        self.net = net.to(memory_format=layout)
        self.average = copy.deepcopy(self.net)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), 3e-3, weight_decay=5e-4)
        self.images = torch.rand(batch, 3, side, side).contiguous(memory_format=layout)
        self.label = (torch.arange(batch) % 2).float()

    def parameters(self):
        return sum(p.numel() for p in self.net.parameters())

    def attack(self, steps, fused, start=True):
        torch, images = self.torch, self.images
        self.net.eval().requires_grad_(False)
        run = self.net.fused() if fused else self.net
        x = images.clone()
        if start:
            x = (x + torch.empty_like(x).uniform_(-EPSILON, EPSILON)).clamp_(0, 1)
        for _ in range(steps):
            x.requires_grad_(True)
            gain = (run(x)[1] * (1 - 2 * self.label)).sum()
            (gradient,) = torch.autograd.grad(gain, x)
            with torch.no_grad():
                x = x + gradient.sign() * (2 * EPSILON / steps)
                x = torch.max(torch.min(x, images + EPSILON), images - EPSILON).clamp_(0, 1)
        self.net.train().requires_grad_(True)
        return x

    def descend(self, loss):
        torch = self.torch
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for parameter in self.net.parameters():
            torch.nn.utils.clip_grad_norm_([parameter], 5.0)
        self.optimizer.step()
        with torch.no_grad():
            for mean, live in zip(self.average.state_dict().values(), self.net.state_dict().values()):
                if mean.is_floating_point():
                    mean.lerp_(live, 0.005)

    def clean_step(self):
        bce = self.torch.nn.functional.binary_cross_entropy_with_logits
        self.descend(bce(self.net(self.images)[1], self.label))

    def full_step(self, steps, fused):
        torch, F = self.torch, self.torch.nn.functional
        attacked = self.attack(steps, fused)
        embedding, logit = self.net(torch.cat([self.images, attacked]))
        dcl = F.binary_cross_entropy_with_logits(logit, torch.cat([self.label, self.label]))
        clean, moved = embedding.chunk(2)
        asl = (1 - F.cosine_similarity(clean, moved)).mean()
        apart = [
            (F.normalize(e[0::2], dim=1) @ F.normalize(e[1::2], dim=1).T).mean()
            for e in (clean, moved)
        ]
        self.descend(dcl + asl + 0.1 * sum(apart) / 2)


def pytorch(options, side) -> dict:
    """Fastest milliseconds of each step in each layout."""
    import torch

    torch.set_num_threads(options.threads)
    found = {"parameters": None}
    for channels_last in (False, True):
        steps = Steps(options, side, channels_last)
        found["parameters"] = steps.parameters()
        works = {
            "clean_step": steps.clean_step,
            "attack_step": lambda: steps.attack(1, False, start=False),
            "attack_step_fused": lambda: steps.attack(1, True, start=False),
            "full_step": lambda: steps.full_step(options.attack_steps, False),
            "full_step_fused_attack": lambda: steps.full_step(options.attack_steps, True),
        }
        layout = "channels_last" if channels_last else "contiguous"
        found[layout] = {name: fastest(work, options) for name, work in works.items()}
    return found


def fastest(work, options) -> float:
    clock = time.process_time if options.clock == "processor" else time.perf_counter
    took = []
    for turn in range(2 + options.repeats):
        began = clock()
        work()
        if turn >= 2:
            took.append((clock() - began) * 1e3)
    return min(took)


def here(options, side) -> dict:
    """Fastest milliseconds of each step of `unmask-trainer bench`."""
    command = [
        options.trainer, "bench", "--format", "json", "--size", options.size,
        "--architecture", options.architecture, "--input", str(side), "--batch", str(options.batch), "--threads", str(options.threads),
        "--attack-steps", str(options.attack_steps), "--repeats", str(options.repeats),
    ]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    steps = ("clean_step", "attack_step", "full_step")
    if options.clock == "processor":
        took = lambda step: report[step]["processor_ms_per_image"] * options.batch
    else:
        took = lambda step: report[step]["fastest_ms"]
    return {"parameters": report["parameters"], "cpu": report["machine"]["cpu"]} | {
        step: took(step) for step in steps
    }


def least(turns: list[dict]) -> dict:
    merged = {}
    for turn in turns:
        for name, value in turn.items():
            if isinstance(value, dict):
                value = least([merged[name], value]) if name in merged else value
            elif isinstance(value, float) and name in merged:
                value = min(value, merged[name])
            merged[name] = value
    return merged


def compare(options, side) -> dict:
    ours, theirs = [], []
    for _ in range(options.turns):
        ours.append(here(options, side))
        # A process of its own, so that no thread of PyTorch lingers beside the other side.
        command = [sys.executable, __file__, "--pytorch", str(side), *options.passed_on]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        theirs.append(json.loads(out))
    ours, theirs = least(ours), least(theirs)
    if ours["parameters"] != theirs["parameters"]:
        sys.exit(f"not the same network: {ours['parameters']} and {theirs['parameters']} parameters")
    best = {
        step: min(theirs[layout][step] for layout in ("contiguous", "channels_last"))
        for step in theirs["contiguous"]
    }
    ratio = lambda mine, step: round(ours[mine] / best[step], 2)
    per_image = lambda times: {k: round(v / options.batch, 3) for k, v in times.items()}
    return {
        "side": side,
        "parameters": ours["parameters"],
        "cpu": ours["cpu"],
        "ms_per_image": per_image({k: v for k, v in ours.items() if isinstance(v, float)}),
        "pytorch_ms_per_image": {
            layout: per_image(theirs[layout]) for layout in ("contiguous", "channels_last")
        },
        "ratio": {
            "clean_step": ratio("clean_step", "clean_step"),
            "attack_step": ratio("attack_step", "attack_step"),
            "attack_step_against_fused": ratio("attack_step", "attack_step_fused"),
            "full_step": ratio("full_step", "full_step"),
            "full_step_against_fused_attack": ratio("full_step", "full_step_fused_attack"),
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", choices=WIDTHS, default="medium")
    parser.add_argument("--architecture", choices=("stream", "lite"), default="stream")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument("--sides", type=int, nargs="+", default=[112, 64], help="pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--attack-steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5, help="timed steps in a turn")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--trainer", default=str(root / "target/release/unmask-trainer"))
    parser.add_argument("--pytorch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.passed_on = [
        "--architecture", options.architecture, "--clock", options.clock,
        "--size", options.size, "--batch", str(options.batch), "--threads", str(options.threads), "--attack-steps", str(options.attack_steps),
        "--repeats", str(options.repeats),
    ]
    if options.pytorch:
        print(json.dumps(pytorch(options, options.pytorch)))
        return
    import torch

    print(json.dumps({
        "network": options.size if options.architecture == "stream" else "lite, 11 blocks",
        "clock": options.clock,
        "batch": options.batch,
        "threads": options.threads,
        "attack_steps": options.attack_steps,
        "pytorch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "compared": [compare(options, side) for side in options.sides],
    }, indent=2))


main()
