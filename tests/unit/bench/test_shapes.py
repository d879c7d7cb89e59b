"""The synthetic vocabulary: llama.cpp needs every token once and of the size the shape says."""

import itertools

from bench import shapes


def test_merges_give_distinct_tokens_for_the_largest_vocabulary():
    size = max(shape.vocabulary for shape in shapes.SHAPES.values())
    pairs = itertools.islice(shapes._merges(), size - 256 - len(shapes.CONTROL_TOKENS))

    tokens = [*shapes._byte_letters(), *(left + right for left, right in pairs), *shapes.CONTROL_TOKENS]

    assert len(set(tokens)) == size


def test_widths_suit_k_quants():
    for shape in shapes.SHAPES.values():
        for dimensions in shapes._tensors(shape).values():
            assert dimensions[-1] % 256 == 0
