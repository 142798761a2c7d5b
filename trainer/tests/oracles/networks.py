"""Prints what PyTorch gives for the networks of tests/networks.rs, by hand:

    python3 trainer/tests/oracles/networks.py

Weights, running statistics and pictures follow formulas that both sides compute. With
arguments it prints what onnxruntime gives for exported files instead:

    python3 trainer/tests/oracles/networks.py target/tmp/*.onnx
"""

import sys

import numpy as np


def spread(count, k):
    """Numbers in [-1, 1] that look random."""
    j = np.arange(count, dtype=np.int64)
    return ((j * 7919 + k * 104729) % 1009) / 504.0 - 1.0


def pictures(frames, side):
    """[frames, 3, side, side] in [0, 1)."""
    i = np.arange(3 * side * side, dtype=np.int64)
    stack = [((i * 37 + t * 11) % 101) / 101.0 for t in range(frames)]
    return np.stack(stack).reshape(frames, 3, side, side).astype(np.float32)


def from_pytorch():
    import torch
    from torch import nn
    from torch.nn import functional as F

    def fill(net):
        """Convolutions and normalisations in order of computation."""
        convs = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Conv3d))]
        norms = [m for m in net.modules() if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm3d))]

        def put(tensor, values):
            values = np.asarray(values, dtype=np.float32).reshape(tuple(tensor.shape))
            tensor.data.copy_(torch.from_numpy(values))

        for k, conv in enumerate(convs):
            fan_in = conv.weight[0].numel()
            put(conv.weight, spread(conv.weight.numel(), k) * np.sqrt(3.0 / fan_in))
            if conv.bias is not None:
                put(conv.bias, 0.1 * spread(conv.bias.numel(), k))
        for k, norm in enumerate(norms):
            u = spread(norm.weight.numel(), k)
            put(norm.weight, 0.6 + 0.2 * u)
            put(norm.bias, 0.1 * u)
            put(norm.running_mean, 0.1 * u)
            put(norm.running_var, 1.0 + 0.5 * u)
        return net.eval()

    def cosine(feature, scale=16.0):
        w = torch.from_numpy(spread(feature.shape[1], 1000).astype(np.float32))
        return scale * F.cosine_similarity(feature, w[None], dim=1)

    def linear(feature):
        w = torch.from_numpy(spread(feature.shape[1], 1000).astype(np.float32))
        return feature @ w + 0.1 * float(spread(1, 1000)[0])

    class Bottleneck(nn.Module):
        def __init__(self, cin, cout, stride, project):
            super().__init__()
            inner = cout // 4
            self.a = nn.Conv3d(cin, inner, 1, bias=False)
            self.na = nn.BatchNorm3d(inner)
            self.b = nn.Conv3d(inner, inner, 3, stride, 1, groups=inner, bias=False)
            self.nb = nn.BatchNorm3d(inner)
            self.c = nn.Conv3d(inner, cout, 1, bias=False)
            self.nc = nn.BatchNorm3d(cout)
            self.project = project
            if project:
                self.s = nn.Conv3d(cin, cout, 1, stride, bias=False)
                self.ns = nn.BatchNorm3d(cout)

        def forward(self, x):
            y = F.relu(self.na(self.a(x)))
            y = F.relu(self.nb(self.b(y)))
            y = self.nc(self.c(y))
            return F.relu(y + (self.ns(self.s(x)) if self.project else x))

    class Csn(nn.Module):
        def __init__(self, blocks, stem, widths, temporal):
            super().__init__()
            self.stem = nn.Conv3d(3, stem, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
            self.norm = nn.BatchNorm3d(stem)
            layers, cin = [], stem
            for stage, (count, cout) in enumerate(zip(blocks, widths)):
                for block in range(count):
                    later = stage > 0 and block == 0
                    s, t = (2 if later else 1), (2 if later and temporal else 1)
                    layers.append(Bottleneck(cin, cout, (t, s, s), block == 0))
                    cin = cout
            self.layers = nn.Sequential(*layers)

        def forward(self, frames):
            x = torch.from_numpy(frames)
            mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
            std = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
            x = ((x - mean) / std).permute(1, 0, 2, 3)[None]  # [1, 3, T, H, W]
            x = F.relu(self.norm(self.stem(x)))
            x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
            return self.layers(x).mean(dim=(2, 3, 4))

    class Meso4(nn.Module):
        def __init__(self, side):
            super().__init__()
            shapes = [(3, 8, 3), (8, 8, 5), (8, 16, 5), (16, 16, 5)]
            convs = [nn.Conv2d(i, o, k, padding=k // 2) for i, o, k in shapes]
            side = side // 8
            self.pad = (-side) % 4 // 2
            side = -(-side // 4)
            convs.append(nn.Conv2d(16, 16, side))  # Flatten and Linear(16 * side * side, 16)
            self.convs = nn.ModuleList(convs)
            self.norms = nn.ModuleList([nn.BatchNorm2d(o) for _, o, _ in shapes])

        def forward(self, frames):
            x = torch.from_numpy(frames)
            for at, (conv, norm) in enumerate(zip(self.convs, self.norms)):
                x = norm(F.relu(conv(x)))
                x = F.max_pool2d(x, 2) if at < 3 else F.max_pool2d(x, 4, padding=self.pad)
            return F.leaky_relu(self.convs[4](x), 0.1).flatten(1)

    class Separable(nn.Module):
        def __init__(self, cin, cout):
            super().__init__()
            self.depthwise = nn.Conv2d(cin, cin, 3, padding=1, groups=cin, bias=False)
            self.pointwise = nn.Conv2d(cin, cout, 1, bias=False)
            self.norm = nn.BatchNorm2d(cout)

        def forward(self, x):
            return self.norm(self.pointwise(self.depthwise(x)))

    class Shrinking(nn.Module):
        def __init__(self, cin, widths, relu_first):
            super().__init__()
            self.first = Separable(cin, widths[0])
            self.second = Separable(widths[0], widths[1])
            self.shortcut = nn.Conv2d(cin, widths[1], 1, 2, bias=False)
            self.norm = nn.BatchNorm2d(widths[1])
            self.relu_first = relu_first

        def forward(self, x):
            y = self.first(F.relu(x) if self.relu_first else x)
            y = F.max_pool2d(self.second(F.relu(y)), 3, 2, 1)
            return y + self.norm(self.shortcut(x))

    class Middle(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.convs = nn.ModuleList([Separable(width, width) for _ in range(3)])

        def forward(self, x):
            y = x
            for conv in self.convs:
                y = conv(F.relu(y))
            return x + y

    class Xception(nn.Module):
        def __init__(self, stem, entry, middle, exit):
            super().__init__()
            self.one = nn.Conv2d(3, stem[0], 3, 2, bias=False)
            self.two = nn.Conv2d(stem[0], stem[1], 3, bias=False)
            self.norms = nn.ModuleList([nn.BatchNorm2d(c) for c in stem])
            blocks, cin = [], stem[1]
            for at, width in enumerate(entry):
                blocks.append(Shrinking(cin, (width, width), at > 0))
                cin = width
            blocks += [Middle(cin) for _ in range(middle)]
            blocks.append(Shrinking(cin, (cin, exit[0]), True))
            self.blocks = nn.Sequential(*blocks)
            self.wide = Separable(exit[0], exit[1])
            self.widest = Separable(exit[1], exit[2])

        def forward(self, frames):
            x = (torch.from_numpy(frames) - 0.5) / 0.5
            x = F.relu(self.norms[0](self.one(x)))
            x = F.relu(self.norms[1](self.two(x)))
            x = F.relu(self.wide(self.blocks(x)))
            return F.relu(self.widest(x)).mean(dim=(2, 3))

    class Same(nn.Conv2d):
        """Padded as TensorFlow's SAME does."""

        def forward(self, x):
            (k, _), (s, _), side = self.kernel_size, self.stride, x.shape[-1]
            pad = max((-(-side // s) - 1) * s + k - side, 0)
            return super().forward(F.pad(x, [pad // 2, pad - pad // 2] * 2))

    class Inverted(nn.Module):
        def __init__(self, cin, cout, kernel, stride, expand):
            super().__init__()
            inner = cin * expand
            sizes = [(cin, inner, 1, 1, 1)] if expand > 1 else []
            sizes += [(inner, inner, kernel, stride, inner), (inner, cout, 1, 1, 1)]
            self.convs = nn.ModuleList(
                [Same(i, o, k, s, groups=g, bias=False) for i, o, k, s, g in sizes]
            )
            self.norms = nn.ModuleList([nn.BatchNorm2d(o, eps=1e-3) for _, o, _, _, _ in sizes])
            self.shortcut = stride == 1 and cin == cout

        def forward(self, x):
            y = x
            for at, (conv, norm) in enumerate(zip(self.convs, self.norms)):
                y = norm(conv(y))
                y = y if at + 1 == len(self.convs) else F.relu6(y)
            return x + y if self.shortcut else y

    class Lite(nn.Module):
        """EfficientNet-Lite0, its first blocks; perhaps behind even light."""

        def __init__(self, cut, luminance):
            super().__init__()
            stages = [(1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80)]
            stages += [(3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320)]
            self.stem = Same(3, 32, 3, 2, bias=False)
            self.norm = nn.BatchNorm2d(32, eps=1e-3)
            blocks, cin = [], 32
            for count, kernel, stride, cout in stages:
                for at in range(count):
                    first = stride if at == 0 else 1
                    blocks.append(Inverted(cin, cout, kernel, first, 6 if blocks else 1))
                    cin = cout
            self.blocks = nn.Sequential(*blocks[:cut])
            self.luminance = luminance

        def forward(self, frames):
            x = torch.from_numpy(np.ascontiguousarray(frames))
            if self.luminance:
                light = (x * torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)).sum(1, True)
                var, mean = torch.var_mean(light, (2, 3), correction=0, keepdim=True)
                x = (x - mean) / (var + 1e-4).sqrt() * 0.25 + 0.5
            x = F.relu6(self.norm(self.stem((x * 255 - 127) / 128)))
            return self.blocks(x).mean(dim=(2, 3))

    full = (64, (256, 512, 1024, 2048))
    nets = {
        "csn 14 tiny, time strides": (Csn((1,) * 4, 16, (32, 32, 48, 64), True), 5, 48),
        "csn 50": (Csn((3, 4, 6, 3), *full, False), 3, 48),
        "csn 101": (Csn((3, 4, 23, 3), *full, False), 3, 48),
        "meso4": (Meso4(48), 2, 48),
        "xception tiny": (Xception((16, 16), (16, 32, 32), 1, (48, 48, 64)), 2, 48),
        "xception large": (Xception((32, 64), (128, 256, 728), 8, (1024, 1536, 2048)), 2, 48),
        "lite 2": (Lite(2, False), 2, 48),
        "lite 2, even light": (Lite(2, True), 2, 48),
        "lite 2, even light, mirror": (Lite(2, True), 2, 48),
        "lite 13": (Lite(13, False), 2, 48),
    }
    with torch.no_grad():
        for name, (net, frames, side) in nets.items():
            views = [pictures(frames, side)]
            if "mirror" in name:
                views.append(views[0][..., ::-1])
            found = [fill(net)(view) for view in views]
            mean = lambda of: sum(of(feature) for feature in found) / len(found)
            feature = mean(lambda feature: feature)
            print(name, "cosine", mean(cosine).tolist(), "linear", mean(linear).tolist())
            print("    embedding[0, :3]", feature[0, :3].tolist())


def from_onnxruntime(paths):
    import onnx
    import onnxruntime as ort

    for path in paths:
        onnx.checker.check_model(path, full_check=True)
        run = ort.InferenceSession(path)
        shape = run.get_inputs()[0].shape
        if len(shape) == 5:
            clip = pictures(shape[2], shape[3]).transpose(1, 0, 2, 3)[None]
            batches = [np.ascontiguousarray(clip)]
        else:
            batches = [picture[None] for picture in pictures(2, shape[2])]
        for batch in batches:
            logit, evidence = run.run(["logit", "evidence"], {"image": batch})
            print(path, "logit", logit[0, 0], "mean evidence", evidence.mean())


if len(sys.argv) > 1:
    from_onnxruntime(sys.argv[1:])
else:
    from_pytorch()
