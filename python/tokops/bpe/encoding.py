# SPDX-License-Identifier: Apache-2.0
"""Byte-level BPE encodings: text to ids, ids to text, with tiktoken's methods and results.

An ``Encoding`` is immutable; one object may serve several threads. The merge rule of a rank vocabulary is tiktoken's
(any adjacent pair whose concatenation has a rank, lowest rank first, leftmost on ties); a merge list joins only what
it lists. Encoding takes O(n log n) time for every text and O(longest piece) scratch.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .._ops import Entry
from .._scalars import choice, integer
from ._arguments import Text, as_bytes, as_tokens, block_count, id_dtype, mapping, text_list, text_or_empty
from ._core import bpe_core
from ._files import read_tiktoken
from ._normalize import NORMALIZERS, normalize
from ._specials import SpecialRules, Specials
from ._vocabulary import MAX_TOKEN_BYTES, MAX_TOKENS, check_vocabulary
from .pretokenize import resolve

Entry("bpe.Encoding", doc="bpe")

Array = np.ndarray[Any, Any]


class Encoding:
    """A byte-level BPE vocabulary with its pattern and special tokens.

    Parameters
    ----------
    name : str
        Any name.
    pat_str : str
        A name of ``pattern_names()`` or a regex; the regex text of a named pattern is recognised.
    mergeable_ranks : dict of bytes to int
        Tokens with their ids, which are also the merge priorities.
    special_tokens : dict of str to int
        Special texts with their ids.
    explicit_n_vocab : int, optional
        Checked against the tokens given, as tiktoken does.
    normalizer : "nfc" | "nfkc" | "nfd" | "nfkd", optional
        Applied to text before it is cut.
    merges : sequence of (bytes, bytes), optional
        Merge list in order of priority; without it the rule of rank vocabularies holds.
    ignore_merges : bool
        Whether a piece that is itself a token is taken without merging.

    Raises
    ------
    TypeError, ValueError, ImportError
        Wrong types; equal ids; a merge of unknown tokens; a regex that cannot be compiled or served.
    """

    def __init__(
        self,
        name: str,
        *,
        pat_str: str,
        mergeable_ranks: Mapping[bytes, int],
        special_tokens: Mapping[str, int],
        explicit_n_vocab: int | None = None,
        normalizer: str | None = None,
        merges: Sequence[tuple[bytes, bytes]] | None = None,
        ignore_merges: bool = True,
    ) -> None:
        if normalizer is not None:
            choice("Encoding", "normalizer", normalizer, NORMALIZERS)
        self.name = name
        self._pat_str = pat_str
        self._mergeable_ranks: dict[bytes, int] = mapping("Encoding", "mergeable_ranks", mergeable_ranks)
        self._special_tokens: dict[str, int] = mapping("Encoding", "special_tokens", special_tokens)
        self._normalizer = normalizer
        self._merges = None if merges is None else [(bytes(left), bytes(right)) for left, right in merges]
        self._ignore_merges = bool(ignore_merges)
        self.max_token_value = check_vocabulary(
            self._mergeable_ranks, self._special_tokens, self._merges, explicit_n_vocab
        )
        pattern, self._splitter = resolve("Encoding", pat_str)
        self._core = bpe_core()(
            self._mergeable_ranks, self._special_tokens, pattern, self._merges, self._ignore_merges
        )
        self._specials = SpecialRules(self._core, self._special_tokens)
        self._plain = self._splitter is None and normalizer is None

    # --- where encodings come from

    @classmethod
    def from_tiktoken_file(
        cls,
        path: str | os.PathLike[str],
        *,
        pattern: str,
        special_tokens: Mapping[str, int] | None = None,
        name: str | None = None,
        normalizer: str | None = None,
    ) -> Encoding:
        """Read a ``.tiktoken`` file: one ``base64 rank`` per line; ValueError names the line that is wrong."""
        return cls(
            os.path.basename(os.fspath(path)).removesuffix(".tiktoken") if name is None else name,
            pat_str=pattern,
            mergeable_ranks=read_tiktoken(path, MAX_TOKENS, MAX_TOKEN_BYTES),
            special_tokens=special_tokens or {},
            normalizer=normalizer,
        )

    @classmethod
    def from_tiktoken(cls, enc_or_name: Any) -> Encoding:
        """Take ranks, pattern and special tokens of a ``tiktoken.Encoding``, or of one tiktoken loads by name."""
        source = enc_or_name
        if isinstance(source, str):
            try:
                import tiktoken
            except ImportError as error:
                raise ImportError(
                    "from_tiktoken: a name needs the package 'tiktoken': pip install tiktoken"
                ) from error
            source = tiktoken.get_encoding(source)
        try:
            ranks, specials, pattern = source._mergeable_ranks, source._special_tokens, source._pat_str
        except AttributeError as error:
            raise TypeError(
                f"from_tiktoken: argument 'enc_or_name' must be tiktoken.Encoding or str, got {type(source).__name__}"
            ) from error
        return cls(source.name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=specials)

    # --- text to ids

    def encode_ordinary(self, text: Text) -> list[int]:
        """Encode ``text``; special texts are ordinary text.

        Parameters
        ----------
        text : str, bytes, bytearray or memoryview
            Lone surrogates become U+FFFD, pairs are joined. In bytes, each byte that is not part of valid UTF-8 is
            cut like U+FFFD but keeps its own value, so that ``decode_bytes`` gives the input back.

        Raises
        ------
        TypeError, ValueError
            Not text; a byte for which the vocabulary has no token.
        """
        if self._plain:
            return self._core.encode("encode_ordinary", text)  # type: ignore[no-any-return]
        return self._encode("encode_ordinary", text, None)

    def encode(
        self, text: Text, *, allowed_special: Specials = frozenset(), disallowed_special: Specials = "all"
    ) -> list[int]:
        """Encode ``text``; special texts become special ids, are refused, or are ordinary text.

        Parameters
        ----------
        text : str, bytes, bytearray or memoryview
            As in ``encode_ordinary``.
        allowed_special : "all" or collection of str
            These become their ids: leftmost first, the longest when several start at one place.
        disallowed_special : "all" or collection of str
            ValueError when one of them occurs; "all" is every special text that is not allowed.
        """
        return self._encode(
            "encode", text, self._specials.judge("encode", text, allowed_special, disallowed_special)
        )

    def encode_to_numpy(
        self,
        text: Text,
        *,
        allowed_special: Specials = frozenset(),
        disallowed_special: Specials = "all",
        dtype: Any = np.uint32,
    ) -> Array:
        """``encode`` as uint32 [n], or int32 [n] with ``dtype=np.int32``."""
        matcher = self._specials.judge("encode_to_numpy", text, allowed_special, disallowed_special)
        wanted = id_dtype("encode_to_numpy", dtype)
        if not self._plain:
            return np.array(self._encode("encode_to_numpy", text, matcher), wanted)
        return np.frombuffer(self._core.encode_array("encode_to_numpy", text, matcher), wanted)

    def encode_bytes(self, data: bytes | bytearray | memoryview, *, invalid: str = "class") -> list[int]:
        """``encode_ordinary`` of bytes: ``invalid="class"`` cuts each byte that is no UTF-8 like U+FFFD."""
        choice("encode_bytes", "invalid", invalid, ("class",))
        if isinstance(data, str):
            raise TypeError("encode_bytes: argument 'data' must be bytes, got str")
        return self._encode("encode_bytes", data, None)

    def encode_single_token(self, text_or_bytes: str | bytes) -> int:
        """Id of the token, ordinary or special, that has exactly this text; KeyError when there is none."""
        is_text = isinstance(text_or_bytes, str)
        token = as_bytes("encode_single_token", "text_or_bytes", text_or_bytes)
        found = self._mergeable_ranks.get(token)
        if found is None:
            found = self._special_tokens.get(text_or_bytes if is_text else text_or_empty(token))  # type: ignore[arg-type]
        if found is None:
            raise KeyError(text_or_bytes)
        return found

    def encode_batch(
        self,
        texts: Iterable[Text],
        *,
        num_threads: int | None = None,
        allowed_special: Specials = frozenset(),
        disallowed_special: Specials = "all",
    ) -> list[list[int]]:
        """``encode`` of each text; the texts are shared among the threads of the pool."""
        items = text_list("encode_batch", texts)
        for item in items:
            matcher = self._specials.judge("encode_batch", item, allowed_special, disallowed_special)
        return self._batch("encode_batch", items, matcher if items else None, num_threads)

    def encode_ordinary_batch(
        self, texts: Iterable[Text], *, num_threads: int | None = None
    ) -> list[list[int]]:
        """``encode_ordinary`` of each text; the texts are shared among the threads of the pool."""
        return self._batch(
            "encode_ordinary_batch", text_list("encode_ordinary_batch", texts), None, num_threads
        )

    def encode_batch_flat(
        self,
        texts: Iterable[Text],
        *,
        num_threads: int | None = None,
        allowed_special: Specials | None = None,
        dtype: Any = np.uint32,
    ) -> tuple[Array, Array]:
        """Encode all texts into one array.

        Returns
        -------
        ids : uint32 or int32 [total]
        offsets : int64 [n + 1]
            Text ``i`` has ``ids[offsets[i]:offsets[i + 1]]``.
        """
        items = text_list("encode_batch_flat", texts)
        wanted = id_dtype("encode_batch_flat", dtype)
        matcher = None if allowed_special is None else self._specials.matcher(allowed_special)
        ids, offsets = self._flat("encode_batch_flat", items, matcher, num_threads)
        return ids.view(wanted), offsets

    def count(self, text: Text, *, allowed_special: Specials | None = None) -> int:
        """Give the number of ids of ``encode_ordinary``; with ``allowed_special`` those texts count as one id each."""
        matcher = None if allowed_special is None else self._specials.matcher(allowed_special)
        if not self._plain:
            return len(self._encode("count", text, matcher))
        number: int = self._core.count("count", text, matcher)
        return number

    def count_batch(self, texts: Iterable[Text], *, num_threads: int | None = None) -> Array:
        """``count`` of each text, int64 [n]."""
        items = text_list("count_batch", texts)
        if not self._plain:
            return np.array([len(self._encode("count_batch", item, None)) for item in items], np.int64)
        blocks = block_count("count_batch", num_threads)
        return np.frombuffer(self._core.count_batch("count_batch", items, blocks), np.int64)

    # --- ids to text

    def decode_bytes(self, tokens: Any) -> bytes:
        """Join the bytes of the tokens.

        Parameters
        ----------
        tokens : sequence of int, integer numpy array or CPU torch tensor

        Raises
        ------
        TypeError, OverflowError, KeyError
            Not integers; a Python int outside [0, 2**32); an id without a token.
        """
        data: bytes = self._core.decode("decode_bytes", as_tokens("decode_bytes", tokens), False)
        return data

    def decode(self, tokens: Any, errors: str = "replace", *, skip_special_tokens: bool = False) -> str:
        """``decode_bytes`` as text; ``errors`` as in ``bytes.decode``."""
        data: bytes = self._core.decode("decode", as_tokens("decode", tokens), bool(skip_special_tokens))
        return data.decode("utf-8", errors)

    def decode_single_token_bytes(self, token: int) -> bytes:
        """Bytes of one token; KeyError when no token has this id."""
        return self.decode_tokens_bytes([token])[0]

    def decode_tokens_bytes(self, tokens: Any) -> list[bytes]:
        """Bytes of each token."""
        return [
            self._core.decode("decode_tokens_bytes", [token], False)
            for token in as_tokens("decode_tokens_bytes", tokens)
        ]

    # --- the vocabulary

    def token_byte_values(self) -> list[bytes]:
        """List all tokens without the special ones, sorted by their bytes."""
        return sorted(self._mergeable_ranks)

    def is_special_token(self, token: int) -> bool:
        """Tell whether ``token`` is the id of a special token."""
        return integer("is_special_token", "token", token) in self._special_tokens.values()

    @property
    def n_vocab(self) -> int:
        """``max_token_value + 1``."""
        return self.max_token_value + 1

    @property
    def eot_token(self) -> int:
        """Id of ``<|endoftext|>``; KeyError without one."""
        return self._special_tokens["<|endoftext|>"]

    @property
    def special_tokens_set(self) -> set[str]:
        """The special texts."""
        return set(self._special_tokens)

    def __repr__(self) -> str:
        return f"<Encoding {self.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by content."""
        content = (
            self.name,
            self._pat_str,
            self._mergeable_ranks,
            self._special_tokens,
            self._normalizer,
            self._merges,
            self._ignore_merges,
        )
        return _restore, (1, content)

    # --- tiktoken's private names that users call

    def _encode_single_piece(self, text_or_bytes: str | bytes) -> list[int]:
        piece = as_bytes("_encode_single_piece", "text_or_bytes", text_or_bytes)
        return self._core.encode_pieces("_encode_single_piece", [piece])  # type: ignore[no-any-return]

    # --- inside

    def _encode(self, operation: str, text: Text, matcher: Any) -> list[int]:
        if self._plain:
            return self._core.encode(operation, text, matcher)  # type: ignore[no-any-return]
        ids: list[int] = []
        for part in self._core.parts(operation, text, matcher):
            ids += [part] if isinstance(part, int) else self._encode_part(operation, part)
        return ids

    def _encode_part(self, operation: str, part: bytes) -> list[int]:
        """Ids of a part without special texts, through the normaliser and a pattern without a name."""
        text = part.decode("utf-8", "surrogateescape")
        if self._normalizer is not None:
            text = normalize(self._normalizer, text)
        if self._splitter is None:
            data = text.encode("utf-8", "surrogateescape")
            return self._core.encode(operation, data, None)  # type: ignore[no-any-return]
        visible = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        pieces = [text[a:b].encode("utf-8", "surrogateescape") for a, b in self._splitter.spans(visible)]
        return self._core.encode_pieces(operation, pieces)  # type: ignore[no-any-return]

    def _flat(
        self, operation: str, items: list[Text], matcher: Any, num_threads: int | None
    ) -> tuple[Array, Array]:
        blocks = block_count(operation, num_threads)
        if self._plain:
            ids, offsets = self._core.encode_batch(operation, items, matcher, blocks)
            return np.frombuffer(ids, np.uint32), np.frombuffer(offsets, np.int64)
        rows = [self._encode(operation, item, matcher) for item in items]
        flat = np.array([i for row in rows for i in row], np.uint32)
        return flat, np.cumsum([0, *map(len, rows)], dtype=np.int64)

    def _batch(
        self, operation: str, items: list[Text], matcher: Any, num_threads: int | None
    ) -> list[list[int]]:
        flat, offsets = self._flat(operation, items, matcher, num_threads)
        return [flat[a:b].tolist() for a, b in itertools.pairwise(offsets)]


def _restore(version: int, content: tuple[Any, ...]) -> Encoding:
    if version != 1 or not isinstance(content, tuple) or len(content) != 7:
        raise ValueError("Encoding: this pickle was made by an unknown version")
    name, pat_str, ranks, specials, normalizer, merges, ignore_merges = content
    return Encoding(
        name,
        pat_str=pat_str,
        mergeable_ranks=ranks,
        special_tokens=specials,
        normalizer=normalizer,
        merges=merges,
        ignore_merges=ignore_merges,
    )
