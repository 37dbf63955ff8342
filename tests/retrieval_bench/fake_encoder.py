"""An encoder that needs no model: a vector is drawn from the words of a text, and what it is asked is counted."""

from __future__ import annotations

import zlib

import numpy as np

from retrieval_bench.encoders.encoder import OutOfMemory


class FakeEncoder:
    is_remote = False

    def __init__(self, dim=16, fits=10_000, stop_after=None):
        self.dim, self.fits, self.stop_after = dim, fits, stop_after
        self.asked = []

    def describe(self, role):
        return {"fake": self.dim, "role": role}

    def recorded(self):
        return {"device": "none"}

    def notes(self):
        return ()

    def lengths(self, texts):
        return np.array([len(text.split()) for text in texts], dtype=np.int64)

    def encode(self, texts, role):
        if len(texts) > self.fits:
            raise OutOfMemory
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        self.asked.append(list(texts))
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text):
        words = [np.random.default_rng(zlib.crc32(word.encode())).standard_normal(self.dim) for word in text.split()]
        return np.sum([np.ones(self.dim), *words], axis=0).astype(np.float32)
