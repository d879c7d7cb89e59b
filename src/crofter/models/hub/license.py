"""Which licences leave everybody free to use a model, and which ask something of them. Pure."""

_FREE = frozenset(
    {
        *(
            "apache-2.0",
            "mit",
            "bsd",
            "bsd-2-clause",
            "bsd-3-clause",
            "isc",
            "zlib",
            "0bsd",
            "unlicense",
            "wtfpl",
            "bsl-1.0",
        ),
        *("cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "pddl", "odc-by", "odbl"),
        *("gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "epl-2.0", "eupl-1.2"),
        *("artistic-2.0", "ecl-2.0", "ms-pl", "postgresql", "cdla-permissive-1.0", "cdla-permissive-2.0"),
    }
)


def restricts_use(license: str) -> bool:  # noqa: A002 - the word for it
    """Whether a licence, as the hub spells it, says who may use a model or for what; so does one we do not know, or none."""
    return license.strip().lower() not in _FREE
