# SPDX-License-Identifier: GPL-3.0-or-later
#
# fitstream.py - what probe-fit --target mc does with a stream, in PyTorch: it is
# read and kept as float16, z-scored, and a probe of a sigmoid head is fitted to
# all trajectories but the last fifth, 4 a step, in float32.
#
# usage: fitstream.py HIDDEN THREADS EPOCHS LAYER < ACTS     prints the last loss
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../examples"))
from read_stream import read  # noqa: E402

BATCH = 4


def main():
    hidden, threads, epochs, layer = (int(a) for a in sys.argv[1:5])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    states, rewards = [], []
    for t in read(sys.stdin.buffer):
        first = int(np.sum(np.frombuffer(t["positions"]["data"], "<u4")
                           < t["n_prompt"] - 1))
        states.append(torch.from_numpy(t["x"][layer][first:].copy()))
        rewards.append(float(t["reward"]))
    n = len(states) - len(states) // 5
    total = sum(len(s) for s in states[:n])
    mean = sum(s.double().sum(0) for s in states[:n]) / total
    var = sum(((s.double() - mean) ** 2).sum(0) for s in states[:n]) / total
    mean, scale = mean.float(), (1 / var.sqrt()).float()
    net = torch.nn.Sequential(
        torch.nn.Linear(len(mean), hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, 1), torch.nn.Sigmoid())
    adamw = torch.optim.AdamW(net.parameters(), lr=1e-4, weight_decay=0.01)
    loss = torch.zeros(())
    for _ in range(epochs):
        order = torch.randperm(n).tolist()
        for i in range(0, n, BATCH):
            chosen = order[i:i + BATCH]
            x = torch.cat([states[j] for j in chosen]).float()
            v = net((x - mean) * scale).squeeze(1)
            sizes = [len(states[j]) for j in chosen]
            goal = torch.cat([torch.full((k,), rewards[j])
                              for k, j in zip(sizes, chosen)])
            weight = torch.cat([torch.full((k,), 1 / k) for k in sizes])
            loss = ((v - goal) ** 2 * weight).sum() / len(chosen)
            adamw.zero_grad(set_to_none=True)
            loss.backward()
            adamw.step()
    print("%.6f" % loss.item())


main()
