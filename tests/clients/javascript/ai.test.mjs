// The Vercel AI SDK, unmodified, asks the gateway: through its package for OpenAI-compatible
// servers, and through the one for OpenAI itself, which prefers the Responses API.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  APICallError,
  Output,
  embedMany,
  generateObject,
  generateText,
  jsonSchema,
  stepCountIs,
  streamObject,
  streamText,
  tool,
} from 'ai';
import { BASE_URL, GATEWAY, KEY, PREFIX, each, unique } from './environment.mjs';
import { ANSWER, CALLS, IMAGES, PARAMETERS, PERSON, Person, QUESTION, SEEN } from './scripted.mjs';
import { USAGE, caught } from './scripted.mjs';

const compatible = createOpenAICompatible({
  name: 'portcullis',
  baseURL: BASE_URL,
  apiKey: KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const openai = createOpenAI({ baseURL: BASE_URL, apiKey: KEY });

const PACKAGES = {
  'openai-compatible': {
    chat: (model) => compatible.chatModel(model),
    embedding: (model) => compatible.embeddingModel(model),
  },
  openai: {
    chat: (model) => openai.chat(model),
    embedding: (model) => openai.embedding(model),
  },
};
// The upstream itself has no such interface.
if (GATEWAY) PACKAGES['openai by default'] = { ...PACKAGES.openai, chat: (model) => openai(model) };

// What an error of the upstream is for the user: its status, and whether the SDK would try again.
const ERRORS = {
  'error-400': [400, false],
  'error-401': [502, true],
  'error-404': [404, false],
  'error-429': [429, true],
  'error-500': [502, true],
  'context-too-long': [400, false],
};

const tools = {
  get_weather: tool({
    description: 'Tells how the weather is.',
    inputSchema: jsonSchema(PARAMETERS),
    execute: async ({ city }) => `sunny in ${city}`,
  }),
  get_time: tool({
    description: 'Tells what time it is.',
    inputSchema: jsonSchema(PARAMETERS),
    execute: async ({ city }) => `noon in ${city}`,
  }),
};

const tokens = (usage) => [usage.inputTokens, usage.outputTokens, usage.totalTokens];
const called = (calls) => calls.map((call) => [call.toolName, call.input]);
// No retries: a test sees the first answer.
const asking = (model, rest = {}) => ({ model, prompt: QUESTION, maxRetries: 0, ...rest });

/** Runs a test for each package, and for each way in which a provider may be served. */
function eachPackage(name, body) {
  for (const [name_, it] of Object.entries(PACKAGES)) {
    each(`${name}, by ${name_}`, (prefix) => body(it, prefix));
  }
}

/** All parts of a stream. Errors are among them: it throws none of them. */
async function parts(result) {
  const all = [];
  for await (const part of result.fullStream) all.push(part);
  return all;
}

// Text.

eachPackage('generateText', async ({ chat }, prefix) => {
  const result = await generateText(asking(chat(`${prefix}echo`), { system: 'Be brief.' }));
  assert.equal(result.text, ANSWER);
  assert.equal(result.finishReason, 'stop');
  // The system's words are counted as well.
  assert.deepEqual(tokens(result.usage), [USAGE[0] + 2, USAGE[1], USAGE[2] + 2]);
});

eachPackage('images', async ({ chat }, prefix) => {
  const images = IMAGES.map((image) => ({ type: 'image', image }));
  const content = [{ type: 'text', text: 'What is this?' }, ...images];
  const messages = [{ role: 'user', content }];
  const result = await generateText({ model: chat(`${prefix}vision`), messages, maxRetries: 0 });
  assert.equal(result.text, SEEN);
});

eachPackage('streamText', async ({ chat }, prefix) => {
  const result = streamText(asking(chat(`${prefix}echo`)));
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  assert.ok(pieces.length > 10, 'it came in one piece');
  assert.equal(pieces.join(''), ANSWER);
  assert.equal(await result.finishReason, 'stop');
  assert.deepEqual(tokens(await result.usage), USAGE);
});

each('reasoning comes first', async (prefix) => {
  const model = compatible.chatModel(`${prefix}reasoning`);
  const result = await generateText(asking(model));
  assert.match(result.reasoningText, /^First I read/);
  const streamed = streamText(asking(model));
  const kinds = (await parts(streamed)).map((part) => part.type);
  assert.ok(kinds.indexOf('reasoning-delta') < kinds.indexOf('text-delta'));
  assert.match(await streamed.reasoningText, /^First I read/);
  assert.equal(await streamed.text, ANSWER);
});

// Tools.

eachPackage('tools, round after round', async ({ chat }, prefix) => {
  const model = chat(`${prefix}tools`);
  const { steps, text } = await generateText(asking(model, { tools, stopWhen: stepCountIs(2) }));
  assert.deepEqual(called(steps[0].toolCalls), CALLS);
  assert.equal(steps[0].finishReason, 'tool-calls');
  assert.match(text, /^You said: sunny in text-0 noon in text-1/);
});

eachPackage('tools in a stream, round after round', async ({ chat }, prefix) => {
  const model = chat(`${prefix}tools`);
  const result = streamText(asking(model, { tools, stopWhen: stepCountIs(2) }));
  const all = await parts(result);
  assert.deepEqual(called(all.filter((part) => part.type === 'tool-call')), CALLS);
  const deltas = all.filter((part) => part.type === 'tool-input-delta');
  assert.ok(deltas.length > 4, 'they came in one piece');
  assert.match(await result.text, /^You said: sunny in text-0 noon in text-1/);
});

eachPackage('a tool that has to be called', async ({ chat }, prefix) => {
  const toolChoice = { type: 'tool', toolName: 'get_time' };
  const result = await generateText(asking(chat(`${prefix}tools`), { tools, toolChoice }));
  assert.ok(result.toolCalls.every((call) => call.toolName === 'get_time'));
});

// Structured output.

eachPackage('generateObject', async ({ chat }, prefix) => {
  const result = await generateObject(asking(chat(`${prefix}json`), { schema: Person }));
  assert.deepEqual(result.object, PERSON);
});

eachPackage('streamObject', async ({ chat }, prefix) => {
  const result = streamObject(asking(chat(`${prefix}json`), { schema: Person }));
  const partial = [];
  for await (const object of result.partialObjectStream) partial.push(object);
  assert.ok(partial.length > 2, 'it came in one piece');
  assert.deepEqual(await result.object, PERSON);
});

eachPackage('generateText with an object for output', async ({ chat }, prefix) => {
  const output = Output.object({ schema: Person });
  const result = await generateText(asking(chat(`${prefix}json`), { output }));
  assert.deepEqual(result.output, PERSON);
});

// Embeddings.

eachPackage('embedMany', async ({ embedding }, prefix) => {
  const model = embedding(`${prefix}embed`);
  const result = await embedMany({ model, values: ['one', 'two'], maxRetries: 0 });
  assert.deepEqual(result.embeddings.map((vector) => vector.length), [8, 8]);
  assert.notDeepEqual(...result.embeddings);
  assert.equal(result.usage.tokens, 2);
});

// Errors.

if (GATEWAY) {
  for (const [script, [status, retryable]] of Object.entries(ERRORS)) {
    eachPackage(script, async ({ chat }, prefix) => {
      const error = await caught(generateText(asking(chat(prefix + script))));
      assert.ok(APICallError.isInstance(error), error);
      assert.equal(error.statusCode, status);
      assert.equal(error.isRetryable, retryable);
      assert.ok(error.data.error.message, 'the error was not read');
    });
    eachPackage(`${script} in place of a stream`, async ({ chat }, prefix) => {
      const result = streamText(asking(chat(prefix + script), { onError() {} }));
      const { error } = (await parts(result)).find((part) => part.type === 'error');
      assert.equal(error.statusCode, status);
    });
  }

  eachPackage('a stream that is cut off', async ({ chat }, prefix) => {
    const result = streamText(asking(chat(`${prefix}cut-after-3`), { onError() {} }));
    assert.ok((await parts(result)).some((part) => part.type === 'error'));
  });
}

test('a retry helps where a failure passes', async () => {
  const model = compatible.chatModel(`${PREFIX}${unique('flaky-1')}`);
  assert.equal((await generateText(asking(model, { maxRetries: 1 }))).text, ANSWER);
});

eachPackage('a stream that fails', async ({ chat }, prefix) => {
  const result = streamText(asking(chat(`${prefix}error-midstream`), { onError() {} }));
  const all = await parts(result);
  const { error } = all.find((part) => part.type === 'error');
  assert.match(error.message ?? String(error), /scripted: the model exploded/);
  assert.equal(await result.finishReason, 'error');
});
