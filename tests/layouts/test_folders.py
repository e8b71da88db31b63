"""Which file of a folder is taken, what is known of it without loading it, and every reason to refuse it."""

import json

import onnx
import pytest
from answering import DATA
from onnx import TensorProto, helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from desk.facts.trouble import Trouble
from desk.models.foreign import fitness
from desk.models.foreign.layout import GENAI, OPTIMUM, TRANSFORMERS_JS, describe
from desk.models.store import open_model, ready
from desk.models.text import Text


@pytest.mark.parametrize(
    ("layout", "exporter", "growing", "precision"),
    [
        ("genai-llama-fp32", GENAI, False, "fp32"),
        ("genai-llama-fp16", GENAI, False, "fp16"),
        ("genai-phi3-int4", GENAI, False, "q4"),
        ("js-llama", TRANSFORMERS_JS, True, "q4, one row a run"),
        ("optimum-qwen3", OPTIMUM, True, "fp32, one row a run"),
    ],
)
def test_a_folder_is_known_by_its_files_and_its_graph(layout, exporter, growing, precision):
    folder, manifest = open_model(str(DATA / layout))
    assert (manifest.wiring.exporter, manifest.wiring.growing, manifest.precision) == (exporter, growing, precision)
    assert (manifest.layers, manifest.kv_heads, manifest.head_size, manifest.vocabulary) == (2, 2, 16, 288)
    assert (manifest.context, manifest.eos, manifest.bos) == (128, (2, 0), None)
    assert manifest.weights_bytes == sum(
        file.stat().st_size for file in (folder / manifest.graph).parent.glob(f"{(folder / manifest.graph).name}*")
    )
    assert ready(str(folder))


def test_what_the_graph_asks_for_is_what_is_wired():
    genai, positions, optimum = (
        describe(DATA / layout).wiring for layout in ("genai-llama-fp16", "genai-llama-fp16-positions", "optimum-llama")
    )
    assert (genai.mask, genai.positions, genai.lengths, genai.last) == ("attention_mask", "", "", "")
    assert (positions.mask, positions.positions, positions.growing) == ("attention_mask", "position_ids", False)
    assert (optimum.mask, optimum.positions, optimum.growing) == ("attention_mask", "position_ids", True)


def test_a_window_is_known():
    assert describe(DATA / "genai-gemma3-fp32").window == 16
    assert describe(DATA / "genai-llama-fp32").window == 0


def test_the_conversation_is_in_the_models_own_template():
    text = Text(*open_model(str(DATA / "js-llama")))
    ids = text.chat([{"role": "user", "content": "The power"}])
    assert (ids[0], ids.count(1), ids.count(2)) == (1, 2, 1)
    assert "user\nThe power\nassistant" in text.decode(ids).replace("  ", " ")


@pytest.mark.parametrize(("provider", "graph"), [("cpu", "model_q4.onnx"), ("cuda", "model_fp16.onnx")])
def test_each_provider_gets_the_variant_made_for_it(provider, graph):
    assert describe(DATA / "js-llama", "", provider).graph == f"onnx/{graph}"


def test_a_variant_asked_for_is_taken_or_refused_with_what_there_is():
    assert describe(DATA / "js-llama", "fp16").graph == "onnx/model_fp16.onnx"
    assert describe(DATA / "js-llama", describe(DATA / "js-llama", "fp16").precision).graph == "onnx/model_fp16.onnx"
    with pytest.raises(Trouble, match=r"does not come in precision q8\..*fp16, q4"):
        describe(DATA / "js-llama", "q8")


def test_eight_bit_integers_run_on_the_cpu_and_are_never_chosen_for_cuda(copied, network, runtime):
    folder = copied("optimum-llama")
    inner = folder / "onnx"
    inner.mkdir()
    quantize_dynamic(folder / "model.onnx", inner / "model_quantized.onnx", weight_type=QuantType.QUInt8)
    (folder / "model.onnx").unlink()
    manifest = describe(folder)
    assert manifest.quantisation == "int8"
    fitness.check(folder, manifest, "cpu")
    with pytest.raises(Trouble, match=r"8-bit integers.*CUDA has no kernel"):
        describe(folder, "", "cuda")
    (inner / "model_fp16.onnx").write_bytes((DATA / "js-llama" / "onnx" / "model_fp16.onnx").read_bytes())
    assert describe(folder, "", "cuda").graph == "onnx/model_fp16.onnx"
    with pytest.raises(Trouble, match="8-bit integers"):
        describe(folder, "int8", "cuda")


def test_only_variants_of_another_provider_are_refused(copied):
    folder = copied("js-llama")
    (folder / "onnx" / "model_q4.onnx").rename(folder / "onnx" / "model_int8.onnx")
    (folder / "onnx" / "model_fp16.onnx").rename(folder / "onnx" / "model_bnb4.onnx")
    with pytest.raises(Trouble, match="no variant for CUDA, only bnb4, int8"):
        describe(folder, "", "cuda")


def test_a_graph_without_kernels_on_the_provider_is_refused_in_words():
    folder, manifest = open_model(str(DATA / "genai-llama-fp32"), "", "cuda")
    with pytest.raises(Trouble, match=r"GroupQueryAttention in float32 .* no kernel on CUDA; the CPU can run it"):
        fitness.check(folder, manifest, "cuda")
    fitness.check(folder, manifest, "cpu")


@pytest.mark.parametrize("layout", ["genai-llama-fp16", "genai-llama-fp16-positions", "optimum-gemma3", "js-llama"])
def test_graphs_made_for_cuda_have_kernels_there(layout):
    folder, manifest = open_model(str(DATA / layout), "", "cuda")
    fitness.check(folder, manifest, "cuda")


def choosing(graph, compare):
    """Let the graph take its table of cosines from an `If`, as the builder writes it for models of two rotations."""
    branches = []
    for name in ("large", "small"):
        value = helper.make_tensor("", TensorProto.FLOAT, [128, 8], [0.0] * 1024)
        constant = helper.make_node("Constant", [], [f"cos_{name}"], value=value)
        branches.append(helper.make_graph([constant], name, [], [helper.make_empty_tensor_value_info(f"cos_{name}")]))
    graph.initializer.remove(next(tensor for tensor in graph.initializer if tensor.name == "cos_cache"))
    graph.initializer.append(helper.make_tensor("limit", TensorProto.INT64, [], [64]))
    graph.node.insert(0, helper.make_node(compare, ["total", "limit"], ["long"]))
    graph.node.insert(
        1, helper.make_node("If", ["long"], ["cos_cache"], then_branch=branches[0], else_branch=branches[1])
    )


def test_a_model_that_turns_otherwise_in_longer_texts_is_served_up_to_there(copied):
    assert describe(changed(copied("genai-llama-fp32"), lambda graph: choosing(graph, "Greater"))).context == 64


# ---- refusals


def refused(folder, words, provider="cpu"):
    with pytest.raises(Trouble, match=words) as raised:
        describe(folder, "", provider)
    assert raised.value.remedy
    assert "\n" not in str(raised.value)


def changed(folder, change, graph="model.onnx"):
    """Let `change` spoil the graph of a copied folder."""
    model = onnx.load(folder / graph, load_external_data=False)
    change(model.graph)
    onnx.save(model, folder / graph)
    return folder


def configured(folder, file="config.json", **settings):
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("encoder_hidden_states", "encoder-decoder.*encoder_hidden_states"),
        ("pixel_values", "multimodal"),
        ("inputs_embeds", "multimodal"),
        ("past_conv.0", "recurrent state"),
        ("block_table", "paged KV cache"),
        ("use_cache_branch", "two graphs in one"),
        ("temperature_of_the_room", "asks for temperature_of_the_room, which nothing here can give"),
    ],
)
def test_an_input_that_cannot_be_fed(copied, asked, words):
    value = helper.make_tensor_value_info(asked, TensorProto.FLOAT, ["rows", 4])
    refused(changed(copied("optimum-llama"), lambda graph: graph.input.append(value)), words)


def test_a_graph_without_a_cache(copied):
    def strip(graph):
        for ports in (graph.input, graph.output):
            for port in [p for p in ports if "past" in p.name or "present" in p.name]:
                ports.remove(port)

    refused(changed(copied("optimum-llama"), strip), "has no KV cache")


def test_a_graph_that_keeps_half_its_cache(copied):
    def forget(graph):
        graph.output.remove(next(port for port in graph.output if port.name == "present.1.value"))

    refused(changed(copied("optimum-llama"), forget), "does not give back the KV cache")


def test_a_graph_without_logits(copied):
    def rename(graph):
        graph.output[0].name = "hidden_states"

    refused(changed(copied("optimum-llama"), rename), "gives no logits")


def test_a_cache_in_eight_bits(copied):
    def narrow(graph):
        for port in graph.input:
            if "past" in port.name:
                port.type.tensor_type.elem_type = TensorProto.INT8

    refused(changed(copied("genai-llama-fp32"), narrow), "keeps its KV cache in int8")


def test_inputs_and_outputs_in_other_types(copied):
    def mask(graph):
        next(p for p in graph.input if p.name == "attention_mask").type.tensor_type.elem_type = TensorProto.FLOAT

    def logits(graph):
        graph.output[0].type.tensor_type.elem_type = TensorProto.BFLOAT16

    refused(changed(copied("genai-llama-fp32"), mask), "attention_mask in float32, not in int64 or int32")
    refused(changed(copied("optimum-llama"), logits), "logits in bfloat16, not in float32 or float16")


def test_a_cache_of_another_form(copied):
    def flatten(graph):
        next(p for p in graph.input if p.name == "past_key_values.1.key").type.tensor_type.shape.dim.pop()

    refused(changed(copied("genai-llama-fp32"), flatten), "not of rows, heads, tokens and sizes")


def test_nothing_that_says_how_long_a_text_may_be(copied):
    refused(configured(copied("optimum-llama"), max_position_embeddings="long"), "tell its context")


@pytest.mark.parametrize(
    "spoiled", [{"added_tokens": [1]}, {"post_processor": {"type": "TemplateProcessing", "single": 3}}]
)
def test_a_tokenizer_that_says_nothing_sensible(copied, spoiled):
    refused(configured(copied("optimum-llama"), "tokenizer.json", **spoiled), r"tokenizer\.json .* not what it must be")


def test_the_token_every_prompt_begins_with_and_the_one_that_templates_call_the_end(copied):
    start = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}},
    }
    folder = configured(copied("optimum-llama"), "tokenizer.json", post_processor=start)
    configured(folder, "tokenizer_config.json", eos_token={"content": "<|endoftext|>"})
    manifest = describe(folder)
    assert (manifest.bos, manifest.eos) == (1, (0, 2))
    assert Text(folder, manifest).encode("a")[0] == 1


def test_layers_of_different_sizes(copied):
    def widen(graph):
        next(p for p in graph.input if p.name == "past_key_values.1.key").type.tensor_type.shape.dim[1].dim_value = 4

    refused(changed(copied("genai-llama-fp32"), widen), "different sizes")


def test_a_rotation_chosen_in_another_way(copied):
    refused(changed(copied("genai-llama-fp32"), lambda graph: choosing(graph, "Less")), "turns positions in a way")


def test_a_cache_of_the_windows_size():
    refused(DATA / "genai-gemma3-windowed", "size of its window")


def test_a_past_that_others_look_at_too_is_never_shared(copied):
    """Whatever counts the past's length would count the room behind it."""

    def look(graph):
        graph.node.append(helper.make_node("Shape", ["past_key_values.0.key"], ["seen"]))

    assert describe(changed(copied("genai-llama-fp32"), look)).wiring.growing


def test_lengths_that_are_the_masks_width_are_never_shared(copied):
    """Then rows of other lengths than the mask is wide would not be known by their sums."""

    def by_width(graph):
        total = next(node for node in graph.node if node.op_type == "ReduceSum")
        total.op_type = "Shape"
        del total.input[1:], total.attribute[:]

    assert describe(changed(copied("genai-llama-fp32"), by_width)).wiring.growing


def test_rotation_that_nobody_tells_positions_is_never_shared(copied):
    def unturned(graph):
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name == "do_rotary":
                    attribute.i = 0

    assert describe(changed(copied("genai-llama-fp32"), unturned)).wiring.growing


@pytest.mark.parametrize("location", ["../elsewhere.data", "/etc/hostname", "inner/../../elsewhere.data", ""])
def test_weights_outside_the_folder(copied, location):
    folder = copied("genai-llama-fp32")
    (folder.parent / "elsewhere.data").write_bytes(bytes(1 << 20))

    def point(graph):
        entry = next(t for t in graph.initializer if t.external_data).external_data[0]
        assert entry.key == "location"
        entry.value = location

    refused(changed(folder, point), "lies outside its folder")


def test_weights_behind_a_link_that_leads_outside(copied):
    folder = copied("genai-llama-fp32")
    weights = folder / "model.onnx.data"
    weights.rename(folder.parent / "elsewhere.data")
    weights.symlink_to(folder.parent / "elsewhere.data")
    refused(folder, "lies outside its folder")


def test_weights_of_a_constant_inside_a_node_are_looked_at_too(copied):
    def hide(graph):
        tensor = helper.make_tensor("secret", TensorProto.FLOAT, [1], [0.0])
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../secret")
        graph.node.append(helper.make_node("Constant", [], ["told"], value=tensor))

    refused(changed(copied("optimum-llama"), hide), "from ../secret")


def test_weights_missing_or_torn(copied):
    folder = copied("genai-llama-fp32")
    weights = folder / "model.onnx.data"
    weights.write_bytes(weights.read_bytes()[:-1])
    refused(folder, r"model\.onnx\.data .* missing or torn")
    weights.unlink()
    refused(folder, r"model\.onnx\.data .* missing or torn")


def test_a_torn_graph(copied):
    folder = copied("optimum-llama")
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    refused(folder, "not a whole ONNX graph")
    graph.write_bytes(b"")
    refused(folder, "not a whole ONNX graph")


def test_no_tokenizer(copied):
    folder = copied("optimum-llama")
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    refused(folder, r"has no tokenizer\.json; its tokenizer\.model")


def test_no_end_of_an_answer(copied):
    folder = copied("optimum-llama")
    for file in ("generation_config.json", "tokenizer_config.json"):
        (folder / file).unlink()
    refused(configured(folder, eos_token_id=None), "which token ends an answer")


def test_an_encoder_decoder_by_its_configuration_and_by_its_files(copied):
    folder = copied("optimum-llama")
    (folder / "model.onnx").rename(folder / "decoder_model_merged.onnx")
    (folder / "encoder_model.onnx").touch()
    refused(folder, "is an encoder-decoder")
    (folder / "encoder_model.onnx").unlink()
    refused(configured(folder, is_encoder_decoder=True), "is an encoder-decoder")


def test_a_multimodal_model_by_its_files(copied):
    folder = copied("js-llama")
    (folder / "onnx" / "vision_encoder_q4.onnx").touch()
    refused(folder, "is multimodal")


def test_a_model_in_parts(copied):
    folder = copied("genai-llama-fp32")
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"]["vision"] = {"filename": "vision.onnx"}
    (folder / "genai_config.json").write_text(json.dumps(config))
    refused(folder, "is in parts")


@pytest.mark.parametrize("content", ["{}", '{"model": {"decoder": []}}', "[1]", "{torn"])
def test_a_genai_configuration_that_says_nothing(copied, content):
    folder = copied("genai-llama-fp32")
    (folder / "genai_config.json").write_text(content)
    refused(folder, "genai_config|no config.json")


def test_a_graph_outside_its_folder(copied):
    folder = copied("genai-llama-fp32")
    config = json.loads((folder / "genai_config.json").read_text())
    config["model"]["decoder"]["filename"] = "../model.onnx"
    (folder / "genai_config.json").write_text(json.dumps(config))
    refused(folder, "outside its folder")


def test_folders_without_a_model(tmp_path, copied):
    refused(tmp_path, "no model of a known layout")
    folder = copied("optimum-llama")
    (folder / "config.json").unlink()
    refused(folder, r"no config\.json")
    folder = copied("optimum-qwen3")
    (folder / "model.onnx").rename(folder / "one.onnx")
    assert describe(folder).graph == "one.onnx"
    (folder / "two.onnx").touch()
    refused(folder, r"several graphs and no model\.onnx")
    (folder / "one.onnx").unlink()
    (folder / "two.onnx").unlink()
    refused(folder, "has no ONNX graph")
