#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the problem files: TASK-test.jsonl and TASK-train-1.jsonl onwards.

Each line has id, task, steps (their number), question, answer and solution.
No question of a task stands twice, neither within nor across the two splits.
"""

import argparse
import json
import os
import random

import tasks

SPLITS = (("train", 2000, 101), ("test", 500, 202))
LINES_PER_FILE = 500


def draw_problems(make, rng, count, seen):
    """count problems with questions not yet in seen, which grows."""
    problems = []
    while len(problems) < count:
        problem = make(rng)
        if problem.question not in seen:
            seen.add(problem.question)
            problems.append(problem)
    return problems


def json_line(task, split, number, problem):
    return json.dumps({
        "id": f"{task}-{split}-{number:04d}",
        "task": task,
        "steps": len(problem.steps),
        "question": problem.question,
        "answer": problem.answer,
        "solution": tasks.solution(problem),
    }) + "\n"


def write_split(folder, task, split, lines):
    """One file for a split of one part, numbered files for longer ones."""
    for start in range(0, len(lines), LINES_PER_FILE):
        part = f"-{start // LINES_PER_FILE + 1}"
        if len(lines) <= LINES_PER_FILE:
            part = ""
        path = os.path.join(folder, f"{task}-{split}{part}.jsonl")
        with open(path, "w", encoding="ascii") as out:
            out.writelines(lines[start:start + LINES_PER_FILE])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="where to write; must exist")
    arguments = parser.parse_args()
    for task, make in tasks.TASKS.items():
        seen = set()
        for split, count, seed in SPLITS:
            rng = random.Random(f"{task}-{split}-{seed}")
            problems = draw_problems(make, rng, count, seen)
            lines = [json_line(task, split, number, problem)
                     for number, problem in enumerate(problems)]
            write_split(arguments.folder, task, split, lines)


if __name__ == "__main__":
    main()
