#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An independent reference for the forward pass, in PyTorch.

Written from the papers and configuration files of Qwen2, Qwen3 and Llama 3,
not from the C code: float64 (or float32) all through, one sequence at a time,
no cache for states, its own reader of safetensors files.

    model.py states FOLDER < ids.jsonl > states.npz
    model.py greedy FOLDER --max-tokens N < ids.jsonl > out.jsonl

ids.jsonl has lines {"id": ..., "tokens": [...]}.  states writes one array
(layers + 1, tokens, dim) per id: layer l is what enters block l, the last one
what leaves the last block, before the final norm.  greedy writes the tokens
that follow, with their log-probabilities and the entropies of the
distributions they were taken from.
"""
import argparse
import json
import math
import os
import struct
import sys

import numpy as np
import torch

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def read_safetensors(path):
    """Yields (name, float64 array) for every tensor of a file."""
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
        data = f.read()
    for name, info in header.items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        x = np.frombuffer(data[begin:end], dtype=DTYPES[info["dtype"]])
        if info["dtype"] == "BF16":
            x = (x.astype(np.uint32) << 16).view(np.float32)
        yield name, x.reshape(info["shape"]).astype(np.float64)


def read_weights(folder):
    index = os.path.join(folder, "model.safetensors.index.json")
    files = ["model.safetensors"]
    if os.path.exists(index):
        with open(index) as f:
            files = sorted(set(json.load(f)["weight_map"].values()))
    weights = {}
    for name in files:
        weights.update(read_safetensors(os.path.join(folder, name)))
    return weights


def inverse_frequencies(config, head_dim):
    """theta^(-2i/d), with the llama3 scaling where the config asks for it.
    Newer files have everything about it under rope_parameters."""
    scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = scaling.get("rope_theta", config.get("rope_theta", 10000.0))
    freq = [theta ** (-2 * i / head_dim) for i in range(head_dim // 2)]
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "linear":
        return [f / scaling["factor"] for f in freq]
    if kind == "default":
        return freq
    assert kind == "llama3", kind
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    old = scaling["original_max_position_embeddings"]
    out = []
    for f in freq:
        turns = old * f / (2 * math.pi)  # full turns over the old context
        if turns < low:
            out.append(f / scaling["factor"])
        elif turns > high:
            out.append(f)
        else:
            share = (turns - low) / (high - low)
            out.append(share * f + (1 - share) * f / scaling["factor"])
    return out


def tensor_names(c):
    """What a checkpoint holds, from the model classes of the three families:
    Qwen2 has biases on q, k and v whatever its file says, the others on q, k,
    v and o if attention_bias is set; only Llama knows mlp_bias."""
    kind = c["model_type"]
    names = {"model.embed_tokens.weight", "model.norm.weight"}
    if not c.get("tie_word_embeddings", False):
        names.add("lm_head.weight")
    own = c.get("attention_bias", False) and kind != "qwen2"
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        names |= {p + "input_layernorm.weight",
                  p + "post_attention_layernorm.weight"}
        if kind == "qwen3":
            names |= {p + "self_attn.q_norm.weight",
                      p + "self_attn.k_norm.weight"}
        for x in "qkvo":
            names.add(f"{p}self_attn.{x}_proj.weight")
            if own or (kind == "qwen2" and x != "o"):
                names.add(f"{p}self_attn.{x}_proj.bias")
        for x in "gate", "up", "down":
            names.add(f"{p}mlp.{x}_proj.weight")
            if kind == "llama" and c.get("mlp_bias", False):
                names.add(f"{p}mlp.{x}_proj.bias")
    return names


class Model:
    def __init__(self, folder, dtype):
        with open(os.path.join(folder, "config.json")) as f:
            self.config = c = json.load(f)
        self.weights = {k: torch.tensor(v, dtype=dtype)
                        for k, v in read_weights(folder).items()}
        assert set(self.weights) == tensor_names(c), \
            set(self.weights) ^ tensor_names(c)
        self.dtype = dtype
        self.heads = c["num_attention_heads"]
        self.kv_heads = c.get("num_key_value_heads") or self.heads
        self.head_dim = c.get("head_dim") or (
            128 if c["model_type"] == "qwen3"  # its own default
            else c["hidden_size"] // self.heads)
        self.eps = c.get("rms_norm_eps", 1e-6)
        self.freq = torch.tensor(inverse_frequencies(c, self.head_dim),
                                 dtype=torch.float64)
        eos = c.get("eos_token_id")
        path = os.path.join(folder, "generation_config.json")
        if os.path.exists(path):
            with open(path) as f:
                eos = json.load(f).get("eos_token_id", eos)
        self.eos = set(eos if isinstance(eos, list) else
                       [] if eos is None else [eos])

    def norm(self, x, name):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return x * scale * self.weights[name]

    def linear(self, x, name):
        y = x @ self.weights[name + ".weight"].T
        bias = self.weights.get(name + ".bias")
        return y if bias is None else y + bias

    def rotate(self, x, start):
        """x (tokens, heads, head_dim), from position start on."""
        pos = torch.arange(start, start + x.shape[0], dtype=torch.float64)
        angle = torch.outer(pos, self.freq)[:, None, :]
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)

    def attention(self, x, layer, cache):
        p = f"model.layers.{layer}.self_attn."
        n = x.shape[0]
        q = self.linear(x, p + "q_proj").view(n, self.heads, self.head_dim)
        k = self.linear(x, p + "k_proj").view(n, self.kv_heads, self.head_dim)
        v = self.linear(x, p + "v_proj").view(n, self.kv_heads, self.head_dim)
        if p + "q_norm.weight" in self.weights:
            q = self.norm(q, p + "q_norm.weight")
            k = self.norm(k, p + "k_norm.weight")
        past = cache[layer][0].shape[0] if layer in cache else 0
        q, k = self.rotate(q, past), self.rotate(k, past)
        if past:
            k = torch.cat([cache[layer][0], k])
            v = torch.cat([cache[layer][1], v])
        cache[layer] = (k, v)
        group = self.heads // self.kv_heads
        k = k.repeat_interleave(group, dim=1)
        v = v.repeat_interleave(group, dim=1)
        score = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(self.head_dim)
        future = torch.ones(n, past + n, dtype=torch.bool).triu(past + 1)
        score = score.masked_fill(future, float("-inf")).softmax(-1)
        y = torch.einsum("hqk,khd->qhd", score, v).reshape(n, -1)
        return self.linear(y, p + "o_proj")

    def mlp(self, x, layer):
        p = f"model.layers.{layer}.mlp."
        gate = torch.nn.functional.silu(self.linear(x, p + "gate_proj"))
        return self.linear(gate * self.linear(x, p + "up_proj"),
                           p + "down_proj")

    @torch.no_grad()
    def forward(self, tokens, cache, edit=None):
        """Residual stream at every layer: a list of (tokens, dim).  edit, if
        given, is called with (layer, x) before layer is read."""
        x = self.weights["model.embed_tokens.weight"][torch.tensor(tokens)]
        states = []
        for layer in range(self.config["num_hidden_layers"] + 1):
            if edit is not None:
                x = edit(layer, x)
            states.append(x)
            if layer == self.config["num_hidden_layers"]:
                return states
            p = f"model.layers.{layer}."
            y = self.norm(x, p + "input_layernorm.weight")
            x = x + self.attention(y, layer, cache)
            y = self.norm(x, p + "post_attention_layernorm.weight")
            x = x + self.mlp(y, layer)

    @torch.no_grad()
    def logits(self, x):
        name = "lm_head.weight"
        if self.config.get("tie_word_embeddings"):
            name = "model.embed_tokens.weight"
        return self.norm(x, "model.norm.weight") @ self.weights[name].T

    def greedy(self, tokens, max_tokens):
        cache, out, logprobs, entropies = {}, [], [], []
        feed = tokens
        while len(out) < max_tokens:
            x = self.forward(feed, cache)[-1][-1]
            logp = self.logits(x).log_softmax(-1)
            token = int(logp.argmax())
            out.append(token)
            logprobs.append(float(logp[token]))
            entropies.append(float(-(logp.exp() * logp).sum()))
            if token in self.eos:
                break
            feed = [token]
        return out, logprobs, entropies


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("job", choices=["states", "greedy"])
    ap.add_argument("folder")
    ap.add_argument("--max-tokens", type=int, default=64)
    ap.add_argument("--float32", action="store_true")
    args = ap.parse_args()
    model = Model(args.folder,
                  torch.float32 if args.float32 else torch.float64)
    arrays = {}
    for line in sys.stdin:
        item = json.loads(line)
        if args.job == "states":
            states = torch.stack(model.forward(item["tokens"], {}))
            arrays[str(item["id"])] = states.numpy()
            continue
        out, logp, ent = model.greedy(item["tokens"], args.max_tokens)
        print(json.dumps({"id": item["id"], "tokens": out, "logprob": logp,
                          "entropy": ent}), flush=True)
    if args.job == "states":
        np.savez(sys.stdout.buffer, **arrays)


if __name__ == "__main__":
    main()
