// Where the suites run, and what their tests share. The variables are those of
// ../python/conftest.py; PACKAGE says which of the installed versions of a package is tested.

import assert from 'node:assert/strict';
import { test } from 'node:test';

export const GATEWAY = process.env.GATEWAY === '1';
export const PREFIX = process.env.MODEL_PREFIX ?? 'house/';
export const PREFIXES = { passthrough: PREFIX };
if (process.env.TRANSLATED_PREFIX) PREFIXES.translated = process.env.TRANSLATED_PREFIX;

export const BASE_URL = `${process.env.PORTCULLIS_URL}/v1`;
export const KEY = process.env.PORTCULLIS_KEY ?? 'sk-any';

/** Runs a test for each way in which a provider may be served. */
export function each(name, body) {
  for (const [way, prefix] of Object.entries(PREFIXES)) test(`${name} (${way})`, () => body(prefix));
}

let number = 0;

/** A name that only this test uses, to find its request at the upstream. */
export function unique(script) {
  number += 1;
  return `${script}-js${process.pid}-${number}`;
}

/** Asks the scripted upstream. */
export async function control(path, query) {
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
