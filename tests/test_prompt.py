"""Fresh adapters around a base folder with a text encoder of its own."""

import enhancer.torchvision_stub  # noqa: F401

# isort: split
import json
from dataclasses import replace

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from enhancer.errors import CheckpointError
from enhancer.model import SplatEnhancer, restore
from enhancer.model.config import EMBEDDED
from enhancer.model.prompt import adapt, encode_prompt
from tests.test_model import picture
from tests.tiny import TINY_CONFIG, tiny_model


@pytest.fixture
def base(tmp_path):
    """A tiny base in diffusers layout: unet, vae, scheduler, tokenizer, text encoder."""
    tiny_model().save_pretrained(tmp_path / "tiny")
    folder = tmp_path / "tiny" / EMBEDDED
    (folder / "tokenizer").mkdir()
    tokens = ["<|startoftext|>", "<|endoftext|>", "a</w>", "e</w>", "fa", "fac", "face</w>", *"abcdef"]
    (folder / "tokenizer/vocab.json").write_text(json.dumps({token: k for k, token in enumerate(tokens)}))
    (folder / "tokenizer/merges.txt").write_text("#version: 0.2\nf a\nfa c\nfac e</w>\n")
    with torch.random.fork_rng():
        torch.random.manual_seed(0)
        CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokens),
                hidden_size=8,
                intermediate_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=7,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        ).save_pretrained(folder / "text_encoder")
    return folder


def test_a_prompt_is_encoded_to_one_row_a_token(base):
    first, again, other = (encode_prompt(base, prompt) for prompt in ("a face", "a face", "a"))
    assert first.shape == (1, 7, 8)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_fresh_adapters_change_nothing_yet_and_the_checkpoint_needs_no_text_encoder(base, tmp_path):
    model = adapt(base, replace(TINY_CONFIG, prompt="a face", base=str(base)))
    assert model.prompt_embedding.shape == (1, 7, 8)
    model.save_pretrained(tmp_path / "fresh")
    assert not (tmp_path / "fresh" / EMBEDDED).exists()  # the base stays where it is
    before = restore(model.eval(), picture(64, 64))
    (base / "text_encoder" / "model.safetensors").unlink()
    after = restore(SplatEnhancer.from_pretrained(tmp_path / "fresh"), picture(64, 64))
    assert before.tobytes() == after.tobytes()


def test_a_base_without_text_encoder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="cannot encode a prompt"):
        encode_prompt(tmp_path, "a face")
