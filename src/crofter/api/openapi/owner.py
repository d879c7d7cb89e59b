"""The addresses that tell how the node is, and those of its owner."""

from typing import Any

from crofter.api import administration as values
from crofter.api import installing, inviting, keys, model_values, networking, people, providing
from crofter.api.admin import routes as admin
from crofter.api.health import Health

from .operation import NDJSON, NODE, OWNER, Address, Operation


def _own(path: str, **operations: Operation) -> Address:
    return Address(path=f"/crofter/v1{path}", dialect=OWNER, operations=operations)


def _node(path: str, operation: Operation) -> Address:
    return Address(path=path, dialect=NODE, operations={"GET": operation})


_NODE = (
    _node("/", Operation(summary="What runs here.", text=True)),
    _node("/health", Operation(summary="Whether the process serves.", reply=Health)),
    _node("/health/ready", Operation(summary="Whether a request could be answered now.", reply=Health)),
    _node("/metrics", Operation(summary="Counters for Prometheus.", text=True)),
    _node("/openapi.json", Operation(summary="This document.", reply=dict[str, Any])),
)

_MODELS = (
    _own("/models", GET=Operation(summary="The installed models.", reply=list[model_values.ModelSummary])),
    _own(
        "/models/{name:path}",
        GET=Operation(summary="Everything about one model.", reply=model_values.ModelDetails),
        PATCH=Operation(
            summary="Decide what a model is for, its context, and whether it stays loaded.",
            body=model_values.ModelChange,
            reply=model_values.ModelDetails,
            refusals=(409,),
        ),
        DELETE=Operation(summary="Remove a model.", reply=model_values.ModelSummary, refusals=(409,)),
    ),
    _own(
        "/aliases",
        POST=Operation(
            summary="Give a model one more name.",
            body=admin.AliasBody,
            reply=model_values.ModelSummary,
            status=201,
            refusals=(409,),
        ),
    ),
    _own(
        "/pull",
        POST=Operation(
            summary="Install a model from the hub or a file, with its progress.",
            body=installing.PullRequest,
            stream=NDJSON,
            piece=installing.PullProgress,
            refusals=(409, 502, 507),
        ),
    ),
    _own(
        "/verify",
        POST=Operation(
            summary="Read a model's files and compare every byte with its hash.",
            body=admin.NameBody,
            stream=NDJSON,
            piece=installing.PullProgress,
        ),
    ),
    _own(
        "/found",
        POST=Operation(
            summary="Models of other programs on this machine.",
            body=installing.ModelSearch,
            reply=installing.FoundModels,
        ),
    ),
    _own(
        "/import",
        POST=Operation(
            summary="Use a model that was found.",
            body=installing.ImportRequest,
            stream=NDJSON,
            piece=installing.PullProgress,
            refusals=(409, 507),
        ),
    ),
    _own(
        "/quantize",
        POST=Operation(
            summary="Make a smaller version of a model.",
            body=installing.QuantizeRequest,
            stream=NDJSON,
            piece=installing.PullProgress,
            refusals=(409, 507),
        ),
    ),
    _own("/catalogue", GET=Operation(summary="Good defaults by name.", reply=list[installing.CatalogueItem])),
    _own("/ps", GET=Operation(summary="The loaded models.", reply=list[model_values.LoadedModel])),
    _own("/unload", POST=Operation(summary="Unload a model.", body=admin.NameBody, reply=admin.Done, refusals=(409,))),
    _own(
        "/tune",
        POST=Operation(
            summary="Measure which settings suit this machine and model.",
            body=admin.TuneBody,
            stream=NDJSON,
            piece=model_values.TuneProgress,
            refusals=(409,),
        ),
    ),
)

_REST = (
    _own("/status", GET=Operation(summary="The node at a glance.", reply=values.NodeStatus)),
    _own("/identity", GET=Operation(summary="Who the node is to others.", reply=values.NodeIdentity)),
    _own("/doctor", GET=Operation(summary="What to mend on this machine.", reply=list[values.Check])),
    _own("/settings", GET=Operation(summary="All settings.", reply=list[values.Setting])),
    _own("/settings/{name}", PUT=Operation(summary="Change a setting.", body=admin.SettingBody, reply=values.Setting)),
    _own("/shutdown", POST=Operation(summary="Stop the node.", reply=admin.Done, status=202)),
)

_KEYS = (
    _own(
        "/keys",
        GET=Operation(summary="The API keys, without their secrets.", reply=list[keys.KeySummary]),
        POST=Operation(
            summary="Make an API key.", body=keys.KeyRequest, reply=keys.CreatedKey, status=201, refusals=(409,)
        ),
    ),
    _own(
        "/keys/{name}",
        GET=Operation(summary="One key, its limits and its use.", reply=keys.KeySummary),
        PATCH=Operation(summary="Change what a key allows.", body=keys.KeyChange, reply=keys.KeySummary),
        DELETE=Operation(summary="Revoke a key.", reply=keys.KeySummary),
    ),
    _own("/keys/{name}/usage", GET=Operation(summary="What a key was used for, by day.", reply=list[keys.DayUsage])),
    _own("/usage", GET=Operation(summary="What all keys were used for, by day.", reply=list[keys.DayUsage])),
)

_PROVIDERS = (
    _own("/known-providers", GET=Operation(summary="Kinds that can be added.", reply=list[providing.KnownProvider])),
    _own(
        "/providers",
        GET=Operation(summary="Attached engines and services.", reply=list[providing.ProviderSummary]),
        POST=Operation(
            summary="Attach one, and ask it for its models.",
            body=providing.NewProvider,
            reply=providing.ProviderSummary,
            status=201,
            refusals=(409, 502),
        ),
    ),
    _own(
        "/providers/{name}",
        GET=Operation(summary="One of them.", reply=providing.ProviderSummary),
        PATCH=Operation(
            summary="Change its key, its radius, or whether it is asked.",
            body=providing.ProviderChange,
            reply=providing.ProviderSummary,
        ),
        DELETE=Operation(summary="Forget it and its key.", reply=providing.ProviderSummary),
    ),
    _own(
        "/providers/{name}/models",
        POST=Operation(summary="Ask it for its models again.", reply=providing.ProviderSummary, refusals=(429, 502)),
    ),
    _own(
        "/providers/{name}/test",
        POST=Operation(
            summary="Ask it something tiny.",
            body=providing.TriedModel,
            reply=providing.ProviderTrial,
            refusals=(429, 502),
        ),
    ),
)

_BY_NAME = (400, 409)
"""The name is an id that is mistyped, or one that several have."""
_OF_PEERS = (*_BY_NAME, 429, 499, 502, 504)

_PEOPLE = (
    _own(
        "/people",
        GET=Operation(summary="The nodes that this one knows.", reply=list[people.PersonSummary]),
        POST=Operation(
            summary="Pair with a node by its id.",
            body=people.NewPerson,
            reply=people.PersonSummary,
            status=201,
            refusals=(409,),
        ),
    ),
    _own(
        "/people/{name}",
        GET=Operation(summary="One of them.", reply=people.PersonSummary, refusals=_BY_NAME),
        PATCH=Operation(
            summary="Call it something else.", body=people.PersonChange, reply=people.PersonSummary, refusals=(409,)
        ),
        DELETE=Operation(summary="Be a stranger to it again.", reply=people.PersonSummary, refusals=_BY_NAME),
    ),
    _own(
        "/people/{name}/accept",
        POST=Operation(summary="Say yes to its request.", reply=people.PersonSummary, refusals=_BY_NAME),
    ),
    _own(
        "/people/{name}/refuse",
        POST=Operation(summary="Say no to its request.", reply=people.PersonSummary, refusals=_BY_NAME),
    ),
    _own(
        "/people/{name}/block",
        POST=Operation(summary="Answer it nothing any more.", reply=people.PersonSummary, refusals=_BY_NAME),
    ),
    _own(
        "/pairing-code",
        GET=Operation(summary="The code shown last, and what came of it.", reply=people.PairingCode, refusals=(404,)),
        POST=Operation(summary="Show a new code.", reply=people.PairingCode, status=201),
        DELETE=Operation(summary="Let the code be used no more.", reply=people.PairingCode, refusals=(404,)),
    ),
    _own(
        "/pairing-code/typed",
        POST=Operation(
            summary="Pair by a code that another node shows.",
            body=people.TypedCode,
            reply=people.PersonSummary,
            refusals=(409, 502),
        ),
    ),
)

_POOLS = (
    _own(
        "/pools",
        GET=Operation(summary="The pools of this node.", reply=list[people.PoolSummary]),
        POST=Operation(
            summary="Make a pool.", body=people.NewPool, reply=people.PoolSummary, status=201, refusals=(409,)
        ),
    ),
    _own(
        "/pools/{name}",
        GET=Operation(summary="One pool and who is in it.", reply=people.PoolSummary, refusals=(409,)),
        DELETE=Operation(summary="Leave a pool; one's own ends.", reply=people.PoolSummary, refusals=(409,)),
    ),
    _own(
        "/pools/{name}/accept",
        POST=Operation(summary="Accept an invitation.", reply=people.PoolSummary, refusals=_OF_PEERS),
    ),
    _own(
        "/pools/{name}/invite",
        POST=Operation(summary="Invite a node.", body=people.PoolMemberName, reply=people.PoolSummary, refusals=(409,)),
    ),
    _own(
        "/pools/{name}/remove",
        POST=Operation(
            summary="Remove a member.", body=people.PoolMemberName, reply=people.PoolSummary, refusals=(409,)
        ),
    ),
)

_NETWORK = (
    _own("/network", GET=Operation(summary="Whether other nodes can reach this one.", reply=networking.NetworkStatus)),
    _own(
        "/network/map",
        GET=Operation(
            summary="The nodes that this one knows, sees or is connected to, and its connections.",
            reply=networking.NetworkMap,
        ),
    ),
    _own(
        "/nearby",
        GET=Operation(summary="The nodes seen on the local network.", reply=list[networking.Nearby]),
    ),
    _own(
        "/peers",
        GET=Operation(summary="The nodes that are known or connected.", reply=list[networking.PeerSummary]),
    ),
    _own(
        "/peers/{name}/ping",
        POST=Operation(
            summary="Ask a node whether it is there, and how far away.",
            reply=networking.PingResult,
            refusals=_OF_PEERS,
        ),
    ),
    _own(
        "/peers/{name}/messages",
        POST=Operation(
            summary="Send a message to a node's owner.",
            body=networking.MessageText,
            reply=networking.SentMessage,
            refusals=_OF_PEERS,
        ),
    ),
    _own("/messages", GET=Operation(summary="Messages of other owners.", reply=list[networking.ReceivedMessage])),
)

_INVITES = (
    _own(
        "/invites",
        GET=Operation(summary="The invites that were given out.", reply=list[inviting.InviteSummary]),
        POST=Operation(
            summary="Make an invite.",
            body=inviting.NewInvite,
            reply=inviting.CreatedInvite,
            status=201,
            refusals=(409,),
        ),
    ),
    _own(
        "/invites/{name}",
        DELETE=Operation(summary="Let nobody join by an invite any more.", reply=inviting.InviteSummary),
    ),
    _own(
        "/join",
        POST=Operation(
            summary="Join by an invite of another node.",
            body=inviting.InviteText,
            reply=people.PersonSummary,
            refusals=_OF_PEERS,
        ),
    ),
    _own(
        "/private-network",
        POST=Operation(
            summary="Begin a private network.", reply=inviting.NetworkMembership, status=201, refusals=(409,)
        ),
        DELETE=Operation(summary="Go back to the open network.", reply=inviting.NetworkMembership, refusals=(409,)),
    ),
)

OWN = _NODE + _MODELS + _KEYS + _PROVIDERS + _NETWORK + _INVITES + _PEOPLE + _POOLS + _REST
