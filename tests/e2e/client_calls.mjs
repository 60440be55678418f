// What programs of others ask of the server, each with its own library from npm:
// node client_calls.mjs FOLDER URL KEY MODEL TOOLS, where FOLDER has the libraries' node_modules.
// Prints "ok NAME" for each client, or "NAME: what went wrong".

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, URL_, KEY, MODEL, TOOLS] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const library = (name) => import(pathToFileURL(require.resolve(name)).href);
const TEXT = 'Nobody answered when I called.';
const SCHEMA = {
  type: 'object',
  properties: { sure: { type: 'boolean' } },
  required: ['sure'],
  additionalProperties: false,
};
const TOOL = {
  type: 'function',
  function: { name: 'be_sure', description: 'Says it.', parameters: SCHEMA },
};
const messages = [{ role: 'user', content: TEXT }];
const { z } = await library('zod');
const Sure = z.object({ sure: z.boolean() });

async function text(stream, piece) {
  let whole = '';
  for await (const item of stream) whole += piece(item) ?? '';
  return whole;
}

const clients = {
  async openai() {
    const { default: OpenAI } = await library('openai');
    const { zodResponseFormat } = await library('openai/helpers/zod');
    const client = new OpenAI({ baseURL: URL_, apiKey: KEY });
    const ask = { model: MODEL, messages, max_tokens: 20 };
    const whole = await client.chat.completions.create(ask);
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    assert.equal(
      await text(stream, (item) => item.choices[0]?.delta.content),
      whole.choices[0].message.content,
    );
    const format = zodResponseFormat(Sure, 'sure');
    const parsed = await client.chat.completions.parse({ ...ask, response_format: format });
    assert.equal(typeof parsed.choices[0].message.parsed.sure, 'boolean');
    assert.ok((await client.responses.create({ model: MODEL, input: TEXT })).output_text);
    assert.ok((await client.completions.create({ model: MODEL, prompt: TEXT, max_tokens: 3 })).choices);
    const made = await client.chat.completions.create({
      model: TOOLS, messages, tools: [TOOL], tool_choice: 'required', max_tokens: 60,
    });
    const call = made.choices[0].message.tool_calls[0].function;
    assert.equal(typeof JSON.parse(call.arguments).sure, 'boolean');
    await assert.rejects(
      client.chat.completions.create({ ...ask, model: 'nobody' }),
      (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found',
    );
  },

  async ai_openai_compatible() {
    const { generateText, streamText, generateObject, tool } = await library('ai');
    const { createOpenAICompatible } = await library('@ai-sdk/openai-compatible');
    const provider = createOpenAICompatible({
      name: 'ours', baseURL: URL_, apiKey: KEY, supportsStructuredOutputs: true,
    });
    await asked({ generateText, streamText, generateObject, tool }, provider);
  },

  async ai_openai() {
    const { generateText, streamText, generateObject, tool } = await library('ai');
    const { createOpenAI } = await library('@ai-sdk/openai');
    const provider = createOpenAI({ baseURL: URL_, apiKey: KEY });
    await asked({ generateText, streamText, generateObject, tool }, provider); // its default: responses
    await asked({ generateText, streamText, generateObject, tool }, provider.chat);
  },

  async langchain() {
    const { ChatOpenAI, OpenAI } = await library('@langchain/openai');
    const options = { configuration: { baseURL: URL_ }, apiKey: KEY, maxTokens: 20, maxRetries: 0 };
    const chat = new ChatOpenAI({ ...options, model: MODEL });
    const whole = await chat.invoke(TEXT);
    assert.equal(await text(await chat.stream(TEXT), (item) => item.content), whole.content);
    const shaped = chat.withStructuredOutput(Sure, { method: 'jsonSchema', name: 'sure' });
    assert.equal(typeof (await shaped.invoke(TEXT)).sure, 'boolean');
    assert.equal(typeof (await new OpenAI({ ...options, model: MODEL }).invoke(TEXT)), 'string');
    const tools = new ChatOpenAI({ ...options, model: TOOLS, maxTokens: 60 });
    const called = await tools.bindTools([TOOL], { tool_choice: 'any' }).invoke(TEXT);
    assert.equal(typeof called.tool_calls[0].args.sure, 'boolean');
    const byCall = tools.withStructuredOutput(Sure, { method: 'functionCalling', name: 'sure' });
    assert.equal(typeof (await byCall.invoke(TEXT)).sure, 'boolean');
  },
};

/** What the functions of `ai` do with a provider's models. */
async function asked({ generateText, streamText, generateObject, tool }, model) {
  const ask = { model: model(MODEL), prompt: TEXT, maxOutputTokens: 20, maxRetries: 0 };
  const whole = await generateText(ask);
  assert.ok(whole.text);
  assert.equal(await text(streamText(ask).textStream, (item) => item), whole.text);
  assert.equal(typeof (await generateObject({ ...ask, schema: Sure })).object.sure, 'boolean');
  const tools = { be_sure: tool({ description: 'Says it.', inputSchema: Sure }) };
  const calling = { ...ask, model: model(TOOLS), tools, toolChoice: 'required', maxOutputTokens: 60 };
  const { toolCalls } = await generateText(calling);
  assert.equal(typeof toolCalls[0].input.sure, 'boolean');
}

for (const [name, client] of Object.entries(clients)) {
  try {
    await client();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`${name}: ${error.constructor.name}: ${String(error.message).slice(0, 400)}`);
  }
}
