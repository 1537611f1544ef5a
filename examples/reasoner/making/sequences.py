#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write training sequences for trainer.c.

The file holds 16-bit integers in native byte order; for each sequence its
length, the length of its prompt, and its token ids.
"""

import argparse
import array
import random

import bpe
import tasks

LONGEST = 250  # tokens; a longer sequence is drawn but not written


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tokenizer", help="tokenizer.json")
    parser.add_argument("output", help="file of sequences")
    parser.add_argument("--count", type=int, default=700000,
                        help="how many to draw (%(default)s)")
    parser.add_argument("--tasks", default="chain,expr,choice",
                        help="names joined by commas (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    tokenizer = bpe.load(arguments.tokenizer)
    names = arguments.tasks.split(",")
    rng = random.Random(arguments.seed)
    with open(arguments.output, "wb") as out:
        for _ in range(arguments.count):
            problem = tasks.TASKS[rng.choice(names)](rng)
            prompt = tokenizer.encode(tasks.render(problem.question))
            ids = prompt + tokenizer.encode(tasks.completion(problem))
            if len(ids) <= LONGEST:
                array.array("H", [len(ids), len(prompt)] + ids).tofile(out)


if __name__ == "__main__":
    main()
