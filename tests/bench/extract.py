# SPDX-License-Identifier: GPL-3.0-or-later
#
# The peer of tests/bench/extract.sh: the same extraction as a PyTorch loop,
# f32, batched, with keys and values in preallocated tensors, heads of a group
# multiplied together, q, k, v and gate, up as one product each, a hook for
# every layer that keeps its states as f16, log-probability and entropy of each
# token. Only the loop is timed, after a short run that warms it up.
#
# usage: extract.py DIR THREADS generate|replay all|none RUNS < problems.jsonl
# Prints the seconds of each run and the sum of log-probabilities.
import json
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F


def read_weights(folder):
    """All tensors of model.safetensors as f32."""
    raw = np.memmap(folder + "/model.safetensors", np.uint8, "r")
    (size,) = struct.unpack("<Q", raw[:8].tobytes())
    tensors = {}
    for name, entry in json.loads(raw[8:8 + size].tobytes()).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        data = np.array(raw[8 + size + begin:8 + size + end])
        if entry["dtype"] == "BF16":
            x = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            kind = {"F32": np.float32, "F16": np.float16}[entry["dtype"]]
            x = data.view(kind).astype(np.float32)
        tensors[name] = torch.from_numpy(x.reshape(entry["shape"]))
    return tensors


class Model:
    def __init__(self, folder):
        with open(folder + "/config.json") as f:
            c = json.load(f)
        w = read_weights(folder)
        self.dim = c["hidden_size"]
        self.n_heads = c["num_attention_heads"]
        self.n_kv = c["num_key_value_heads"]
        self.hd = c.get("head_dim") or self.dim // self.n_heads
        self.eps = c["rms_norm_eps"]
        self.theta = c.get("rope_theta", 10000.0)
        self.embed = w["model.embed_tokens.weight"]
        self.head = w.get("lm_head.weight", self.embed)
        self.norm = w["model.norm.weight"]
        self.layers = []
        for i in range(c["num_hidden_layers"]):
            p = f"model.layers.{i}."
            a, m = p + "self_attn.", p + "mlp."

            def joined(end, *names):
                parts = [w.get(n + end) for n in names]
                return None if parts[0] is None else torch.cat(parts)

            qkv = [a + "q_proj", a + "k_proj", a + "v_proj"]
            self.layers.append((
                w[p + "input_layernorm.weight"],
                joined(".weight", *qkv), joined(".bias", *qkv),
                w[a + "o_proj.weight"],
                w[p + "post_attention_layernorm.weight"],
                joined(".weight", m + "gate_proj", m + "up_proj"),
                w[m + "down_proj.weight"]))
        self.hook = None

    def start(self, batch, n_pos):
        shape = (len(self.layers), batch, self.n_kv, n_pos, self.hd)
        self.k, self.v = torch.empty(shape), torch.empty(shape)
        freq = self.theta ** (-torch.arange(0, self.hd, 2).double() / self.hd)
        angle = torch.arange(n_pos).double()[:, None] * freq
        self.cos, self.sin = angle.cos().float(), angle.sin().float()

    def rms(self, x, weight):
        return x * torch.rsqrt(x.square().mean(-1, True) + self.eps) * weight

    def rotate(self, x, pos, n):
        # x: (batch, n, heads, hd)
        cos, sin = (t[pos:pos + n, None, :] for t in (self.cos, self.sin))
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def attend(self, i, q, k, v, pos):
        batch, n = q.shape[:2]
        group = self.n_heads // self.n_kv
        self.k[i, :, :, pos:pos + n] = k.transpose(1, 2)
        self.v[i, :, :, pos:pos + n] = v.transpose(1, 2)
        keys, values = self.k[i, :, :, :pos + n], self.v[i, :, :, :pos + n]
        q = q.view(batch, n, self.n_kv, group, self.hd).permute(0, 2, 3, 1, 4)
        s = q.reshape(batch, self.n_kv, group * n, self.hd) @ keys.mT
        s = s.view(batch, self.n_kv, group, n, pos + n) * self.hd ** -0.5
        if n > 1:
            late = torch.ones(n, pos + n, dtype=torch.bool).triu(pos + 1)
            s = s.masked_fill_(late, float("-inf"))
        p = s.softmax(-1).view(batch, self.n_kv, group * n, pos + n)
        o = (p @ values).view(batch, self.n_kv, group, n, self.hd)
        return o.permute(0, 3, 1, 2, 4).reshape(batch, n, -1)

    def forward(self, tokens, pos):
        batch, n = tokens.shape
        x = self.embed[tokens]
        for i, (n1, qkv, bias, o, n2, gate_up, down) in enumerate(self.layers):
            if self.hook:
                self.hook(i, x, pos)
            y = F.linear(self.rms(x, n1), qkv, bias)
            y = y.view(batch, n, -1, self.hd)
            q, k, v = y.split((self.n_heads, self.n_kv, self.n_kv), 2)
            q, k = self.rotate(q, pos, n), self.rotate(k, pos, n)
            x = x + F.linear(self.attend(i, q, k, v, pos), o)
            gate, up = F.linear(self.rms(x, n2), gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate).mul_(up), down)
        if self.hook:
            self.hook(len(self.layers), x, pos)
        return x

    def logits(self, x):
        return F.linear(self.rms(x, self.norm), self.head)


def describe(logits, tokens):
    """Log-probability and entropy of (n) tokens, logits (n, vocab)."""
    lp = F.log_softmax(logits, -1)
    return lp.gather(-1, tokens[:, None])[:, 0], -(lp.exp() * lp).sum(-1)


def run(model, prompts, completions, capture, n_new):
    batch, n_prompt = prompts.shape
    states = None
    if capture:
        states = np.empty((batch, n_new + 1, len(model.layers) + 1, model.dim),
                          np.float16)

    def keep(layer, x, pos):
        first = max(n_prompt - 1 - pos, 0)
        at = pos + first - (n_prompt - 1)
        part = x[:, first:]
        states[:, at:at + part.shape[1], layer] = part.half().numpy()

    model.hook = keep if capture else None
    model.start(batch, n_prompt + n_new)
    total = 0.0
    if completions is not None:
        # Logits of one sequence at a time: of all they would fill the memory.
        x = model.forward(torch.cat((prompts, completions), 1), 0)
        for i in range(batch):
            logits = model.logits(x[i, n_prompt - 1:-1])
            lp, _ = describe(logits, completions[i])
            total += float(lp.sum())
        return total
    x = model.forward(prompts, 0)[:, -1:]
    for i in range(n_new):
        logits = model.logits(x[:, -1])
        token = logits.argmax(-1)
        lp, _ = describe(logits, token)
        total += float(lp.sum())
        x = model.forward(token[:, None], n_prompt + i)
    return total


def main():
    folder, threads, mode, layers, runs = sys.argv[1:6]
    torch.set_num_threads(int(threads))
    problems = [json.loads(line) for line in sys.stdin]
    prompts = torch.tensor([p["tokens"] for p in problems])
    completions, n_new = None, 64
    if mode == "replay":
        completions = torch.tensor([p["completion_tokens"] for p in problems])
        n_new = completions.shape[1]
    model = Model(folder)
    with torch.inference_mode():
        run(model, prompts[:2], None, True, 2)
        for _ in range(int(runs)):
            start = time.perf_counter()
            total = run(model, prompts, completions, layers == "all", n_new)
            print(f"{time.perf_counter() - start:.6f} {total:.6g}", flush=True)


main()
