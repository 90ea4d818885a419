// Where the suite runs, and what its tests share. The variables are those of
// ../python/conftest.py; OPENAI_PACKAGE says which of the installed versions is tested.

import assert from 'node:assert/strict';

const name = process.env.OPENAI_PACKAGE ?? 'openai-current';
export const { default: OpenAI } = await import(name);
export const { zodResponseFormat } = await import(`${name}/helpers/zod`);

export const GATEWAY = process.env.GATEWAY === '1';
export const PREFIX = process.env.MODEL_PREFIX ?? 'house/';
export const PREFIXES = { passthrough: PREFIX };
if (process.env.TRANSLATED_PREFIX) PREFIXES.translated = process.env.TRANSLATED_PREFIX;

// No retries: a test sees the first answer.
export const client = new OpenAI({
  baseURL: `${process.env.PORTCULLIS_URL}/v1`,
  apiKey: process.env.PORTCULLIS_KEY ?? 'sk-any',
  maxRetries: 0,
  timeout: 30_000,
});

// The helpers were under `beta` in the old version.
export const helpers = client.chat.completions.stream
  ? client.chat.completions
  : client.beta.chat.completions;

let number = 0;

/** A name that only this test uses, to find its request at the upstream. */
export function unique(script) {
  number += 1;
  return `${script}-js${process.pid}-${number}`;
}

/** Asks the scripted upstream. */
async function control(path, query) {
  const response = await fetch(`${process.env.UPSTREAM_URL}${path}?${new URLSearchParams(query)}`);
  return await response.json();
}

export async function waitArrived(script) {
  const requests = await control('/_/requests', { model: script, wait_ms: 10_000 });
  assert.equal(requests.length, 1, 'it has not arrived');
}

/** `gone` is when the client went away, by performance.now(). */
export async function assertUpstreamSawItGo(script, gone) {
  const seen = await control('/_/cancelled', { model: script, wait_ms: 10_000 });
  const now = performance.now();
  assert.equal(seen.count, 1, 'the upstream was not told that the client went away');
  const noticed = now - gone - seen.noticed_ms_ago;
  assert.ok(noticed <= 100, `noticed after ${noticed} ms`);
  assert.equal((await control('/_/idle', { wait_ms: 10_000 })).in_flight, 0);
}
