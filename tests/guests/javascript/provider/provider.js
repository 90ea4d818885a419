// A provider in JavaScript: it translates chats. `tests/all/languages.rs` asks it.

const failure = (kind, message) => ({ kind, message, extra: [] });

class Exchange {
  finish = null;

  static start(request) {
    const model = JSON.stringify(request.model());
    const call = {
      method: "POST",
      pathAndQuery: "/chat/completions",
      headers: [["content-type", "application/json"]],
      body: { tag: "edited", val: [{ tag: "set", val: ["/model", model] }] },
      framing: request.streaming() ? "sse" : "whole",
      passthrough: false,
      extra: [],
    };
    return [new Exchange(), { tag: "http", val: call }];
  }

  head() {}

  frames(frames) {
    const data = frames.map(({ tag, val }) => (tag === "sse" ? val[1] : val));
    const choices = data.filter((it) => it !== "[DONE]").flatMap((it) => JSON.parse(it).choices);
    this.finish = choices.findLast((it) => it.finish_reason)?.finish_reason ?? this.finish;
    const said = choices.map((it) => (it.delta ?? it.message).content).filter(Boolean);
    return said.map((text) => ({ tag: "text", val: { index: 0, text } }));
  }

  end() {
    if (this.finish === null) throw failure("malformed", "no finish came");
    const finished = { index: 0, reason: this.finish, extra: [] };
    return { tag: "done", val: [{ tag: "finished", val: finished }] };
  }
}

export const provider = {
  Exchange,
  describe: () => ({ operations: ["chat"], dialects: [], models: [], extra: [] }),
  configure() {},
  refused: (head) => failure("upstream", `it answered ${head.status}`),
  listModelsCall: () => null,
  readModels: () => [],
};
