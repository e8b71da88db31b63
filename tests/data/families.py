"""Record what transformers computes with the tiny Qwen 3 and Gemma 3 checkpoints of `tests/models/relatives.py`.

    python -m venv v && v/bin/pip install torch==2.13.0 transformers==4.57.6
    v/bin/python tests/data/families.py

Writes `families.npz`: per family the logits [tokens, vocabulary] of `IDS` in 32-bit floats, and what it goes on with.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, Qwen3Config, Qwen3ForCausalLM

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "models"))
import relatives  # noqa: E402 (found only with the path above)

NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
NORMS = {
    "qwen3": {"ffn_norm": "post_attention_layernorm"},
    "gemma3": {
        "post_attention_norm": "post_attention_layernorm",
        "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    },
}


def model(family: str) -> torch.nn.Module:
    layers, heads, kv_heads, size = relatives.SHAPES[family]
    shape = {
        "vocab_size": relatives.VOCABULARY,
        "hidden_size": relatives.HIDDEN,
        "intermediate_size": relatives.FEED_FORWARD,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": size,
        "max_position_embeddings": relatives.CONTEXT,
        "rms_norm_eps": relatives.EPSILON,
        "rope_theta": relatives.ROPE_BASE[family],
        "tie_word_embeddings": True,
        "attn_implementation": "eager",
    }
    if family == "qwen3":
        made = Qwen3ForCausalLM(Qwen3Config(**shape))
    else:
        near = {
            "sliding_window": relatives.WINDOW,
            "rope_local_base_freq": relatives.NEAR_ROPE_BASE,
            "query_pre_attn_scalar": size,
        }
        made = Gemma3ForCausalLM(Gemma3TextConfig(**shape, **near))  # of layer types it takes the published ones
    given = {}
    for name, array in relatives.weights(family).items():
        if family == "gemma3" and array.ndim == 1:
            array = array - 1
        block, _, part = name.rpartition(".")
        if block:
            given[f"model.layers.{block.removeprefix('blk.')}.{(NAMES | NORMS[family])[part]}.weight"] = array
        else:
            given[{"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight"}[name]] = array
    missing, strange = made.load_state_dict({name: torch.tensor(array) for name, array in given.items()}, strict=False)
    assert missing == ["lm_head.weight"], missing
    assert not strange, strange
    made.tie_weights()
    return made.float().eval()


@torch.no_grad()
def record() -> None:
    found = {}
    for family in relatives.SHAPES:
        made, ids = model(family), list(relatives.IDS)
        found[f"{family}.logits"] = made(torch.tensor([ids]), use_cache=False).logits[0].numpy()
        for _ in range(relatives.SAID):
            ids.append(int(made(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
        found[f"{family}.said"] = np.array(ids[len(relatives.IDS) :])
        print(family, found[f"{family}.said"], np.abs(found[f"{family}.logits"]).max())
        if family == "gemma3":
            print(made.config.layer_types, made.config.sliding_window, made.config.query_pre_attn_scalar)
    np.savez_compressed(HERE / "families.npz", **found)


record()
