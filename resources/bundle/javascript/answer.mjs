// Streams one answer of the model in this bundle.
//
//     npm install
//     node answer.mjs "some text"          a template with one column, or a message
//     node answer.mjs first=… second=…     a template with several columns
//
// onnxruntime-genai has no package for Node.js. Koffi calls its C interface in the library of the
// Python package; PYTHON in the environment names the Python that has it.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';

const BUNDLE = fileURLToPath(new URL('../..', import.meta.url));
const ENVIRONMENT = fileURLToPath(new URL('../python/env', import.meta.url));
const SCRIPT = `import importlib.util as i
for name in ("onnxruntime_genai", "onnxruntime"): print(i.find_spec(name).submodule_search_locations[0])`;
const TOKEN = /\{\{|\}\}|\{([^{}\n]*)\}/g;

// The training's own template: {column}, {?column}…{/column} where it has a value, {{ and }} for
// braces.
export function fill(template, values) {
  const hidden = []; // one entry for each optional part that is open
  let text = '';
  let end = 0;
  for (const match of template.matchAll(TOKEN)) {
    const shown = !hidden.includes(true);
    if (shown) text += template.slice(end, match.index);
    end = match.index + match[0].length;
    const name = (match[1] ?? '').trim();
    if (name.startsWith('?')) hidden.push(!(values[name.slice(1).trim()] ?? '').trim());
    else if (name.startsWith('/')) hidden.pop();
    else if (shown) text += ['{{', '}}'].includes(match[0]) ? match[0][0] : values[name];
  }
  return text + template.slice(end);
}

// The columns from the command line; nothing when one is missing.
function readValues(given, { columns, required }) {
  const free = required.length ? required : columns;
  const values = {};
  for (const argument of given) {
    const at = argument.indexOf('=');
    if (columns.includes(argument.slice(0, Math.max(0, at)))) values[argument.slice(0, at)] = argument.slice(at + 1);
    else if (given.length === 1 && free.length === 1) values[free[0]] = argument;
  }
  const whole = Object.keys(values).length && required.every((name) => name in values);
  return whole ? values : undefined;
}

function findLibraries() {
  const known = ['bin/python', 'Scripts/python.exe'].map((name) => join(ENVIRONMENT, name));
  const python = process.env.PYTHON ?? known.find(existsSync) ?? 'python';
  const [genai, runtime] = spawnSync(python, ['-c', SCRIPT], { encoding: 'utf8' }).stdout?.trim().split(/\r?\n/) ?? [];
  if (!runtime) throw new Error(`${python} has no onnxruntime-genai: install it there, or set PYTHON`);
  const capi = join(runtime, 'capi');
  const named = (folder, name) => join(folder, readdirSync(folder).find((file) => name.test(file)));
  return [
    named(genai, /^(lib)?onnxruntime-genai\.(so|dylib|dll)$/),
    named(capi, /^(lib)?onnxruntime(\.[\d.]+)?\.(so|dylib|dll)/),
  ];
}

function openLibrary() {
  const [genai, runtime] = findLibraries();
  // Read when the library is loaded: it would report its use to its makers.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  process.env.ORT_LIB_PATH = runtime;
  const library = koffi.load(genai);
  const getError = library.func('str OgaResultGetError(void* result)');
  const destroyResult = library.func('void OgaDestroyResult(void* result)');
  const checked = (name, parameters) => {
    const call = library.func(`void* ${name}(${parameters})`);
    return (...values) => {
      const result = call(...values);
      if (!result) return;
      const error = getError(result);
      destroyResult(result);
      throw new Error(error);
    };
  };
  // The value that a function gives back by its last parameter.
  const given = (name, parameters) => {
    const call = checked(name, [...parameters, '_Out_ void** made'].join(', '));
    return (...values) => {
      const made = [null];
      call(...values, made);
      return made[0];
    };
  };
  return { library, checked, given };
}

function streamAnswer(prompt, defaults, message, values) {
  const { library, checked, given } = openLibrary();
  const text = (pointer) => koffi.decode(pointer, 'char', -1);
  const model = given('OgaCreateModel', ['str folder'])(join(BUNDLE, 'model'));
  const tokenizer = given('OgaCreateTokenizer', ['void* model'])(model);
  let question;
  if (values) question = fill(prompt.prompt, values);
  else {
    const apply = given('OgaTokenizerApplyChatTemplate', [
      'void* tokenizer', 'str template', 'str messages', 'str tools', 'bool generation',
    ]);
    question = text(apply(tokenizer, null, JSON.stringify([{ role: 'user', content: message }]), null, true));
  }
  const sequences = given('OgaCreateSequences', [])();
  checked('OgaTokenizerEncode', 'void* tokenizer, str text, void* sequences')(tokenizer, question, sequences);
  const length = Number(library.func('size_t OgaSequencesGetSequenceCount(void* sequences, size_t at)')(sequences, 0));

  const params = given('OgaCreateGeneratorParams', ['void* model'])(model);
  const setNumber = checked('OgaGeneratorParamsSetSearchNumber', 'void* params, str name, double value');
  const setSwitch = checked('OgaGeneratorParamsSetSearchBool', 'void* params, str name, bool value');
  setNumber(params, 'max_length', Math.min(length + defaults.max_new_tokens, defaults.context));
  for (const [name, value] of Object.entries(defaults.search)) {
    (typeof value === 'number' ? setNumber : setSwitch)(params, name, value);
  }
  const generator = given('OgaCreateGenerator', ['void* model', 'void* params'])(model, params);
  if (prompt.adapter) {
    const file = join(BUNDLE, 'model', 'adapters', `${prompt.adapter}.onnx_adapter`);
    const adapters = given('OgaCreateAdapters', ['void* model'])(model);
    checked('OgaLoadAdapter', 'void* adapters, str file, str name')(adapters, file, prompt.adapter);
    checked('OgaSetActiveAdapter', 'void* generator, void* adapters, str name')(generator, adapters, prompt.adapter);
  }
  checked('OgaGenerator_AppendTokenSequences', 'void* generator, void* sequences')(generator, sequences);
  const pieces = given('OgaCreateTokenizerStream', ['void* tokenizer'])(tokenizer);
  const isDone = library.func('bool OgaGenerator_IsDone(void* generator)');
  const generate = checked('OgaGenerator_GenerateNextToken', 'void* generator');
  const next = checked('OgaGenerator_GetNextTokens', 'void* generator, _Out_ void** tokens, _Out_ size_t* count');
  const decode = given('OgaTokenizerStreamDecode', ['void* stream', 'int32_t token']);
  while (!isDone(generator)) {
    generate(generator);
    const tokens = [null];
    const count = [0];
    next(generator, tokens, count);
    const token = Number(count[0]) ? koffi.decode(tokens[0], 'int32_t') : prompt.stop_ids[0];
    if (prompt.stop_ids.includes(token)) break;
    process.stdout.write(text(decode(pieces, token)));
  }
  process.stdout.write('\n');
  // What was made is the process's own, which ends here: nothing is destroyed one by one.
}

function main(given) {
  const read = (name) => JSON.parse(readFileSync(join(BUNDLE, name), 'utf8'));
  const prompt = read('prompt.json');
  const values = prompt.kind === 'template' ? readValues(given, prompt) : undefined;
  if (!given.length || (prompt.kind === 'template' && !values)) {
    const wanted = prompt.kind === 'template' ? prompt.columns.map((name) => `${name}=TEXT`).join(' ') : 'TEXT';
    console.error(`usage: node answer.mjs ${wanted}`);
    return 2;
  }
  try {
    streamAnswer(prompt, read('generation.json'), given.join(' '), values);
  } catch (error) {
    console.error(error.message);
    return 1;
  }
  return 0;
}

if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
