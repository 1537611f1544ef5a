#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifiable reasoning tasks for a small language model.

Three generators, each a function of a random.Random that returns a Problem:
word problems of several steps, nested expressions, multiple choice.
Difficulty varies on purpose (number of steps, size of numbers, products of
two two-digit numbers in one go), so that a small model is right most of the
time but not always, and some problems are visibly harder than others.

The committed problem files depend on every draw made here and on its order.
"""

import collections

NAMES = ["Tom", "Mia", "Sam", "Ana", "Leo", "Zoe", "Max", "Eva", "Ben", "Ivy"]
THINGS = ["apples", "coins", "books", "cards", "shells", "stamps", "beads",
          "pens"]
LETTERS = "ABCD"

# steps: the lines of the worked solution, without their full stops
Problem = collections.namedtuple("Problem", "question steps answer")


def small_divisors(number):
    """One-digit divisors of number, from 2."""
    return [d for d in range(2, 10) if number % d == 0 and number // d > 0]


def chain_operation(rng, value, divisors, hard):
    """Draw the next operation of a word problem that stands at value."""
    weights = {
        "gain": 4,
        "lose": 4,
        "multiply": 2 if value <= 999 else 0,
        "divide": 2.5 if divisors else 0,
        "two-digit product": 1.2 if hard and 11 <= value <= 99 else 0,
    }
    operation = rng.choices(list(weights), list(weights.values()))[0]
    if operation == "lose" and value < 2:
        return "gain"
    return operation


def chain_gain(rng, name, thing, value, limit):
    count = rng.randint(2, limit)
    text = rng.choice([f" {name} gets {count} more.",
                       f" {name} finds {count} {thing}.",
                       f" A friend gives {name} {count}."])
    return text, "+", count, value + count


def chain_lose(rng, name, value, limit):
    count = rng.randint(1, min(value - 1, limit))
    text = rng.choice([f" {name} loses {count}.",
                       f" {name} sells {count} of them.",
                       f" {name} gives away {count}."])
    return text, "-", count, value - count


def chain_multiply(rng, name, value):
    factor = rng.randint(2, 9)
    text = rng.choice([f" Then the number grows {factor} times.",
                       f" {name} trades each one for {factor}."])
    return text, "*", factor, value * factor


def chain_product(rng, name, value):
    factor = rng.randint(11, 99)
    return f" {name} trades each one for {factor}.", "*", factor, value * factor


def chain_divide(rng, name, value, divisors):
    parts = rng.choice(divisors)
    text = rng.choice([
        f" {name} splits them into {parts} equal piles and keeps one.",
        f" Only one in {parts} is kept."])
    return text, "/", parts, value // parts


def chain_step(rng, name, thing, value, hard):
    """One sentence of a word problem: (text, sign, operand, new value)."""
    divisors = small_divisors(value)
    operation = chain_operation(rng, value, divisors, hard)
    limit = 999 if hard and rng.random() < 0.4 else 99
    if operation == "gain":
        return chain_gain(rng, name, thing, value, limit)
    if operation == "lose":
        return chain_lose(rng, name, value, limit)
    if operation == "multiply":
        return chain_multiply(rng, name, value)
    if operation == "two-digit product":
        return chain_product(rng, name, value)
    return chain_divide(rng, name, value, divisors)


def chain(rng, fewest=2, most=8):
    """A word problem of several steps; the answer is a number."""
    name = rng.choice(NAMES)
    thing = rng.choice(THINGS)
    value = rng.randint(2, 60)
    count = rng.randint(fewest, most)
    question = f"{name} has {value} {thing}."
    hard = rng.random() < 0.5
    steps = []
    for _ in range(count):
        text, sign, operand, after = chain_step(rng, name, thing, value, hard)
        question += text
        steps.append(f"{value} {sign} {operand} = {after}")
        value = after
    question += f" How many {thing} are left?"
    return Problem(question, steps, str(value))


def expr_operation(rng, value, hard):
    """Draw (sign, operand) for an expression whose value so far is value."""
    weights = [4, 4, 2 if value <= 999 else 0,
               1.2 if hard and 11 <= value <= 99 else 0]
    kind = rng.choices(["+", "-", "*", "two-digit *"], weights)[0]
    if kind == "-" and value < 2:
        kind = "+"
    limit = 999 if hard and rng.random() < 0.4 else 99
    if kind == "+":
        return "+", rng.randint(1, limit)
    if kind == "-":
        return "-", rng.randint(1, min(value - 1, limit))
    if kind == "*":
        return "*", rng.randint(2, 9)
    return "*", rng.randint(11, 99)


def apply_sign(left, sign, right):
    if sign == "+":
        return left + right
    return left - right if sign == "-" else left * right


def expr(rng, fewest=2, most=7):
    """A nested expression; the answer is a number."""
    value = rng.randint(2, 99)
    text = str(value)
    hard = rng.random() < 0.5
    steps = []
    for _ in range(rng.randint(fewest, most)):
        sign, operand = expr_operation(rng, value, hard)
        inner = f"({text})" if steps else text
        text = f"{inner} {sign} {operand}"
        after = apply_sign(value, sign, operand)
        steps.append(f"{value} {sign} {operand} = {after}")
        value = after
    return Problem(f"Compute {text}.", steps, str(value))


def choice_option(rng, hard):
    """One option of a multiple choice question: (text, value)."""
    left, right = rng.randint(2, 99), rng.randint(2, 99)
    sign = rng.choice("+-*")
    if sign == "-" and right > left:
        left, right = right, left
    if sign == "*" and not (hard and rng.random() < 0.5):
        right = rng.randint(2, 9)
    return f"{left} {sign} {right}", apply_sign(left, sign, right)


def choice(rng):
    """The largest or smallest of four expressions; the answer is a letter."""
    kind = rng.choice(["largest", "smallest"])
    hard = rng.random() < 0.4
    options = {}  # value: text, in the order drawn; no two values are equal
    while len(options) < len(LETTERS):
        text, value = choice_option(rng, hard)
        options.setdefault(value, text)
    wanted = max(options) if kind == "largest" else min(options)
    listed = " ".join(f"{letter}) {text}"
                      for letter, text in zip(LETTERS, options.values()))
    return Problem(f"Which is {kind}? {listed}",
                   [f"{text} = {value}" for value, text in options.items()],
                   LETTERS[list(options).index(wanted)])


TASKS = {"chain": chain, "expr": expr, "choice": choice}


def render(question):
    """The prompt, exactly as the model is trained to see it."""
    return (f"<|im_start|>user\n{question}<|im_end|>\n"
            "<|im_start|>assistant\n")


def solution(problem):
    """The worked solution, in the answer form of GSM8K."""
    lines = [step + "." for step in problem.steps]
    return "\n".join(lines + [f"#### {problem.answer}"])


def completion(problem):
    """What the model is trained to write after the prompt."""
    return solution(problem) + "<|im_end|>"
