// The official `openai` package, unmodified, does what its users do with it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BASE_URL,
  GATEWAY,
  KEY,
  PREFIX,
  assertUpstreamSawItGo,
  each,
  unique,
  waitArrived,
} from './environment.mjs';
import {
  ANSWER,
  CALLS,
  IMAGES,
  LONG,
  MESSAGES,
  PERSON,
  Person,
  SEEN,
  TOOLS,
  USAGE,
  caught,
} from './scripted.mjs';

const PACKAGE = process.env.PACKAGE ?? 'openai-current';
const { default: OpenAI } = await import(PACKAGE);
const { zodResponseFormat } = await import(`${PACKAGE}/helpers/zod`);

// No retries: a test sees the first answer.
const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
// The helpers were under `beta` in the old version.
const helpers = client.chat.completions.stream
  ? client.chat.completions
  : client.beta.chat.completions;

// What an error of the upstream is for the client: exception, status, code, and whether the
// upstream's message is kept. ../python/test_openai.py says why a gateway's differ.
const DIRECT = {
  400: [OpenAI.BadRequestError, 400, undefined, true],
  401: [OpenAI.AuthenticationError, 401, 'invalid_api_key', true],
  403: [OpenAI.PermissionDeniedError, 403, 'unsupported_country', true],
  404: [OpenAI.NotFoundError, 404, 'model_not_found', true],
  409: [OpenAI.ConflictError, 409, undefined, true],
  422: [OpenAI.UnprocessableEntityError, 422, undefined, true],
  429: [OpenAI.RateLimitError, 429, 'rate_limit_exceeded', true],
  500: [OpenAI.InternalServerError, 500, undefined, true],
  503: [OpenAI.InternalServerError, 503, 'server_overloaded', true],
};
const BEHIND_GATEWAY = {
  ...DIRECT,
  401: [OpenAI.InternalServerError, 502, 'upstream_authentication', false],
  403: [OpenAI.InternalServerError, 502, 'upstream_permission', false],
  409: [OpenAI.InternalServerError, 502, undefined, true],
  422: [OpenAI.BadRequestError, 400, undefined, true],
  500: [OpenAI.InternalServerError, 502, undefined, true],
  503: [OpenAI.InternalServerError, 503, undefined, true],
};
const ERRORS = GATEWAY ? BEHIND_GATEWAY : DIRECT;

const tokens = (usage) => [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens];
const contentOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
const finishes = (chunks) => chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean);
const called = (message) =>
  message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

const create = (model, rest = {}, options = {}) =>
  client.chat.completions.create({ model, messages: MESSAGES, ...rest }, options);

async function collect(stream) {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

const stream = (model, rest = {}) => collect(create(model, { stream: true, ...rest }));

// Chat.

each('chat', async (prefix) => {
  const completion = await create(`${prefix}echo`);
  assert.equal(completion.choices[0].message.content, ANSWER);
  assert.equal(completion.choices[0].finish_reason, 'stop');
  assert.deepEqual(tokens(completion.usage), USAGE);
  assert.ok(completion._request_id);
});

test('a refusal is no content', async () => {
  const { message } = (await create(`${PREFIX}refusal`)).choices[0];
  assert.equal(message.content, null);
  assert.match(message.refusal, /rather not/);
});

each('vision', async (prefix) => {
  const parts = IMAGES.map((url) => ({ type: 'image_url', image_url: { url } }));
  const content = [{ type: 'text', text: 'What is this?' }, ...parts];
  const completion = await create(`${prefix}vision`, { messages: [{ role: 'user', content }] });
  assert.equal(completion.choices[0].message.content, SEEN);
});

// Streams.

for (const script of ['echo', 'echo-1ms', 'crlf', 'split', 'no-done']) {
  each(`stream of ${script}`, async (prefix) => {
    const chunks = await stream(prefix + script);
    assert.equal(contentOf(chunks), ANSWER);
    assert.deepEqual(finishes(chunks), ['stop']);
    assert.ok(chunks.length > 10, 'it came in one piece');
    assert.equal(chunks.filter((chunk) => chunk.choices[0].delta.role).length, 1);
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
    assert.ok(chunks.every((chunk) => !chunk.usage), 'nobody asked for the usage');
  });
}

each('stream with usage', async (prefix) => {
  const chunks = await stream(`${prefix}echo`, { stream_options: { include_usage: true } });
  const last = chunks.pop();
  assert.equal(contentOf(chunks), ANSWER);
  assert.ok(chunks.every((chunk) => !chunk.usage));
  assert.deepEqual(last.choices, []);
  assert.deepEqual(tokens(last.usage), USAGE);
});

for (const script of ['echo', 'split']) {
  each(`characters survive a stream of ${script}`, async (prefix) => {
    const content = 'naïve Ωμέγα 日本語 👩‍👩‍👧‍👦 e\u0301 \u2028 \u{10ffff}';
    const chunks = await stream(prefix + script, { messages: [{ role: 'user', content }] });
    assert.ok(contentOf(chunks).includes(`You said: ${content} I counted`));
  });
}

each('reasoning comes first', async (prefix) => {
  const chunks = await stream(`${prefix}reasoning`);
  const thoughts = chunks.map((chunk) => chunk.choices[0].delta.reasoning_content ?? '');
  assert.match(thoughts.join(''), /^First I read/);
  assert.equal(contentOf(chunks), ANSWER);
});

each('the stream helper', async (prefix) => {
  const deltas = [];
  const runner = helpers.stream({
    model: `${prefix}echo`,
    messages: MESSAGES,
    stream_options: { include_usage: true },
  });
  runner.on('content', (delta) => deltas.push(delta));
  const completion = await runner.finalChatCompletion();
  assert.equal(deltas.join(''), ANSWER);
  assert.equal(completion.choices[0].message.content, ANSWER);
  assert.deepEqual(tokens(completion.usage), USAGE);
});

// Tools.

each('tools', async (prefix) => {
  const { message, finish_reason } = (await create(`${prefix}tools`, { tools: TOOLS })).choices[0];
  assert.equal(finish_reason, 'tool_calls');
  assert.deepEqual(called(message), CALLS);
  assert.equal(new Set(message.tool_calls.map((call) => call.id)).size, 2);

  // And the round is completed.
  const results = message.tool_calls.map((call) => ({
    role: 'tool',
    tool_call_id: call.id,
    content: 'sunny',
  }));
  const messages = [...MESSAGES, message, ...results];
  const completion = await create(`${prefix}tools`, { tools: TOOLS, messages });
  assert.match(completion.choices[0].message.content, /^You said: sunny/);
});

each('one tool at a time', async (prefix) => {
  const completion = await create(`${prefix}tools`, { tools: TOOLS, parallel_tool_calls: false });
  assert.deepEqual(called(completion.choices[0].message), CALLS.slice(0, 1));
});

each('tools in a stream', async (prefix) => {
  const chunks = await stream(`${prefix}tools`, { tools: TOOLS });
  const calls = [];
  for (const delta of chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? [])) {
    assert.ok(Number.isInteger(delta.index));
    if (delta.id) {
      // Clients append: what comes twice is there twice.
      assert.equal(calls[delta.index], undefined);
      calls[delta.index] = { id: delta.id, name: delta.function.name, pieces: [] };
    } else {
      assert.equal(delta.function.name, undefined);
    }
    calls[delta.index].pieces.push(delta.function.arguments);
  }
  assert.deepEqual(finishes(chunks), ['tool_calls']);
  assert.notEqual(calls[0].id, calls[1].id);
  assert.ok(calls.every((call) => call.pieces.length > 2), 'they came in one piece');
  const parsed = calls.map((call) => [call.name, JSON.parse(call.pieces.join(''))]);
  assert.deepEqual(parsed, CALLS);
});

each('tools in the stream helper', async (prefix) => {
  const runner = helpers.stream({ model: `${prefix}tools`, messages: MESSAGES, tools: TOOLS });
  const completion = await runner.finalChatCompletion();
  assert.deepEqual(called(completion.choices[0].message), CALLS);
});

// Structured output.

each('JSON schema', async (prefix) => {
  const response_format = zodResponseFormat(Person, 'person');
  const completion = await create(`${prefix}json`, { response_format });
  assert.deepEqual(JSON.parse(completion.choices[0].message.content), PERSON);
});

each('parse', async (prefix) => {
  const completion = await helpers.parse({
    model: `${prefix}json`,
    messages: MESSAGES,
    response_format: zodResponseFormat(Person, 'person'),
  });
  assert.deepEqual(completion.choices[0].message.parsed, PERSON);
});

// Embeddings and models.

each('embeddings are the same in both encodings', async (prefix) => {
  const request = { model: `${prefix}embed`, input: ['one', 'two'] };
  const byDefault = await client.embeddings.create(request);
  const floats = await client.embeddings.create({ ...request, encoding_format: 'float' });
  const vectors = ({ data }) => data.map((item) => Array.from(item.embedding));
  assert.deepEqual(vectors(byDefault).map((vector) => vector.length), [8, 8]);
  assert.notDeepEqual(vectors(byDefault)[0], vectors(byDefault)[1]);
  assert.deepEqual(vectors(byDefault), vectors(floats));
  assert.equal(byDefault.usage.prompt_tokens, 2);
});

test('models', async () => {
  const models = new Map();
  for await (const model of client.models.list()) models.set(model.id, model);
  assert.equal(models.get(`${PREFIX}echo`).object, 'model');
  assert.ok(models.has(`${PREFIX}tools`));
});

// Errors.

for (const [status, [exception, expected, code, keeps]] of Object.entries(ERRORS)) {
  for (const streamed of [false, true]) {
    test(`error ${status}${streamed ? ' in place of a stream' : ''}`, async () => {
      const error = await caught(create(`${PREFIX}error-${status}`, { stream: streamed }));
      assert.equal(error.constructor, exception);
      assert.equal(error.status, expected);
      if (code) assert.equal(error.code, code);
      if (keeps) assert.ok(error.message.includes(`scripted ${status}: `), error.message);
      // Its name changed between the versions.
      assert.ok(error.requestID ?? error.request_id);
    });
  }
}

test('a context too long is told by its code', async () => {
  const error = await caught(create(`${PREFIX}context-too-long`));
  assert.equal(error.constructor, OpenAI.BadRequestError);
  assert.equal(error.code, 'context_length_exceeded');
});

test('a retry helps where a failure passes', async () => {
  const completion = await create(PREFIX + unique('flaky-1'), {}, { maxRetries: 2 });
  assert.equal(completion.choices[0].message.content, ANSWER);
});

test('an error in a stream keeps message and code', async () => {
  const error = await caught(stream(`${PREFIX}error-midstream`));
  assert.ok(error instanceof OpenAI.APIError);
  assert.match(error.message, /scripted: the model exploded/);
  assert.equal(error.code, 'model_exploded');
});

test('an error as the first event', async () => {
  // A gateway may still make a failed answer of it: nothing was promised yet.
  const error = await caught(stream(`${PREFIX}error-first`));
  assert.ok(error instanceof OpenAI.APIError);
  assert.match(error.message, /scripted: the model exploded/);
});

if (GATEWAY) {
  for (const script of ['cut-after-3', 'cut-after-0', 'no-finish', 'no-blank-line']) {
    each(`a gateway never ends ${script} silently`, async (prefix) => {
      const chunks = [];
      let error;
      try {
        for await (const chunk of await create(prefix + script, { stream: true })) {
          chunks.push(chunk);
        }
      } catch (thrown) {
        error = thrown;
      }
      assert.ok(error || finishes(chunks).length, 'without a finish, it looks complete');
      if (script.startsWith('cut')) assert.ok(error instanceof OpenAI.APIError);
    });
  }
  for (const script of ['not-json', 'empty', 'redirect']) {
    each(`a gateway makes an error of ${script}`, async (prefix) => {
      const error = await caught(create(prefix + script));
      assert.equal(error.constructor, OpenAI.InternalServerError);
    });
  }
}

// Cancellation.

each('a stream left half-way', async (prefix) => {
  const script = unique('echo-20ms');
  let gone;
  let count = 0;
  for await (const _ of await create(prefix + script, { messages: LONG, stream: true })) {
    count += 1;
    if (count === 2) {
      gone = performance.now();
      break;
    }
  }
  assert.equal(count, 2);
  await assertUpstreamSawItGo(script, gone);
});

each('a stream aborted half-way', async (prefix) => {
  const script = unique('echo-20ms');
  const stream = await create(prefix + script, { messages: LONG, stream: true });
  let gone;
  let count = 0;
  for await (const _ of stream) {
    count += 1;
    if (count === 2) {
      gone = performance.now();
      stream.controller.abort();
    }
  }
  await assertUpstreamSawItGo(script, gone);
});

each('a call that timed out', async (prefix) => {
  const script = unique('silent');
  const error = await caught(create(prefix + script, {}, { timeout: 500 }));
  const gone = performance.now();
  assert.equal(error.constructor, OpenAI.APIConnectionTimeoutError);
  await assertUpstreamSawItGo(script, gone);
});

each('a call that was aborted', async (prefix) => {
  const script = unique('silent');
  const controller = new AbortController();
  const call = caught(create(prefix + script, {}, { signal: controller.signal }));
  await waitArrived(script);
  const gone = performance.now();
  controller.abort();
  assert.equal((await call).constructor, OpenAI.APIUserAbortError);
  await assertUpstreamSawItGo(script, gone);
});
