"""The kernel's way to install packages. This site has none: it asks no other machine, and what there is stands here."""


async def install(*_words: object, **_more: object) -> None:
    """Say what there is."""
    raise RuntimeError(
        "no package can be installed here: there are numpy, pandas, matplotlib and marginlib; "
        "for others, open the course on a machine of your own"
    )


async def get_transformed_code(_words: list[str]) -> str:
    """Return what stands in the place of `%pip`."""
    return "import piplite; await piplite.install()"
