#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lines.py - odd texts, one JSON string a line, for comparing tokenizers.
#
# usage: lines.py [COUNT [SEED]]
#        lines.py --all   every code point, among letters, digits and marks
#
# Many scripts, code, white space of all kinds, emoji and joiners, combining
# marks in and out of order, control characters, noncharacters, U+FFFD,
# contractions in either case, long numbers, runs of one character, and texts
# that look like special tokens.
import json
import random
import sys

SCRIPTS = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x180, 0x24F), (0x250, 0x2AF),
    (0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x58F), (0x591, 0x5F4),
    (0x600, 0x6FF), (0x700, 0x74F), (0x780, 0x7B1), (0x7C0, 0x7FA),
    (0x860, 0x86A), (0x870, 0x8FF), (0x900, 0x97F), (0x980, 0x9FE),
    (0xA01, 0xA76), (0xA81, 0xAFF), (0xB01, 0xB77), (0xB82, 0xBFA),
    (0xC00, 0xC7F), (0xC80, 0xCF3), (0xD00, 0xD7F), (0xD81, 0xDF4),
    (0xE01, 0xE5B), (0xE81, 0xEDF), (0xF00, 0xFDA), (0x1000, 0x109F),
    (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x139F), (0x13A0, 0x13FD),
    (0x1400, 0x167F), (0x1680, 0x169C), (0x16A0, 0x16F8), (0x1780, 0x17F9),
    (0x1800, 0x18AA), (0x1C50, 0x1C7F), (0x1C80, 0x1C8A), (0x1D00, 0x1DBF),
    (0x1E00, 0x1EFF), (0x1F00, 0x1FFE), (0x2000, 0x206F), (0x2070, 0x209C),
    (0x20A0, 0x20C0), (0x2100, 0x218B), (0x2190, 0x23FF), (0x2460, 0x24FF),
    (0x2500, 0x27BF), (0x2800, 0x28FF), (0x2C00, 0x2DFF), (0x3000, 0x303F),
    (0x3041, 0x30FF), (0x3105, 0x318E), (0x31F0, 0x33FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xA000, 0xA4C6), (0xA640, 0xA69F), (0xA720, 0xA7FF),
    (0xA840, 0xA877), (0xAA00, 0xAA5F), (0xAB30, 0xAB6B), (0xAC00, 0xD7A3),
    (0xD7B0, 0xD7FB), (0xE000, 0xE0FF), (0xF900, 0xFAD9), (0xFB00, 0xFB4F),
    (0xFB50, 0xFDFF), (0xFE30, 0xFE6B), (0xFF01, 0xFFEE), (0x10000, 0x100FA),
    (0x10280, 0x103D5), (0x10400, 0x104FF), (0x10800, 0x1085F),
    (0x10A00, 0x10A58), (0x12000, 0x123FF), (0x13000, 0x143FA),
    (0x16800, 0x16A38), (0x1B000, 0x1B155), (0x1D100, 0x1D1EA),
    (0x1D400, 0x1D7FF), (0x1E030, 0x1E06D), (0x1E900, 0x1E95F),
    (0x1EE00, 0x1EEBB), (0x1F000, 0x1FAFF), (0x1FB00, 0x1FBF9),
    (0x20000, 0x2A6DF), (0x2A700, 0x2EE5D), (0x2F800, 0x2FA1D),
    (0x30000, 0x323AF), (0xE0000, 0xE01EF), (0x10FF00, 0x10FFFF),
]
MARKS = [(0x300, 0x36F), (0x483, 0x487), (0x591, 0x5BD), (0x610, 0x61A),
         (0x64B, 0x65F), (0x93C, 0x94D), (0xE31, 0xE3A), (0xF71, 0xF84),
         (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0x302A, 0x302F),
         (0x3099, 0x309A), (0xFE20, 0xFE2F), (0x1D165, 0x1D172),
         (0x897, 0x897), (0x1ACF, 0x1AEB), (0x10D69, 0x10D6D),
         (0x113C2, 0x113D0), (0x1611E, 0x16129), (0x16D63, 0x16D6A)]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", "\v", "\f",
          "\x85", "\xa0", "\u1680", "\u180e", "\u2000", "\u2003", "\u2009",
          "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f",
          "\u2060", "\u3000", "\ufeff"]
EMOJI = ["\U0001F600", "\U0001F469\u200d\U0001F4BB", "\U0001F1EB\U0001F1F7",
         "\U0001F44D\U0001F3FD", "\u2764\ufe0f", "\U0001F3F4\U000E0067"
         "\U000E0062\U000E007F", "1\ufe0f\u20e3", "\u200d", "\ufe0f",
         "\U0001F468\u200d\U0001F469\u200d\U0001F467", "\u263a", "\U0001FAE8"]
ODD = ["\0", "\x01", "\x07", "\x08", "\x1b[0m", "\x7f", "\x80", "\x9f",
       "\ufffd", "\ufffd\ufffd", "\ufffe", "\uffff", "\ufdd0", "\U0001FFFE",
       "\U0010FFFF", "\u200e", "\u202e", "\u00ad", "\u0130", "\u017f", "\u1e9e",
       "\u212a", "\u2126", "\u212b", "\u0344", "\u0958", "\u2adc", "\ufb1d",
       "\ufb01", "\u1100\u1161\u11a8", "\uac00\u11a8", "e\u0301", "\u00e9",
       "q\u0307\u0323", "\u0301", "\u1112\u1161", "\U0001D15E",
       "\u00c3\u00a9", "\u00ef\u00bf\u00bd", "\u00c2", "\\ud800", "\\x80"]
SHORT = ["'s", "'S", "'t", "'RE", "'ve", "'Ve", "'m", "'ll", "'LL", "'lL",
         "'d", "'D", "'x", "''s", "\u2019s", "don't", "I'LL", "we'Re", "'",
         "O'Neil's", "y'all'd've", "'\u0301s"]
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>",
           "</think>", "<tool_call>", "</tool_call>", "<|begin_of_text|>",
           "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>",
           "<|end_of_text|>", "<|im_start", "|im_end|>", "<|", "|>", "<",
           "< |im_end|>", "<|IM_END|>", "<<|im_end|>>", "<|im_<|im_end|>",
           "<|reserved_special_token_1|>", "<|reserved_special_token_10|>",
           "<|fim_prefix|>", "<|box_start|>", "<s>", "</s>", "[INST]"]
WORDS = ("the quick brown fox jumps over lazy dog Hello World lorem ipsum "
         "naive cafe Donaudampfschiff internationalization antidis "
         "establishment HTTPServer camelCase snake_case kebab-case SCREAMING "
         "x1y2 3D R2D2 U.S.A. e.g. i.e. http://example.org/a?b=c&d=%20#f "
         "user@example.com 1,234.56 -7 +1e-9 0xDEADBEEF 10^6 $5 50% #tag "
         "Stra\u00dfe \u00fcber na\u00efve fa\u00e7ade \u041f\u0440\u0438"
         "\u0432\u0435\u0442 \u03b3\u03b5\u03b9\u03ac \u4f60\u597d\u4e16"
         "\u754c \u3053\u3093\u306b\u3061\u306f \uc548\ub155 \u0645\u0631"
         "\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938"
         "\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35").split()
CODE = ["def f(x):\n    return x ** 2\n", "for (int i = 0; i < n; ++i) {\n\t",
        "}\n\n\n", "#include <stdio.h>\r\n", "a[i] += b->c.d; // note",
        "if(x!=y&&!z||w){", "SELECT * FROM t WHERE a='b';", "<div class=\"x\">",
        "\\frac{1}{2}\\sqrt{x^2}", "print(f\"{x!r:>10}\")", "$$\\int_0^1$$",
        "/* ... */", "=>", "::", "!==", "...", "----", "====", "    \t  ",
        "{{{", ")))", "\\n\\t\\\\", "0b1010", "1e10", "'''", "\"\"\"", "```py\n"]


def char(r):
    lo, hi = r.choice(SCRIPTS)
    return chr(r.randint(lo, hi))


def script(r):
    lo, hi = r.choice(SCRIPTS)
    return "".join(chr(r.randint(lo, hi)) for _ in range(r.randint(1, 12)))


def marked(r):
    out = r.choice([char(r), r.choice("aeioucnAEqz\u0915\u05d0\u0e01"), ""])
    for _ in range(r.randint(1, 4)):
        lo, hi = r.choice(MARKS)
        out += chr(r.randint(lo, hi))
    return out


def anything(r):
    c = r.randint(0, 0x10FFFF - 0x800)
    return chr(c if c < 0xD800 else c + 0x800)


def number(r):
    digits = r.choice(["0123456789", "\u0660\u0665\u0669", "\uff10\uff15",
                       "\u00bd\u00b2\u2160\u3007", "\U0001D7D8\U0001D7E5"])
    return "".join(r.choice(digits) for _ in range(r.randint(1, 24)))


def run(r):
    return r.choice([" ", "\n", "\r\n", "\t", "a", "=", "-", "ab", "\u3000",
                     "\u4e00", "\u0301", "\xa0", "!", "0", "\U0001F600",
                     " \n", "\n "]) * r.randint(2, 70)


PIECES = [lambda r: r.choice(WORDS), lambda r: " " + r.choice(WORDS),
          lambda r: r.choice(WORDS).upper(), lambda r: r.choice(SPACES),
          lambda r: r.choice(SPACES), lambda r: r.choice(EMOJI),
          lambda r: r.choice(ODD), lambda r: r.choice(SHORT),
          lambda r: r.choice(SPECIAL), lambda r: r.choice(CODE), char, script,
          marked, anything, number, run]


def everything():
    for start in range(0, 0x110000, 16):
        if 0xD800 <= start < 0xE000:
            continue
        print(json.dumps("".join(
            f"a{c}b {c}1{c} 2\u0301{c}\u0316\u0301'{c}."
            for c in map(chr, range(start, start + 16)))))


def main():
    if sys.argv[1:] == ["--all"]:
        everything()
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    r = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    for i in range(count):
        pieces = PIECES if i % 2 else r.sample(PIECES, 3)
        n = r.choice([1, 2, 3, 5, 8, 13, 30])
        text = "".join(r.choice(pieces)(r) for _ in range(n))
        print(json.dumps(text))


main()
