"""Prints what torchattacks and adversarial-robustness-toolbox (ART) find on the small
network of tests/attacks.rs:

    pip install torchattacks adversarial-robustness-toolbox
    python3 trainer/tests/oracles/attacks.py

Weights and pictures follow formulas that both sides compute. The libraries want two
logits or more: a detector with the logit z becomes one with [0, z], whose cross entropy
is that of z, -ln sigmoid((2y - 1) z).
"""

import numpy as np
import torch
import torchattacks
from torch import nn
from torch.nn import functional as F

SIDE = 8


def spread(count, k):
    """Numbers in [-1, 1] that look random."""
    j = np.arange(count, dtype=np.int64)
    return ((j * 7919 + k * 104729) % 1009) / 504.0 - 1.0


def pictures(count):
    """[count, 3, 8, 8] in [0, 1): each its own sequence."""
    j = np.arange(3 * SIDE * SIDE, dtype=np.int64)
    rows = [((j * j * 31 + j * (37 + 2 * i) + i * i * 17) % 997) / 997.0 for i in range(count)]
    return torch.tensor(np.stack(rows).reshape(count, 3, SIDE, SIDE), dtype=torch.float32)


class Net(nn.Module):
    """Two convolutions with tanh and `outputs` linear logits."""

    def __init__(self, outputs):
        super().__init__()

        def weight(shape, k, gain):
            fan_in = int(np.prod(shape[1:]))
            values = spread(int(np.prod(shape)), k) * np.sqrt(3.0 / fan_in) * gain
            return torch.tensor(values.reshape(shape), dtype=torch.float32)

        self.a = weight([8, 3, 3, 3], 1, 2.0)
        self.b = weight([8, 8, 3, 3], 2, 2.0)
        self.c = weight([outputs, 8 * 4 * 4], 3, 4.0)

    def forward(self, x):
        x = torch.tanh(F.conv2d(x - 0.5, self.a, padding=1))
        x = torch.tanh(F.conv2d(x, self.b, padding=1, stride=2))
        return x.flatten(1) @ self.c.T


class Pair(nn.Module):
    """[0, z] of a network with one logit."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        z = self.net(x)
        return torch.cat([torch.zeros_like(z), z], 1)


def trajectories():
    """Every 16th pixel of a picture of each class after attacks without a random start."""
    x = pictures(500)
    pair = Pair(Net(1)).eval()
    label = (pair(x)[:, 1] > 0).long()
    pick = [int(torch.where(label == k)[0][0]) for k in (0, 1)]
    x, label = x[pick], label[pick]
    print("pictures", pick, "labels", label.tolist())

    def show(name, out):
        values = [[round(v, 7) for v in row.flatten()[::16].tolist()] for row in out.detach()]
        print(f"{name}: logits {[round(v, 6) for v in pair(out)[:, 1].tolist()]}")
        print(values)

    show("clean", x)
    show("FGSM 8/255", torchattacks.FGSM(pair, eps=8 / 255)(x, label))
    for steps in (1, 4, 10):
        attack = torchattacks.PGD(pair, eps=8 / 255, alpha=2 / 255, steps=steps, random_start=False)
        show(f"PGD {steps}", attack(x, label))
    attack = torchattacks.PGDL2(pair, eps=0.5, alpha=0.1, steps=10, random_start=False)
    show("PGD-l_2 10", attack(x, label))
    show("MI-FGSM 10", torchattacks.MIFGSM(pair, eps=8 / 255, alpha=2 / 255, steps=10)(x, label))


def auto_pgd():
    """Robust accuracy of 500 pictures under ART's Auto-PGD on cross entropy."""
    from art.attacks.evasion import AutoProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    x = pictures(500)
    for name, net, epsilons in (
        ("binary", Pair(Net(1)).eval(), (1, 2, 3, 4, 6)),
        ("four classes", Net(4).eval(), (1, 2, 3, 4, 6)),
    ):
        logits = net(x)
        label = logits.argmax(1)
        print(name, "classes", np.bincount(label.numpy()).tolist())
        for epsilon in epsilons:
            robust = []
            for seed in range(3):
                np.random.seed(seed)
                torch.manual_seed(seed)
                art = PyTorchClassifier(
                    net, nn.CrossEntropyLoss(), (3, SIDE, SIDE), logits.shape[1],
                    clip_values=(0.0, 1.0),
                )
                attack = AutoProjectedGradientDescent(
                    art, norm=np.inf, eps=epsilon / 255, eps_step=2 * epsilon / 255,
                    max_iter=100, nb_random_init=1, batch_size=500,
                    loss_type="cross_entropy", verbose=False,
                )
                out = torch.tensor(attack.generate(x.numpy(), label.numpy()))
                robust.append(100 * float((net(out).argmax(1) == label).float().mean()))
            print(f"{name}, {epsilon}/255: robust accuracy {robust} %")


def carlini_wagner():
    """Length of the change that C&W in the original's settings finds on 8 pictures.

    ART's attack on two logits [-z / 2, z / 2]: its margin is z itself.
    """
    from art.attacks.evasion import CarliniL2Method
    from art.estimators.classification import PyTorchClassifier

    class Halves(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            z = self.net(x)
            return torch.cat([-z / 2, z / 2], 1)

    x = pictures(8)
    net = Halves(Net(1)).eval()
    label = net(x).argmax(1)
    art = PyTorchClassifier(
        net, nn.CrossEntropyLoss(), (3, SIDE, SIDE), 2, clip_values=(0.0, 1.0)
    )
    attack = CarliniL2Method(
        art, learning_rate=0.01, binary_search_steps=9, max_iter=300, initial_const=0.01,
        batch_size=8, verbose=False,
    )
    out = torch.tensor(attack.generate(x.numpy(), label.numpy()))
    print("C&W labels", label.tolist())
    print("lengths", [round(v, 5) for v in (out - x).flatten(1).norm(dim=1).tolist()])
    print("fooled", (net(out).argmax(1) != label).tolist())


if __name__ == "__main__":
    torch.set_num_threads(1)
    trajectories()
    auto_pgd()
    carlini_wagner()
