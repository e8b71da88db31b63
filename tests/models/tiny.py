"""A tiny llama checkpoint with random weights, and what it must compute, worked out in plain numpy."""

import gguf
import numpy as np

LAYERS, HIDDEN, HEADS, KV_HEADS, SIZE, FEED_FORWARD, CONTEXT = 2, 192, 6, 2, 32, 128, 64
EPSILON, BASE = 1e-5, 10_000.0
SPECIAL = ["<|end|>", "<|turn|>"]
TEMPLATE = "{% for message in messages %}<|turn|>{{ message['content'] }}{% endfor %}"


def _byte_letters():
    """The letters that byte-level vocabularies write bytes with (the published table of GPT-2)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(byte) if byte in shown else chr(next(hidden)) for byte in range(256)]


TOKENS = [*SPECIAL, *_byte_letters(), "th", "the"]
MERGES = ["t h", "th e"]
VOCABULARY = len(TOKENS)


def write(path, kind=gguf.GGMLQuantizationType.F32, *, tied=True, stretched=False, change=None, seed=0):
    """Write the checkpoint with its matrices in `kind`; gives the weights as a reader of the file must see them.

    `change(writer, tensors)` may add fields and tensors, to spoil the file.
    """
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_context_length(CONTEXT)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(BASE)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (VOCABULARY - len(SPECIAL)))
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(0)
    writer.add_chat_template(TEMPLATE)
    shapes = {"token_embd": (VOCABULARY, HIDDEN), "output_norm": (HIDDEN,)}
    if not tied:
        shapes["output"] = (VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_norm": (HIDDEN,),
            f"blk.{layer}.attn_q": (HEADS * SIZE, HIDDEN),
            f"blk.{layer}.attn_k": (KV_HEADS * SIZE, HIDDEN),
            f"blk.{layer}.attn_v": (KV_HEADS * SIZE, HIDDEN),
            f"blk.{layer}.attn_output": (HIDDEN, HEADS * SIZE),
            f"blk.{layer}.ffn_norm": (HIDDEN,),
            f"blk.{layer}.ffn_gate": (FEED_FORWARD, HIDDEN),
            f"blk.{layer}.ffn_up": (FEED_FORWARD, HIDDEN),
            f"blk.{layer}.ffn_down": (HIDDEN, FEED_FORWARD),
        }
    seen = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            seen[name] = (1 + 0.3 * random.standard_normal(shape)).astype(np.float32)
            writer.add_tensor(f"{name}.weight", seen[name])
        else:
            packed = gguf.quants.quantize((random.standard_normal(shape) / shape[1] ** 0.5).astype(np.float32), kind)
            seen[name] = gguf.quants.dequantize(packed, kind)
            writer.add_tensor(f"{name}.weight", packed, raw_dtype=kind)
    seen["rope_freqs"] = np.ones(SIZE // 2, np.float32)
    if stretched:
        seen["rope_freqs"] = np.linspace(1, 4, SIZE // 2, dtype=np.float32)
        writer.add_tensor("rope_freqs.weight", seen["rope_freqs"])
    if change:
        change(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return seen


def logits(weights, ids):
    """Logits of every position [tokens, vocabulary] in float64, in the layout of the file: rotary pairs interleaved."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    x = w["token_embd"][ids]
    position = np.arange(len(ids))[:, None]
    angle = position * (BASE ** -(np.arange(0, SIZE, 2) / SIZE) / w["rope_freqs"])
    mask = np.where(position >= position.T, 0.0, -np.inf)
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        h = _norm(x) * w[at + "attn_norm"]
        q, k, v = (
            (h @ w[at + name].T).reshape(len(ids), -1, SIZE).swapaxes(0, 1) for name in ("attn_q", "attn_k", "attn_v")
        )
        q, k = _turned(q, angle), np.repeat(_turned(k, angle), HEADS // KV_HEADS, axis=0)
        score = q @ k.swapaxes(1, 2) / SIZE**0.5 + mask
        score = np.exp(score - score.max(-1, keepdims=True))
        mixed = score / score.sum(-1, keepdims=True) @ np.repeat(v, HEADS // KV_HEADS, axis=0)
        x = x + mixed.swapaxes(0, 1).reshape(len(ids), -1) @ w[at + "attn_output"].T
        h = _norm(x) * w[at + "ffn_norm"]
        gate = h @ w[at + "ffn_gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w[at + "ffn_up"].T)) @ w[at + "ffn_down"].T
    return _norm(x) * w["output_norm"] @ w.get("output", w["token_embd"]).T


def _norm(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)


def _turned(heads, angle):
    even, odd = heads[..., 0::2], heads[..., 1::2]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(heads.shape)
