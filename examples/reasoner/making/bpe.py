#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a small byte-level BPE on the tasks and write it as tokenizer.json.

The alphabet is GPT-2's (a printable character for each byte) and the split
pattern Qwen2's, so the file opens wherever a Qwen2 tokenizer opens. As a
module it also encodes and decodes; the tasks are ASCII, so its own pattern
needs no Unicode classes.
"""

import argparse
import collections
import json
import random
import re

import tasks

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
           r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
ASCII_PATTERN = re.compile(
    PATTERN.replace(r"^\r\n\p{L}\p{N}", r"^\r\nA-Za-z0-9")
    .replace(r"^\s\p{L}\p{N}", r"^\sA-Za-z0-9")
    .replace(r"\p{L}", "[A-Za-z]").replace(r"\p{N}", "[0-9]"))
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
RAREST_PAIR = 20  # a pair seen less often is not merged


def byte_alphabet():
    """GPT-2's map from bytes to printable characters."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {byte: chr(byte) for byte in printable}
    alphabet.update((byte, chr(256 + i)) for i, byte in enumerate(others))
    return alphabet


BYTE_TO_CHAR = byte_alphabet()
CHAR_TO_BYTE = {char: byte for byte, char in BYTE_TO_CHAR.items()}


def spell(word):
    """The characters that stand for the bytes of a word."""
    return [BYTE_TO_CHAR[byte] for byte in word.encode()]


class Tokenizer:
    """Encodes and decodes text with given vocabulary, merges and specials."""

    def __init__(self, vocab, merges, specials):
        self.vocab = vocab
        self.rank = {tuple(pair): i for i, pair in enumerate(merges)}
        self.specials = specials
        self.names = {v: k for k, v in {**vocab, **specials}.items()}
        self.known_words = {}

    def encode_word(self, word):
        """Token ids of one word: merge the pair of lowest rank, repeat."""
        if word not in self.known_words:
            parts = spell(word)
            while len(parts) > 1:
                ranks = [self.rank.get(pair, len(self.rank))
                         for pair in zip(parts, parts[1:])]
                best = ranks.index(min(ranks))
                if ranks[best] == len(self.rank):
                    break
                parts[best:best + 2] = [parts[best] + parts[best + 1]]
            self.known_words[word] = [self.vocab[part] for part in parts]
        return self.known_words[word]

    def encode(self, text):
        ids = []
        for piece in split_specials(text, keep=True):
            if piece in self.specials:
                ids.append(self.specials[piece])
            else:
                for word in ASCII_PATTERN.findall(piece):
                    ids += self.encode_word(word)
        return ids

    def decode(self, ids):
        data = b""
        for token in ids:
            name = self.names[token]
            if name in self.specials:
                data += name.encode()
            else:
                data += bytes(CHAR_TO_BYTE[char] for char in name)
        return data.decode("utf8", "replace")


def split_specials(text, keep):
    """Text cut at the special tokens, which stand between if keep is true."""
    either = "|".join(map(re.escape, SPECIALS))
    return re.split(f"({either})" if keep else either, text)


def count_words(problems, seed):
    """How often each word stands in that many drawn problems."""
    rng = random.Random(seed)
    words = collections.Counter()
    for _ in range(problems):
        problem = tasks.TASKS[rng.choice(list(tasks.TASKS))](rng)
        text = tasks.render(problem.question) + tasks.completion(problem)
        for piece in split_specials(text, keep=False):
            words.update(ASCII_PATTERN.findall(piece))
    return words


def merge_everywhere(spellings, left, right):
    """Join each left that is followed by right, in place."""
    for parts in spellings.values():
        i = 0
        while i < len(parts) - 1:
            if parts[i] == left and parts[i + 1] == right:
                parts[i:i + 2] = [left + right]
            i += 1


def learn_merges(words, count):
    """The most frequent pairs, in the order in which they are merged."""
    spellings = {word: spell(word) for word in words}
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, parts in spellings.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        if not pairs:
            break
        # Ties go to the pair that sorts last, whatever the order of words.
        pair = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[pair] < RAREST_PAIR:
            break
        merges.append(list(pair))
        merge_everywhere(spellings, *pair)
    return merges


def train(merge_count=253, problems=20000, seed=0):
    """(vocabulary, merges, special tokens), ids in that order."""
    merges = learn_merges(count_words(problems, seed), merge_count)
    vocab = {BYTE_TO_CHAR[byte]: i
             for i, byte in enumerate(sorted(BYTE_TO_CHAR))}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    specials = {name: len(vocab) + i for i, name in enumerate(SPECIALS)}
    return vocab, merges, specials


def added_token(name, token):
    return {"id": token, "content": name, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False,
            "special": True}


def byte_level():
    return {"type": "ByteLevel", "add_prefix_space": False,
            "trim_offsets": False, "use_regex": False}


def as_json(vocab, merges, specials):
    """The content of tokenizer.json."""
    split = {"type": "Split", "pattern": {"Regex": PATTERN},
             "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(*item) for item in specials.items()],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence",
                          "pretokenizers": [split, byte_level()]},
        "post_processor": byte_level(),
        "decoder": byte_level(),
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None,
            "continuing_subword_prefix": "", "end_of_word_suffix": "",
            "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
            "merges": [" ".join(pair) for pair in merges],
        },
    }


def load(path):
    """The Tokenizer of a tokenizer.json that this program wrote."""
    with open(path, encoding="utf8") as file:
        content = json.load(file)
    return Tokenizer(content["model"]["vocab"],
                     [pair.split(" ") for pair in content["model"]["merges"]],
                     {token["content"]: token["id"]
                      for token in content["added_tokens"]})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="tokenizer.json")
    arguments = parser.parse_args()
    content = as_json(*train())
    with open(arguments.output, "w", encoding="utf8") as out:
        json.dump(content, out, ensure_ascii=False, indent=0)

    tokenizer = load(arguments.output)
    text = tasks.render(tasks.chain(random.Random(1)).question)
    assert tokenizer.decode(tokenizer.encode(text)) == text


if __name__ == "__main__":
    main()
