# SPDX-License-Identifier: GPL-3.0-or-later
#
# fit.py - the steps of fitspeed.c in PyTorch: the same network, AdamW and
# batches (4 trajectories of random states, of the same lengths), in float32.
#
# usage: fit.py D HIDDEN THREADS SECONDS [LENGTH]     prints states/s
import sys
import time

import torch

BATCH = 4
TRAJECTORIES = 32
WARM = 3


def main():
    d, hidden, threads = (int(a) for a in sys.argv[1:4])
    limit = float(sys.argv[4])
    length = int(sys.argv[5]) if len(sys.argv) > 5 else 200
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    lengths = [
        int(length * (0.5 + i * 0.6180339887 % 1)) + 1
        for i in range(TRAJECTORIES)
    ]
    states = [torch.rand(n, d) * 2 - 1 for n in lengths]
    net = torch.nn.Sequential(
        torch.nn.Linear(d, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
    )
    adamw = torch.optim.AdamW(net.parameters(), lr=1e-4, weight_decay=0.01)
    step = total = 0
    while True:
        if step == WARM:
            start, total = time.monotonic(), 0
        if step > WARM and time.monotonic() - start >= limit:
            break
        chosen = [(step * BATCH + i) % TRAJECTORIES for i in range(BATCH)]
        x = torch.cat([states[i] for i in chosen])
        u = net(x).squeeze(1)
        target = (torch.arange(len(u)) % 2).float()
        loss = (u - target).square().mean() / 2
        adamw.zero_grad(set_to_none=True)
        loss.backward()
        adamw.step()
        total += len(u)
        step += 1
    print("%.1f" % (total / (time.monotonic() - start)))


main()
