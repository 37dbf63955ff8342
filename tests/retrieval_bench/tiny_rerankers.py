"""Checkpoints of random weights in the formats real rerankers come in: small enough to be made for a test."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    T5TokenizerFast,
)

TEXTS = [
    "Query: what lowers urate after an attack of gout? Document: allopurinol inhibits xanthine oxidase. Relevant:",
    "query: first line drug of type 2 diabetes document: metformin lowers hepatic glucose output",
    "true false preventing stroke in atrial fibrillation by anticoagulation; amoxicillin treats otitis media",
]
# Weights as they are drawn by default give scores that hardly differ.
_SPREAD = 1.5


def spread(model):
    """Draw weights wide enough that different texts have clearly different scores."""
    torch.manual_seed(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" not in name.lower():
                weight.normal_(std=_SPREAD / weight.shape[-1] ** 0.5 if weight.dim() > 1 else 0.1)
    return model.eval()


def bert_classifier(folder: Path, n_labels: int, architecture=BertForSequenceClassification, positions=128) -> Path:
    """A BERT with a classification head, as monoBERT is."""
    words = sorted({word for text in TEXTS for word in text.lower().replace("?", "").replace(":", "").split()})
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    vocabulary += [word for word in words if word not in vocabulary]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(vocabulary)}, do_lower_case=True)
    tokenizer.model_max_length = positions
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        num_labels=n_labels,
    )
    spread(architecture(config)).save_pretrained(folder)
    return folder


def t5(folder: Path, words=("true", "false")) -> Path:
    """A T5 whose tokenizer has each of two words as one token, as monoT5 is."""
    pieces = sorted({f"▁{word.strip('?:;.')}" for text in TEXTS for word in text.split()} - {"▁true", "▁false"})
    pieces = [*(f"▁{word}" for word in words), *pieces, ":", "?", ";", ".", "▁"]
    letters = sorted({*"".join(TEXTS), *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,-"} - {" "})
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((piece, -3.0) for piece in pieces)]
    vocabulary += [(letter, -9.0) for letter in letters if letter not in pieces]
    tokenizer = T5TokenizerFast(vocab=vocabulary, extra_ids=0)
    tokenizer.save_pretrained(folder)
    config = T5Config(
        vocab_size=len(vocabulary), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    spread(T5ForConditionalGeneration(config)).save_pretrained(folder)
    return folder


def llama(folder: Path) -> Path:
    """A base model as RankLLaMA has it: a causal language model without padding token, texts begun by `<s>`."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", behavior="merged_with_next")
    tokenizer.decoder = decoders.Replace("▁", " ")
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=None,
    )
    spread(LlamaForCausalLM(config)).save_pretrained(folder)
    return folder


TARGETS = ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")


def lora(folder: Path, base: Path, *, rank=4, alpha=8, in_safetensors=True, head=True, **settings) -> Path:
    """An adapter as PEFT saves it: the matrices of some projections, and the whole head."""
    weights = LlamaForCausalLM.from_pretrained(base).state_dict()
    drawn = torch.Generator().manual_seed(3)
    tensors = {}
    for name, weight in weights.items():
        module = name.removesuffix(".weight")
        if module.endswith(TARGETS):
            n_out, n_in = weight.shape
            tensors[f"base_model.model.{module}.lora_A.weight"] = torch.randn(rank, n_in, generator=drawn) / n_in**0.5
            tensors[f"base_model.model.{module}.lora_B.weight"] = torch.randn(n_out, rank, generator=drawn) / 4
    if head:
        tensors["base_model.model.score.weight"] = torch.randn(1, 32, generator=drawn)
    folder.mkdir(parents=True, exist_ok=True)
    if in_safetensors:
        save_file(tensors, folder / "adapter_model.safetensors")
    else:
        torch.save(tensors, folder / "adapter_model.bin")
    config = {
        "base_model_name_or_path": str(base),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": alpha,
        "lora_dropout": 0.1,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": [target.split(".")[1] for target in TARGETS],
        "task_type": "SEQ_CLS",
        **settings,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
