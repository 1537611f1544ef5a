#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write trained weights as a Hugging Face folder.

WEIGHTS is what trainer.c saves: 32-bit floats, matrices row-major with one
row an output; the order is that of tensor_shapes() below.
"""

import argparse
import json
import os
import shutil
import struct

import numpy as np

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + "
    "m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def layer_shapes(shape):
    """Names and shapes of one layer's tensors, in the order saved."""
    dim = shape.dim
    head_dim = dim // shape.heads
    queries = shape.heads * head_dim
    keys = shape.kv_heads * head_dim
    return [
        ("input_layernorm.weight", (dim,)),
        ("post_attention_layernorm.weight", (dim,)),
        ("self_attn.q_proj.weight", (queries, dim)),
        ("self_attn.q_proj.bias", (queries,)),
        ("self_attn.k_proj.weight", (keys, dim)),
        ("self_attn.k_proj.bias", (keys,)),
        ("self_attn.v_proj.weight", (keys, dim)),
        ("self_attn.v_proj.bias", (keys,)),
        ("self_attn.o_proj.weight", (dim, queries)),
        ("mlp.gate_proj.weight", (shape.ffn, dim)),
        ("mlp.up_proj.weight", (shape.ffn, dim)),
        ("mlp.down_proj.weight", (dim, shape.ffn)),
    ]


def tensor_shapes(shape):
    """Names and shapes of all tensors, in the order saved."""
    tensors = [("model.embed_tokens.weight", (shape.vocab, shape.dim)),
               ("model.norm.weight", (shape.dim,))]
    for layer in range(shape.layers):
        tensors += [(f"model.layers.{layer}.{name}", size)
                    for name, size in layer_shapes(shape)]
    return tensors


def read_weights(path, shape):
    """Tensors by name, as views of the file's values."""
    values = np.fromfile(path, np.float32)
    tensors = {}
    start = 0
    for name, size in tensor_shapes(shape):
        end = start + int(np.prod(size))
        if end > len(values):
            break
        tensors[name] = values[start:end].reshape(size)
        start = end
    if start != len(values) or len(tensors) != len(tensor_shapes(shape)):
        raise SystemExit(f"export.py: {path}: weights do not fit the shape")
    if not np.isfinite(values).all():
        raise SystemExit(f"export.py: {path}: a weight is not finite")
    return tensors


def to_bf16(tensor):
    """The bytes of a tensor in bfloat16, rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(tensor).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def write_safetensors(path, tensors):
    header = {"__metadata__": {"format": "pt"}}
    blobs = []
    offset = 0
    for name in sorted(tensors):
        data = to_bf16(tensors[name])
        header[name] = {"dtype": "BF16", "shape": list(tensors[name].shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        blobs.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def model_config(shape, ids):
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": shape.dim,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocab,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-06,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "torch_dtype": "bfloat16",
    }


def generation_config(ids):
    return {
        "bos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
    }


def tokenizer_config():
    return {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_prefix_space": False,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "bos_token": None,
        "model_max_length": 512,
        "chat_template": CHAT_TEMPLATE,
    }


def write_json(folder, name, content):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf8") as out:
        json.dump(content, out, indent=2)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="file saved by trainer")
    parser.add_argument("tokenizer", help="tokenizer.json")
    parser.add_argument("folder", help="where to write; made if absent")
    for name, value in (("dim", 256), ("layers", 4), ("heads", 4),
                        ("kv-heads", 2), ("ffn", 640), ("vocab", 472)):
        parser.add_argument(f"--{name}", type=int, default=value,
                            help="%(default)s")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    tensors = read_weights(arguments.weights, arguments)
    with open(arguments.tokenizer, encoding="utf8") as file:
        ids = {token["content"]: token["id"]
               for token in json.load(file)["added_tokens"]}
    os.makedirs(arguments.folder, exist_ok=True)
    write_safetensors(os.path.join(arguments.folder, "model.safetensors"),
                      tensors)
    shutil.copyfile(arguments.tokenizer,
                    os.path.join(arguments.folder, "tokenizer.json"))
    write_json(arguments.folder, "config.json", model_config(arguments, ids))
    write_json(arguments.folder, "generation_config.json",
               generation_config(ids))
    write_json(arguments.folder, "tokenizer_config.json", tokenizer_config())


if __name__ == "__main__":
    main()
