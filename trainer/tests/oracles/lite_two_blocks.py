"""Writes lite-two-blocks.pth, the stem and two blocks of EfficientNet-Lite0 with random
weights, and prints what PyTorch makes of a picture with them.

    pip install torch
    python3 trainer/tests/oracles/lite_two_blocks.py

With the released weights instead, and all 16 blocks or some of them:

    python3 trainer/tests/oracles/lite_two_blocks.py efficientnet-lite0-57934424.pth 11
"""
import pathlib
import sys

import torch
from torch.nn import functional as F

# Kernel and stride of each block, output channels.
BLOCKS = [(3, 1, 16), (3, 2, 24), (3, 1, 24), (5, 2, 40), (5, 1, 40)]
BLOCKS += [(3, 2, 80)] + 2 * [(3, 1, 80)] + 3 * [(5, 1, 112)]
BLOCKS += [(5, 2, 192)] + 3 * [(5, 1, 192)] + [(3, 1, 320)]


def convolve(x, weights, conv, norm, stride=1, groups=1):
    """Padded as TensorFlow's SAME does, then normalised by running statistics."""
    weight = weights[f"{conv}.weight"]
    kernel, side = weight.shape[-1], x.shape[-1]
    pad = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    before, behind = pad // 2, pad - pad // 2
    x = F.conv2d(F.pad(x, [before, behind] * 2), weight, None, stride, 0, 1, groups)
    part = lambda name: weights[f"{norm}.{name}"]
    return F.batch_norm(
        x, part("running_mean"), part("running_var"), part("weight"), part("bias"), eps=1e-3
    )


def features(x, weights, blocks):
    x = F.relu6(convolve((x * 255 - 127) / 128, weights, "_conv_stem", "_bn0", 2))
    for index, (_, stride, output) in enumerate(BLOCKS[:blocks]):
        name, y = f"_blocks.{index}.", x
        if index > 0:
            y = F.relu6(convolve(y, weights, name + "_expand_conv", name + "_bn0"))
        groups = y.shape[1]
        y = convolve(y, weights, name + "_depthwise_conv", name + "_bn1", stride, groups)
        y = convolve(F.relu6(y), weights, name + "_project_conv", name + "_bn2")
        x = x + y if stride == 1 and x.shape[1] == output else y
    return x


def random_weights(blocks):
    torch.manual_seed(1)
    weights = {}

    def add(conv, norm, *shape):
        fan_in = torch.Size(shape[1:]).numel()
        weights[f"{conv}.weight"] = torch.randn(shape) / fan_in**0.5
        weights[f"{norm}.weight"] = torch.rand(shape[0]) + 0.5
        weights[f"{norm}.bias"] = torch.randn(shape[0])
        weights[f"{norm}.running_mean"] = torch.randn(shape[0]) * 0.2
        weights[f"{norm}.running_var"] = torch.rand(shape[0]) + 0.5
        weights[f"{norm}.num_batches_tracked"] = torch.tensor(1)

    add("_conv_stem", "_bn0", 32, 3, 3, 3)
    channels = 32
    for index, (kernel, _, output) in enumerate(BLOCKS[:blocks]):
        name, inner = f"_blocks.{index}.", channels
        if index > 0:
            inner = 6 * channels
            add(name + "_expand_conv", name + "_bn0", inner, channels, 1, 1)
        add(name + "_depthwise_conv", name + "_bn1", inner, 1, kernel, kernel)
        add(name + "_project_conv", name + "_bn2", output, inner, 1, 1)
        channels = output
    return weights


def picture(side):
    at = torch.arange(side)
    colours = [(at[:, None] * (7 + c) + at[None, :] * (11 - 2 * c)) % 64 for c in range(3)]
    return torch.stack(colours)[None] / 64


if len(sys.argv) > 1:
    weights, blocks, side = torch.load(sys.argv[1]), int(sys.argv[2]), 112
else:
    weights, blocks, side = random_weights(2), 2, 32
    path = pathlib.Path(__file__).with_name("lite-two-blocks.pth")
    torch.save({"state_dict": weights}, path)
with torch.no_grad():
    found = features(picture(side), weights, blocks).mean((2, 3))[0]
print(", ".join(f"{x:.5f}" for x in found[:8].tolist()))
