"""What the suites ask, and what the scripts of the upstream answer to it."""

from pydantic import BaseModel

QUESTION = "one two 🦀"
MESSAGES = [{"role": "user", "content": QUESTION}]
ANSWER = "You said: one two 🦀 I counted 3 words in that. This is the end."
# Tokens of the prompt, of the answer, and of both.
USAGE = (3, 15, 18)

LONG = [{"role": "user", "content": "word " * 500}]

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS, "strict": True}}
    for name in ("get_weather", "get_time")
]
CALLS = [("get_weather", {"city": "text-0"}), ("get_time", {"city": "text-1"})]

IMAGES = ["data:image/png;base64,AAAA", "data:image/jpeg;base64,AAAA"]
SEEN = "I see 2 images: image/png, image/jpeg."


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


PERSON = Person(name="text-0", age=1, tags=["text-0"])


def tokens(usage):
    return usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
