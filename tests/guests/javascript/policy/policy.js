// A policy in JavaScript: it wants the candidates in reverse order, and on some routes it
// misbehaves. `tests/all/languages.rs` says what becomes of it.

import log from "portcullis:host/log@0.1.0";

// What JavaScript finds where it usually lives. Some of it would lead outside.
const OUTSIDE = ["Deno", "WebSocket", "XMLHttpRequest", "console", "fetch", "process", "require"];

// What it does for requests to these routes instead of deciding.
const MISDEEDS = {
  hoard() {
    for (const held = []; ; ) held.push(new Uint8Array(1 << 20).fill(1));
  },
  object() {
    throw "today is not the day";
  },
  recurse() {
    return MISDEEDS.recurse() + 1;
  },
  spin() {
    for (;;);
  },
};

let settings;

export const policy = {
  describe: () => ({ stateSchema: "", wantsOutcomes: false, extra: [] }),

  configure(json) {
    settings = json;
  },

  decide(request, candidates) {
    MISDEEDS[request.model()]?.();
    const count = candidates.count();
    log.log("info", `${count} candidates`, [["settings", settings]]);
    const attempts = Array.from({ length: count }, (_, index) => ({
      candidate: count - 1 - index,
      startAfterMs: 0,
      retries: 0,
      extra: [],
    }));
    const found = OUTSIDE.filter((name) => name in globalThis);
    const reason = `the last of them first; of the world outside it sees: [${found}]`;
    return { tag: "route", val: { attempts, labels: [], reason, extra: [] } };
  },

  observe() {},
};
