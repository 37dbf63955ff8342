"""Checkpoints in the real format with random weights and a few dozen words: the real loading code runs on them."""

from __future__ import annotations

import json

import torch

TEXTS = (
    "metformin lowers hepatic glucose output",
    "gout",
    "allopurinol inhibits xanthine oxidase and lowers serum urate in patients with gout",
    "an acute attack of gout follows crystals of urate in the joint of the great toe",
    "atrial fibrillation raises the risk of stroke",
    "",
)

_FRAMES = (
    "Represent this passage : query Query Given a medical question , retrieve Instruct sentence for",
    "| user > embed < help to answer it that patient retrieval passages",
)
_WORDS = sorted({word for text in (*TEXTS, *_FRAMES) for word in text.split()})


def tiny_bert(folder, seed=0):
    from transformers import BertConfig, BertModel

    tokenizer = _tokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]"],
        "[CLS] $A [SEP]",
        "[CLS] $A [SEP] $B:1 [SEP]:1",
        ("pad", "[PAD]"),
        ("unk", "[UNK]"),
        ("cls", "[CLS]"),
        ("sep", "[SEP]"),
    )
    return _save(
        folder,
        BertModel,
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=24,
            hidden_dropout_prob=0.0,
        ),
        tokenizer,
        seed,
    )


def tiny_mistral(folder, seed=0, pad=True):
    from transformers import MistralConfig, MistralModel

    special = [("unk", "<unk>"), ("bos", "<s>"), ("eos", "</s>"), *([("pad", "<pad>")] if pad else [])]
    tokenizer = _tokenizer(["<unk>", "<s>", "</s>", "<pad>"], "<s> $A", "<s> $A $B", *special)
    return _save(
        folder,
        MistralModel,
        MistralConfig(
            vocab_size=len(tokenizer) + 1,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            sliding_window=None,
        ),
        tokenizer,
        seed,
    )


def tiny_t5(folder, seed=0):
    from transformers import T5Config, T5Model

    tokenizer = _tokenizer(
        ["<pad>", "</s>", "<unk>"], "$A </s>", "$A </s> $B </s>", ("pad", "<pad>"), ("eos", "</s>"), ("unk", "<unk>")
    )
    return _save(
        folder,
        T5Model,
        T5Config(
            vocab_size=len(tokenizer),
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            dropout_rate=0.0,
        ),
        tokenizer,
        seed,
    )


def add_modules(folder, pooling, *, dense=None, normalize=False, prompts=None, max_length=None):
    """Make a bare checkpoint one that sentence-transformers saved."""
    from safetensors.torch import save_file

    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32, f"pooling_mode_{pooling}": True})
    if dense:
        modules.append(("2_Dense", "Dense"))
        config = {
            "in_features": 32,
            "out_features": dense,
            "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity",
        }
        _write(folder / "2_Dense" / "config.json", config)
        torch.manual_seed(3)
        save_file({"linear.weight": torch.randn(dense, 32)}, folder / "2_Dense" / "model.safetensors")
    if normalize:
        modules.append(("3_Normalize", "Normalize"))
        (folder / "3_Normalize").mkdir()
    _write(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
            for number, (path, name) in enumerate(modules)
        ],
    )
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_length or 20, "do_lower_case": False})
    if prompts:
        _write(folder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": None})
    return folder


def add_code(folder):
    """Make a checkpoint one that runs by its own code, with the interface of NV-Embed's."""
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "tiny_embed",
        "auto_map": {"AutoConfig": "tiny_code.TinyConfig", "AutoModel": "tiny_code.TinyModel"},
    }
    _write(folder / "config.json", config)
    (folder / "tiny_code.py").write_text(_CODE)
    return folder


_CODE = '''
import torch
from transformers import PretrainedConfig, PreTrainedModel


class TinyConfig(PretrainedConfig):
    model_type = "tiny_embed"


class TinyModel(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.post_init()

    def encode(self, prompts, instruction="", max_length=4096, **kwargs):
        """Three numbers that show what it was called with."""
        rows = [[len(instruction), len(text), max_length] for text in prompts]
        return torch.tensor(rows, dtype=torch.float32)
'''


def _tokenizer(first, single, pair, *special):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*first, *_WORDS])}
    unknown = next(word for kind, word in special if kind == "unk")
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    named = [(word, vocabulary[word]) for word in first if word in f"{single} {pair}"]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=named)
    names = ["input_ids", *(["token_type_ids"] if ":1" in pair else []), "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=names, **{f"{kind}_token": word for kind, word in special}
    )


def _save(folder, model_class, config, tokenizer, seed):
    torch.manual_seed(seed)
    model = model_class(config)
    for parameter in model.parameters():  # the usual start is so small that nothing differs from nothing else
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
