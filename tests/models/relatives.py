"""Tiny checkpoints of the Qwen 3 and Gemma 3 families with random weights, the same on every machine.

What transformers computes with them is recorded in `tests/data/families.npz`, by the script of that name beside it.
"""

import math

import numpy as np

HIDDEN, FEED_FORWARD, CONTEXT, VOCABULARY, EPSILON = 256, 256, 96, 280, 1e-6
WINDOW = 8
SHAPES = {  # layers, heads, key and value heads, head size; heads * size is not HIDDEN, as in the published models
    "qwen3": (2, 4, 2, 48),
    "gemma3": (6, 2, 1, 64),
}
ROPE_BASE, NEAR_ROPE_BASE = {"qwen3": 20_000.0, "gemma3": 50_000.0}, 10_000.0
EMBEDDING_SIZE = {
    "qwen3": 0.5,
    "gemma3": 0.1,
}  # the larger it is, the more a model with tied ones repeats its last token
IDS = [(17 + 37 * k * k) % (VOCABULARY - 4) + 4 for k in range(40)]
SAID = 12


def weights(family, vocabulary=VOCABULARY):
    """The weights by their names in GGUF, without the suffix; norms of Gemma 3 with their one added."""
    random = np.random.RandomState(0)  # of all of numpy's generators this one's numbers never change
    layers, heads, kv_heads, size = SHAPES[family]
    made = {"token_embd": _matrix(random, vocabulary, HIDDEN), "output_norm": _norm(random, HIDDEN)}
    made["token_embd"] *= np.float32(EMBEDDING_SIZE[family])
    for layer in range(layers):
        matrices = {
            "attn_q": (heads * size, HIDDEN),
            "attn_k": (kv_heads * size, HIDDEN),
            "attn_v": (kv_heads * size, HIDDEN),
            "attn_output": (HIDDEN, heads * size),
            "ffn_gate": (FEED_FORWARD, HIDDEN),
            "ffn_up": (FEED_FORWARD, HIDDEN),
            "ffn_down": (HIDDEN, FEED_FORWARD),
        }
        norms = {"attn_norm": HIDDEN, "ffn_norm": HIDDEN, "attn_q_norm": size, "attn_k_norm": size}
        if family == "gemma3":
            norms |= {"post_attention_norm": HIDDEN, "post_ffw_norm": HIDDEN}
        made |= {f"blk.{layer}.{name}": _matrix(random, *shape) for name, shape in matrices.items()}
        made |= {f"blk.{layer}.{name}": _norm(random, length) for name, length in norms.items()}
    return made


def _matrix(random, rows, columns):
    return (random.standard_normal((rows, columns)) / math.sqrt(columns)).astype(np.float32)


def _norm(random, length):
    return (1 + 0.3 * random.standard_normal(length)).astype(np.float32)


def write(path, family, kinds=None, *, tokens=VOCABULARY, vocabulary=None, change=None, **scaled):
    """Write the checkpoint; gives the weights as a reader of the file must see them.

    `kinds(name)` is the type of a matrix (F32 where `None`), `vocabulary(writer)` adds another one than byte-level
    letters, of so many `tokens`, `change(writer)` further fields; `scaled` multiplies weights by the names they end in.
    """
    import gguf

    layers, heads, kv_heads, size = SHAPES[family]
    writer = gguf.GGUFWriter(path, family)
    writer.add_block_count(layers)
    writer.add_embedding_length(HIDDEN)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_context_length(CONTEXT)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE[family])
    if family == "gemma3":
        writer.add_sliding_window(WINDOW)
    (vocabulary or _letters)(writer)
    if change:
        change(writer)
    seen, random = {}, np.random.RandomState(1)
    for name, array in weights(family, tokens).items():
        array = array * np.float32(scaled.get(name.rpartition(".")[2], 1))
        kind = kinds(name) if kinds and array.ndim > 1 else gguf.GGMLQuantizationType.F32
        raw = packed(random, array.shape, kind, array)
        seen[name] = gguf.quants.dequantize(raw, kind)
        writer.add_tensor(f"{name}.weight", raw, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return seen


def _letters(writer):
    import tiny

    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    spare = [f"<|spare {number}|>" for number in range(VOCABULARY - tiny.VOCABULARY)]
    writer.add_token_list([*tiny.TOKENS, *spare])
    writer.add_token_types([3] * len(tiny.SPECIAL) + [1] * (tiny.VOCABULARY - len(tiny.SPECIAL)) + [3] * len(spare))
    writer.add_token_merges(tiny.MERGES)
    writer.add_eos_token_id(0)
    writer.add_chat_template(tiny.TEMPLATE)


_SCALES = {"Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}  # where the float16 numbers of a block of 256 lie
_CODE_MEANS = {"Q4_K": 7.5, "Q5_K": 15.5}


def packed(random, shape, kind, array=None):
    """A matrix in `kind`: `array` (random where `None`) as the gguf package packs it. Types that it only unpacks get
    random codes instead, with numbers of about the size that `array` has."""
    import gguf

    array = random.standard_normal(shape).astype(np.float32) if array is None else array
    offsets = _SCALES.get(kind.name)
    if offsets is None:
        return gguf.quants.quantize(array, kind)
    size = gguf.GGML_QUANT_SIZES[kind][1]
    raw = random.randint(0, 256, (shape[0], shape[1] // 256, size)).astype(np.uint8)

    def set_scale(scale):
        # The minimum takes away what the codes have on average, so that weights lie around zero.
        for offset, factor in zip(offsets, (1.0, _CODE_MEANS.get(kind.name)), strict=False):
            raw[..., offset : offset + 2] = np.array([scale * factor], "<f2").view(np.uint8)

    set_scale(2.0**-6)
    set_scale(2.0**-6 * array.std() / gguf.quants.dequantize(raw.reshape(shape[0], -1), kind).std())
    return raw.reshape(shape[0], -1)
