// The model: loads it, writes prompts as the training did, streams answers to the page.

import {
  AutoModelForCausalLM, AutoTokenizer, InterruptableStoppingCriteria, TextStreamer, env,
} from './lib/transformers.min.js';

const here = (name) => new URL(name, import.meta.url).href;
const json = async (name) => (await fetch(here(name))).json();

// Everything comes from this folder, and the service worker keeps it.
Object.assign(env, {
  allowRemoteModels: false, allowLocalModels: true, localModelPath: './',
  useBrowserCache: false, useWasmCache: false,
});
const { wasm } = env.backends.onnx;
wasm.wasmPaths = {
  mjs: here('lib/ort-wasm-simd-threaded.mjs'), wasm: here('lib/ort-wasm-simd-threaded.wasm'),
};
// Threads share memory, which a browser allows where the headers of sw.js have arrived.
wasm.numThreads = self.crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency) : 1;

const TOKEN = /\{\{|\}\}|\{([^{}\n]*)\}/g;

/** The training's own template: {column}, {?column}…{/column} where it has a value, {{ and }}. */
function fill(template, values) {
  const out = [];
  const hidden = []; // one entry for each optional part that is open
  let end = 0;
  for (const match of template.matchAll(TOKEN)) {
    if (!hidden.includes(true)) out.push(template.slice(end, match.index));
    end = match.index + match[0].length;
    const name = (match[1] ?? '').trim();
    if (name.startsWith('?')) hidden.push(!(values[name.slice(1).trim()] ?? '').trim());
    else if (name.startsWith('/')) hidden.pop();
    else if (!hidden.includes(true)) out.push(match[1] === undefined ? match[0][0] : values[name]);
  }
  return [...out, template.slice(end)].join('');
}

// The weights are by far the most: they come at once, past the service worker, and are kept once
// the model answers.
const WEIGHTS = here('model/onnx/model.onnx_data');
const CACHE = `page ${here('./')}`;
let toKeep = null;

async function weights() {
  const cached = await self.caches?.match(WEIGHTS, { cacheName: CACHE });
  const response = cached ?? await fetch(WEIGHTS, { cache: 'no-store' });
  if (!response.ok) throw new Error(`${WEIGHTS}: ${response.status}`);
  const total = Number(response.headers.get('Content-Length'));
  const encoded = response.headers.has('Content-Encoding');
  const bytes = encoded || !total
    ? new Uint8Array(await response.arrayBuffer()) : await filled(response.body, new Uint8Array(total));
  if (!cached) toKeep = bytes;
  return bytes;
}

async function filled(stream, bytes) {
  let at = 0;
  for await (const piece of stream) {
    bytes.set(piece, at);
    at += piece.length;
    postMessage({ type: 'loading', share: at / bytes.length });
  }
  if (at !== bytes.length) throw new Error(`${WEIGHTS}: ${at} / ${bytes.length}`);
  return bytes;
}

async function keep() {
  if (toKeep) {
    const headers = { 'Content-Length': String(toKeep.length) };
    const response = new Response(toKeep, { headers });
    toKeep = null;
    await (await caches.open(CACHE)).put(WEIGHTS, response);
  }
  postMessage({ type: 'kept' });
}

const criteria = new InterruptableStoppingCriteria();
let loaded = null;

async function load() {
  const [prompt, generation, tokenizer, data] = await Promise.all([
    json('prompt.json'), json('generation.json'), AutoTokenizer.from_pretrained('model'), weights(),
  ]);
  const model = await AutoModelForCausalLM.from_pretrained('model', {
    device: 'wasm',
    use_external_data_format: false,
    session_options: {
      externalData: [{ path: 'model.onnx_data', data }],
      // The weights are unpacked now and not again for each token.
      extra: { session: { disable_quant_qdq: '1' } },
    },
  });
  // Between two tokens messages are read: without a turn of the loop “stop” would wait for the end.
  const forward = model.forward.bind(model);
  model.forward = async (inputs) => {
    await new Promise((turn) => setTimeout(turn));
    return forward(inputs);
  };
  return { prompt, generation, tokenizer, model };
}

async function answer({ values, messages }) {
  const { prompt, generation, tokenizer, model } = await loaded;
  const isTemplate = prompt.kind === 'template';
  const text = isTemplate
    ? fill(prompt.prompt, values)
    : tokenizer.apply_chat_template(messages, { tokenize: false, add_generation_prompt: true });
  const inputs = tokenizer(text, { add_special_tokens: isTemplate });
  const asked = inputs.input_ids.dims[1];
  const room = Math.min(generation.max_new_tokens, generation.context - asked);
  if (room < 1) throw Object.assign(new Error('too long'), { code: 'too_long' });
  criteria.reset();
  const began = performance.now();
  const streamer = new TextStreamer(tokenizer, {
    skip_prompt: true,
    skip_special_tokens: true,
    callback_function: (piece) => postMessage({ type: 'text', text: piece }),
  });
  const ids = await model.generate({
    ...inputs, streamer, max_new_tokens: room, do_sample: false, stopping_criteria: criteria,
  });
  const said = ids.tolist()[0].slice(asked).map(Number);
  const stops = prompt.stop_ids.includes(said.at(-1));
  const reason = stops ? 'stop' : criteria.interrupted ? 'stopped' : 'length';
  const seconds = (performance.now() - began) / 1000;
  postMessage({ type: 'done', reason, tokens: said.length, seconds });
}

const failed = (error) =>
  postMessage({ type: 'failed', code: error.code, reason: String(error.message ?? error) });

self.onmessage = ({ data }) => {
  if (data.type === 'stop') criteria.interrupt();
  else if (data.type === 'keep') keep().catch(() => {}); // a full disk: not kept
  else answer(data).catch(failed);
};
loaded = load();
loaded.then(() => postMessage({ type: 'ready' }), failed);
