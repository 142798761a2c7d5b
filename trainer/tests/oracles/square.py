"""Robust accuracy of the network of tests/suite.rs under Square in the Adversarial Robustness
Toolbox, by hand:

    pip install adversarial-robustness-toolbox torch
    python3 trainer/tests/oracles/square.py

Weights and pictures follow formulas that both sides compute. The toolbox wants two logits: they
are 0 and z. Its squares never touch the last row and column, whose weights are therefore zero:
what remains is Square on pictures of 11 x 11.
"""

import numpy as np
import torch
from art.attacks.evasion import SquareAttack
from art.estimators.classification import PyTorchClassifier

SIDE, HIDDEN, SAMPLES, QUERIES, SEEDS = 12, 16, 500, 2000, 30
PIXELS = 3 * SIDE * SIDE


def spread(count, k):
    """Numbers in [-1, 1] that look random."""
    n = np.arange(count, dtype=np.int64) + k * count
    return ((n * n * 7919 + n * 104729) % 65521) / 32760.5 - 1.0


def network():
    mask = np.ones((3, SIDE, SIDE))
    mask[:, -1, :] = 0.0
    mask[:, :, -1] = 0.0
    rows = [spread(PIXELS, k) * mask.reshape(-1) for k in range(HIDDEN)]
    return np.stack(rows).astype(np.float32), spread(HIDDEN, 100).astype(np.float32)


class Binary(torch.nn.Module):
    def __init__(self, bias):
        super().__init__()
        first, second = network()
        self.first, self.second = torch.from_numpy(first), torch.from_numpy(second)
        self.bias = bias
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        hidden = torch.relu((x.flatten(1) - 0.5) @ self.first.T)
        z = hidden @ self.second + self.bias
        return torch.stack([torch.zeros_like(z), z], 1)


def main():
    pictures = np.stack([0.5 + 0.3 * spread(PIXELS, 200 + i) for i in range(SAMPLES)])
    pictures = pictures.astype(np.float32).reshape(SAMPLES, 3, SIDE, SIDE)
    with torch.no_grad():
        z = Binary(0.0)(torch.from_numpy(pictures))[:, 1].numpy()
    bias = -0.5 * (np.sort(z)[SAMPLES // 2 - 1] + np.sort(z)[SAMPLES // 2])
    net = Binary(float(bias))
    with torch.no_grad():
        z = net(torch.from_numpy(pictures))[:, 1].numpy()
    labels = (z > 0).astype(np.int64)
    print("bias", bias, "fakes", labels.sum(), "|z|", np.quantile(np.abs(z), [0, 0.25, 0.5, 0.75, 1]))
    classifier = PyTorchClassifier(
        net, torch.nn.CrossEntropyLoss(), (3, SIDE, SIDE), 2, clip_values=(0.0, 1.0)
    )
    for epsilon in (2 / 255, 4 / 255):
        # One draw of squares serves all pictures of a run: its accuracy varies by 0.5 points.
        found_right = []
        for seed in range(SEEDS):
            np.random.seed(seed)
            attack = SquareAttack(
                classifier, max_iter=QUERIES, eps=epsilon, batch_size=SAMPLES, verbose=False
            )
            found = attack.generate(pictures, labels)
            right = classifier.predict(found).argmax(1) == labels
            found_right.append(right.mean())
        spread_of = np.std(found_right, ddof=1)
        print(f"epsilon {epsilon * 255:.0f}/255: robust accuracy {np.mean(found_right):.4f} +- {spread_of:.4f}")


if __name__ == "__main__":
    main()
