// SPDX-License-Identifier: GPL-3.0-or-later
//
// tokens.mjs - token ids by Hugging Face's JavaScript tokenizers, the oracle of
// common/model/tokenizer.h.
//
// usage: node tokens.mjs [-s] [-t REPEATS] MODULES tokenizer.json < lines
//
// MODULES is a node_modules folder with @huggingface/tokenizers.  Input and
// output are those of tests/tokdump.c.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const args = process.argv.slice(2);
let special = false;
let repeats = 0;
while (args.length > 0 && args[0].startsWith("-")) {
  const option = args.shift();
  if (option === "-s") special = true;
  else if (option === "-t") repeats = Number(args.shift());
  else throw new Error(`unknown option ${option}`);
}
const [modules, file] = args;
const { Tokenizer } = await import(
  pathToFileURL(
    resolve(join(modules, "@huggingface/tokenizers/dist/tokenizers.mjs")),
  )
);
const start = process.hrtime.bigint();
const tokenizer = new Tokenizer(JSON.parse(readFileSync(file, "utf8")), {});
const opened = process.hrtime.bigint();
const texts = readFileSync(0, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line))
  .map((value) =>
    typeof value === "string" ? value : (value.question ?? value.problem),
  );
const encode = (text) =>
  tokenizer.encode(text, { add_special_tokens: special }).ids;

if (repeats === 0) {
  process.stdout.write(
    texts.map((text) => encode(text).join(" ") + "\n").join(""),
  );
} else {
  const bytes = texts.reduce((n, text) => n + Buffer.byteLength(text), 0);
  console.log(`open ${(Number(opened - start) * 1e-9).toFixed(3)} s`);
  for (let r = 0; r < repeats; r++) {
    const from = process.hrtime.bigint();
    for (const text of texts) encode(text);
    const seconds = Number(process.hrtime.bigint() - from) * 1e-9;
    console.log((bytes / seconds / 1e6).toFixed(2));
  }
}
