// Answers of a page's model in Node, with the ids of the prompts: node answers.mjs FOLDER PAGE LONGEST, where
// FOLDER has the node_modules and PAGE is a folder of `export --for browser`. Reads a JSON list of texts,
// prints a JSON list of {"prompt": ids, "answer": ids}.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';

const [folder, page, longest] = process.argv.slice(2);
const place = createRequire(join(folder, 'package.json')).resolve('@huggingface/transformers');
const { AutoModelForCausalLM, AutoTokenizer, env } = await import(
  pathToFileURL(place.replace('.cjs', '.mjs')).href
);
Object.assign(env, { allowRemoteModels: false, localModelPath: page });
const tokenizer = await AutoTokenizer.from_pretrained('model');
const model = await AutoModelForCausalLM.from_pretrained('model', { device: 'cpu' });
const answers = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
  const inputs = tokenizer(text);
  const ids = await model.generate({ ...inputs, max_new_tokens: Number(longest) });
  const all = ids.tolist()[0].map(Number);
  const asked = inputs.input_ids.dims[1];
  answers.push({ prompt: all.slice(0, asked), answer: all.slice(asked) });
}
console.log(JSON.stringify(answers));
