"""Writes a model for llama.cpp that is small and means nothing: `tiny_model.py FILE`.

A Llama of one layer with random weights, the same at every run. Its vocabulary is the bytes; its
last layer knows lower-case letters and spaces only, so that what it says is text.
"""

import sys

import gguf
import numpy

WIDTH, HEADS, HIDDEN, CONTEXT = 64, 4, 128, 1024
SPEAKABLE = b"abcdefghijklmnopqrstuvwxyz "

# Written as ChatML, without a word that the vocabulary lacks: all are spelt in bytes.
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def vocabulary():
    """Tokens with their scores and types, as the tokenizer of Llama's first version has them."""
    special = [
        ("<unk>", gguf.TokenType.UNKNOWN),
        ("<s>", gguf.TokenType.CONTROL),
        ("</s>", gguf.TokenType.CONTROL),
    ]
    single = [(f"<0x{byte:02X}>", gguf.TokenType.BYTE) for byte in range(256)]
    return [*special, *single]


def main(path):
    tokens = vocabulary()
    first_byte = len(tokens) - 256
    random = numpy.random.default_rng(seed=1)

    def weights(rows, columns):
        return random.standard_normal((rows, columns), dtype=numpy.float32) / columns**0.5

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)

    head = weights(len(tokens), WIDTH)
    speakable = [first_byte + byte for byte in SPEAKABLE]
    head[[token not in speakable for token in range(len(tokens))]] = 0
    writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH))
    writer.add_tensor("output.weight", head)
    writer.add_tensor("output_norm.weight", numpy.ones(WIDTH, dtype=numpy.float32))
    for norm in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{norm}.weight", numpy.ones(WIDTH, dtype=numpy.float32))
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{part}.weight", weights(WIDTH, WIDTH))
    writer.add_tensor("blk.0.ffn_gate.weight", weights(HIDDEN, WIDTH))
    writer.add_tensor("blk.0.ffn_up.weight", weights(HIDDEN, WIDTH))
    writer.add_tensor("blk.0.ffn_down.weight", weights(WIDTH, HIDDEN))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
