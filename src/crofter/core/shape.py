"""What of a model decides how much memory it takes."""

import msgspec


class ModelShape(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of a model's layers. Kept as JSON with a model's facts: a new field needs a default."""

    embedding_length: int = 0
    """0: unknown, as in facts that were kept before shapes were."""
    vocabulary_size: int = 0
    head_count: int = 0
    """The most heads any layer has."""
    query_width: int = 0
    """Numbers of all those heads' queries for one token."""
    value_width: int = 0
    """Numbers one layer keeps as values of one token."""
    feed_forward_length: int = 0
    """0: every layer's feed-forward part is made of experts."""
    expert_feed_forward_length: int = 0
    experts_used: int = 0
    """Experts that one token goes through in each layer; 0: there are none."""
    recurrent_width: int = 0
    """Numbers a recurrent layer holds at once for one token; 0: there is no such layer."""
    windowed: bool = False
    """Whether some layers attend to a sliding window only."""
    encoder: bool = False
    """Whether it reads texts as a whole, and keeps no keys and values."""
    embeds: bool = False
    """Whether it is made for embeddings: it then never writes."""
    layer_bytes: tuple[int, ...] = ()
    """Weights of each layer."""
    layer_kv_bytes: tuple[int, ...] = ()
    """Keys and values of one token in each layer, at 16 bits a number; 0 for layers that keep none."""
    layer_state_bytes: tuple[int, ...] = ()
    """What each layer remembers of one sequence whatever its length; 0 for all but recurrent layers."""
    input_bytes: int = 0
    """Weights before the layers."""
    output_bytes: int = 0
    """Weights after the layers."""
    tied_output: bool = False
    """Whether the token embeddings are the output weights too."""
